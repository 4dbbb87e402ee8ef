/*
 * shell_jobs.c - what goes on for a while: run, exec, logs, console.
 *
 * run: subscribe, container.run, container.attach, container.logs, then output
 * arrives as notifications until the event "exited". Between run and attach the
 * container may have written already: that is in its logs. So notifications are
 * muted until the logs were read to their end; what was muted is in the logs,
 * because an agent logs a byte before it announces it. The peek function works
 * at the moment a reply arrives, so nothing can come in between.
 *
 * exec: subscribe, container.attach, container.exec, then as above; there are
 * no logs of an exec to be read first.
 */
#include "shell_internal.h"
#include <bh/string.h>

#define SHELL_CTRL_C 0x03
#define SHELL_CTRL_D 0x04
#define SHELL_LEAVE  0x1d /* Ctrl-] */

enum shell_run_step { RUN_SUBSCRIBE, RUN_RUN, RUN_ATTACH, RUN_LOGS, RUN_WAIT };
enum shell_exec_step { EXEC_SUBSCRIBE, EXEC_ATTACH, EXEC_EXEC, EXEC_WAIT };

/* The end of the options: index of "--", or arg_count. */
static uint32_t shell_dashes(const struct shell *sh)
{
	uint32_t i = 1;

	while (i < sh->arg_count && strcmp(sh->args[i], "--") != 0) {
		i++;
	}
	return i;
}

static void shell_put_args(struct shell *sh, struct json_writer *w)
{
	json_write_key(w, "args");
	json_write_open(w, '[');
	for (uint32_t i = shell_dashes(sh) + 1; i < sh->arg_count; i++) {
		json_write_string(w, sh->args[i]);
	}
	json_write_close(w, ']');
}

/* Is there "--" and something after it? */
static bool shell_has_args(struct shell *sh)
{
	if (shell_dashes(sh) + 1 < sh->arg_count) {
		return true;
	}
	shell_usage(sh, "the program to run is missing: write it after --");
	return false;
}

static void shell_job_begin(struct shell *sh, bool is_exec)
{
	struct json_writer w;

	sh->mode = SHELL_JOB;
	sh->is_exec = is_exec;
	sh->is_muted = true;
	sh->has_exited = false;
	sh->exit_code = -1;
	sh->exec[0] = '\0';
	sh->offset = 0;
	shell_request(sh, &w, "subscribe");
	if (sh->partition[0] != '\0') {
		json_put_string(&w, "partition", sh->partition);
	}
	shell_send(sh, &w);
}

/* "0.5" CPUs as cpu.max: "50000 100000". */
static bool shell_cpu_max(const char *text, char *dst, size_t size)
{
	uint64_t whole = 0, part = 0, scale = 10000;
	size_t dot = 0;

	while (text[dot] != '\0' && text[dot] != '.') {
		dot++;
	}
	if (dot > 3 || (dot > 0 && !str_to_u64(text, dot, &whole))) {
		return false;
	}
	for (const char *p = text + dot + (text[dot] == '.'); *p != '\0'; p++) {
		if (*p < '0' || *p > '9') {
			return false;
		}
		part += (uint64_t)(*p - '0') * scale;
		scale /= 10;
	}
	if (whole * 100000 + part < 1000) {
		return false;
	}
	fmt_print(dst, size, "%lu 100000", whole * 100000 + part);
	return true;
}

/* One option of run: written into the request; false: it is wrong. */
static bool shell_run_option(struct json_writer *w, const char *key,
			     const char *value)
{
	uint64_t v;
	char text[40];

	if (strcmp(key, "--id") == 0) {
		json_put_string(w, "id", value);
	} else if (strcmp(key, "--hostname") == 0) {
		json_put_string(w, "hostname", value);
	} else if (strcmp(key, "--memory") == 0) {
		if (!str_to_size(value, strlen(value), &v)) {
			return false;
		}
		json_put_string(w, "memory.max", value);
	} else if (strcmp(key, "--cpus") == 0) {
		if (!shell_cpu_max(value, text, sizeof(text))) {
			return false;
		}
		json_put_string(w, "cpu.max", text);
	} else if (strcmp(key, "--pids") == 0) {
		if (!str_to_u64(value, strlen(value), &v) || v == 0) {
			return false;
		}
		json_put_u64(w, "pids.max", v);
	} else {
		return false;
	}
	return true;
}

