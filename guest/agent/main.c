/*
 * main.c - the agent: PID 1 of a partition's Linux.
 *
 * Order of reading: main.c, boot.c (how it gets a root), loop.c, conn.c, rpc.c
 * (how it is spoken to), methods.c (what it can do), config*.c and spec.h
 * (what a container is), container.c and proc.c (its life), child.c, mounts.c,
 * ns.c, cgroup.c, caps.c, filter.c (how it is built).
 */
#define _GNU_SOURCE
#include "boot.h"
#include "conn.h"
#include "container.h"
#include "log.h"
#include "loop.h"
#include "methods.h"
#include "modules.h"
#include "rpc.h"
#include "signals.h"
#include "util.h"
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>

void conn_on_up(void)
{
	rpc_notify("agent.ready", methods_info());
}

void conn_on_down(void)
{
	container_detach_all();
}

void conn_on_room(void)
{
	container_resume_all();
}

/* PID 1 must not return: the kernel would panic. Say why and switch off. */
static void __attribute__((noreturn)) main_give_up(const char *what)
{
	log_error("%s: %s; powering off", what, strerrorname_np(errno));
	sync();
	(void)reboot(RB_POWER_OFF);
	for (;;) {
		pause();
	}
}

static void main_harden(void)
{
	/* nobody may trace us, open our memory, or have us killed for memory;
	 * children undo the last one (proc.c) and the first ends at execve() */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)util_write("/proc/self/oom_score_adj", "-1000");
}

int main(void)
{
	static struct options options;
	if (getpid() != 1) {
		static const char text[] =
			"bulkhead agent: it is PID 1 of a guest\n";
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		return 2;
	}
	boot_early(&options);
	main_harden();
	modules_load("/lib/modules");
	if (methods_init(BOOT_DEFAULT_CONFIG) < 0) {
		main_give_up("default config");
	}
	if (boot_leave_initramfs() < 0) {
		main_give_up("leaving the initramfs");
	}
	if (boot_late() < 0) {
		main_give_up("preparing for containers");
	}
	if (loop_init() < 0 || signals_init() < 0 || container_init() < 0) {
		main_give_up("event loop");
	}
	conn_start(options.transport);
	for (;;) {
		loop_once();
	}
}
