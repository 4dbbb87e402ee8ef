/*
 * ap_start.c - what a processor other than the boot processor starts with:
 * its stacks, the page that its SIPI names, page tables to come up on.
 *
 * The page is mapped one to one only in tables of its own, which are given back
 * when the last processor is up: the VMM's address space never maps low memory
 * executable.
 *
 * Steps for each, by vmm/smp.c: machine_ap_prepare(); INIT and SIPI; wait for
 * machine_ap_is_up(); if it does not come, machine_ap_give_up().
 */
#include "cpu_local.h"
#include "host_map.h"
#include "trap.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <bh/assert.h>
#include <bh/string.h>
#include <bh/sync.h>
#include <spec/x86.h>

#define PTE_PRESENT_WRITE (BIT(0) | BIT(1))
#define PTE_LARGE         BIT(7)
#define AP_TABLE_COUNT    3u /* root, 512 GiB, 1 GiB */

/* The words at ap_trampoline_words. */
struct ap_words {
	uint64_t gdt[3];
	uint64_t entry; /* ap_main() */
	uint64_t cpu;
	uint64_t stack;
	uint32_t cr3, cr4, cr0;
	uint32_t taken;      /* 1: by a processor that came, or who gave up */
	uint32_t far_offset; /* of 64-bit code: relocated here */
	uint16_t far_selector;
	uint16_t gdt_limit;
	uint32_t gdt_base; /* relocated here */
};
_Static_assert(__builtin_offsetof(struct ap_words, gdt_base) == 72,
	       "ap_start.asm");

extern const uint8_t ap_trampoline[], ap_trampoline_words[],
	ap_trampoline_end[];

static hpa_t ap_tables;
static volatile uint8_t *ap_page; /* NULL: machine_ap_begin() did not succeed */
static uint32_t ap_page_address;
static void (*ap_then)(uint32_t cpu);

static struct ap_words *ap_words(void)
{
	return (void *)(uintptr_t)(ap_page +
				   (ap_trampoline_words - ap_trampoline));
}

/* The host's upper half, and the first 2 MiB one to one. */
static void ap_fill_tables(void)
{
	uint64_t *root = phys_to_virt(ap_tables);
	const uint64_t *host = phys_to_virt(hpa(host_map_cr3()));

	memcpy(&root[256], &host[256], 256 * sizeof(*root));
	root[0] = (ap_tables.v + PAGE_SIZE) | PTE_PRESENT_WRITE;
	root[512] = (ap_tables.v + 2 * PAGE_SIZE) | PTE_PRESENT_WRITE;
	root[1024] = PTE_PRESENT_WRITE | PTE_LARGE;
}

enum status machine_ap_begin(const struct boot_info *bi,
			     void (*then)(uint32_t cpu))
{
	enum status s;

	if (bi->trampoline == 0) {
		return ERR_NOENT;
	}
	s = pmm_alloc(FRAME_VMM, AP_TABLE_COUNT * PAGE_SIZE, PAGE_SIZE,
		      &ap_tables);
	if (s != OK) {
		return s;
	}
	/* CR3 is loaded with 32 bits. */
	ap_page = ap_tables.v < GIB(4) ? host_map_device(hpa(bi->trampoline),
							 PAGE_SIZE, false)
				       : NULL;
	if (ap_page == NULL) {
		pmm_free(FRAME_VMM, ap_tables, AP_TABLE_COUNT * PAGE_SIZE);
		return ERR_NOMEM;
	}
	ap_page_address = (uint32_t)bi->trampoline;
	ap_then = then;
	return OK;
}

void machine_ap_end(void)
{
	if (ap_page != NULL) {
		pmm_free(FRAME_VMM, ap_tables, AP_TABLE_COUNT * PAGE_SIZE);
		ap_page = NULL;
	}
}

/* A processor's first C code, on its own stack and the tables above. */
static no_return void ap_main(struct cpu *c)
{
	uint32_t r[4];

	host_map_load();
	cpu_local_init(c);
	trap_load();
	cpu_local_set_cr4();
	cpu_cpuid(1, 0, r);
	/* Late by a whole turn, it was taken for the next one: rest. */
	if (r[CPUID_EBX] >> 24 != (c->apic_id & 0xff)) {
		cpu_stop();
	}
	atomic_store32(&c->is_up, 1);
	ap_then(c->index);
	panic("CPU %u has nothing to do", c->index);
}

enum status machine_ap_prepare(uint32_t index, uint32_t apic_id,
			       uint8_t *sipi_page)
{
	struct cpu *c = cpu_local_at(index);
	struct ap_words *w = ap_words();
	uint64_t cr0;
	uint64_t cr4;
	enum status s;

	if (ap_page == NULL) {
		return ERR_STATE;
	}
	c->index = index;
	c->apic_id = apic_id;
	s = cpu_local_make_stacks(c);
	if (s != OK) {
		return s;
	}
	ap_fill_tables(); /* the stacks may have a new entry in the root */
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	memcpy((void *)(uintptr_t)ap_page, ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	w->entry = (uint64_t)ap_main;
	w->cpu = (uint64_t)c;
	w->stack = c->stack_top;
	w->cr3 = (uint32_t)ap_tables.v;
	w->cr4 = (uint32_t)(cr4 & ~(CR4_VMXE | CR4_PCIDE | CR4_CET));
	w->cr0 = (uint32_t)(cr0 & ~(CR0_CD | CR0_NW));
	w->far_offset += ap_page_address;
	w->gdt_base += ap_page_address;
	*sipi_page = (uint8_t)(ap_page_address / PAGE_SIZE);
	return OK;
}

bool machine_ap_is_up(uint32_t index)
{
	return atomic_load32(&cpu_local_at(index)->is_up) != 0;
}

bool machine_ap_give_up(uint32_t index)
{
	if (atomic_swap32(&ap_words()->taken, 1) != 0 &&
	    machine_ap_is_up(index)) {
		return false;
	}
	return true;
}
