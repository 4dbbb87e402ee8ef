/*
 * vmx_switch.c - which vCPU a CPU holds: VMCS and the state that VT-x does not
 * switch (vector and x87 state, XCR0, SYSCALL MSRs, debug registers, CR2).
 *
 * The VMM uses none of that state, so it stays live in the CPU over all exits
 * of one vCPU and is switched only here, when the CPU changes to another one.
 * It is switched eagerly: nothing of one guest is ever left for the next.
 */
#include "../cpu_local.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <bh/assert.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

static bool vmx_has_xsave(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return (cr4 & CR4_OSXSAVE) != 0;
}

static void vmx_xsetbv(uint64_t xcr0)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(0), "a"((uint32_t)xcr0),
			   "d"((uint32_t)(xcr0 >> 32)));
}

/* All components the guest may ever use, whatever XCR0 it has now. */
static void vmx_fpu_save(struct vcpu *v, struct vmx_vcpu *x)
{
	void *area = phys_to_virt(x->fpu_page);

	if (vmx_has_xsave()) {
		vmx_xsetbv(v->vm->xcr0_allowed);
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
	} else {
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	}
}

static void vmx_fpu_restore(struct vcpu *v, struct vmx_vcpu *x)
{
	void *area = phys_to_virt(x->fpu_page);

	if (vmx_has_xsave()) {
		vmx_xsetbv(v->vm->xcr0_allowed);
		__asm__ volatile("xrstor64 (%0)"
				 :
				 : "r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
		vmx_xsetbv(v->xcr0);
	} else {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	}
}

static void vmx_state_save(struct vmx_vcpu *x)
{
	x->msr_star = cpu_rdmsr(MSR_IA32_STAR);
	x->msr_lstar = cpu_rdmsr(MSR_IA32_LSTAR);
	x->msr_cstar = cpu_rdmsr(MSR_IA32_CSTAR);
	x->msr_fmask = cpu_rdmsr(MSR_IA32_FMASK);
	x->msr_kernel_gs_base = cpu_rdmsr(MSR_IA32_KERNEL_GS_BASE);
	if (vmx_plan.has_rdtscp) {
		x->msr_tsc_aux = cpu_rdmsr(MSR_IA32_TSC_AUX);
	}
	__asm__ volatile("mov %%dr0, %0" : "=r"(x->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(x->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(x->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(x->dr[3]));
	__asm__ volatile("mov %%dr6, %0" : "=r"(x->dr6));
	__asm__ volatile("mov %%cr2, %0" : "=r"(x->cr2));
}

static void vmx_state_restore(const struct vmx_vcpu *x)
{
	cpu_wrmsr(MSR_IA32_STAR, x->msr_star);
	cpu_wrmsr(MSR_IA32_LSTAR, x->msr_lstar);
	cpu_wrmsr(MSR_IA32_CSTAR, x->msr_cstar);
	cpu_wrmsr(MSR_IA32_FMASK, x->msr_fmask);
	cpu_wrmsr(MSR_IA32_KERNEL_GS_BASE, x->msr_kernel_gs_base);
	if (vmx_plan.has_rdtscp) {
		cpu_wrmsr(MSR_IA32_TSC_AUX, x->msr_tsc_aux);
	}
	__asm__ volatile("mov %0, %%dr0" : : "r"(x->dr[0]));
	__asm__ volatile("mov %0, %%dr1" : : "r"(x->dr[1]));
	__asm__ volatile("mov %0, %%dr2" : : "r"(x->dr[2]));
	__asm__ volatile("mov %0, %%dr3" : : "r"(x->dr[3]));
	__asm__ volatile("mov %0, %%dr6" : : "r"(x->dr6));
	__asm__ volatile("mov %0, %%cr2" : : "r"(x->cr2));
}

void vmx_vcpu_load(struct vcpu *v)
{
	struct cpu *cpu = cpu_this();
	struct vmx_vcpu *x = vmx_of(v);

	if (cpu->loaded == v) {
		return;
	}
	vmx_apic_take_back();
	if (cpu->loaded != NULL) {
		vmx_fpu_save(cpu->loaded, vmx_of(cpu->loaded));
		vmx_state_save(vmx_of(cpu->loaded));
	}
	if (vmptrld(x->vmcs) != OK) {
		panic("VMPTRLD of %#llx failed", (unsigned long long)x->vmcs.v);
	}
	vmx_fpu_restore(v, x);
	vmx_state_restore(x);
	cpu->loaded = v;
}

void vmx_xcr0_set(struct vcpu *v, uint64_t xcr0)
{
	v->xcr0 = xcr0;
	if (cpu_this()->loaded == v && vmx_has_xsave()) {
		vmx_xsetbv(xcr0);
	}
}
