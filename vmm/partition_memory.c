/*
 * partition_memory.c - a partition's RAM: frames, gmem and nested tables.
 *
 * RAM comes in 2 MiB chunks, or in 1 GiB runs where both addresses are aligned
 * and the processor has such leaves, so that the nested table is a handful of
 * large leaves and a boot takes no EPT violation at all. With populate=lazy a
 * chunk is taken when the guest (or a device) first touches it.
 *
 * The VMM sees it in the window of the partition's own address space, chunk by
 * chunk in the order of gmem, and nowhere else (arch/host_space.h).
 */
#include "partition_memory.h"

#include "partition.h"

#include <bh/string.h>

static bool is_lazy;

void partition_memory_set_lazy(bool lazy)
{
	is_lazy = lazy;
}

/* Back @count chunks from @index on with one run of frames. */
static enum status memory_back(struct partition *p, uint32_t index,
			       uint32_t count)
{
	uint64_t size = count * GMEM_CHUNK_SIZE;
	struct gmem *gm = &p->vm.gmem;
	hpa_t frames;
	enum status s =
		pmm_alloc(p->vm.owner, size,
			  count > 1 ? GIB(1) : GMEM_CHUNK_SIZE, &frames);

	if (s != OK) {
		return s;
	}
	s = host_space_show(&p->vm.space, index * GMEM_CHUNK_SIZE, frames,
			    size);
	if (s != OK) {
		goto undo_frames;
	}
	host_map_sync();
	s = pt_map(&p->vm.npt, gmem_chunk_gpa(gm, index).v, frames, size,
		   PT_GUEST_RAM);
	if (s != OK) {
		goto undo_show;
	}
	for (uint32_t i = 0; i < count; i++) {
		__atomic_store_n(&gm->chunks[index + i],
				 host_space_at((index + i) * GMEM_CHUNK_SIZE),
				 __ATOMIC_RELEASE);
	}
	return OK;
undo_show:
	(void)host_space_hide(&p->vm.space, index * GMEM_CHUNK_SIZE, size);
undo_frames:
	pmm_free_clean(p->vm.owner, frames, size); /* nobody wrote to them */
	return s;
}

/* Clear chunk @index and give it back; this partition's space is loaded. */
static void memory_drop(struct partition *p, uint32_t index)
{
	hpa_t frames;

	frames_zero(p->vm.gmem.chunks[index], GMEM_CHUNK_SIZE);
	frames = host_space_hide(&p->vm.space, index * GMEM_CHUNK_SIZE,
				 GMEM_CHUNK_SIZE);
	pmm_free_clean(p->vm.owner, frames, GMEM_CHUNK_SIZE);
}

enum status partition_populate(struct partition *p, uint32_t index)
{
	return p->vm.gmem.chunks[index] != NULL ? OK : memory_back(p, index, 1);
}

bool partition_make_executable(struct partition *p, gpa_t gpa, enum status *s)
{
	uint64_t denied = p->vm.npt.format->large_denied;
	uint32_t level;
	uint64_t entry = pt_lookup(&p->vm.npt, gpa.v, &level);

	if (denied == 0 || entry == 0 ||
	    (level == PT_LEVEL_4K && (entry & denied) == 0)) {
		return false; /* a page that no one may execute */
	}
	/* OK if another vCPU was first, and this one had the old leaf */
	*s = pt_split(&p->vm.npt, gpa.v);
	return true;
}

static enum status memory_populate_cb(struct gmem *gm, uint32_t index)
{
	struct partition *p = gm->owner;
	enum status s;

	partition_lock_take(&p->lock);
	s = partition_populate(p, index);
	partition_lock_drop(&p->lock);
	return s;
}

static enum status memory_back_all(struct partition *p)
{
	const uint32_t per_gib = GIB(1) / GMEM_CHUNK_SIZE;
	struct gmem *gm = &p->vm.gmem;
	uint32_t i = 0;

	while (i < gm->chunk_count) {
		uint64_t at = gmem_chunk_gpa(gm, i).v;
		enum status s;

		if (at % GIB(1) == 0 && gm->chunk_count - i >= per_gib &&
		    p->vm.npt.format->has_1g &&
		    memory_back(p, i, per_gib) == OK) {
			i += per_gib;
			continue;
		}
		s = memory_back(p, i, 1);
		if (s != OK) {
			return s;
		}
		i++;
	}
	return OK;
}

uint64_t partition_memory_index_size(const struct partition *p)
{
	return align_up(p->vm.gmem.chunk_count * sizeof(uint8_t *), PAGE_SIZE);
}

enum status partition_memory_init(struct partition *p)
{
	struct gmem *gm = &p->vm.gmem;
	uint64_t size = p->config.limits.memory_max;
	hpa_t index;
	enum status s;

	memset(gm, 0, sizeof(*gm));
	gm->low_size = size < GMEM_LOW_LIMIT ? size : GMEM_LOW_LIMIT;
	gm->high_size = size - gm->low_size;
	gm->chunk_count = (uint32_t)(size / GMEM_CHUNK_SIZE);
	gm->populate = is_lazy ? memory_populate_cb : NULL;
	gm->owner = p;
	s = pmm_alloc(p->vm.owner, partition_memory_index_size(p), PAGE_SIZE,
		      &index);
	if (s != OK) {
		memset(gm, 0, sizeof(*gm)); /* there are no chunks to look at */
		return s;
	}
	gm->chunks = phys_to_virt(index);
	s = host_space_create(&p->vm.space, p->vm.owner);
	if (s == OK) {
		s = pt_init(&p->vm.npt, backend()->npt_format, p->vm.owner);
	}
	if (s == OK && !is_lazy) {
		s = memory_back_all(p);
		gm->linear = host_space_at(0);
		gm->linear_size = gm->low_size;
	}
	if (s != OK) {
		partition_memory_release(p);
	}
	return s;
}

void partition_memory_release(struct partition *p)
{
	struct gmem *gm = &p->vm.gmem;
	struct host_space *before = host_space_enter(&p->vm.space);

	for (uint32_t i = 0; i < gm->chunk_count; i++) {
		if (gm->chunks[i] != NULL) {
			memory_drop(p, i);
		}
	}
	pt_destroy(&p->vm.npt);
	host_space_destroy(&p->vm.space);
	(void)host_space_enter(before);
	pmm_free(p->vm.owner, virt_to_phys(gm->chunks),
		 partition_memory_index_size(p));
	memset(gm, 0, sizeof(*gm));
}

uint64_t partition_memory_populated(const struct partition *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->vm.gmem.chunk_count; i++) {
		n += p->vm.gmem.chunks[i] != NULL ? GMEM_CHUNK_SIZE : 0;
	}
	return n;
}
