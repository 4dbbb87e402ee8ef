/*
 * vmx_msr_area.c - MSRs that the processor itself writes at VM entry and exit.
 *
 * SDM vol. 3, "Loading MSRs" (of VM entries and of VM exits). One page for all
 * vCPUs: the entries are constants. Empty areas cost nothing.
 */
#include "vmx.h"

#include <hv/mitigation.h>
#include <spec/x86_msr.h>

#define AREA_MAX 4u

struct msr_area_entry {
	uint32_t msr;
	uint32_t reserved;
	uint64_t value;
};

struct msr_area {
	uint32_t count;
	uint64_t at; /* physical */
	struct msr_area_entry *entries;
};

static struct msr_area at_entry, at_exit;

static void msr_area_add(struct msr_area *a, uint32_t msr, uint64_t value)
{
	a->entries[a->count++] = (struct msr_area_entry){ msr, 0, value };
}

enum status vmx_msr_areas_init(void)
{
	const uint32_t needs = MITIGATE_L1D_FLUSH | MITIGATE_IBRS_SWITCH;
	hpa_t page;
	enum status s;

	if ((mitigate_actions & needs) == 0) {
		return OK;
	}
	s = pmm_alloc(FRAME_VMM, PAGE_SIZE, PAGE_SIZE, &page);
	if (s != OK) {
		return s;
	}
	at_entry = (struct msr_area){ 0, page.v, phys_to_virt(page) };
	at_exit =
		(struct msr_area){ 0,
				   page.v + AREA_MAX * sizeof(*at_exit.entries),
				   at_entry.entries + AREA_MAX };
	if ((mitigate_actions & MITIGATE_IBRS_SWITCH) != 0) {
		msr_area_add(&at_entry, MSR_IA32_SPEC_CTRL, 0);
		msr_area_add(&at_exit, MSR_IA32_SPEC_CTRL, SPEC_CTRL_IBRS);
	}
	/* last: what is loaded before it does not stay in the cache */
	if ((mitigate_actions & MITIGATE_L1D_FLUSH) != 0) {
		msr_area_add(&at_entry, MSR_IA32_FLUSH_CMD, FLUSH_CMD_L1D);
	}
	return OK;
}

void vmx_write_msr_areas(void)
{
	vmwrite(VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, at_entry.at);
	vmwrite(VMCS_VM_ENTRY_MSR_LOAD_COUNT, at_entry.count);
	vmwrite(VMCS_VM_EXIT_MSR_LOAD_ADDRESS, at_exit.at);
	vmwrite(VMCS_VM_EXIT_MSR_LOAD_COUNT, at_exit.count);
}
