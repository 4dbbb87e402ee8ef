/*
 * rootfs.c - overlay roots; see rootfs.h.
 *
 * Linux 6.1 has no idmapped mounts for erofs and tmpfs. So that root of a user
 * namespace owns its files, each root ID used gets one "shift" layer: an
 * overlay in which directories and files were chowned once, by metadata only
 * (metacopy). Containers put it between the image and their own layer.
 */
#define _GNU_SOURCE
#include "rootfs.h"
#include "log.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define ROOTFS_LOWER   ROOTFS_RUN "/lower"
#define ROOTFS_DISK    "/dev/vda"
#define ROOTFS_OVERLAY "metacopy=on,volatile"

const struct spec_device rootfs_devices[] = {
#define X(where, maj, min) \
	{ .path = where, .mode = S_IFCHR | 0666, .major = maj, .minor = min },
	ROOTFS_DEVICE_LIST(X)
#undef X
};
const size_t rootfs_device_count = ARRAY_COUNT(rootfs_devices);

int rootfs_init(void)
{
	if (util_mkdirs(ROOTFS_LOWER, 0711) < 0 ||
	    util_mkdirs(ROOTFS_RUN "/c", 0711) < 0 ||
	    util_mkdirs(ROOTFS_RUN "/shift", 0700) < 0) {
		return -1;
	}
	return mount(ROOTFS_DISK, ROOTFS_LOWER, "erofs", MS_RDONLY | MS_NODEV,
		     NULL);
}

void rootfs_path(char *out, size_t size, const char *id, const char *what)
{
	(void)snprintf(out, size, ROOTFS_RUN "/c/%s%s%s", id,
		       what[0] != '\0' ? "/" : "", what);
}

void rootfs_device_path(char *out, size_t size, const char *id, size_t index)
{
	(void)snprintf(out, size, ROOTFS_RUN "/c/%s/dev/%zu", id, index);
}

static int rootfs_overlay(const char *lower, const char *dir,
			  const char *target, struct agent_error *e)
{
	char data[512];
	(void)snprintf(data, sizeof(data),
		       "lowerdir=%s,upperdir=%s/upper,workdir=%s/work,%s",
		       lower, dir, dir, ROOTFS_OVERLAY);
	if (mount("overlay", target, "overlay", MS_NODEV, data) < 0) {
		return error_sys(e, "overlay on %s", target);
	}
	return 0;
}

static int rootfs_chown_tree(const char *dir, uid_t uid, gid_t gid,
			     struct agent_error *e)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s", dir);
	char *const roots[] = { path, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	if (tree == NULL) {
		return error_sys(e, "walking %s", dir);
	}
	FTSENT *f;
	while ((f = fts_read(tree)) != NULL) {
		/* who owns a symbolic link matters to nobody */
		bool is_wanted = f->fts_info == FTS_D || f->fts_info == FTS_F;
		if (!is_wanted || f->fts_statp->st_uid != 0) {
			continue;
		}
		mode_t mode = f->fts_statp->st_mode;
		if (lchown(f->fts_accpath, uid, gid) < 0 ||
		    (f->fts_info == FTS_F && (mode & 06000) != 0 &&
		     chmod(f->fts_accpath, mode & 07777) < 0)) {
			int saved = errno;
			fts_close(tree);
			errno = saved;
			return error_sys(e, "owning %s", dir);
		}
	}
	fts_close(tree);
	return 0;
}

/* Make the layer of root @uid:@gid unless it is there; its path in @out. */
static int rootfs_shift(uid_t uid, gid_t gid, char *out, size_t size,
			struct agent_error *e)
{
	char dir[96];
	char path[128];
	struct stat st;
	(void)snprintf(dir, sizeof(dir), ROOTFS_RUN "/shift/%u-%u", uid, gid);
	(void)snprintf(out, size, "%s/upper", dir);
	(void)snprintf(path, sizeof(path), "%s/done", dir);
	if (stat(path, &st) == 0) {
		return 0;
	}
	const char *const parts[] = { "upper", "work", "root" };
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
		if (util_mkdirs(path, 0755) < 0) {
			return error_sys(e, "%s", path);
		}
	}
	(void)snprintf(path, sizeof(path), "%s/root", dir);
	if (rootfs_overlay(ROOTFS_LOWER, dir, path, e) < 0) {
		return -1;
	}
	int rc = rootfs_chown_tree(path, uid, gid, e);
	(void)umount2(path, MNT_DETACH);
	if (rc < 0) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/done", dir);
	return mkdir(path, 0700) < 0 ? error_sys(e, "%s", path) : 0;
}

