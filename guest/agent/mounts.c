/*
 * mounts.c - see mounts.h.
 *
 * Invariants
 *  1. Every target is opened by openat2(RESOLVE_IN_ROOT | NO_MAGICLINKS) below
 *     the new root and mounted on through /proc/self/fd: a symbolic link in
 *     the image cannot lead a mount, or a write, out of it.
 *  2. All of it happens before pivot_root, while the agent's /proc is in
 *     sight; what the container sees afterwards is only its own root.
 */
#define _GNU_SOURCE
#include "mounts.h"
#include "rootfs.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* Flags that a bind remount must repeat; the same numbers in statfs. */
#define MOUNTS_KEPT                                                  \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | \
	 MS_NODIRATIME)

static int mounts_openat(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) != 0 ? 0644 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

static void mounts_fd_path(char *out, size_t size, int fd)
{
	(void)snprintf(out, size, "/proc/self/fd/%d", fd);
}

/* Open directory @path below the root, making what is missing; fd or -1. */
static int mounts_mkdirs(int root_fd, const char *path)
{
	char part[256];
	int fd = mounts_openat(root_fd, path, O_PATH | O_DIRECTORY);
	if (fd >= 0 || errno != ENOENT) {
		return fd;
	}
	for (size_t i = 1; i <= strlen(path); i++) {
		if (path[i] != '/' && path[i] != '\0') {
			continue;
		}
		memcpy(part, path, i);
		part[i] = '\0';
		char *name = strrchr(part, '/') + 1;
		name[-1] = '\0';
		auto_close int parent =
			mounts_openat(root_fd, part[0] != '\0' ? part : "/",
				      O_PATH | O_DIRECTORY);
		if (parent < 0 ||
		    (name[0] != '\0' && mkdirat(parent, name, 0755) < 0 &&
		     errno != EEXIST)) {
			return -1;
		}
	}
	return mounts_openat(root_fd, path, O_PATH | O_DIRECTORY);
}

/* Open file @path below the root, making it and its parents if missing. */
static int mounts_mkfile(int root_fd, const char *path)
{
	int fd = mounts_openat(root_fd, path, O_PATH);
	if (fd >= 0 || errno != ENOENT) {
		return fd;
	}
	char parent[256];
	(void)snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	if (parent[0] != '\0') {
		auto_close int dir = mounts_mkdirs(root_fd, parent);
		if (dir < 0) {
			return -1;
		}
	}
	auto_close int file =
		mounts_openat(root_fd, path, O_RDONLY | O_CREAT | O_NOFOLLOW);
	return file < 0 ? -1 : mounts_openat(root_fd, path, O_PATH);
}

/* Change the flags of the mount at @fd: @add besides what it has. */
static int mounts_reflag(int fd, unsigned long add)
{
	char path[40];
	struct statfs fs;
	mounts_fd_path(path, sizeof(path), fd);
	if (fstatfs(fd, &fs) < 0) {
		return -1;
	}
	unsigned long flags = (unsigned long)fs.f_flags & MOUNTS_KEPT;
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags | add,
		     NULL);
}

static int mounts_bind(const char *source, int root_fd, int target_fd,
		       const struct spec_mount *m)
{
	char path[40];
	mounts_fd_path(path, sizeof(path), target_fd);
	if (mount(source, path, NULL, MS_BIND | (m->flags & MS_REC), NULL) <
	    0) {
		return -1;
	}
	unsigned long add = m->flags & MOUNTS_KEPT;
	if (add == 0) {
		return 0;
	}
	/* target_fd is what lies below the new mount: look again */
	auto_close int fd = mounts_openat(root_fd, m->destination, O_PATH);
	return fd < 0 ? -1 : mounts_reflag(fd, add);
}

static int mounts_fs(const struct spec_mount *m, int target_fd)
{
	char path[40];
	bool is_cgroup = strncmp(m->type, "cgroup", 6) == 0;
	mounts_fd_path(path, sizeof(path), target_fd);
	return mount(m->source != NULL ? m->source : m->type, path,
		     is_cgroup ? "cgroup2" : m->type, m->flags & ~MS_REC,
		     m->data[0] != '\0' ? m->data : NULL);
}

