/* modules.h - kernel modules from the initramfs, in the order of a list. */
#ifndef AGENT_MODULES_H
#define AGENT_MODULES_H

/** modules_load() - load every module named in @dir/list, one a line. */
void modules_load(const char *dir);

#endif
