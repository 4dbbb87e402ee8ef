/*
 * management.h - everything an operator reaches: partitions from the ESP, the
 * shell on COM1 and the screen, JSON-RPC on COM2.
 */
#ifndef VMM_MANAGEMENT_H
#define VMM_MANAGEMENT_H

#include "boot_opts.h"

/**
 * management_init() - read partitions/NAME.json, open shell and RPC, start the
 * partitions that say so. Errors are logged; the shell comes up all the same.
 */
void management_init(const struct boot_opts *o);

/** management_poll() - consoles, agents, deferred work; never waits. */
void management_poll(void);

/** management_poweroff() - stop partitions, then power the machine off. */
void management_poweroff(void);
/** management_reboot() - stop partitions, then start the machine anew. */
void management_reboot(void);

/** management_show() - whole lines of a first job for the operator's console.
 */
void management_show(const char *text, size_t len);

/** management_notify() - a container's notification, for subscribers. */
void management_notify(const char *partition, const char *method,
		       const char *params, size_t len);

/** management_opts() - boot.cfg. */
const struct boot_opts *management_opts(void);

#endif
