/* cpu_loop.h - the loop of a physical CPU: which vCPU runs, and idling. */
#ifndef VMM_CPU_LOOP_H
#define VMM_CPU_LOOP_H

#include <bh/attr.h>

/** cpu_loop() - run vCPUs for ever. */
no_return void cpu_loop(void);

#endif