static int mounts_propagate(int root_fd, const struct spec_mount *m)
{
	char path[40];
	auto_close int top = mounts_openat(root_fd, m->destination, O_PATH);
	mounts_fd_path(path, sizeof(path), top);
	return mount(NULL, path, NULL, m->propagation, NULL);
}

static int mounts_perform(int root_fd, const struct spec_mount *m)
{
	bool is_bind = (m->flags & MS_BIND) != 0;
	struct stat st = { .st_mode = S_IFDIR };
	if (is_bind && stat(m->source, &st) < 0) {
		return -1;
	}
	auto_close int fd = S_ISDIR(st.st_mode)
				    ? mounts_mkdirs(root_fd, m->destination)
				    : mounts_mkfile(root_fd, m->destination);
	if (fd < 0) {
		return -1;
	}
	int rc = is_bind ? mounts_bind(m->source, root_fd, fd, m)
			 : mounts_fs(m, fd);
	return rc == 0 && m->propagation != 0 ? mounts_propagate(root_fd, m)
					      : rc;
}

static int mounts_one(int root_fd, const struct spec_mount *m, size_t index,
		      struct agent_error *e)
{
	if (mounts_perform(root_fd, m) == 0) {
		return 0;
	}
	error_sys(e, "/mounts/%zu: %s on %s", index,
		  m->type != NULL ? m->type : "bind", m->destination);
	(void)snprintf(e->path, sizeof(e->path), "/mounts/%zu", index);
	return -1;
}

/* Bind what the agent made as device @index (rootfs.c) to its own path. */
static int mounts_device(const char *id, int root_fd, size_t index,
			 const char *path, struct agent_error *e)
{
	char source[160];
	struct spec_mount m = { .destination = path };
	rootfs_device_path(source, sizeof(source), id, index);
	auto_close int fd = mounts_mkfile(root_fd, path);
	if (fd < 0 || mounts_bind(source, root_fd, fd, &m) < 0) {
		return error_sys(e, "device %s", path);
	}
	return 0;
}

static int mounts_devices(const char *id, const struct spec *s, int root_fd,
			  struct agent_error *e)
{
	/* clang-format off */
	static const struct { const char *target, *name; } links[] = {
		{ "/proc/self/fd",   "fd" },
		{ "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" },
		{ "pts/ptmx",        "ptmx" },
	};
	/* clang-format on */
	for (size_t i = 0; i < rootfs_device_count + s->device_count; i++) {
		const char *path =
			i < rootfs_device_count
				? rootfs_devices[i].path
				: s->devices[i - rootfs_device_count].path;
		if (mounts_device(id, root_fd, i, path, e) < 0) {
			return -1;
		}
	}
	auto_close int dev =
		mounts_openat(root_fd, "/dev", O_PATH | O_DIRECTORY);
	for (size_t i = 0; i < ARRAY_COUNT(links); i++) {
		if (symlinkat(links[i].target, dev, links[i].name) < 0 &&
		    errno != EEXIST) {
			return error_sys(e, "/dev/%s", links[i].name);
		}
	}
	return 0;
}

static int mounts_sysctls(const struct spec *s, int root_fd,
			  struct agent_error *e)
{
	for (size_t i = 0; i < s->sysctl_count; i++) {
		char path[192];
		const char *value = s->sysctls[i].value;
		(void)snprintf(path, sizeof(path), "/proc/sys/%.160s",
			       s->sysctls[i].key);
		for (char *dot = path; (dot = strchr(dot, '.')) != NULL;) {
			*dot = '/';
		}
		auto_close int fd = mounts_openat(root_fd, path, O_WRONLY);
		if (fd < 0 || write(fd, value, strlen(value)) < 0) {
			return error_sys(e, "sysctl %.80s", s->sysctls[i].key);
		}
	}
	return 0;
}

