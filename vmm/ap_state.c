/*
 * ap_state.c - INIT and SIPI: when a guest's processor runs, and from where.
 *
 *	RUNNING --INIT (AP)---> WAIT_FOR_SIPI --SIPI--> RUNNING, at vector << 12
 *	RUNNING --INIT (BSP)--> shutdown: it would go on at the reset vector,
 *				where a partition has no firmware
 *	RUNNING --SIPI--> RUNNING		ignored
 *	WAIT_FOR_SIPI --INIT--> WAIT_FOR_SIPI	reset once more
 *	WAIT_FOR_SIPI --NMI--> WAIT_FOR_SIPI	lost
 *
 * SDM vol. 3, "MP Initialization Protocol Algorithm". A set of signals is what
 * came since the last look; vlapic_signal() sees to it that an INIT among them
 * is the oldest, and that there is one SIPI, the first.
 */
#include "ap_state.h"

#include <drivers/virt/vlapic.h>

enum ap_state ap_state_first(bool is_bsp)
{
	return is_bsp ? AP_RUNNING : AP_WAIT_FOR_SIPI;
}

struct ap_step ap_state_signals(enum ap_state *s, bool is_bsp, uint32_t signals)
{
	struct ap_step step = { 0 };

	if ((signals & VLAPIC_SIGNAL_INIT) != 0) {
		if (is_bsp) {
			step.is_shutdown = true;
			return step;
		}
		step.is_reset = true;
		*s = AP_WAIT_FOR_SIPI;
	}
	if ((signals & VLAPIC_SIGNAL_SIPI) != 0 && *s == AP_WAIT_FOR_SIPI) {
		step.is_start = true;
		step.vector = VLAPIC_SIGNAL_VECTOR(signals);
		*s = AP_RUNNING;
	}
	/* After an INIT and a SIPI it is one that came behind the INIT, maybe
	 * before the SIPI: late is better than lost. */
	step.has_nmi = (signals & VLAPIC_SIGNAL_NMI) != 0 && *s == AP_RUNNING;
	return step;
}
