/*
 * shell_internal.h - what the shell*.c files share; for no one else.
 */
#ifndef VMM_SHELL_INTERNAL_H
#define VMM_SHELL_INTERNAL_H

#include "shell.h"

/* A command of the prompt. */
struct shell_command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	const char *more;  /* shown by `help NAME`; may be "" */
	/* make the first request, or do all there is to do */
	void (*begin)(struct shell *sh);
	/* the reply in sh->doc; may make the next request. NULL: nothing */
	void (*reply)(struct shell *sh, json_ref result);
	/* a reply has come: note its state, make no request. May be NULL */
	void (*peek)(struct shell *sh, json_ref result);
};

/* How a table shows a member of each row. */
enum shell_column_kind {
	SHELL_TEXT,
	SHELL_NUMBER,
	SHELL_SIZE,  /* bytes, as 256M */
	SHELL_TIME,  /* microseconds, as 12.3s */
	SHELL_WORDS, /* an array of strings */
};

struct shell_column {
	const char *key;
	const char *title;
	enum shell_column_kind kind;
};

const struct shell_command *shell_command_find(const char *name);
const struct shell_command *shell_command_at(uint32_t n);
const char *shell_command_near(const char *name);

void shell_say(struct shell *sh, const char *fmt, ...) printf_like(2, 3);
void shell_put(struct shell *sh, const char *text, size_t len);
void shell_put_safe(struct shell *sh, const char *text, size_t len);
void shell_usage(struct shell *sh, const char *fmt, ...) printf_like(2, 3);
void shell_request(struct shell *sh, struct json_writer *w, const char *method);
void shell_send(struct shell *sh, struct json_writer *w);
void shell_finish(struct shell *sh);
void shell_text(struct shell *sh, json_ref r);
bool shell_target(struct shell *sh, const char *word);
void shell_put_target(struct shell *sh, struct json_writer *w);

void shell_table(struct shell *sh, json_ref rows,
		 const struct shell_column *columns, uint32_t count);
void shell_tree(struct shell *sh, json_ref object);

void shell_run_begin(struct shell *sh);
void shell_run_reply(struct shell *sh, json_ref result);
void shell_exec_begin(struct shell *sh);
void shell_exec_reply(struct shell *sh, json_ref result);
void shell_job_peek(struct shell *sh, json_ref result);
void shell_job_error(struct shell *sh);
void shell_job_notify(struct shell *sh, json_ref method, json_ref params);
void shell_job_input(struct shell *sh, char c);
void shell_logs_begin(struct shell *sh);
void shell_log_begin(struct shell *sh);
void shell_logs_reply(struct shell *sh, json_ref result);
void shell_console_begin(struct shell *sh);
void shell_console_reply(struct shell *sh, json_ref result);
void shell_console_input(struct shell *sh, const char *p, size_t len);
void shell_console_poll(struct shell *sh);

#endif