/* Hide @path: /dev/null over a file, an empty tmpfs over a directory. */
static int mounts_mask(const char *id, int root_fd, const char *path,
		       struct agent_error *e)
{
	auto_close int fd = mounts_openat(root_fd, path, O_PATH);
	if (fd < 0) {
		return errno == ENOENT ? 0 : error_sys(e, "masking %s", path);
	}
	struct stat st;
	char target[40];
	char null[160];
	mounts_fd_path(target, sizeof(target), fd);
	rootfs_device_path(null, sizeof(null), id, 0);
	int rc = fstat(fd, &st);
	if (rc == 0 && S_ISDIR(st.st_mode)) {
		rc = mount("tmpfs", target, "tmpfs",
			   MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			   "size=0k,mode=0555");
	} else if (rc == 0) {
		rc = mount(null, target, NULL, MS_BIND, NULL);
	}
	return rc < 0 ? error_sys(e, "masking %s", path) : 0;
}

static int mounts_readonly(int root_fd, const char *path, struct agent_error *e)
{
	auto_close int fd = mounts_openat(root_fd, path, O_PATH);
	if (fd < 0) {
		return errno == ENOENT ? 0 : error_sys(e, "%s", path);
	}
	char name[40];
	mounts_fd_path(name, sizeof(name), fd);
	if (mount(name, name, NULL, MS_BIND | MS_REC, NULL) < 0) {
		return error_sys(e, "making %s read-only", path);
	}
	auto_close int top = mounts_openat(root_fd, path, O_PATH);
	if (top < 0 || mounts_reflag(top, MS_RDONLY) < 0) {
		return error_sys(e, "making %s read-only", path);
	}
	return 0;
}

int mounts_open_terminal(int root_fd, int *master, int *slave,
			 struct agent_error *e)
{
	int unlock = 0;
	*master = mounts_openat(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	if (*master < 0 || ioctl(*master, TIOCSPTLCK, &unlock) < 0) {
		return error_sys(e, "terminal: /dev/pts/ptmx; mount a devpts "
				    "there");
	}
	*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0) {
		return error_sys(e, "terminal");
	}
	return 0;
}

static int mounts_console(int root_fd, int slave, struct agent_error *e)
{
	char source[40];
	struct spec_mount m = { .destination = "/dev/console" };
	mounts_fd_path(source, sizeof(source), slave);
	auto_close int fd = mounts_mkfile(root_fd, m.destination);
	if (fd < 0 || mounts_bind(source, root_fd, fd, &m) < 0) {
		return error_sys(e, "/dev/console");
	}
	return 0;
}

static int mounts_restrict(const char *id, const struct spec *s, int root_fd,
			   struct agent_error *e)
{
	if (mounts_sysctls(s, root_fd, e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < s->readonly_path_count; i++) {
		if (mounts_readonly(root_fd, s->readonly_paths[i], e) < 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < s->masked_path_count; i++) {
		if (mounts_mask(id, root_fd, s->masked_paths[i], e) < 0) {
			return -1;
		}
	}
	if (s->is_root_readonly && mounts_reflag(root_fd, MS_RDONLY) < 0) {
		return error_sys(e, "making the root read-only");
	}
	return 0;
}

int mounts_build(const char *id, const struct spec *s, int *root_fd,
		 int *master, int *slave, struct agent_error *e)
{
	char root[160];
	rootfs_path(root, sizeof(root), id, "root");
	/* nothing done here may travel back to the agent's namespace */
	if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
	    mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0) {
		return error_sys(e, "root file system");
	}
	*root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*root_fd < 0) {
		return error_sys(e, "root file system");
	}
	for (size_t i = 0; i < s->mount_count; i++) {
		if (mounts_one(*root_fd, &s->mounts[i], i, e) < 0) {
			return -1;
		}
	}
	if (mounts_devices(id, s, *root_fd, e) < 0) {
		return -1;
	}
	if (s->process.has_terminal &&
	    (mounts_open_terminal(*root_fd, master, slave, e) < 0 ||
	     mounts_console(*root_fd, *slave, e) < 0)) {
		return -1;
	}
	return mounts_restrict(id, s, *root_fd, e);
}

int mounts_pivot(const struct spec *s, int root_fd, struct agent_error *e)
{
	/* pivot_root(2), "pivot_root(".", ".")": the old root lies stacked on
	 * the new one and is then detached */
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
		return error_sys(e, "pivot_root");
	}
	if (s->rootfs_propagation != 0 &&
	    mount(NULL, "/", NULL, s->rootfs_propagation, NULL) < 0) {
		return error_sys(e, "root propagation");
	}
	return 0;
}
