/*
 * rootfs.h - a writable root directory for each container.
 *
 *	/run/bulkhead/lower	  the image (erofs on /dev/vda), read-only
 *	/run/bulkhead/shift/<id>  the same, owned by a user namespace's root
 *	/run/bulkhead/c/<id>/	  a tmpfs: upper, work, dev, root (the overlay)
 *
 * What a container writes lies in its tmpfs and is charged to its memory.max.
 */
#ifndef AGENT_ROOTFS_H
#define AGENT_ROOTFS_H

#include "spec.h"

#define ROOTFS_RUN "/run/bulkhead"

/* Device nodes that every container has; OCI "Default Devices". */
/* clang-format off */
#define ROOTFS_DEVICE_LIST(X)                                                  \
	X("/dev/null",    1, 3)                                                \
	X("/dev/zero",    1, 5)                                                \
	X("/dev/full",    1, 7)                                                \
	X("/dev/random",  1, 8)                                                \
	X("/dev/urandom", 1, 9)                                                \
	X("/dev/tty",     5, 0)
/* clang-format on */

extern const struct spec_device rootfs_devices[];
extern const size_t rootfs_device_count;

/** rootfs_init() - mount the image; 0 or -1 (then no container can be made) */
int rootfs_init(void);
/** rootfs_create() - build @id's directory and mount its overlay. */
int rootfs_create(const char *id, const struct spec *s, struct agent_error *e);
/** rootfs_remove() - unmount and forget all of it. */
void rootfs_remove(const char *id);
/** rootfs_path() - "/run/bulkhead/c/<id>/<what>" */
void rootfs_path(char *out, size_t size, const char *id, const char *what);
/** rootfs_device_path() - where device @index of the spec was made. */
void rootfs_device_path(char *out, size_t size, const char *id, size_t index);

#endif
