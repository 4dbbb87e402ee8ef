/*
 * svm_cpu.c - from a CPU that has AMD-V to one that can VMRUN.
 *
 * The steps of APM vol. 2, "Enabling SVM": capabilities, VM_CR, EFER.SVME, the
 * host save area; and the maps that say what guests reach without an exit.
 */
#include "../cpu_local.h"
#include "svm.h"

#include <arch/cpu.h>
#include <bh/log.h>
#include <bh/string.h>

#define IOPM_SIZE  (3 * PAGE_SIZE) /* a bit a port, and some more */
#define MSRPM_SIZE (2 * PAGE_SIZE) /* two bits an MSR: read, write */

#define NPT_TABLE (BIT(0) | BIT(1) | BIT(2)) /* present, writable, user */
#define NPT_LARGE BIT(7)
#define NPT_NX    BIT(63)

struct svm_caps svm_caps;
struct svm_plan svm_plan;
static uint32_t svm_off; /* SVM_FEATURE_MASK()s */
static hpa_t svm_iopm;
static hpa_t svm_msrpm;

/* Guest-physical accesses count as user accesses (APM vol. 2, "Nested Table
 * Walk"); memory type WB, PAT entry 0. */
struct pt_format svm_npt_format = {
	.name = "NPT",
	.levels = 4,
	.present_mask = BIT(0),
	.table_bits = NPT_TABLE,
	.large_bit = NPT_LARGE,
	.address_mask = 0x000ffffffffff000ull,
	.leaf_bits = {
		[PT_GUEST_RAM] = NPT_TABLE,
		[PT_GUEST_SHARED] = NPT_TABLE | NPT_NX,
	},
};

static void svm_read_caps(struct svm_caps *c)
{
	uint32_t r[4];

	cpu_cpuid(0x80000000, 0, r);
	c->max_ext_leaf = r[CPUID_EAX];
	cpu_cpuid(0x80000001, 0, r);
	c->ext_ecx = r[CPUID_ECX];
	c->ext_edx = r[CPUID_EDX];
	cpu_cpuid(0x80000008, 0, r);
	c->phys_bits = (uint8_t)r[CPUID_EAX];
	if (c->max_ext_leaf >= 0x8000000a) {
		cpu_cpuid(0x8000000a, 0, r);
		c->revision = r[CPUID_EAX] & 0xff;
		c->asid_count = r[CPUID_EBX];
		c->features = r[CPUID_EDX];
	}
	cpu_cpuid(1, 0, r);
	if ((r[CPUID_ECX] & CPUID_1_ECX_HYPERVISOR) != 0) {
		cpu_cpuid(0x40000000, 0, r);
		c->is_tcg = memcmp(&r[CPUID_EBX], "TCGT", 4) == 0;
	}
	if (!cpu_rdmsr_safe(MSR_AMD_VM_CR, &c->vm_cr)) {
		c->vm_cr = 0;
	}
}

/* APM vol. 2, "MSR Intercepts": runs of 8192 MSRs of two bits; 1 = exit. */
static void svm_open_msr(uint8_t *map, uint32_t msr, uint32_t bits)
{
	static const uint32_t runs[] = { 0, 0xc0000000, 0xc0010000 };

	for (uint32_t i = 0; i < ARRAY_COUNT(runs); i++) {
		uint32_t n = msr - runs[i];

		if (n <= 0x1fff) {
			map[i * 2048 + n / 4] &= (uint8_t) ~(bits << n % 4 * 2);
		}
	}
}

static enum status svm_build_maps(void)
{
	struct vm_open_msrs run;
	enum status s = pmm_alloc(FRAME_VMM, IOPM_SIZE, PAGE_SIZE, &svm_iopm);
	uint32_t iter = 0;

	if (s == OK) {
		s = pmm_alloc(FRAME_VMM, MSRPM_SIZE, PAGE_SIZE, &svm_msrpm);
	}
	if (s != OK) {
		return s;
	}
	memset(phys_to_virt(svm_iopm), 0xff, IOPM_SIZE);
	memset(phys_to_virt(svm_msrpm), 0xff, MSRPM_SIZE);
	while (vm_next_open_msrs(&iter, &run)) {
		for (uint32_t m = run.first; m <= run.last; m++) {
			svm_open_msr(phys_to_virt(svm_msrpm), m,
				     (run.read ? 1u : 0) |
					     (run.write ? 2u : 0));
		}
	}
	return OK;
}

void svm_write_maps(union vmcb *b)
{
	vmcb_set(b, iopm_base_pa, svm_iopm.v);
	vmcb_set(b, msrpm_base_pa, svm_msrpm.v);
}

static void svm_apply_switches(const struct backend_switches *off)
{
#define X(member, option) svm_off |= off->no_##member ? svm_switch(option) : 0;
	BACKEND_SWITCH_LIST(X)
#undef X
}

enum status svm_init(const struct backend_switches *off)
{
	static struct feature_notes why;
	enum status s;

	svm_read_caps(&svm_caps);
	svm_apply_switches(off);
	s = svm_plan_make(&svm_caps, svm_off, &svm_plan, &why);
	if (s != OK) {
		feature_notes_log("AMD-V", &why, true);
		return s;
	}
	feature_notes_log("AMD-V", &svm_plan.notes, false);
	svm_npt_format.has_2m = svm_plan_uses(&svm_plan, PAGE_2M);
	svm_npt_format.has_1g = svm_plan_uses(&svm_plan, PAGE_1G);
	svm_exit_init();
	return svm_build_maps();
}

enum status svm_cpu_on(void)
{
	struct cpu *cpu = cpu_this();
	struct svm_caps own = { 0 };
	const char *differs;
	hpa_t frames;
	enum status s;

	svm_read_caps(&own);
	differs = svm_caps_difference(&svm_caps, &own);
	if (differs != NULL) {
		log_error("CPU %u: AMD-V: its %s is not the boot CPU's: give "
			  "all the same microcode",
			  cpu->index, differs);
		return ERR_UNSUPPORTED;
	}
	if (svm_plan.clears_svmdis &&
	    !cpu_wrmsr_safe(MSR_AMD_VM_CR, svm_caps.vm_cr & ~VM_CR_SVMDIS)) {
		log_error("AMD-V: VM_CR.SVMDIS cannot be cleared on CPU %u",
			  cpu->index);
		return ERR_HARDWARE;
	}
	s = pmm_alloc(FRAME_VMM, 2 * PAGE_SIZE, PAGE_SIZE, &frames);
	if (s != OK) {
		return s;
	}
	cpu->hv_region = frames;
	cpu->hv_host_state = hpa(frames.v + PAGE_SIZE);
	cpu_wrmsr(MSR_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER) | EFER_SVME);
	cpu_wrmsr(MSR_AMD_VM_HSAVE_PA, cpu->hv_region.v);
	return OK;
}

uint32_t svm_features(struct machine_feature *rows, uint32_t max)
{
	return svm_features_list(&svm_plan, svm_off, rows, max);
}
