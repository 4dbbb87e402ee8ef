/*
 * error.h - what went wrong, in the shape in which it leaves the agent.
 *
 * Every function that can fail takes a struct agent_error and returns a
 * negative value after filling it; the dispatcher (rpc.c) turns it into a
 * JSON-RPC error object. It is plain data, so that a container's half-built
 * first process can send it through its socket as well.
 */
#ifndef AGENT_ERROR_H
#define AGENT_ERROR_H

#include <jansson.h>
#include <proto/rpc.h>

#define ERROR_MESSAGE_MAX 192
#define ERROR_PATH_MAX    128

struct agent_error {
	int code;                        /* RPC_ERR_… */
	int sys_errno;                   /* 0: no system call to blame */
	char message[ERROR_MESSAGE_MAX]; /* what, where, why; what to do */
	char path[ERROR_PATH_MAX];       /* JSON path, "" if none */
};

/** error_set() - fill in @e; always returns -1, for `return error_set(…)`. */
int error_set(struct agent_error *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** error_path() - as error_set(), naming the member of the document. */
int error_path(struct agent_error *e, int code, const char *path,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** error_sys() - a system call failed: the code SYSTEM and errno's name. */
int error_sys(struct agent_error *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** error_json() - the JSON-RPC error object; NULL if out of memory. */
json_t *error_json(const struct agent_error *e);

#endif
