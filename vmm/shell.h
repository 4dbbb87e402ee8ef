/*
 * shell.h - the operator's prompt on a byte stream.
 *
 * The shell is a client of the RPC server: a command becomes the same request
 * that bhk would send, and its reply is rendered as a table. So there is one
 * logic, and what bhk can do the prompt can do.
 *
 * Modes: LINE (editing a command), WAIT (a reply is outstanding; Ctrl-C gives
 * up waiting), JOB (a container is attached; Ctrl-C kills it), RAW (a console
 * is attached; Ctrl-] leaves), TOP (figures are shown again and again; q
 * leaves).
 */
#ifndef VMM_SHELL_H
#define VMM_SHELL_H

#include "rpc.h"

#define SHELL_LINE_MAX    512
#define SHELL_HISTORY_MAX 16
#define SHELL_ARG_MAX     48
#define SHELL_TOKEN_MAX   2048

enum shell_mode { SHELL_LINE, SHELL_WAIT, SHELL_JOB, SHELL_RAW, SHELL_TOP };

/* Takes bytes for the operator's terminal; must accept all of them. */
typedef void shell_write_fn(void *ctx, const char *text, size_t len);

struct shell_command;

struct shell {
	shell_write_fn *write; /* (c) */
	void *ctx;             /* (c) */
	enum shell_mode mode;
	bool is_started;
	uint32_t line_len, history_count, history_at, escape;
	char line[SHELL_LINE_MAX];
	char history[SHELL_HISTORY_MAX][SHELL_LINE_MAX];
	char args_text[SHELL_LINE_MAX]; /* the line cut into words */
	const char *args[SHELL_ARG_MAX];
	uint32_t arg_count;
	bool want_json;

	/* the request under way */
	const struct shell_command *command;
	uint32_t step; /* of a command that takes several requests */
	uint32_t next_id, wait_id;
	bool has_reply;
	uint32_t reply_len;
	char reply[RPC_LINE_MAX];
	struct json_doc doc;
	jsmntok_t tokens[SHELL_TOKEN_MAX];

	/* what it is about; "" where nothing was named */
	char partition[RPC_NAME_MAX + 1]; /* sent along with each request */
	char container[RPC_NAME_MAX + 1];
	uint64_t offset; /* of a console or a log that is being read */

	/* JOB: the container whose output is shown */
	const char *const *steps; /* methods to be called, in order */
	char exec[RPC_NAME_MAX + 1];
	bool is_exec;    /* the job is an exec: its end is exec-exited */
	bool is_muted;   /* output is in the logs that are read first */
	bool has_exited; /* the end was announced */
	int64_t exit_code;
	bool at_line_start;

	/* TOP */
	uint64_t top_every_us, top_next_us;

	struct rpc_session session;
};

must_check enum status shell_init(struct shell *sh, struct rpc_server *server,
				  shell_write_fn *write, void *ctx);
void shell_start(struct shell *sh);
void shell_input(struct shell *sh, const void *src, size_t len);
void shell_poll(struct shell *sh);
void shell_print_async(struct shell *sh, const char *text, size_t len);

#endif