/* container.run from the words; false after a usage error. */
static bool shell_run_request(struct shell *sh, struct json_writer *w)
{
	uint32_t end = shell_dashes(sh);

	shell_request(sh, w, "container.run");
	shell_put_args(sh, w);
	for (uint32_t i = 2; i < end; i += 2) {
		if (i + 1 >= end ||
		    !shell_run_option(w, sh->args[i], sh->args[i + 1])) {
			shell_usage(sh, "%s %s is not understood", sh->args[i],
				    i + 1 < end ? sh->args[i + 1] : "");
			sh->wait_id = 0;
			return false;
		}
	}
	shell_put_target(sh, w);
	return true;
}

/** shell_run_begin() - run NAME [options] -- ARGS. */
void shell_run_begin(struct shell *sh)
{
	struct json_writer w;

	if (!shell_has_args(sh)) {
		return;
	}
	sh->partition[0] = '\0';
	sh->container[0] = '\0';
	if (shell_dashes(sh) < 2 ||
	    !str_copy(sh->partition, sizeof(sh->partition), sh->args[1])) {
		shell_usage(sh, "name the partition first");
		return;
	}
	/* decode everything now; it is written again when it is sent */
	if (shell_run_request(sh, &w)) {
		shell_job_begin(sh, false);
	}
}

/* Ask for what the container has written since sh->offset. */
static void shell_logs_request(struct shell *sh)
{
	struct json_writer w;

	shell_request(sh, &w, "container.logs");
	json_put_string(&w, "id", sh->container);
	json_put_u64(&w, "offset", sh->offset);
	shell_put_target(sh, &w);
	shell_send(sh, &w);
}

static void shell_job_call(struct shell *sh, const char *method)
{
	struct json_writer w;

	shell_request(sh, &w, method);
	json_put_string(&w, "id", sh->container);
	if (strcmp(method, "container.exec") == 0) {
		shell_put_args(sh, &w);
	}
	shell_put_target(sh, &w);
	shell_send(sh, &w);
}

static void shell_job_end(struct shell *sh)
{
	if (!sh->at_line_start) {
		shell_put(sh, "\n", 1);
	}
	if (!sh->want_json) {
		shell_say(sh, "%s%s%s exited with code %ld\n", sh->container,
			  sh->is_exec ? " " : "", sh->exec, sh->exit_code);
	}
	shell_finish(sh);
}

/** shell_job_peek() - note names and show logs at the moment they arrive. */
void shell_job_peek(struct shell *sh, json_ref result)
{
	json_ref data = json_member(&sh->doc, result, "data");
	json_ref exec = json_member(&sh->doc, result, "exec");

	if (!sh->is_exec && sh->step == RUN_RUN) {
		json_ref id = json_member(&sh->doc, result, "id");

		(void)!json_string(&sh->doc, id, sh->container,
				   sizeof(sh->container), NULL);
	} else if (!sh->is_exec && sh->step == RUN_LOGS) {
		uint64_t next = sh->offset;

		json_u64(&sh->doc, json_member(&sh->doc, result, "next"),
			 &next);
		sh->is_muted = next > sh->offset;
		sh->offset = next > sh->offset ? next : sh->offset;
		shell_text(sh, data);
	} else if (sh->is_exec && sh->step == EXEC_EXEC) {
		(void)!json_string(&sh->doc, exec, sh->exec, sizeof(sh->exec),
				   NULL);
		sh->is_muted = false;
	}
}

/** shell_run_reply() - the next step of run. */
void shell_run_reply(struct shell *sh, json_ref result)
{
	struct json_writer w;

	(void)result;
	switch (sh->step) {
	case RUN_SUBSCRIBE:
		sh->step = RUN_RUN;
		if (shell_run_request(sh, &w)) {
			shell_send(sh, &w);
		}
		break;
	case RUN_RUN:
		sh->step = RUN_ATTACH;
		shell_job_call(sh, "container.attach");
		break;
	case RUN_ATTACH:
		sh->step = RUN_LOGS;
		shell_logs_request(sh);
		break;
	case RUN_LOGS:
		if (sh->is_muted) {
			shell_logs_request(sh);
			break;
		}
		sh->step = RUN_WAIT;
		if (sh->has_exited) {
			shell_job_end(sh);
		}
		break;
	default:
		if (sh->has_exited) {
			shell_job_end(sh);
		}
		break;
	}
}

/** shell_job_error() - a step was refused. */
void shell_job_error(struct shell *sh)
{
	bool is_kill = sh->step ==
		       (sh->is_exec ? (uint32_t)EXEC_WAIT : (uint32_t)RUN_WAIT);

	if (!sh->is_exec && sh->step == RUN_ATTACH) {
		/* it may have ended already: its logs tell the rest */
		sh->step = RUN_LOGS;
		shell_logs_request(sh);
	} else if (is_kill && sh->has_exited) {
		shell_job_end(sh);
	} else if (!is_kill) {
		shell_finish(sh);
	}
}