static int rootfs_device(const char *id, size_t index, const struct spec *s,
			 const struct spec_device *d, struct agent_error *e)
{
	char path[160];
	rootfs_device_path(path, sizeof(path), id, index);
	uid_t uid = spec_outside(s->uid_maps, s->uid_map_count, d->uid);
	gid_t gid = spec_outside(s->gid_maps, s->gid_map_count, d->gid);
	if (mknod(path, d->mode, makedev(d->major, d->minor)) < 0 ||
	    chmod(path, d->mode & 07777) < 0 || chown(path, uid, gid) < 0) {
		return error_sys(e, "device %s", d->path);
	}
	return 0;
}

static int rootfs_make_devices(const char *id, const struct spec *s,
			       struct agent_error *e)
{
	for (size_t i = 0; i < rootfs_device_count; i++) {
		if (rootfs_device(id, i, s, &rootfs_devices[i], e) < 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < s->device_count; i++) {
		if (rootfs_device(id, rootfs_device_count + i, s,
				  &s->devices[i], e) < 0) {
			return -1;
		}
	}
	return 0;
}

static int rootfs_fill(const char *id, const struct spec *s,
		       struct agent_error *e)
{
	char dir[128];
	char path[160];
	char lower[256] = ROOTFS_LOWER;
	const char *const parts[] = { "upper", "work", "dev", "root" };
	rootfs_path(dir, sizeof(dir), id, "");
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		rootfs_path(path, sizeof(path), id, parts[i]);
		if (mkdir(path, 0755) < 0) {
			return error_sys(e, "%s", path);
		}
	}
	uid_t uid = spec_outside(s->uid_maps, s->uid_map_count, 0);
	gid_t gid = spec_outside(s->gid_maps, s->gid_map_count, 0);
	rootfs_path(path, sizeof(path), id, "upper");
	if (chown(path, uid, gid) < 0) {
		return error_sys(e, "owning %s", path);
	}
	if (uid != 0 || gid != 0) {
		if (rootfs_shift(uid, gid, lower, sizeof(lower), e) < 0) {
			return -1;
		}
		strncat(lower, ":" ROOTFS_LOWER,
			sizeof(lower) - strlen(lower) - 1);
	}
	rootfs_path(path, sizeof(path), id, "root");
	if (rootfs_overlay(lower, dir, path, e) < 0) {
		return -1;
	}
	return rootfs_make_devices(id, s, e);
}

int rootfs_create(const char *id, const struct spec *s, struct agent_error *e)
{
	char dir[128];
	rootfs_path(dir, sizeof(dir), id, "");
	if (mkdir(dir, 0711) < 0) {
		return error_sys(e, "%s", dir);
	}
	if (mount("tmpfs", dir, "tmpfs", MS_NOSUID, "mode=0711") < 0) {
		error_sys(e, "tmpfs on %s", dir);
		(void)rmdir(dir);
		return -1;
	}
	if (rootfs_fill(id, s, e) < 0) {
		rootfs_remove(id);
		return -1;
	}
	return 0;
}

void rootfs_remove(const char *id)
{
	char path[160];
	rootfs_path(path, sizeof(path), id, "root");
	(void)umount2(path, MNT_DETACH);
	rootfs_path(path, sizeof(path), id, "");
	(void)umount2(path, MNT_DETACH);
	if (rmdir(path) < 0 && errno != ENOENT) {
		log_error("%s stays: %s", path, strerrorname_np(errno));
	}
}
