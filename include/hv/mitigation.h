/*
 * mitigation.h - what is done against the processor's own flaws, as vmm/
 * decides it (vmm/mitigations.c) and arch/ does it (arch/x86_64/mitigate.c).
 */
#ifndef HV_MITIGATION_H
#define HV_MITIGATION_H

#include <bh/attr.h>
#include <stdbool.h>

/* Actions: bits, chosen once at boot. */
/* clang-format off */
#define MITIGATE_L1D_FLUSH   0x001u /* flush the L1 data cache at VM entry */
#define MITIGATE_VERW        0x002u /* clear buffers by VERW at VM entry */
#define MITIGATE_IBPB        0x004u /* barrier between partitions on a CPU */
#define MITIGATE_RSB         0x008u /* stuff the return stack: leaving a guest,
				       and between partitions */
#define MITIGATE_IBRS_ALWAYS 0x010u /* enhanced IBRS, on for good */
#define MITIGATE_IBRS_SWITCH 0x020u /* IBRS written at each exit and entry */
#define MITIGATE_AUTO_IBRS   0x040u /* AMD: EFER.AIBRSE */
#define MITIGATE_BHI_DIS     0x080u /* SPEC_CTRL.BHI_DIS_S */
#define MITIGATE_TSX_OFF     0x100u /* RTM aborts at once */
#define MITIGATE_NX_LARGE    0x200u /* large EPT leaves are not executable */
/* clang-format on */

/* The chosen ones; 0 until mitigate_init(). */
extern uint32_t mitigate_actions;

/** mitigate_init() - choose; before the backend's init. */
void mitigate_init(uint32_t actions);
/** mitigate_cpu_on() - what the calling CPU keeps for good. */
void mitigate_cpu_on(void);
/**
 * mitigate_partition_switch() - the calling CPU, which ran a vCPU of the VM
 * with the serial number @from last (0: of none), is about to run one of @to.
 */
void mitigate_partition_switch(uint64_t from, uint64_t to);

/**
 * mitigate_is_guarded() - does the way in and out of a guest do more than it
 * has to? Asked once a stay, not at an exit.
 */
static inline bool mitigate_is_guarded(void)
{
	return (mitigate_actions & (MITIGATE_VERW | MITIGATE_RSB)) != 0;
}

#endif
