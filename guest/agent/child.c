/*
 * child.c - from clone3() to execve(); see child.h for the conversation.
 *
 * Order matters here: namespaces, then mounts, then pivot_root, then rights,
 * and the system-call filter last (or, without no_new_privs, before the
 * capability that loading it needs is dropped).
 */
#define _GNU_SOURCE
#include "child.h"
#include "caps.h"
#include "filter.h"
#include "mounts.h"
#include "ns.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CHILD_SYNC_FD 3 /* after child_take_fds() */

static void child_send(int fd, enum child_word word, int pass_fd,
		       const struct agent_error *e)
{
	struct child_message message = { .word = word };
	if (e != NULL) {
		message.error = *e;
	}
	struct iovec iov = { &message, sizeof(message) };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (pass_fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	(void)sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void __attribute__((noreturn))
child_die(int fd, const struct agent_error *e)
{
	child_send(fd, CHILD_FAILED, -1, e);
	_exit(127);
}

static void child_await(int fd, enum child_word word)
{
	struct child_message message;
	ssize_t n = recv(fd, &message, sizeof(message), 0);
	if (n != (ssize_t)sizeof(message) || message.word != word) {
		_exit(127); /* the agent gave up on us */
	}
}

static void child_reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	for (int i = 1; i < NSIG; i++) {
		(void)sigaction(i, &sa, NULL);
	}
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Keep stdio and the socket, close everything else that was the agent's. */
static int child_take_fds(const struct child_plan *plan, struct agent_error *e)
{
	/* first out of the way of 0..3, then down into place */
	int moved[4];
	for (int i = 0; i < 4; i++) {
		int fd = i < 3 ? plan->stdio[i] : plan->sync_fd;
		moved[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
		if (fd >= 0 && moved[i] < 0) {
			return error_sys(e, "descriptors");
		}
	}
	for (int i = 0; i < 4; i++) {
		if (moved[i] < 0) {
			continue;
		}
		if (dup3(moved[i], i, i == CHILD_SYNC_FD ? O_CLOEXEC : 0) < 0 &&
		    errno != EINVAL) {
			return error_sys(e, "descriptors");
		}
	}
	if (syscall(SYS_close_range, CHILD_SYNC_FD + 1, ~0u, 0) < 0) {
		return error_sys(e, "close_range");
	}
	return 0;
}

static int child_join(const struct child_plan *plan, struct agent_error *e)
{
	/* the pid namespace was entered by the agent before the clone */
	if (plan->join_pidfd >= 0) {
		int flags = plan->join_flags & ~CLONE_NEWPID;
		return flags != 0 && setns(plan->join_pidfd, flags) < 0
			       ? error_sys(e, "joining the container")
			       : 0;
	}
	/* NS_USER is the first of the table: it gives the right to the rest */
	for (int i = 0; i < NS_COUNT; i++) {
		if (plan->join[i] >= 0 && i != NS_PID && i != NS_TIME &&
		    setns(plan->join[i], ns_table[i].flag) < 0) {
			return error_sys(e, "joining a %s namespace",
					 ns_table[i].word);
		}
	}
	return 0;
}

static int child_unshare(const struct spec *s, struct agent_error *e)
{
	/* with the user namespace by path the others are ours to make */
	int flags = 0;
	for (int i = 0; s->ns[NS_USER].path != NULL && i < NS_COUNT; i++) {
		bool is_late = i != NS_PID && i != NS_TIME && i != NS_USER;
		if (is_late && spec_has_new(s, (enum ns_kind)i)) {
			flags |= ns_table[i].flag;
		}
	}
	/* the process sits in its cgroup already, so that becomes the root */
	if (spec_has_new(s, NS_CGROUP)) {
		flags |= CLONE_NEWCGROUP;
	}
	if (flags != 0 && unshare(flags) < 0) {
		return error_sys(e, "new namespaces");
	}
	return 0;
}

static int child_name(const struct spec *s, struct agent_error *e)
{
	if (s->hostname != NULL &&
	    sethostname(s->hostname, strlen(s->hostname)) < 0) {
		return error_sys(e, "hostname");
	}
	if (s->domainname != NULL &&
	    setdomainname(s->domainname, strlen(s->domainname)) < 0) {
		return error_sys(e, "domainname");
	}
	return spec_has_new(s, NS_NETWORK) ? ns_loopback_up(e) : 0;
}

static int child_take_terminal(const struct spec_process *p, int slave,
			       struct agent_error *e)
{
	struct winsize size = { .ws_row = p->rows, .ws_col = p->cols };
	if (p->rows != 0) {
		(void)ioctl(slave, TIOCSWINSZ, &size);
	}
	/* the user the program runs as must be able to open /dev/tty's node */
	(void)fchown(slave, p->uid, (gid_t)-1);
	if (ioctl(slave, TIOCSCTTY, 0) < 0) {
		return error_sys(e, "controlling terminal");
	}
	for (int i = 0; i < 3; i++) {
		if (dup3(slave, i, 0) < 0) {
			return error_sys(e, "terminal");
		}
	}
	return 0;
}

/* The container's first process: build the world it will live in. */
static int child_build(const struct child_plan *plan, int *master,
		       struct agent_error *e)
{
	auto_close int root_fd = -1;
	auto_close int slave = -1;
	const struct spec *s = plan->spec;
	if (child_unshare(s, e) < 0 || child_name(s, e) < 0 ||
	    mounts_build(plan->id, s, &root_fd, master, &slave, e) < 0 ||
	    mounts_pivot(s, root_fd, e) < 0) {
		return -1;
	}
	return slave >= 0 ? child_take_terminal(plan->process, slave, e) : 0;
}

/* A further process: everything is there, perhaps but for a terminal. */
static int child_enter(const struct child_plan *plan, int *master,
		       struct agent_error *e)
{
	if (!plan->process->has_terminal) {
		return 0;
	}
	auto_close int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int slave = -1;
	if (mounts_open_terminal(root_fd, master, &slave, e) < 0) {
		return -1;
	}
	return child_take_terminal(plan->process, slave, e);
}

/* Find args[0] as execvp() would, but with the container's own PATH. */
static int child_find(const struct spec_process *p, char *out, size_t size,
		      struct agent_error *e)
{
	const char *name = p->args[0];
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
			   "/sbin:/bin";
	if (strchr(name, '/') != NULL) {
		(void)snprintf(out, size, "%s", name);
		if (access(out, X_OK) == 0) {
			return 0;
		}
		error_sys(e, "%.100s", name);
		goto missing;
	}
	for (size_t i = 0; p->env[i] != NULL; i++) {
		if (strncmp(p->env[i], "PATH=", 5) == 0) {
			path = p->env[i] + 5;
		}
	}
	while (*path != '\0') {
		size_t len = strcspn(path, ":");
		struct stat st;
		(void)snprintf(out, size, "%.*s/%s", (int)len, path, name);
		if (stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(out, X_OK) == 0) {
			return 0;
		}
		path += len + (path[len] == ':' ? 1 : 0);
	}
	errno = ENOENT;
	error_sys(e, "%.80s: not in PATH", name);
missing:
	e->code = RPC_ERR_NOENT;
	(void)snprintf(e->path, sizeof(e->path), "/process/args/0");
	return -1;
}

static int child_switch_user(const struct spec *s, const struct spec_process *p,
			     struct agent_error *e)
{
	/* where setgroups is denied there are no groups to drop */
	bool is_denied =
		s->ns[NS_USER].is_wanted && s->process.group_count == 0;
	if (is_denied && p->group_count > 0) {
		return error_path(e, RPC_ERR_UNSUPPORTED,
				  "/process/user/additionalGids",
				  "setgroups is denied in this container");
	}
	if (!is_denied && setgroups(p->group_count, p->groups) < 0) {
		return error_sys(e, "setgroups");
	}
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 ||
	    setresgid(p->gid, p->gid, p->gid) < 0 ||
	    setresuid(p->uid, p->uid, p->uid) < 0) {
		return error_sys(e, "switching to user %u:%u", p->uid, p->gid);
	}
	if (p->has_umask) {
		(void)umask(p->umask);
	}
	return 0;
}

static int child_load_filters(const struct child_plan *plan,
			      struct agent_error *e)
{
	if (filter_apply(plan->base_filter, e) < 0) {
		return -1;
	}
	return plan->spec->seccomp != NULL
		       ? filter_apply(plan->spec->seccomp, e)
		       : 0;
}

static int child_drop_rights(const struct child_plan *plan,
			     struct agent_error *e)
{
	const struct spec_process *p = plan->process;
	if (p->has_no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return error_sys(e, "no_new_privs");
	}
	if (!p->has_no_new_privs && child_load_filters(plan, e) < 0) {
		return -1;
	}
	if (caps_limit(p, e) < 0 || child_switch_user(plan->spec, p, e) < 0 ||
	    caps_apply(p, e) < 0) {
		return -1;
	}
	if (chdir(p->cwd) < 0) {
		error_sys(e, "cwd %.100s", p->cwd);
		(void)snprintf(e->path, sizeof(e->path), "/process/cwd");
		return -1;
	}
	return p->has_no_new_privs ? child_load_filters(plan, e) : 0;
}

void child_run(const struct child_plan *plan)
{
	struct agent_error e = { 0 };
	int master = -1;
	char program[256];
	const struct spec_process *p = plan->process;
	child_reset_signals();
	(void)setsid();
	child_await(plan->sync_fd, CHILD_MAPPED);
	if (child_join(plan, &e) < 0) {
		child_die(plan->sync_fd, &e);
	}
	/* root of the user namespace, so that what we make is owned by it */
	if (plan->spec->ns[NS_USER].is_wanted &&
	    (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
		error_sys(&e, "root of the user namespace");
		child_die(plan->sync_fd, &e);
	}
	if (child_take_fds(plan, &e) < 0) {
		child_die(plan->sync_fd, &e);
	}
	int rc = plan->join_pidfd >= 0 ? child_enter(plan, &master, &e)
				       : child_build(plan, &master, &e);
	if (rc < 0 || child_find(p, program, sizeof(program), &e) < 0) {
		child_die(CHILD_SYNC_FD, &e);
	}
	child_send(CHILD_SYNC_FD, CHILD_READY, master, NULL);
	util_close(&master);
	child_await(CHILD_SYNC_FD, CHILD_START);
	if (child_drop_rights(plan, &e) < 0) {
		child_die(CHILD_SYNC_FD, &e);
	}
	/* execve(2) only reads the strings; its prototype predates const */
	(void)execve(program, (char *const *)(uintptr_t)p->args,
		     (char *const *)(uintptr_t)p->env);
	error_sys(&e, "executing %.100s", program);
	child_die(CHILD_SYNC_FD, &e);
}
