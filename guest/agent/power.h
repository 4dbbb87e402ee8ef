/* power.h - the orderly end: containers first, then the partition. */
#ifndef AGENT_POWER_H
#define AGENT_POWER_H

/** power_off() - SIGTERM to all containers, grace, SIGKILL, power off. */
void power_off(void);
/** power_on_reaped() - a process ended; maybe it was the last one. */
void power_on_reaped(void);

#endif
