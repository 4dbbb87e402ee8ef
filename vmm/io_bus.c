/*
 * io_bus.c - who answers a port or a guest-physical address.
 *
 * Windows are kept sorted and disjoint; a lookup tries the window that was hit
 * last, then searches by halves.
 *
 * Invariants
 *  1. windows[0 .. window_count) are sorted by base, disjoint, not empty.
 *  2. last_miss is an address that no window holds, or UINT64_MAX.
 *  3. windows from window_count on are all zero: they hold no address, so
 *     last_hit may point at any of them.
 *  4. A handler sees only sizes 1, 2, 4 and 8 and accesses that end within
 *     its window; its answer is cut to the size of the access. Even in
 *     speculation its offset is below the next power of two.
 * Locks: none of its own; the owner serializes the accesses of one partition.
 */
#include <bh/vdev.h>

#include <bh/nospec.h>
#include <bh/string.h>

/** io_space_init() - an empty space. */
void io_space_init(struct io_space *s)
{
	memset(s, 0, sizeof(*s));
	s->last_hit = s->windows;
	s->last_miss = UINT64_MAX;
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
		.base = base,
		.len = len,
		.span = nospec_span(len),
		.ops = ops,
		.dev = dev,
	};
	s->window_count++;
	s->last_miss = UINT64_MAX;
	return OK;
}

static __attribute__((noinline)) struct vdev_window *
io_space_search(struct io_space *s, uint64_t addr)
{
	uint32_t at = io_space_upper(s, addr);

	if (at == 0 ||
	    addr - s->windows[at - 1].base >= s->windows[at - 1].len) {
		s->last_miss = addr;
		return NULL;
	}
	s->last_hit = &s->windows[at - 1];
	return s->last_hit;
}

/** io_space_find() - the window that holds @addr, or NULL. */
struct vdev_window *io_space_find(struct io_space *s, uint64_t addr)
{
	struct vdev_window *w = s->last_hit;

	if (likely(addr - w->base < w->len)) {
		return w;
	}
	return io_space_search(s, addr);
}

/* All ones of an access of that size; 0: there are no such accesses. */
static const uint64_t io_space_masks[9] = {
	[1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX, [8] = UINT64_MAX
};

static inline uint64_t io_space_mask(uint32_t size)
{
	return likely(size <= 8) ? io_space_masks[size] : 0;
}

/* May @w serve @size bytes at @offset from its base? */
static inline bool window_holds(const struct vdev_window *w, uint64_t offset,
				uint32_t size)
{
	return offset < w->len && w->len - offset >= size;
}

static inline uint64_t window_read(struct vdev_window *w, uint64_t offset,
				   uint32_t size)
{
	w->access_count++;
	return w->ops->read(w->dev, (uint32_t)(offset & w->span), size) &
	       io_space_masks[size];
}

static inline void window_write(struct vdev_window *w, uint64_t offset,
				uint32_t size, uint64_t value)
{
	w->access_count++;
	w->ops->write(w->dev, (uint32_t)(offset & w->span), size,
		      value & io_space_masks[size]);
}

/* @addr from the base of the window that was hit last. What follows is to use
 * this, and not to compute it anew in another way. */
static inline uint64_t io_space_offset(const struct io_space *s, uint64_t addr)
{
	uint64_t offset = addr - s->last_hit->base;

	__asm__("" : "+r"(offset));
	return offset;
}

/*
 * The window that may serve the access as a whole, which the last one may not;
 * NULL, counted, if there is none.
 */
static inline struct vdev_window *io_space_claim(struct io_space *s,
						 uint64_t addr, uint32_t size)
{
	struct vdev_window *w = io_space_find(s, addr);

	if (!w || !window_holds(w, addr - w->base, size)) {
		s->unclaimed_count++;
		return NULL;
	}
	return w;
}

/*
 * The two for another window than the last one, in steps that are not in line:
 * that keeps short the ways to the last window, and to the last port that
 * nobody took.
 */
static __attribute__((noinline)) uint64_t
io_space_read_search(struct io_space *s, uint64_t addr, uint32_t size)
{
	struct vdev_window *w = io_space_claim(s, addr, size);

	return w ? window_read(w, addr - w->base, size) : io_space_masks[size];
}

static __attribute__((noinline)) void io_space_write_search(struct io_space *s,
							    uint64_t addr,
							    uint32_t size,
							    uint64_t value)
{
	struct vdev_window *w = io_space_claim(s, addr, size);

	if (w) {
		window_write(w, addr - w->base, size, value);
	}
}

static __attribute__((noinline)) uint64_t
io_space_read_other(struct io_space *s, uint64_t offset, uint32_t size)
{
	uint64_t addr = offset + s->last_hit->base;

	if (addr == s->last_miss) {
		s->unclaimed_count++;
		return io_space_masks[size];
	}
	return io_space_read_search(s, addr, size);
}

static __attribute__((noinline)) void io_space_write_other(struct io_space *s,
							   uint64_t offset,
							   uint32_t size,
							   uint64_t value)
{
	uint64_t addr = offset + s->last_hit->base;

	if (addr == s->last_miss) {
		s->unclaimed_count++;
		return;
	}
	io_space_write_search(s, addr, size, value);
}

/** io_space_read() - serve a read; all ones (of @size bytes) if unclaimed. */
uint64_t io_space_read(struct io_space *s, uint64_t addr, uint32_t size)
{
	struct vdev_window *w = s->last_hit;
	uint64_t offset = io_space_offset(s, addr);

	if (unlikely(io_space_mask(size) == 0)) {
		return UINT64_MAX;
	}
	return likely(window_holds(w, offset, size))
		       ? window_read(w, offset, size)
		       : io_space_read_other(s, offset, size);
}

/** io_space_write() - serve a write; dropped and counted if unclaimed. */
void io_space_write(struct io_space *s, uint64_t addr, uint32_t size,
		    uint64_t value)
{
	struct vdev_window *w = s->last_hit;
	uint64_t offset = io_space_offset(s, addr);

	if (unlikely(io_space_mask(size) == 0)) {
		return;
	}
	if (unlikely(!window_holds(w, offset, size))) {
		io_space_write_other(s, offset, size, value);
		return;
	}
	window_write(w, offset, size, value);
}
