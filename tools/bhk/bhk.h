/*
 * bhk.h - the operator's command line: what its files share.
 *
 * link.c   the connection and one call on it
 * show.c   replies as tables
 * look.c   commands that ask once and show
 * life.c   partitions and groups come, change and go
 * top.c    what runs, again and again
 * jobs.c   commands that go on: run, exec, logs, console
 * doctor.c what is wrong here and what to do
 * main.c   the table of commands, options, exit codes
 */
#ifndef BHK_H
#define BHK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes. run and exec give the container's own code, 125 if there is
 * none. */
enum bhk_exit {
	BHK_OK = 0,
	BHK_REFUSED = 1, /* the VMM answered with an error */
	BHK_USAGE = 2,
	BHK_NO_LINK = 3,  /* no connection */
	BHK_PROTOCOL = 4, /* no or a senseless answer */
	BHK_NOT_RUN = 125,
};

struct bhk;

/* A notification arrived while something else was waited for. */
typedef void bhk_notify_fn(struct bhk *b, const char *method, json_t *params);

struct bhk_command {
	const char *name;
	const char *usage;
	const char *help;
	const char *more;
	int (*run)(struct bhk *b);
};

struct bhk {
	const char *where; /* socket, tty or HOST:PORT */
	int fd;
	bool want_json;
	int timeout_ms; /* for one reply */
	const struct bhk_command *command;
	char **args; /* after the command's name, options of bhk removed */
	int arg_count;
	unsigned int next_id;
	bhk_notify_fn *notify;
	size_t rx_len;
	char rx[65536];
	/* the container that run or exec waits for */
	char partition[64], container[64], exec[64];
	bool is_exec, is_muted, has_exited;
	long long exit_code;
	bool is_quiet;  /* an error reply is not shown */
	int error_code; /* of the last one */
};

/* feed.c */
struct bhk_feed {
	char text[1024]; /* read, not yet taken by the program */
	size_t len;
	bool is_eof, is_full, is_over;
};

int bhk_feed(struct bhk *b, struct bhk_feed *f);

/* link.c */
int bhk_connect(struct bhk *b, char *why, size_t size);
int bhk_call(struct bhk *b, const char *method, json_t *params, json_t **out);
int bhk_wait(struct bhk *b, int timeout_ms);
int bhk_refused(struct bhk *b, json_t *reply);

/* show.c */
enum bhk_column_kind {
	BHK_TEXT,
	BHK_NUMBER,
	BHK_SIZE,
	BHK_TIME,
	BHK_PERCENT, /* one digit behind the point */
	BHK_WORDS,   /* an array, or an object's members */
};

struct bhk_column {
	const char *key, *title;
	enum bhk_column_kind kind;
};

void bhk_table(json_t *rows, const struct bhk_column *columns, size_t count);
void bhk_tree(json_t *object);
void bhk_text(FILE *to, const char *text);
void bhk_json(json_t *value);

/* main.c */
int bhk_usage(struct bhk *b, const char *why);
bool bhk_target(struct bhk *b, const char *word);
json_t *bhk_target_params(struct bhk *b);

/* look.c */
int bhk_simple(struct bhk *b, const char *method, json_t **out);
int bhk_named(struct bhk *b, const char *method, json_t **out);
int bhk_done(struct bhk *b, int code, json_t *out);

/* the commands */
int bhk_ps(struct bhk *b);
int bhk_version(struct bhk *b);
int bhk_stats(struct bhk *b);
int bhk_exits(struct bhk *b);
int bhk_why(struct bhk *b);
int bhk_top(struct bhk *b);
int bhk_state(struct bhk *b);
int bhk_create(struct bhk *b);
int bhk_start(struct bhk *b);
int bhk_pause(struct bhk *b);
int bhk_resume(struct bhk *b);
int bhk_stop(struct bhk *b);
int bhk_kill(struct bhk *b);
int bhk_reset(struct bhk *b);
int bhk_delete(struct bhk *b);
int bhk_update(struct bhk *b);
int bhk_group(struct bhk *b);
int bhk_mem(struct bhk *b);
int bhk_cpuid(struct bhk *b);
int bhk_log(struct bhk *b);
int bhk_mitigations(struct bhk *b);
int bhk_fault(struct bhk *b);
int bhk_poweroff(struct bhk *b);
int bhk_reboot(struct bhk *b);
int bhk_run(struct bhk *b);
int bhk_exec(struct bhk *b);
int bhk_logs(struct bhk *b);
int bhk_console(struct bhk *b);
int bhk_doctor(struct bhk *b);

#endif
