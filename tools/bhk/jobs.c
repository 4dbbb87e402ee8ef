/*
 * jobs.c - commands that go on for a while: run, exec, logs, log, console.
 *
 * run: subscribe, container.run, container.attach, then the logs to their end,
 * then notifications until the event "exited". Output that is announced before
 * the logs were read is in the logs too, so it is muted until then; lines come
 * in order, hence nothing is lost and nothing shown twice.
 */
#include "bhk.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define BHK_LEAVE      0x1d /* Ctrl-] */
#define BHK_CONSOLE_MS 200

static volatile sig_atomic_t bhk_interrupts;

static void bhk_on_signal(int signal)
{
	(void)signal;
	bhk_interrupts++;
}

static bool bhk_same(json_t *params, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(params, key));

	return s != NULL && strcmp(s, value) == 0;
}

/* Is it about the container, or the exec, that is waited for? */
static bool bhk_is_ours(struct bhk *b, json_t *params)
{
	if ((b->partition[0] != '\0' &&
	     !bhk_same(params, "partition", b->partition)) ||
	    b->container[0] == '\0' || !bhk_same(params, "id", b->container)) {
		return false;
	}
	return b->is_exec
		       ? b->exec[0] != '\0' && bhk_same(params, "exec", b->exec)
		       : json_object_get(params, "exec") == NULL;
}

/* The agent is gone, and the container with it: nothing more will come. */
static void bhk_on_gone(struct bhk *b, json_t *params)
{
	if (b->partition[0] != '\0' &&
	    !bhk_same(params, "partition", b->partition)) {
		return;
	}
	fprintf(stderr, "bhk: %s: no longer there: ", b->container);
	bhk_text(stderr,
		 json_string_value(json_object_get(params, "why")) ?: "?");
	fprintf(stderr, "\n");
	b->exit_code = BHK_NOT_RUN;
	b->has_exited = true;
}

static void bhk_on_notify(struct bhk *b, const char *method, json_t *params)
{
	json_t *data = json_object_get(params, "data");

	if (strcmp(method, "agent.gone") == 0) {
		bhk_on_gone(b, params);
		return;
	}
	if (!bhk_is_ours(b, params)) {
		return;
	}
	if (strcmp(method, "container.output") == 0) {
		if (!b->is_muted && json_is_string(data)) {
			FILE *to = bhk_same(params, "stream", "stderr")
					   ? stderr
					   : stdout;

			fwrite(json_string_value(data), 1,
			       json_string_length(data), to);
			fflush(to);
		}
		return;
	}
	if (bhk_same(params, "event", "oom")) {
		fprintf(stderr, "bhk: %s ran out of memory (memory.max)\n",
			b->container);
	}
	if (bhk_same(params, "event", b->is_exec ? "exec-exited" : "exited")) {
		json_t *code = json_object_get(params, "exitCode");

		b->exit_code = json_is_integer(code) ? json_integer_value(code)
						     : BHK_NOT_RUN;
		b->has_exited = true;
	}
}

static json_t *bhk_with_partition(struct bhk *b, json_t *params)
{
	if (b->partition[0] != '\0') {
		json_object_set_new(params, "partition",
				    json_string(b->partition));
	}
	return params;
}

/* All pieces of a log, onto stdout; @more: parameters for each request. */
static int bhk_pieces(struct bhk *b, const char *method, json_t *more)
{
	json_int_t offset = 0, next;
	json_t *out;
	int code;

	do {
		json_t *params = json_pack("{sI}", "offset", offset);

		json_object_update(params, more);
		code = bhk_call(b, method, params, &out);
		if (code != BHK_OK) {
			break;
		}
		next = json_integer_value(json_object_get(out, "next"));
		if (next <= offset) {
			b->is_muted = false;
		}
		fputs(json_string_value(json_object_get(out, "data")) ?: "",
		      stdout);
		json_decref(out);
		if (next <= offset) {
			break;
		}
		offset = next;
	} while (true);
	json_decref(more);
	fflush(stdout);
	return code;
}

/* Where "--" stands in the words; arg_count if it does not. */
static int bhk_dashes(const struct bhk *b)
{
	int i = 0;

	while (i < b->arg_count && strcmp(b->args[i], "--") != 0) {
		i++;
	}
	return i;
}

static json_t *bhk_words_after(const struct bhk *b)
{
	json_t *list = json_array();

	for (int i = bhk_dashes(b) + 1; i < b->arg_count; i++) {
		json_array_append_new(list, json_string(b->args[i]));
	}
	return list;
}

