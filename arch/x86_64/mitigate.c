/*
 * mitigate.c - hv/mitigation.h on x86-64.
 *
 * What costs nothing while it is on is set once for each CPU; what has to be
 * done between partitions is done when a CPU changes to a vCPU of another one.
 * What has to be done at VM entry is elsewhere, so that a machine that needs
 * none of it has no instruction of it: MSRs are written by the processor from
 * VMX's MSR-load areas (vmx/vmx_msr_area.c), VERW is in a second copy of the
 * way into the guest (vmx/vmx_run_guarded.asm).
 */
#include <hv/mitigation.h>

#include <arch/cpu.h>
#include <spec/x86_msr.h>

uint32_t mitigate_actions;

void mitigate_init(uint32_t actions)
{
	mitigate_actions = actions;
}

static uint64_t mitigate_spec_ctrl(void)
{
	uint64_t v = 0;

	v |= (mitigate_actions & MITIGATE_IBRS_ALWAYS) != 0 ? SPEC_CTRL_IBRS
							    : 0;
	v |= (mitigate_actions & MITIGATE_BHI_DIS) != 0 ? SPEC_CTRL_BHI_DIS_S
							: 0;
	return v;
}

/*
 * Guests have no SPEC_CTRL of their own, so these stay for them, too.
 */
void mitigate_cpu_on(void)
{
	uint64_t spec = mitigate_spec_ctrl();

	if (spec != 0) {
		cpu_wrmsr(MSR_IA32_SPEC_CTRL, spec);
	}
	if ((mitigate_actions & MITIGATE_TSX_OFF) != 0) {
		cpu_wrmsr(MSR_IA32_TSX_CTRL,
			  TSX_CTRL_RTM_DISABLE | TSX_CTRL_CPUID_CLEAR);
	}
	if ((mitigate_actions & MITIGATE_AUTO_IBRS) != 0) {
		cpu_wrmsr(MSR_IA32_EFER,
			  cpu_rdmsr(MSR_IA32_EFER) | EFER_AIBRSE);
	}
}

/* 32 calls whose returns nobody takes: what a guest left is out. */
static void mitigate_stuff_rsb(void)
{
	uint32_t count = 16;

	/* the compiler may keep something just below RSP (hosted) */
	__asm__ volatile("sub $128, %%rsp\n"
			 "1:	call 2f\n\t"
			 "int3\n"
			 "2:	call 3f\n\t"
			 "int3\n"
			 "3:	add $16, %%rsp\n\t"
			 "dec %0\n\t"
			 "jnz 1b\n\t"
			 "add $128, %%rsp\n\t"
			 "lfence"
			 : "+r"(count)
			 :
			 : "memory", "cc");
}

void mitigate_partition_switch(uint64_t from, uint64_t to)
{
	if (from == to) {
		return;
	}
	if ((mitigate_actions & MITIGATE_IBPB) != 0) {
		cpu_wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	}
	if ((mitigate_actions & MITIGATE_RSB) != 0) {
		mitigate_stuff_rsb();
	}
}
