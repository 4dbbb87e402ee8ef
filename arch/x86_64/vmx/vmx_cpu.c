/*
 * vmx_cpu.c - from a CPU that has VT-x to one in VMX root operation.
 *
 * The steps of SDM vol. 3, "VMM Setup & Tear Down": capabilities, feature
 * control, fixed bits of CR0 and CR4, VMXON region, VMXON.
 */
#include "../cpu_local.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>
#include <hv/mitigation.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

struct vmx_caps vmx_caps;
struct vmx_plan vmx_plan;
static struct vmx_switches vmx_switches;
static struct vmx_refusal vmx_refusal;
/* Open MSRs, by whose registers of the local APIC are among them. */
enum open_msrs { OPEN_NO_APIC, OPEN_APICV, OPEN_LENT_APIC, OPEN_KINDS };
static hpa_t vmx_open_msrs[OPEN_KINDS];

struct pt_format vmx_ept_format = {
	.name = "EPT",
	.levels = 4,
	.present_mask = EPT_RWX,
	.table_bits = EPT_RWX,
	.large_bit = EPT_LARGE,
	.address_mask = EPT_ADDRESS_MASK,
	.leaf_bits = {
		[PT_GUEST_RAM] = EPT_RWX | EPT_MEMTYPE(EPT_TYPE_WB) |
				 EPT_IGNORE_PAT,
		[PT_GUEST_SHARED] = EPT_READ | EPT_WRITE |
				    EPT_MEMTYPE(EPT_TYPE_WB) | EPT_IGNORE_PAT,
	},
};

void vmx_insn_failed(const char *insn, uint64_t operand)
{
	panic("%s of field %#llx failed", insn, (unsigned long long)operand);
}

static void vmx_read_cpuid(struct vmx_caps *c)
{
	uint32_t r[4];
	uint32_t xsave[4];

	cpu_cpuid(1, 0, r);
	c->has_vmx = (r[2] & BIT(5)) != 0;
	c->cpuid = (r[2] & BIT(21)) != 0 ? VMX_CPUID_X2APIC : 0;
	cpu_cpuid(7, 0, r);
	c->cpuid |= (r[1] & BIT(10)) != 0 ? VMX_CPUID_INVPCID : 0;
	cpu_cpuid(0xd, 1, xsave);
	c->cpuid |= (xsave[0] & BIT(3)) != 0 ? VMX_CPUID_XSAVES : 0;
	cpu_cpuid(0x80000001, 0, r);
	c->cpuid |= (r[3] & BIT(27)) != 0 ? VMX_CPUID_RDTSCP : 0;
	cpu_cpuid(0x80000008, 0, r);
	c->phys_bits = (uint8_t)r[0];
	c->linear_bits = (uint8_t)(r[0] >> 8);
}

static void vmx_apply_switches(const struct backend_switches *off)
{
	const struct {
		bool is_off;
		const char *name;
	} rows[] = {
#define X(member, option) { off->no_##member, #member },
		BACKEND_SWITCH_LIST(X)
#undef X
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].is_off &&
		    vmx_switches_set(&vmx_switches, rows[i].name,
				     strlen(rows[i].name), false) != OK) {
			log_debug("VT-x: has no %s to switch off",
				  rows[i].name);
		}
	}
}

/* SDM vol. 3, "MSR-Bitmap Address": four bitmaps of 1 KiB; 1 = exit. */
static void vmx_open_msr(uint8_t *bitmap, uint32_t msr, bool write)
{
	uint32_t bit = msr & 0x1fff;
	uint32_t at = (write ? 2048u : 0u) + (msr >= 0xc0000000u ? 1024u : 0u);

	if (msr <= 0x1fff || (msr >= 0xc0000000u && msr <= 0xc0001fffu)) {
		bitmap[at + bit / 8] &= (uint8_t) ~(1u << bit % 8);
	}
}

/*
 * With APICv, x2APIC registers live in the virtual-APIC page: reads of those
 * that have no side effects and the writes that the processor virtualizes
 * need no exit (SDM vol. 3, "Virtualizing MSR-Based APIC Accesses").
 */
static void vmx_open_x2apic(uint8_t *bitmap)
{
	for (uint32_t m = 0x802; m <= 0x83f; m++) {
		if (m != MSR_IA32_X2APIC_CUR_COUNT) {
			vmx_open_msr(bitmap, m, false);
		}
	}
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_TPR, true);
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_EOI, true);
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_SELF_IPI, true);
}

static void vmx_open_run(uint8_t *bitmap, const struct vm_open_msrs *run)
{
	for (uint32_t m = run->first; m <= run->last; m++) {
		if (run->read) {
			vmx_open_msr(bitmap, m, false);
		}
		if (run->write) {
			vmx_open_msr(bitmap, m, true);
		}
	}
}

/* Registers of the CPU's local APIC that cannot hurt anybody but the guest. */
static void vmx_open_direct_apic(uint8_t *bitmap)
{
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_TPR, false);
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_TPR, true);
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_PPR, false);
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_EOI, true);
	vmx_open_msr(bitmap, MSR_IA32_X2APIC_SELF_IPI, true);
	vmx_open_msr(bitmap, MSR_IA32_TSC_DEADLINE, false);
	vmx_open_msr(bitmap, MSR_IA32_TSC_DEADLINE, true);
}

static enum status vmx_build_msr_bitmap(enum open_msrs kind)
{
	hpa_t *page = &vmx_open_msrs[kind];
	enum status s = pmm_alloc(FRAME_VMM, PAGE_SIZE, PAGE_SIZE, page);
	struct vm_open_msrs run;
	uint8_t *bitmap;
	uint32_t iter = 0;

