/*
 * vpci.h - the partition's PCI bus 0: configuration mechanism #1.
 *
 * The VMM decides where BARs are: a function's owner sets them, and a guest
 * that writes a BAR changes nothing. Only the value with all address bits set
 * begins sizing: the BAR then reads back as its size mask until the next write.
 */
#ifndef VIRT_VPCI_H
#define VIRT_VPCI_H

#include <bh/vdev.h>
#include <spec/pci.h>
#include <stdbool.h>

#define VPCI_SLOT_COUNT 16

struct vpci_func;

/* What a function's owner wants to hear about its configuration space. */
struct vpci_func_ops {
	/* the bytes at @offset are about to be read: refresh them (or NULL) */
	void (*before_read)(struct vpci_func *f, uint32_t offset,
			    uint32_t size);
	/* writable bits at @offset have been written (or NULL) */
	void (*after_write)(struct vpci_func *f, uint32_t offset,
			    uint32_t size);
};

struct vpci_func {
	uint8_t config[PCI_CONFIG_SPACE_SIZE];   /* as the guest sees it */
	uint8_t writable[PCI_CONFIG_SPACE_SIZE]; /* (c) bits a guest may set */
	uint32_t bar_mask[PCI_BAR_COUNT];        /* (c) size mask; 0: no BAR */
	uint8_t bar_sizing;              /* bit n: BAR n shows its size */
	uint8_t cap_last;                /* (c) newest capability; 0: none */
	uint8_t cap_free;                /* (c) first unused byte */
	const struct vpci_func_ops *ops; /* (c) NULL: a passive function */
};

struct vpci_id {
	uint16_t vendor;
	uint16_t device;
	uint16_t subsystem_vendor;
	uint16_t subsystem;
	uint16_t class_code; /* base class << 8 | sub-class */
	uint8_t revision;
};

struct vpci {
	struct vpci_func *slots[VPCI_SLOT_COUNT]; /* (c) function 0 of each */
	uint32_t address;                         /* CONFIG_ADDRESS latch */
	struct vpci_func host_bridge;             /* 00:00.0 */
	/* (c) a byte written to port 0xcf9, the reset control; may be NULL */
	void (*reset_control)(void *ctx, uint8_t value);
	void *reset_ctx;
};

void vpci_init(struct vpci *v);
must_check enum status vpci_register(struct vpci *v, struct io_space *pio);
must_check enum status vpci_add(struct vpci *v, uint32_t slot,
				struct vpci_func *f);

void vpci_func_init(struct vpci_func *f, const struct vpci_id *id,
		    const struct vpci_func_ops *ops);
void vpci_func_set_bar(struct vpci_func *f, uint32_t bar, uint32_t value,
		       uint32_t size);
uint8_t vpci_func_add_capability(struct vpci_func *f, uint8_t id, uint8_t len);
uint8_t vpci_func_add_msix(struct vpci_func *f, uint32_t bar,
			   uint32_t table_offset, uint32_t pba_offset,
			   uint16_t count);

uint32_t vpci_func_read(struct vpci_func *f, uint32_t offset, uint32_t size);
void vpci_func_write(struct vpci_func *f, uint32_t offset, uint32_t size,
		     uint32_t value);

/** vpci_get16() - two bytes of configuration space. */
static inline uint16_t vpci_get16(const struct vpci_func *f, uint32_t at)
{
	return (uint16_t)(f->config[at] | f->config[at + 1] << 8);
}

/** vpci_get32() - four bytes of configuration space. */
static inline uint32_t vpci_get32(const struct vpci_func *f, uint32_t at)
{
	return vpci_get16(f, at) | (uint32_t)vpci_get16(f, at + 2) << 16;
}

/** vpci_put16() - set two bytes of configuration space. */
static inline void vpci_put16(struct vpci_func *f, uint32_t at, uint16_t v)
{
	f->config[at] = (uint8_t)v;
	f->config[at + 1] = (uint8_t)(v >> 8);
}

/** vpci_put32() - set four bytes of configuration space. */
static inline void vpci_put32(struct vpci_func *f, uint32_t at, uint32_t v)
{
	vpci_put16(f, at, (uint16_t)v);
	vpci_put16(f, at + 2, (uint16_t)(v >> 16));
}

#endif
