/*
 * io_bus.c - who answers a port or a guest-physical address.
 *
 * Windows are kept sorted and disjoint; a lookup tries the window that was hit
 * last, then searches by halves.
 *
 * Invariants
 *  1. windows[0 .. window_count) are sorted by base, disjoint, not empty.
 *  2. windows from window_count on are all zero: they hold no address, so
 *     last_hit may point at any of them.
 *  3. A handler sees only sizes 1, 2, 4 and 8 and accesses that end within
 *     its window; its answer is cut to the size of the access.
 * Locks: none of its own; the owner serializes the accesses of one partition.
 */
#include <bh/vdev.h>

#include <bh/string.h>

/** io_space_init() - an empty space. */
void io_space_init(struct io_space *s)
{
	memset(s, 0, sizeof(*s));
}

/* Index of the first window whose base is above @addr. */
static uint32_t io_space_upper(const struct io_space *s, uint64_t addr)
{
	uint32_t lo = 0;
	uint32_t hi = s->window_count;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (s->windows[mid].base <= addr) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

/** io_space_add() - claim [@base, @base + @len) for @dev. */
enum status io_space_add(struct io_space *s, uint64_t base, uint64_t len,
			 const struct vdev_ops *ops, void *dev)
{
	uint32_t at = io_space_upper(s, base);
	struct vdev_window *w = s->windows;

	if (len == 0 || len - 1 > UINT64_MAX - base) {
		return ERR_INVALID;
	}
	if (s->window_count == IO_BUS_WINDOW_MAX) {
		return ERR_LIMIT;
	}
	if ((at > 0 && base - w[at - 1].base < w[at - 1].len) ||
	    (at < s->window_count && w[at].base - base < len)) {
		return ERR_EXIST;
	}
	memmove(&w[at + 1], &w[at], (s->window_count - at) * sizeof(*w));
	w[at] = (struct vdev_window){
		.base = base, .len = len, .ops = ops, .dev = dev
	};
	s->window_count++;
	return OK;
}

/** io_space_remove() - drop the window that starts at @base, if any. */
void io_space_remove(struct io_space *s, uint64_t base)
{
	uint32_t at = io_space_upper(s, base);
	struct vdev_window *w = s->windows;

	if (at == 0 || w[at - 1].base != base) {
		return;
	}
	memmove(&w[at - 1], &w[at], (s->window_count - at) * sizeof(*w));
	s->window_count--;
	memset(&w[s->window_count], 0, sizeof(*w));
}

static struct vdev_window *io_space_search(struct io_space *s, uint64_t addr)
{
	uint32_t at = io_space_upper(s, addr);

	if (at == 0 ||
	    addr - s->windows[at - 1].base >= s->windows[at - 1].len) {
		return NULL;
	}
	s->last_hit = at - 1;
	return &s->windows[at - 1];
}

/** io_space_find() - the window that holds @addr, or NULL. */
struct vdev_window *io_space_find(struct io_space *s, uint64_t addr)
{
	struct vdev_window *w = &s->windows[s->last_hit];

	if (likely(addr - w->base < w->len)) {
		return w;
	}
	return io_space_search(s, addr);
}

static inline bool io_space_size_ok(uint32_t size)
{
	return size - 1 < 8 && (size & (size - 1)) == 0;
}

static inline uint64_t io_space_mask(uint32_t size)
{
	return UINT64_MAX >> (64 - 8 * size);
}

/*
 * The window that may serve the access as a whole, its offset in *@offset;
 * NULL, counted, if there is none.
 */
static inline struct vdev_window *io_space_claim(struct io_space *s,
						 uint64_t addr, uint32_t size,
						 uint32_t *offset)
{
	struct vdev_window *w = io_space_find(s, addr);

	if (unlikely(!w || w->len - (addr - w->base) < size)) {
		s->unclaimed_count++;
		return NULL;
	}
	w->access_count++;
	*offset = (uint32_t)(addr - w->base);
	return w;
}

/** io_space_read() - serve a read; all ones (of @size bytes) if unclaimed. */
uint64_t io_space_read(struct io_space *s, uint64_t addr, uint32_t size)
{
	struct vdev_window *w;
	uint32_t offset;

	if (unlikely(!io_space_size_ok(size))) {
		return UINT64_MAX;
	}
	w = io_space_claim(s, addr, size, &offset);
	if (unlikely(!w)) {
		return io_space_mask(size);
	}
	return w->ops->read(w->dev, offset, size) & io_space_mask(size);
}

/** io_space_write() - serve a write; dropped and counted if unclaimed. */
void io_space_write(struct io_space *s, uint64_t addr, uint32_t size,
		    uint64_t value)
{
	struct vdev_window *w;
	uint32_t offset;

	if (unlikely(!io_space_size_ok(size))) {
		return;
	}
	w = io_space_claim(s, addr, size, &offset);
	if (likely(w)) {
		w->ops->write(w->dev, offset, size,
			      value & io_space_mask(size));
	}
}