/** shell_exec_begin() - exec TARGET -- ARGS. */
void shell_exec_begin(struct shell *sh)
{
	if (!shell_has_args(sh)) {
		return;
	}
	if (shell_dashes(sh) != 2 || !shell_target(sh, sh->args[1])) {
		shell_usage(sh, "name one container first");
		return;
	}
	shell_job_begin(sh, true);
}

/** shell_exec_reply() - the next step of exec. */
void shell_exec_reply(struct shell *sh, json_ref result)
{
	(void)result;
	switch (sh->step) {
	case EXEC_SUBSCRIBE:
		sh->step = EXEC_ATTACH;
		shell_job_call(sh, "container.attach");
		break;
	case EXEC_ATTACH:
		sh->step = EXEC_EXEC;
		shell_job_call(sh, "container.exec");
		break;
	case EXEC_EXEC:
		sh->step = EXEC_WAIT;
		if (sh->has_exited) {
			shell_job_end(sh);
		}
		break;
	default:
		if (sh->has_exited) {
			shell_job_end(sh);
		}
		break;
	}
}

/* Does a notification belong to the job? */
static bool shell_job_is_ours(struct shell *sh, json_ref params)
{
	json_ref exec = json_member(&sh->doc, params, "exec");
	json_ref from = json_member(&sh->doc, params, "partition");

	if (sh->partition[0] != '\0' &&
	    !json_string_is(&sh->doc, from, sh->partition)) {
		return false;
	}
	if (sh->container[0] == '\0' ||
	    !json_string_is(&sh->doc, json_member(&sh->doc, params, "id"),
			    sh->container)) {
		return false;
	}
	return sh->is_exec ? sh->exec[0] != '\0' &&
				     json_string_is(&sh->doc, exec, sh->exec)
			   : exec == JSON_NONE;
}

/** shell_job_notify() - output or an event; makes no request. */
void shell_job_notify(struct shell *sh, json_ref method, json_ref params)
{
	json_ref event = json_member(&sh->doc, params, "event");
	const char *end = sh->is_exec ? "exec-exited" : "exited";

	if (!shell_job_is_ours(sh, params)) {
		return;
	}
	if (json_string_is(&sh->doc, method, "container.output")) {
		if (!sh->is_muted) {
			shell_text(sh, json_member(&sh->doc, params, "data"));
		}
		return;
	}
	if (json_string_is(&sh->doc, event, "oom")) {
		shell_say(sh, "%s ran out of memory (memory.max)\n",
			  sh->container);
	}
	if (!json_string_is(&sh->doc, event, end)) {
		return;
	}
	json_i64(&sh->doc, json_member(&sh->doc, params, "exitCode"),
		 &sh->exit_code);
	sh->has_exited = true;
	if (sh->wait_id == 0) {
		shell_job_end(sh);
	}
}

/* Gather a line of input for the job; true when it is to be sent. */
static bool shell_job_line(struct shell *sh, char c)
{
	if (c == SHELL_CTRL_D) {
		return true;
	}
	if (c == '\b' || c == 0x7f) {
		if (sh->line_len > 0) {
			sh->line_len--;
			sh->write(sh->ctx, "\b \b", 3);
		}
		return false;
	}
	if (c == '\r') {
		c = '\n';
	}
	if (sh->line_len == SHELL_LINE_MAX - 1 ||
	    ((uint8_t)c < 0x20 && c != '\n' && c != '\t')) {
		return false;
	}
	sh->line[sh->line_len++] = c;
	shell_put(sh, &c, 1);
	return c == '\n';
}

/** shell_job_input() - Ctrl-C ends the container, other keys are its input. */
void shell_job_input(struct shell *sh, char c)
{
	struct json_writer w;

	if (sh->wait_id != 0) {
		if (c == SHELL_CTRL_C) {
			shell_say(sh, "^C: no longer waiting\n");
			shell_finish(sh);
		}
		return;
	}
	if (c == SHELL_CTRL_C && sh->is_exec) {
		shell_say(sh, "^C: left; the program goes on\n");
		shell_finish(sh);
		return;
	}
	if (c == SHELL_CTRL_C) {
		shell_put(sh, "^C\n", 3);
		shell_request(sh, &w, "container.kill");
		json_put_string(&w, "signal", "KILL");
	} else if (!shell_job_line(sh, c)) {
		return;
	} else {
		shell_request(sh, &w, "container.stdin");
		if (sh->is_exec) {
			json_put_string(&w, "exec", sh->exec);
		}
		if (c == SHELL_CTRL_D) {
			json_put_bool(&w, "eof", true);
		}
		json_write_key(&w, "data");
		json_write_bytes(&w, sh->line, sh->line_len);
		sh->line_len = 0;
	}
	json_put_string(&w, "id", sh->container);
	shell_put_target(sh, &w);
	shell_send(sh, &w);
}

