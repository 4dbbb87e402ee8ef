/* boot.h - from a bare kernel to a place where containers can live. */
#ifndef AGENT_BOOT_H
#define AGENT_BOOT_H

#include "options.h"

#define BOOT_DEFAULT_CONFIG "/etc/bulkhead/default-config.json"

/** boot_early() - devices, /proc, /sys, console, log, options. */
void boot_early(struct options *o);
/** boot_leave_initramfs() - a tmpfs becomes the root; the old one is freed. */
int boot_leave_initramfs(void);
/** boot_late() - what containers need: devpts, cgroups, the image. */
int boot_late(void);

#endif
