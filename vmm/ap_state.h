/*
 * ap_state.h - INIT and SIPI: when a guest's processor runs, and from where.
 */
#ifndef VMM_AP_STATE_H
#define VMM_AP_STATE_H

#include <bh/attr.h>
#include <stdbool.h>

enum ap_state {
	AP_RUNNING,       /* or halted: it executes instructions */
	AP_WAIT_FOR_SIPI, /* nothing but INIT and SIPI reaches it */
};

/* What signals make of a processor; in this order. */
struct ap_step {
	bool is_shutdown; /* INIT of the boot processor: the whole machine */
	bool is_reset;    /* registers and local APIC as after INIT */
	bool is_start;    /* real mode, CS base vector << 12, IP 0; go */
	uint8_t vector;   /* of the SIPI; CS selector is vector << 8 */
	bool has_nmi;     /* an NMI is pending */
};

/** ap_state_first() - at the start of a partition: only the BSP runs. */
enum ap_state ap_state_first(bool is_bsp);

/**
 * ap_state_signals() - what vlapic_take_signals() means for a processor.
 * @s:       its state, advanced here
 * @signals: VLAPIC_SIGNAL_*
 *
 * Context: the vCPU's own CPU, before an entry.
 */
struct ap_step ap_state_signals(enum ap_state *s, bool is_bsp,
				uint32_t signals);

#endif