/* One option of run into the parameters; false: not understood. */
static bool bhk_run_option(json_t *params, const char *key, const char *value)
{
	char text[48], *end;

	if (strcmp(key, "--id") == 0) {
		json_object_set_new(params, "id", json_string(value));
	} else if (strcmp(key, "--hostname") == 0) {
		json_object_set_new(params, "hostname", json_string(value));
	} else if (strcmp(key, "--memory") == 0) {
		json_object_set_new(params, "memory.max", json_string(value));
	} else if (strcmp(key, "--cpus") == 0) {
		double cpus = strtod(value, &end);

		if (*end != '\0' || !(cpus >= 0.01 && cpus <= 999)) {
			return false;
		}
		snprintf(text, sizeof(text), "%.0f 100000", cpus * 100000);
		json_object_set_new(params, "cpu.max", json_string(text));
	} else if (strcmp(key, "--pids") == 0) {
		long n = strtol(value, &end, 10);

		if (*end != '\0' || n < 1) {
			return false;
		}
		json_object_set_new(params, "pids.max", json_integer(n));
	} else {
		return false;
	}
	return true;
}

/* Wait for the end; SIGINT kills the container. */
static int bhk_job_wait(struct bhk *b)
{
	struct sigaction sa = { .sa_handler = bhk_on_signal };
	struct bhk_feed feed = { .is_eof = false };
	bool is_killed = false;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	while (!b->has_exited) {
		if (bhk_feed(b, &feed) != BHK_OK) {
			return BHK_NOT_RUN;
		}
		if (bhk_interrupts > 1 || (bhk_interrupts == 1 && b->is_exec)) {
			return 130;
		}
		if (bhk_interrupts == 1 && !is_killed) {
			json_t *params = bhk_target_params(b);

			is_killed = true;
			json_object_set_new(params, "signal",
					    json_string("KILL"));
			bhk_call(b, "container.kill", params, NULL);
		}
	}
	if (b->want_json) {
		json_t *out = json_pack("{sssI}", "id", b->container,
					"exitCode", (json_int_t)b->exit_code);

		bhk_json(out);
		json_decref(out);
	}
	return (int)(b->exit_code & 0xff);
}

static int bhk_subscribe(struct bhk *b)
{
	b->notify = bhk_on_notify;
	b->is_muted = true;
	return bhk_call(b, "subscribe", bhk_with_partition(b, json_object()),
			NULL);
}

/** bhk_run() - run a program in a new container and wait for its end. */
int bhk_run(struct bhk *b)
{
	int dashes = bhk_dashes(b);
	json_t *params = json_object(), *out;
	const char *id;

	for (int i = 1; i < dashes; i += 2) {
		if (i + 1 >= dashes ||
		    !bhk_run_option(params, b->args[i], b->args[i + 1])) {
			json_decref(params);
			return bhk_usage(b, "an option is not understood");
		}
	}
	if (dashes < 1 || dashes + 1 >= b->arg_count ||
	    strlen(b->args[0]) >= sizeof(b->partition)) {
		json_decref(params);
		return bhk_usage(b, "name a partition, and the program after "
				    "--");
	}
	memcpy(b->partition, b->args[0], strlen(b->args[0]) + 1);
	json_object_set_new(params, "args", bhk_words_after(b));
	if (bhk_subscribe(b) != BHK_OK) {
		json_decref(params);
		return BHK_NOT_RUN;
	}
	if (bhk_call(b, "container.run", bhk_with_partition(b, params), &out) !=
	    BHK_OK) {
		return BHK_NOT_RUN;
	}
	id = json_string_value(json_object_get(out, "id"));
	snprintf(b->container, sizeof(b->container), "%s", id ?: "");
	json_decref(out);
	/* refused if it has ended already: its logs tell the rest */
	bhk_call(b, "container.attach", bhk_target_params(b), NULL);
	bhk_pieces(b, "container.logs", bhk_target_params(b));
	b->is_muted = false;
	return bhk_job_wait(b);
}

