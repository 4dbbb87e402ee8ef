/*
 * gmem.h - the memory of one partition, seen by the VMM and by device models.
 *
 * Guest RAM is made of 2 MiB chunks: [0, low_size) and, if it does not fit
 * below 3 GiB, [4 GiB, 4 GiB + high_size). Chunks may be populated lazily.
 *
 * Invariants
 *  1. A chunk pointer, once set, stays until the partition is destroyed.
 *  2. Guest bytes are copied once; the caller validates and uses the copy.
 *  3. No function here ever touches memory outside the partition's chunks.
 * Context: any CPU, no lock taken (chunk pointers are published once).
 */
#ifndef BH_GMEM_H
#define BH_GMEM_H

#include <bh/addr.h>
#include <bh/status.h>

#define GMEM_CHUNK_SIZE MIB(2)
#define GMEM_LOW_LIMIT  GIB(3) /* RAM below this, devices above it */
#define GMEM_HIGH_BASE  GIB(4)

struct gmem;

struct gmem {
	uint64_t low_size;    /* (c) bytes of RAM from GPA 0 */
	uint64_t high_size;   /* (c) bytes of RAM from 4 GiB */
	uint8_t **chunks;     /* (a) VMM address of each 2 MiB chunk or NULL */
	uint32_t chunk_count; /* (c) (low_size + high_size) / 2 MiB */
	/* (c) where GPA 0 is if [0, linear_size) lies in one piece in the VMM;
	 * linear_size is then low_size, else 0 */
	uint8_t *linear;
	uint64_t linear_size;
	/* (c) make chunk @index present (lazy population); NULL when eager */
	enum status (*populate)(struct gmem *gm, uint32_t index);
	void *owner; /* (c) for populate() */
};

/** gmem_size() - bytes of RAM the partition has. */
static inline uint64_t gmem_size(const struct gmem *gm)
{
	return gm->low_size + gm->high_size;
}

/**
 * gmem_is_ram() - is all of [@a, @a + @len) RAM of this partition?
 * @len of 0 asks about the address itself.
 */
bool gmem_is_ram(const struct gmem *gm, gpa_t a, uint64_t len);

/** gmem_chunk_of() - index of the chunk that holds @a; false if not RAM. */
bool gmem_chunk_of(const struct gmem *gm, gpa_t a, uint32_t *index);

/** gmem_chunk_gpa() - first guest-physical address of chunk @index. */
gpa_t gmem_chunk_gpa(const struct gmem *gm, uint32_t index);

/**
 * gmem_read() - copy bytes out of guest memory.
 * @gm:  memory map of one VM
 * @src: first byte, any alignment
 * @dst: buffer in the VMM
 * @len: bytes; 0 is allowed
 *
 * The one look at those bytes: the guest may change them at any time, so the
 * caller validates and uses @dst, and never reads them again.
 * Return: OK; ERR_FAULT if any byte is not RAM (nothing is copied);
 *	   ERR_NOMEM if a lazy chunk could not be populated.
 */
must_check enum status gmem_read(struct gmem *gm, gpa_t src, void *dst,
				 size_t len);

/** gmem_write() - copy bytes into guest memory; as gmem_read(). */
must_check enum status gmem_write(struct gmem *gm, gpa_t dst, const void *src,
				  size_t len);

/**
 * gmem_map() - a VMM pointer to @len guest bytes that lie in one chunk.
 *
 * For rings that are polled in place: the bytes may change at any moment, so
 * use it only with single volatile loads and stores of naturally aligned
 * words, or as source or destination of one bulk copy.
 * Return: NULL if the bytes are not all RAM or cross a 2 MiB boundary.
 */
must_check void *gmem_map(struct gmem *gm, gpa_t a, size_t len);

#endif
