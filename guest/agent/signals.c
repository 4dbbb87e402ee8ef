/*
 * signals.c - see signals.h.
 *
 * Everything that dies in the guest and has no other parent ends here: our own
 * processes are handed to their container, the rest is just reaped.
 */
#define _GNU_SOURCE
#include "signals.h"
#include "container.h"
#include "loop.h"
#include "power.h"
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

static void signals_ready(struct loop_source *s, uint32_t events);
static struct loop_source signals_source = { .fd = -1, .ready = signals_ready };

int signals_of(const char *name)
{
	if (name == NULL) {
		return -1;
	}
	if (strncmp(name, "SIG", 3) == 0) {
		name += 3;
	}
	for (int i = 1; i < NSIG; i++) {
		const char *known = sigabbrev_np(i);
		if (known != NULL && strcmp(known, name) == 0) {
			return i;
		}
	}
	return -1;
}

int signals_check(long long number)
{
	return number >= 1 && number < NSIG ? (int)number : -1;
}

int signals_init(void)
{
	sigset_t all;
	sigset_t child;
	sigfillset(&all);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0) {
		return -1;
	}
	signals_source.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals_source.fd < 0 ? -1 : loop_add(&signals_source, EPOLLIN);
}

static void signals_ready(struct loop_source *s, uint32_t events)
{
	struct signalfd_siginfo info;
	(void)events;
	(void)!read(s->fd, &info, sizeof(info));
	for (;;) {
		siginfo_t child = { 0 };
		if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG) < 0 ||
		    child.si_pid == 0) {
			break;
		}
		(void)container_reaped(child.si_pid, child.si_code,
				       child.si_status);
	}
	power_on_reaped();
}
