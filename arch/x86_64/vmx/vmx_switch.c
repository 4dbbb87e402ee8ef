/*
 * vmx_switch.c - which vCPU a CPU holds: VMCS and the state that VT-x does not
 * switch: that of guest_state.h, and SYSCALL MSRs, DR6 and CR2.
 */
#include "../cpu_local.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <bh/assert.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

static void vmx_state_save(struct vmx_vcpu *x)
{
	x->msr_star = cpu_rdmsr(MSR_IA32_STAR);
	x->msr_lstar = cpu_rdmsr(MSR_IA32_LSTAR);
	x->msr_cstar = cpu_rdmsr(MSR_IA32_CSTAR);
	x->msr_fmask = cpu_rdmsr(MSR_IA32_FMASK);
	x->msr_kernel_gs_base = cpu_rdmsr(MSR_IA32_KERNEL_GS_BASE);
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
		guest_state_save(cpu->loaded, &vmx_of(cpu->loaded)->state);
		vmx_state_save(vmx_of(cpu->loaded));
	}
	if (vmptrld(x->vmcs) != OK) {
		panic("VMPTRLD of %#llx failed", (unsigned long long)x->vmcs.v);
	}
	guest_state_restore(v, &x->state);
	vmx_state_restore(x);
	cpu->loaded = v;
}
