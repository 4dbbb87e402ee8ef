/*
 * host_map.c - builds the VMM's address space (host_map.h) with the one walker.
 *
 * Invariants
 *  1. No page is both writable and executable: the image's frames are left out
 *     of the direct map, so there is no writable alias of the code either.
 *  2. The page below each stack is not mapped.
 *  3. Page 0 and all addresses below DIRECT_MAP_BASE are not mapped: a NULL
 *     pointer faults.
 *  4. RAM is mapped by leaves of at most 2 MiB, so that any 2 MiB of it can be
 *     taken out and put back without memory, and without a moment in which
 *     their neighbours are not mapped.
 *  5. The root's entries do not change after host_map_init(): the spaces of
 *     partitions have copies of them (host_space.c).
 * Lock: host_map_lock, taken before pmm's, around every change of the tables.
 */
#include "host_map.h"

#include <arch/cpu.h>
#include <arch/pt_walk.h>
#include <bh/assert.h>
#include <bh/sync.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

#define PTE_PRESENT       BIT(0)
#define PTE_WRITE         BIT(1)
#define PTE_WRITE_THROUGH BIT(3) /* PAT index 1: write-combining here */
#define PTE_CACHE_DISABLE BIT(4)
#define PTE_ACCESSED      BIT(5)
#define PTE_DIRTY         BIT(6)
#define PTE_LARGE         BIT(7)
#define PTE_NO_EXECUTE    BIT(63)
#define PTE_DATA \
	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE)

#define EFER_NO_EXECUTE BIT(11)

/* Index 0 WB, 1 WC, 2 UC-, 3 UC, then the same again. */
#define HOST_PAT 0x0007010600070106ull

extern char __image_start[], __text_start[], __text_end[], __rodata_start[],
	__rodata_end[], __data_start[], __data_end[], __image_end[];
extern char boot_stack_guard[];
extern const uint64_t ist_stack_guards[4];

static struct pt_format host_format = {
	.name = "host",
	.levels = 4,
	.present_mask = PTE_PRESENT,
	.table_bits = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED,
	.large_bit = PTE_LARGE,
	.address_mask = 0x000ffffffffff000ull,
	.has_2m = true, /* and no 1 GiB: invariant 4 */
	.leaf_bits = {
		[PT_TEXT] = PTE_PRESENT | PTE_ACCESSED,
		[PT_RODATA] = PTE_PRESENT | PTE_ACCESSED | PTE_NO_EXECUTE,
		[PT_DATA] = PTE_DATA,
		[PT_MMIO] = PTE_DATA | PTE_CACHE_DISABLE | PTE_WRITE_THROUGH,
		[PT_FRAMEBUFFER] = PTE_DATA | PTE_WRITE_THROUGH,
	},
};
static struct pt host_pt;
static struct spinlock host_map_lock = SPINLOCK_INIT;
static uint64_t next_stack = HOST_STACK_BASE;
static uint64_t map_generation; /* (a) counts what left the direct map */

void *phys_to_virt(hpa_t a)
{
	return (void *)(DIRECT_MAP_BASE + a.v);
}

hpa_t virt_to_phys(const void *p)
{
	uint64_t offset = (uint64_t)p - DIRECT_MAP_BASE;

	ASSERT(offset < DIRECT_MAP_SIZE);
	return hpa(offset);
}

void host_map_early(void)
{
	uint64_t cr3;
	uint64_t *root;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	root = (uint64_t *)align_down(cr3, PAGE_SIZE);
	for (uint32_t i = 0; i < 128; i++) {
		root[256 + i] = root[i];
	}
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static enum status host_map_image(const struct boot_info *bi)
{
	const struct {
		const char *start;
		const char *end;
		enum pt_kind kind;
	} parts[] = {
		{ __text_start, __text_end, PT_TEXT },
		{ __rodata_start, __rodata_end, PT_RODATA },
		{ __data_start, __data_end, PT_DATA },
	};
	bool has_2m = host_format.has_2m;
	enum status s = OK;

	host_format.has_2m = false; /* guard pages need 4 KiB leaves */
	for (uint32_t i = 0; i < ARRAY_COUNT(parts) && s == OK; i++) {
		uint64_t at = (uint64_t)parts[i].start;
		uint64_t from = at - (uint64_t)__image_start;

		s = pt_map(&host_pt, at, hpa(bi->image_base + from),
			   (uint64_t)parts[i].end - at, parts[i].kind);
	}
	host_format.has_2m = has_2m;
	pt_unmap_page(&host_pt, (uint64_t)boot_stack_guard);
	for (uint32_t i = 0; i < ARRAY_COUNT(ist_stack_guards); i++) {
		pt_unmap_page(&host_pt, ist_stack_guards[i]);
	}
	return s;
}

static bool host_map_is_ram(uint32_t kind)
{
	return kind == BOOT_RANGE_FREE || kind == BOOT_RANGE_BOOT ||
	       kind == BOOT_RANGE_FILE || kind == BOOT_RANGE_ACPI;
}

static enum status host_map_ram(const struct boot_info *bi)
{
	for (uint32_t i = 0; i < bi->range_count; i++) {
		const struct boot_range *r = &bi->ranges[i];
		enum status s;

		if (!host_map_is_ram(r->kind)) {
			continue;
		}
		s = pt_map(&host_pt, DIRECT_MAP_BASE + r->base, hpa(r->base),
			   r->pages * PAGE_SIZE, PT_DATA);
		if (s != OK) {
			return s;
		}
	}
	return OK;
}

void host_map_load(void)
{
	uint64_t cr0;

	cpu_wrmsr(MSR_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER) | EFER_NO_EXECUTE);
	cpu_wrmsr(MSR_IA32_PAT, HOST_PAT);
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_WP));
	__asm__ volatile("mov %0, %%cr3" : : "r"(host_map_cr3()) : "memory");
}