	if (s != OK) {
		return s;
	}
	bitmap = phys_to_virt(*page);
	memset(bitmap, 0xff, PAGE_SIZE);
	while (vm_next_open_msrs(&iter, &run)) {
		vmx_open_run(bitmap, &run);
	}
	if (kind == OPEN_LENT_APIC) {
		vmx_open_direct_apic(bitmap);
	} else if (kind == OPEN_APICV) {
		vmx_open_x2apic(bitmap);
	}
	return OK;
}

hpa_t vmx_msr_bitmap(const struct vcpu *v)
{
	return vmx_open_msrs[v->has_apic    ? OPEN_LENT_APIC
			     : v->has_apicv ? OPEN_APICV
					    : OPEN_NO_APIC];
}

enum status vmx_init(const struct backend_switches *off)
{
	enum status s;

	vmx_read_cpuid(&vmx_caps);
	vmx_caps_read(&vmx_caps, cpu_rdmsr);
	vmx_apply_switches(off);
	s = vmx_plan_make(&vmx_caps, &vmx_switches, &vmx_plan, &vmx_refusal);
	if (s != OK) {
		feature_notes_log("VT-x", &vmx_refusal.notes, true);
		return s;
	}
	feature_notes_log("VT-x", &vmx_plan.notes, false);
	vmx_ept_format.has_2m = vmx_plan.has_ept_2m;
	vmx_ept_format.has_1g = vmx_plan.has_ept_1g;
	/* iTLB multihit: no executable leaf of 2 MiB or 1 GiB */
	vmx_ept_format.large_denied =
		(mitigate_actions & MITIGATE_NX_LARGE) != 0 ? EPT_EXEC : 0;
	vmx_exit_init();
	s = vmx_msr_areas_init();
	for (uint32_t kind = 0; s == OK && kind < OPEN_KINDS; kind++) {
		s = vmx_build_msr_bitmap(kind);
	}
	return s;
}

/* The plan was made on the boot CPU: is this one like it, and VT-x on here? */
static enum status vmx_check_cpu(const struct cpu *cpu)
{
	struct vmx_caps own;
	const char *differs;
	uint64_t wanted;

	vmx_read_cpuid(&own);
	vmx_caps_read(&own, cpu_rdmsr);
	differs = vmx_caps_difference(&vmx_caps, &own);
	if (differs != NULL) {
		log_error("CPU %u: VT-x: its %s is not the boot CPU's: give "
			  "all the same microcode",
			  cpu->index, differs);
		return ERR_UNSUPPORTED;
	}
	wanted = vmx_feature_control(own.feature_control);
	if (wanted != own.feature_control) {
		cpu_wrmsr(MSR_IA32_FEATURE_CONTROL, wanted);
	}
	if ((wanted & FEATURE_CONTROL_VMX) == 0) {
		log_error("CPU %u: VT-x is disabled and locked by the firmware "
			  "on this one: turn it on in the machine's setup",
			  cpu->index);
		return ERR_UNSUPPORTED;
	}
	return OK;
}

enum status vmx_cpu_on(void)
{
	struct cpu *cpu = cpu_this();
	uint64_t cr0;
	uint64_t cr4;
	enum status s = vmx_check_cpu(cpu);

	if (s != OK) {
		return s;
	}
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 = (cr0 | vmx_plan.cr0_must_1) & vmx_plan.cr0_may_1;
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = (cr4 | vmx_plan.cr4_must_1 | CR4_VMXE) & vmx_plan.cr4_may_1;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	s = pmm_alloc(FRAME_VMM, PAGE_SIZE, PAGE_SIZE, &cpu->hv_region);
	if (s != OK) {
		return s;
	}
	*(uint32_t *)phys_to_virt(cpu->hv_region) = vmx_plan.vmcs_revision;
	s = vmxon(cpu->hv_region);
	if (s != OK) {
		log_error("VMXON failed on CPU %u", cpu->index);
		return s;
	}
	(void)invept(INVEPT_ALL_CONTEXTS, 0);
	return OK;
}

static bool vmx_is_switched_off(const char *name)
{
	struct vmx_switches one = { 0 };

	return vmx_switches_set(&one, name, strlen(name), false) == OK &&
	       (vmx_switches.off & one.off) != 0;
}

uint32_t vmx_features(struct machine_feature *rows, uint32_t max)
{
	const struct {
		const char *name;    /* the boot option */
		const char *feature; /* its switch in vmx_features.h */
		bool used;
	} all[] = {
		{ "vpid", "vpid", vmx_plan.has_vpid },
		{ "apicv", "apicv", vmx_plan.has_apicv },
		{ "direct-apic", "direct_apic", vmx_plan.has_direct_apic },
		{ "preemption-timer", "preemption_timer",
		  vmx_plan.has_preemption_timer },
		{ "tsc-scaling", "tsc_scaling", vmx_plan.has_tsc_scaling },
		{ "ept-1g", "ept_1g", vmx_plan.has_ept_1g },
		{ "ept-2m", "ept_2m", vmx_plan.has_ept_2m },
		{ "ept-ad", "ept_ad", vmx_plan.has_ept_ad },
		{ "ple", "ple", vmx_plan.has_ple },
	};
	uint32_t n = 0;

	for (; n < ARRAY_COUNT(all) && n < max; n++) {
		rows[n].name = all[n].name;
		rows[n].state = feature_state(
			all[n].used, vmx_is_switched_off(all[n].feature));
	}
	return n;
}
