/*
 * shell_internal.h - what the shell*.c files share; for no one else.
 */
#ifndef VMM_SHELL_INTERNAL_H
#define VMM_SHELL_INTERNAL_H

#include "shell.h"

/* How a table shows a member of each row. */
enum shell_column_kind {
	SHELL_TEXT,
	SHELL_NUMBER,
	SHELL_SIZE,  /* bytes, as 256M */
	SHELL_TIME,  /* microseconds, as 12.3s */
	SHELL_WORDS, /* an array of strings */
};

struct shell_column {
	const char *key; /* NULL: there are no more */
	const char *title;
	enum shell_column_kind kind;
};

/* A command of the prompt. */
struct shell_command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	const char *more;  /* shown by `help NAME`; may be "" */
	/* make the first request, or do all there is to do */
	void (*begin)(struct shell *sh);
	const char *method; /* that begin calls, where it is a general one */
	/* the reply in sh->doc; may make the next request */
	void (*reply)(struct shell *sh, json_ref result);
	bool is_long; /* takes several requests: reply runs with --json too */
	/* the array that reply shows as a table, where it is a general one */
	const char *rows;
	const struct shell_column *columns;
};

const struct shell_command *shell_command_find(struct shell *sh,
					       const char *name);

void shell_say(struct shell *sh, const char *fmt, ...) printf_like(2, 3);
void shell_put(struct shell *sh, const char *text, size_t len);
void shell_put_safe(struct shell *sh, const char *text, size_t len);
void shell_usage(struct shell *sh, const char *fmt, ...) printf_like(2, 3);
void shell_text(struct shell *sh, json_ref r);
void shell_type(struct shell *sh, char c, bool is_good);
void shell_erase(struct shell *sh, uint32_t count);
void shell_finish(struct shell *sh);

void shell_begin(struct shell *sh, struct json_writer *w, const char *method);
void shell_send(struct shell *sh, struct json_writer *w);
void shell_call(struct shell *sh, const char *method, const char *fmt, ...)
	printf_like(3, 4);
bool shell_target(struct shell *sh, const char *word);

void shell_table(struct shell *sh, json_ref rows,
		 const struct shell_column *columns);
void shell_tree(struct shell *sh, json_ref object);

void shell_ask(struct shell *sh, const char *method);
void shell_named(struct shell *sh);
void shell_plain(struct shell *sh);
void shell_rows(struct shell *sh, json_ref result);

/* shell_life.c: partitions and groups come, change and go. */
void shell_create(struct shell *sh);
void shell_stop(struct shell *sh);
void shell_stopped(struct shell *sh, json_ref result);
void shell_delete(struct shell *sh);
void shell_update(struct shell *sh);
void shell_group(struct shell *sh);
void shell_grouped(struct shell *sh, json_ref result);
void shell_top(struct shell *sh);
void shell_top_reply(struct shell *sh, json_ref result);
void shell_top_poll(struct shell *sh);
void shell_top_input(struct shell *sh, char c);

void shell_run_begin(struct shell *sh);
void shell_exec_begin(struct shell *sh);
void shell_job_reply(struct shell *sh, json_ref result);
void shell_job_peek(struct shell *sh, json_ref result);
void shell_job_error(struct shell *sh);
void shell_job_notify(struct shell *sh, json_ref method, json_ref params);
void shell_job_input(struct shell *sh, char c);
void shell_logs_begin(struct shell *sh);
void shell_log_begin(struct shell *sh);
void shell_logs_reply(struct shell *sh, json_ref result);
void shell_console_begin(struct shell *sh);
void shell_console_reply(struct shell *sh, json_ref result);
void shell_console_input(struct shell *sh, char c);
void shell_console_poll(struct shell *sh);

#endif