/** bhk_exec() - run a program in a container that runs. */
int bhk_exec(struct bhk *b)
{
	int dashes = bhk_dashes(b);
	json_t *params, *out;
	const char *exec;

	if (dashes != 1 || dashes + 1 >= b->arg_count ||
	    !bhk_target(b, b->args[0])) {
		return bhk_usage(b, "name a container, and the program after "
				    "--");
	}
	b->is_exec = true;
	if (bhk_subscribe(b) != BHK_OK ||
	    bhk_call(b, "container.attach", bhk_target_params(b), NULL) !=
		    BHK_OK) {
		return BHK_NOT_RUN;
	}
	b->is_muted = false;
	params = bhk_target_params(b);
	json_object_set_new(params, "args", bhk_words_after(b));
	if (bhk_call(b, "container.exec", params, &out) != BHK_OK) {
		return BHK_NOT_RUN;
	}
	exec = json_string_value(json_object_get(out, "exec"));
	snprintf(b->exec, sizeof(b->exec), "%s", exec ?: "");
	json_decref(out);
	return bhk_job_wait(b);
}

/** bhk_logs() - what a container has written. */
int bhk_logs(struct bhk *b)
{
	json_t *out;
	int code;

	if (b->arg_count != 1 || !bhk_target(b, b->args[0])) {
		return bhk_usage(b, "name one container");
	}
	if (b->want_json) {
		code = bhk_call(b, "container.logs", bhk_target_params(b),
				&out);
		if (code == BHK_OK) {
			bhk_json(out);
		}
		json_decref(out);
		return code;
	}
	return bhk_pieces(b, "container.logs", bhk_target_params(b));
}

/** bhk_log() - the VMM's own log, or that of the run before. */
int bhk_log(struct bhk *b)
{
	json_t *params = json_object(), *out;
	int code;

	if (b->arg_count == 1 && strcmp(b->args[0], "--previous") == 0) {
		json_object_set_new(params, "previous", json_true());
	} else if (b->arg_count != 0) {
		json_decref(params);
		return bhk_usage(b, "takes nothing but --previous");
	}
	if (!b->want_json) {
		return bhk_pieces(b, "machine.log", params);
	}
	code = bhk_call(b, "machine.log", params, &out);
	if (code == BHK_OK) {
		bhk_json(out);
	}
	json_decref(out);
	return code;
}

/* Keys for the guest. 1: leave; 0: go on; -1: the line is dead. */
static int bhk_console_keys(struct bhk *b)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
	json_t *data;

	if (n <= 0 || memchr(keys, BHK_LEAVE, (size_t)n) != NULL) {
		return 1;
	}
	data = json_stringn(keys, (size_t)n);
	if (data == NULL) {
		return 0; /* half a character: not for a console */
	}
	return bhk_call(b, "partition.console.write",
			json_pack("{ssso}", "name", b->args[0], "data", data),
			NULL) == BHK_PROTOCOL
		       ? -1
		       : 0;
}

/* Show what is new; *@offset below 0: the last piece. */
static int bhk_console_show(struct bhk *b, json_int_t *offset)
{
	json_t *params = json_pack("{ss}", "name", b->args[0]), *out;
	int code;

	if (*offset >= 0) {
		json_object_set_new(params, "offset", json_integer(*offset));
	}
	code = bhk_call(b, "partition.console", params, &out);
	if (code != BHK_OK) {
		return code;
	}
	if (b->want_json) {
		bhk_json(out);
	} else {
		json_t *data = json_object_get(out, "data");

		fwrite(json_string_value(data) ?: "", 1,
		       json_string_length(data), stdout);
		fflush(stdout);
	}
	*offset = json_integer_value(json_object_get(out, "next"));
	json_decref(out);
	return BHK_OK;
}

/** bhk_console() - attach to a partition's console; show it, without a tty. */
int bhk_console(struct bhk *b)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	bool is_tty = isatty(STDIN_FILENO) && !b->want_json;
	struct termios old, raw;
	json_int_t offset = -1;
	int code;

	if (b->arg_count != 1) {
		return bhk_usage(b, "name one partition");
	}
	code = bhk_console_show(b, &offset);
	if (code != BHK_OK || !is_tty || tcgetattr(STDIN_FILENO, &old) != 0) {
		return code;
	}
	fprintf(stderr, "\r\n[console of %s; Ctrl-] leaves]\r\n", b->args[0]);
	raw = old;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	while (code == BHK_OK) {
		int ready = poll(&p, 1, BHK_CONSOLE_MS);

		if (ready < 0 && errno != EINTR) {
			break;
		}
		if (ready > 0 && bhk_console_keys(b) != 0) {
			break;
		}
		code = bhk_console_show(b, &offset);
	}
	tcsetattr(STDIN_FILENO, TCSANOW, &old);
	fprintf(stderr, "\n");
	return code;
}
