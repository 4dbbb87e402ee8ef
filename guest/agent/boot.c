/*
 * boot.c - see boot.h.
 *
 * pivot_root(2) refuses to work while / is the initramfs, so the agent moves
 * to a tmpfs first, as switch_root does. Nothing has to be copied: the agent
 * is one static program and runs on from its deleted file.
 */
#define _GNU_SOURCE
#include "boot.h"
#include "cgroup.h"
#include "log.h"
#include "rootfs.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define BOOT_NEW_ROOT "/newroot"

/* clang-format off */
static const struct { const char *type, *where; unsigned long flags; }
boot_mounts[] = {
	{ "devtmpfs", "/dev",  MS_NOSUID },
	{ "proc",     "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs",    "/sys",  MS_NOSUID | MS_NODEV | MS_NOEXEC },
};
/* clang-format on */

static void boot_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0) {
		fd = open("/dev/null", O_RDWR);
	}
	for (int i = 0; i < 3 && fd >= 0; i++) {
		(void)dup2(fd, i);
	}
	if (fd > 2) {
		close(fd);
	}
}

void boot_early(struct options *o)
{
	char cmdline[2048] = "";
	(void)umask(0022);
	for (size_t i = 0; i < ARRAY_COUNT(boot_mounts); i++) {
		(void)mkdir(boot_mounts[i].where, 0755);
		(void)mount(boot_mounts[i].type, boot_mounts[i].where,
			    boot_mounts[i].type, boot_mounts[i].flags, NULL);
	}
	boot_console();
	log_open();
	(void)util_read("/proc/cmdline", cmdline, sizeof(cmdline));
	options_parse(cmdline, o);
}

/* Give the initramfs' memory back: everything on the old root's device. */
static void boot_empty(const char *dir)
{
	char path[8];
	(void)snprintf(path, sizeof(path), "%s", dir);
	char *const roots[] = { path, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	for (FTSENT *f; tree != NULL && (f = fts_read(tree)) != NULL;) {
		if (f->fts_info != FTS_D && f->fts_info != FTS_DP) {
			(void)unlink(f->fts_accpath);
		} else if (f->fts_info == FTS_DP && f->fts_level > 0) {
			(void)rmdir(f->fts_accpath);
		}
	}
	if (tree != NULL) {
		fts_close(tree);
	}
}

int boot_leave_initramfs(void)
{
	char path[64];
	if (mkdir(BOOT_NEW_ROOT, 0755) < 0 ||
	    mount("tmpfs", BOOT_NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=0755") < 0) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_COUNT(boot_mounts); i++) {
		(void)snprintf(path, sizeof(path), BOOT_NEW_ROOT "%s",
			       boot_mounts[i].where);
		if (mkdir(path, 0755) < 0 || mount(boot_mounts[i].where, path,
						   NULL, MS_MOVE, NULL) < 0) {
			return -1;
		}
	}
	boot_empty("/");
	if (chdir(BOOT_NEW_ROOT) < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0) {
		return -1;
	}
	return 0;
}

int boot_late(void)
{
	(void)mkdir("/dev/pts", 0755);
	(void)mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		    "mode=0620,ptmxmode=0666");
	if (cgroup_init() < 0) {
		log_error("cgroup2: %s", strerrorname_np(errno));
		return -1;
	}
	if (rootfs_init() < 0) {
		log_error("the container image on /dev/vda: %s",
			  strerrorname_np(errno));
		return -1;
	}
	return 0;
}
