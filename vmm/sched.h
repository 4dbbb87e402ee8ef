/* sched.h - the loop of a physical CPU: which vCPU runs, and idling. */
#ifndef VMM_SCHED_H
#define VMM_SCHED_H

#include <bh/attr.h>

/** sched_loop() - run vCPUs for ever. */
no_return void sched_loop(void);

#endif