/** shell_logs_begin() - logs TARGET: all that a container has written. */
void shell_logs_begin(struct shell *sh)
{
	sh->offset = 0;
	if (sh->arg_count != 2 || !shell_target(sh, sh->args[1])) {
		shell_usage(sh, "name one container");
		return;
	}
	shell_logs_request(sh);
}

static void shell_log_request(struct shell *sh)
{
	struct json_writer w;

	shell_request(sh, &w, "machine.log");
	json_put_u64(&w, "offset", sh->offset);
	shell_send(sh, &w);
}

/** shell_log_begin() - log: the VMM's own log. */
void shell_log_begin(struct shell *sh)
{
	sh->offset = 0;
	sh->container[0] = '\0';
	if (sh->arg_count != 1) {
		shell_usage(sh, "takes nothing");
		return;
	}
	shell_log_request(sh);
}

/** shell_logs_reply() - show a piece and ask for the next, to the end. */
void shell_logs_reply(struct shell *sh, json_ref result)
{
	uint64_t next = 0, lost = 0;

	json_u64(&sh->doc, json_member(&sh->doc, result, "lost"), &lost);
	if (!sh->want_json) {
		if (lost > 0) {
			shell_say(sh, "(%lu bytes before this are lost)\n",
				  lost);
		}
		shell_text(sh, json_member(&sh->doc, result, "data"));
	}
	if (!json_u64(&sh->doc, json_member(&sh->doc, result, "next"), &next) ||
	    next <= sh->offset) {
		return;
	}
	sh->offset = next;
	if (sh->container[0] == '\0') {
		shell_log_request(sh);
	} else {
		shell_logs_request(sh);
	}
}

/** shell_console_begin() - console NAME: attach to a partition's console. */
void shell_console_begin(struct shell *sh)
{
	struct json_writer w;

	if (sh->arg_count != 2 ||
	    !str_copy(sh->partition, sizeof(sh->partition), sh->args[1])) {
		shell_usage(sh, "name one partition");
		return;
	}
	shell_request(sh, &w, "partition.console");
	json_put_string(&w, "name", sh->partition);
	shell_send(sh, &w);
}

/** shell_console_reply() - show what the guest wrote. */
void shell_console_reply(struct shell *sh, json_ref result)
{
	struct json_text t;
	char piece[128];
	size_t n;

	if (json_member(&sh->doc, result, "next") == JSON_NONE) {
		return; /* of a write */
	}
	if (sh->mode != SHELL_RAW) {
		sh->mode = SHELL_RAW;
		shell_say(sh, "console of %s; Ctrl-] leaves\n", sh->partition);
	}
	json_u64(&sh->doc, json_member(&sh->doc, result, "next"), &sh->offset);
	if (sh->want_json ||
	    !json_text_open(&sh->doc, json_member(&sh->doc, result, "data"),
			    &t)) {
		return;
	}
	while ((n = json_text_read(&t, piece, sizeof(piece))) > 0) {
		sh->write(sh->ctx, piece, n); /* raw: it is a terminal's */
		sh->at_line_start = piece[n - 1] == '\n';
	}
}

/** shell_console_poll() - ask whether the guest wrote more. */
void shell_console_poll(struct shell *sh)
{
	struct json_writer w;

	shell_request(sh, &w, "partition.console");
	json_put_string(&w, "name", sh->partition);
	json_put_u64(&w, "offset", sh->offset);
	shell_send(sh, &w);
}

/** shell_console_input() - keys for the guest. */
void shell_console_input(struct shell *sh, const char *p, size_t len)
{
	struct json_writer w;

	if (len > 0 && p[0] == SHELL_LEAVE) {
		shell_put(sh, "\n", 1);
		shell_finish(sh);
		return;
	}
	shell_request(sh, &w, "partition.console.write");
	json_put_string(&w, "name", sh->partition);
	json_write_key(&w, "data");
	json_write_bytes(&w, p, len);
	shell_send(sh, &w);
}
