/*
 * child.h - a container's process between clone and exec.
 *
 * It is the agent's image in the container's namespaces. It talks with the
 * agent through one SOCK_SEQPACKET socket:
 *	agent: MAPPED	user ids are mapped, go on
 *	child: READY	everything is built (with the terminal's master, if any)
 *	agent: START	execute
 *	child: (closed) execve() succeeded
 *	child: FAILED	with a struct agent_error, at any time; then it exits
 */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include "spec.h"

enum child_word { CHILD_MAPPED = 1, CHILD_READY, CHILD_START, CHILD_FAILED };

struct child_message {
	enum child_word word;
	struct agent_error error;
};

struct child_plan {
	const char *id;
	const struct spec *spec;            /* of the container */
	const struct spec_process *process; /* its own or an exec's */
	scmp_filter_ctx base_filter;
	int sync_fd;
	int stdio[3];       /* -1: from the terminal */
	int join[NS_COUNT]; /* namespaces to join by path; -1: none */
	int join_pidfd;     /* exec: the container's first process; or -1 */
	int join_flags;     /* exec: which of its namespaces */
};

/** child_run() - never returns. */
void child_run(const struct child_plan *plan) __attribute__((noreturn));

#endif