/* Tables for all that may be mapped later: the processor's whole address space
 * in the direct map, and stacks. */
static enum status host_map_reserve(void)
{
	uint32_t r[4];
	uint64_t size = DIRECT_MAP_SIZE;
	enum status s;

	cpu_cpuid(0x80000008, 0, r);
	if ((r[CPUID_EAX] & 0xff) < 46) {
		size = BIT(r[CPUID_EAX] & 0xff);
	}
	s = pt_reserve(&host_pt, HOST_STACK_BASE);
	for (uint64_t at = 0; at < size && s == OK; at += GIB(512)) {
		s = pt_reserve(&host_pt, DIRECT_MAP_BASE + at);
	}
	return s;
}

enum status host_map_init(const struct boot_info *bi)
{
	enum status s = pt_init(&host_pt, &host_format, FRAME_VMM);

	if (s == OK) {
		s = host_map_reserve();
	}
	if (s == OK) {
		s = host_map_image(bi);
	}
	if (s == OK) {
		s = host_map_ram(bi);
	}
	if (s == OK) {
		host_map_load();
	}
	return s;
}

/* Can @a be shown in the direct map? (invariant 5) */
static bool host_map_has_root(uint64_t a)
{
	const uint64_t *root = phys_to_virt(host_pt.root);

	return a < DIRECT_MAP_SIZE &&
	       root[(DIRECT_MAP_BASE + a) >> 39 & 511] != 0;
}

void *host_map_device(hpa_t base, uint64_t size, bool is_framebuffer)
{
	uint64_t first = align_down(base.v, PAGE_SIZE);
	uint64_t end = align_up(base.v + size, PAGE_SIZE);
	enum pt_kind kind = is_framebuffer ? PT_FRAMEBUFFER : PT_MMIO;
	enum status s = OK;

	if (size > DIRECT_MAP_SIZE || !host_map_has_root(base.v) ||
	    !host_map_has_root(end - 1)) {
		return NULL;
	}
	spin_lock(&host_map_lock);
	for (uint64_t p = first; p < end && s == OK; p += PAGE_SIZE) {
		s = pt_map(&host_pt, DIRECT_MAP_BASE + p, hpa(p), PAGE_SIZE,
			   kind);
		s = s == ERR_EXIST ? OK : s;
	}
	spin_unlock(&host_map_lock);
	return s == OK ? phys_to_virt(base) : NULL;
}

void *host_map_stack(uint64_t size)
{
	hpa_t frames;
	uint64_t at;
	enum status s = pmm_alloc(FRAME_VMM, size, PAGE_SIZE, &frames);

	if (s != OK) {
		return NULL;
	}
	spin_lock(&host_map_lock);
	at = next_stack + PAGE_SIZE;
	next_stack = at + size;
	s = pt_map(&host_pt, at, frames, size, PT_DATA);
	spin_unlock(&host_map_lock);
	if (s != OK) {
		/* A part may be mapped: the frames stay where they are. */
		return NULL;
	}
	return (void *)(at + size);
}

void host_map_hide(hpa_t a, uint64_t size)
{
	enum status s;

	spin_lock(&host_map_lock);
	s = pt_unmap(&host_pt, DIRECT_MAP_BASE + a.v, size);
	ASSERT(s == OK); /* no leaf is larger: invariant 4 */
	__atomic_add_fetch(&map_generation, 1, __ATOMIC_ACQ_REL);
	spin_unlock(&host_map_lock);
}

void host_map_unhide(hpa_t a, uint64_t size)
{
	enum status s;

	spin_lock(&host_map_lock);
	s = pt_map(&host_pt, DIRECT_MAP_BASE + a.v, a, size, PT_DATA);
	ASSERT(s == OK); /* the tables are there from the first time */
	spin_unlock(&host_map_lock);
}

uint64_t host_map_generation(void)
{
	return __atomic_load_n(&map_generation, __ATOMIC_ACQUIRE);
}

uint64_t host_map_cr3(void)
{
	return host_pt.root.v;
}

const struct pt_format *host_map_format(void)
{
	return &host_format;
}
