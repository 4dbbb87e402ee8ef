/* mounts.h - the container's view of files, built from inside its namespace. */
#ifndef AGENT_MOUNTS_H
#define AGENT_MOUNTS_H

#include "spec.h"

/**
 * mounts_build() - in a fresh mount namespace: root, mounts, devices, sysctls,
 * masked and read-only paths, and, for a terminal, /dev/console.
 * @root_fd: the new root, for mounts_pivot()
 * @master:  the terminal's master, -1 if none is wanted
 * @slave:   its other side
 */
int mounts_build(const char *id, const struct spec *s, int *root_fd,
		 int *master, int *slave, struct agent_error *e);
/** mounts_pivot() - make the new root the root and drop the old one. */
int mounts_pivot(const struct spec *s, int root_fd, struct agent_error *e);
/** mounts_open_terminal() - a pty pair from /dev/pts below @root_fd. */
int mounts_open_terminal(int root_fd, int *master, int *slave,
			 struct agent_error *e);

#endif
