/*
 * vmx_switch.c - which vCPU a CPU holds: VMCS and the state that VT-x does not
 * switch: that of guest_state.h, and SYSCALL MSRs, DR6 and CR2.
 */
#include "../cpu_local.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <bh/assert.h>
#include <bh/sync.h>
#include <hv/mitigation.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

static void vmx_state_save(struct vmx_vcpu *x)
{
	x->msr_star = rdmsr(MSR_IA32_STAR);
	x->msr_lstar = rdmsr(MSR_IA32_LSTAR);
	x->msr_cstar = rdmsr(MSR_IA32_CSTAR);
	x->msr_fmask = rdmsr(MSR_IA32_FMASK);
	x->msr_kernel_gs_base = rdmsr(MSR_IA32_KERNEL_GS_BASE);
	__asm__ volatile("mov %%dr6, %0" : "=r"(x->dr6));
	__asm__ volatile("mov %%cr2, %0" : "=r"(x->cr2));
}

static void vmx_state_restore(const struct vmx_vcpu *x)
{
	wrmsr(MSR_IA32_STAR, x->msr_star);
	wrmsr(MSR_IA32_LSTAR, x->msr_lstar);
	wrmsr(MSR_IA32_CSTAR, x->msr_cstar);
	wrmsr(MSR_IA32_FMASK, x->msr_fmask);
	wrmsr(MSR_IA32_KERNEL_GS_BASE, x->msr_kernel_gs_base);
	__asm__ volatile("mov %0, %%dr6" : : "r"(x->dr6));
	__asm__ volatile("mov %0, %%cr2" : : "r"(x->cr2));
}

/* How often a nested page table has gone: what a processor remembers of those
 * before is stale. */
static uint64_t npt_gone;

void vmx_npt_forget(void)
{
	atomic_add64(&npt_gone, 1);
}

static void vmx_forget_stale(struct cpu *cpu)
{
	uint64_t now = atomic_load64(&npt_gone);

	if (likely(cpu->npt_seen == now)) {
		return;
	}
	cpu->npt_seen = now;
	if (invept(INVEPT_ALL_CONTEXTS, 0) != OK ||
	    (vmx_plan.has_vpid && invvpid(INVVPID_ALL_CONTEXTS, 0) != OK)) {
		panic("INVEPT or INVVPID of all contexts failed");
	}
}

/*
 * VMCLEAR: the processor may cache a VMCS in itself, and another one may load
 * it next. An NMI from here on finds nothing loaded, and writes no VMCS.
 */
void vmx_vcpu_unload(void)
{
	struct cpu *cpu = cpu_this();
	struct vcpu *v = cpu->loaded;
	struct vmx_vcpu *x;

	if (v == NULL) {
		return;
	}
	vmx_apic_take_back();
	x = vmx_of(v);
	guest_state_save(v, &x->state);
	vmx_state_save(x);
	cpu->loaded = NULL;
	sync_compiler_barrier();
	if (vmclear(x->vmcs) != OK) {
		panic("VMCLEAR of %#llx failed", (unsigned long long)x->vmcs.v);
	}
	x->is_launched = false;
}

void vmx_vcpu_load(struct vcpu *v)
{
	struct cpu *cpu = cpu_this();
	struct vmx_vcpu *x = vmx_of(v);

	(void)host_space_enter(&v->vm->space); /* what HOST_CR3 says */
	if (cpu->loaded == v) {
		return;
	}
	vmx_vcpu_unload();
	vmx_forget_stale(cpu);
	if (vmptrld(x->vmcs) != OK) {
		panic("VMPTRLD of %#llx failed", (unsigned long long)x->vmcs.v);
	}
	if (x->host_cpu != cpu->index + 1) {
		/* It comes from another CPU, and may have changed its page
		 * tables there. */
		x->host_cpu = cpu->index + 1;
		vmx_write_host_state(v);
		vcpu_request(v, VCPU_REQ_FLUSH);
	}
	mitigate_partition_switch(cpu->last_serial, v->vm->serial);
	cpu->last_serial = v->vm->serial;
	guest_state_restore(v, &x->state);
	vmx_state_restore(x);
	cpu->loaded = v;
}
