/*
 * status.h - the one error type of the VMM.
 *
 * Every function that can fail returns enum status and is must_check. The rows
 * below yield the codes, their names and the sentence shown to people.
 */
#ifndef BH_STATUS_H
#define BH_STATUS_H

#include <bh/attr.h>

/* clang-format off */
#define STATUS_LIST(X)                                                         \
	X(OK,              "success")                                          \
	X(ERR_INVALID,     "malformed or contradictory input")                 \
	X(ERR_RANGE,       "value outside its range")                          \
	X(ERR_FAULT,       "address is not guest memory")                      \
	X(ERR_NOMEM,       "out of memory")                                    \
	X(ERR_NOENT,       "no such thing")                                    \
	X(ERR_EXIST,       "exists already")                                   \
	X(ERR_BUSY,        "busy")                                             \
	X(ERR_STATE,       "not possible in the present state")                \
	X(ERR_UNSUPPORTED, "not supported")                                    \
	X(ERR_DENIED,      "denied by policy")                                 \
	X(ERR_IO,          "input/output error")                               \
	X(ERR_TOO_BIG,     "larger than the limit")                            \
	X(ERR_LIMIT,       "a limit is reached")                               \
	X(ERR_AGAIN,       "try again later")                                  \
	X(ERR_TIMEOUT,     "timed out")                                        \
	X(ERR_HARDWARE,    "the machine misbehaved")
/* clang-format on */

enum status {
#define X(name, text) name,
	STATUS_LIST(X)
#undef X
		STATUS_COUNT
};

/** status_name() - the code's own name, for example "ERR_FAULT". */
const char *status_name(enum status s);
/** status_text() - the code in words; never NULL. */
const char *status_text(enum status s);

#endif
