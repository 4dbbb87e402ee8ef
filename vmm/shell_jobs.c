/*
 * shell_jobs.c - what goes on for a while: run, exec, logs, console.
 *
 * run and exec are lists of methods that are called in turn (sh->steps); after
 * the last one, output arrives as notifications until the event that ends the
 * job. Between container.run and .attach the container may have written
 * already: that is in its logs. So notifications are muted until the logs were
 * read to their end; what was muted is in the logs, because an agent logs a
 * byte before it announces it. shell_job_peek() works at the moment a reply
 * arrives, so nothing can come in between. An exec has no logs to be read.
 */
#include "shell_internal.h"
#include <bh/string.h>

#define SHELL_CTRL_C 0x03
#define SHELL_CTRL_D 0x04
#define SHELL_LEAVE  0x1d /* Ctrl-] */

static const char *const shell_run_steps[] = {
	"subscribe", "container.run", "container.attach", "container.logs",
	NULL,
};
static const char *const shell_exec_steps[] = { "subscribe", "container.attach",
						"container.exec", NULL };

/* Is @method the step that is under way? */
static bool shell_at_step(const struct shell *sh, const char *method)
{
	const char *now = sh->steps[sh->step];

	return now != NULL && strcmp(now, method) == 0;
}

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
	json_print(w, "'args':[");
	for (uint32_t i = shell_dashes(sh) + 1; i < sh->arg_count; i++) {
		json_print(w, "'%s'", sh->args[i]);
	}
	json_print(w, "]");
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

/* ---- the options of run: each checks its value and writes a member ---- */

typedef bool shell_option_fn(struct json_writer *w, const char *value);

static bool shell_option_id(struct json_writer *w, const char *value)
{
	json_print(w, "'id':'%s'", value);
	return true;
}

static bool shell_option_hostname(struct json_writer *w, const char *value)
{
	json_print(w, "'hostname':'%s'", value);
	return true;
}

static bool shell_option_memory(struct json_writer *w, const char *value)
{
	uint64_t v;

	json_print(w, "'memory.max':'%s'", value);
	return str_to_size(value, strlen(value), &v);
}

/* "0.5" CPUs as cpu.max: "50000 100000". */
static bool shell_option_cpus(struct json_writer *w, const char *value)
{
	uint64_t whole = 0, part = 0, scale = 10000;
	size_t dot = 0;

	while (value[dot] != '\0' && value[dot] != '.') {
		dot++;
	}
	if (dot > 3 || (dot > 0 && !str_to_u64(value, dot, &whole))) {
		return false;
	}
	for (const char *p = value + dot + (value[dot] == '.'); *p; p++) {
		if (*p < '0' || *p > '9') {
			return false;
		}
		part += (uint64_t)(*p - '0') * scale;
		scale /= 10;
	}
	json_print(w, "'cpu.max':'%lu 100000'", whole * 100000 + part);
	return whole * 100000 + part >= 1000;
}

static bool shell_option_pids(struct json_writer *w, const char *value)
{
	uint64_t v = 0;

	if (!str_to_u64(value, strlen(value), &v) || v == 0) {
		return false;
	}
	json_print(w, "'pids.max':%lu", v);
	return true;
}

static bool shell_run_option(struct json_writer *w, const char *key,
			     const char *value)
{
	static const struct {
		const char *key;
		shell_option_fn *put;
	} options[] = {
		{ "--id", shell_option_id },
		{ "--hostname", shell_option_hostname },
		{ "--memory", shell_option_memory },
		{ "--cpus", shell_option_cpus },
		{ "--pids", shell_option_pids },
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(options); i++) {
		if (strcmp(key, options[i].key) == 0) {
			return options[i].put(w, value);
		}
	}
	return false;
}

/* The parameters of container.run; false after a usage error. */
static bool shell_run_params(struct shell *sh, struct json_writer *w)
{
	uint32_t end = shell_dashes(sh);

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
	return true;
}

/* ---- run and exec ---- */

/* A piece of a log from sh->offset on: of the container, or the VMM's own. */
static void shell_logs_request(struct shell *sh)
{
	if (sh->container[0] == '\0') {
		shell_call(sh, "machine.log", "'offset':%lu,'previous':%s",
			   sh->offset, sh->arg_count > 1 ? "true" : "false");
	} else {
		shell_call(sh, "container.logs", "'id':'%s','offset':%lu",
			   sh->container, sh->offset);
	}
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

/* Make the request of the present step; none is left: wait for the end. */
static void shell_job_step(struct shell *sh)
{
	const char *method = sh->steps[sh->step];
	struct json_writer w;

	if (method == NULL) {
		if (sh->has_exited) {
			shell_job_end(sh);
		}
		return;
	}
	if (shell_at_step(sh, "container.logs")) {
		shell_logs_request(sh);
		return;
	}
	shell_begin(sh, &w, method);
	if (shell_at_step(sh, "container.run")) {
		(void)shell_run_params(sh, &w); /* they were good before */
	} else if (sh->step > 0) {
		json_print(&w, "'id':'%s'", sh->container);
	}
	if (shell_at_step(sh, "container.exec")) {
		shell_put_args(sh, &w);
	}
	shell_send(sh, &w);
}

static void shell_job_begin(struct shell *sh, const char *const *steps)
{
	sh->mode = SHELL_JOB;
	sh->steps = steps;
	sh->is_exec = steps == shell_exec_steps;
	sh->is_muted = true;
	sh->has_exited = false;
	sh->exit_code = -1;
	sh->exec[0] = '\0';
	shell_job_step(sh);
}

/** shell_run_begin() - run NAME [options] -- ARGS. */
void shell_run_begin(struct shell *sh)
{
	struct json_writer w;

	if (!shell_has_args(sh)) {
		return;
	}
	if (shell_dashes(sh) < 2 ||
	    !str_copy(sh->partition, sizeof(sh->partition), sh->args[1])) {
		shell_usage(sh, "name the partition first");
		return;
	}
	/* decode everything now; it is written again when it is sent */
	shell_begin(sh, &w, "container.run");
	if (shell_run_params(sh, &w)) {
		shell_job_begin(sh, shell_run_steps);
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
	shell_job_begin(sh, shell_exec_steps);
}

/** shell_job_peek() - note names and show logs at the moment they arrive. */
void shell_job_peek(struct shell *sh, json_ref result)
{
	const struct json_doc *d = &sh->doc;
	uint64_t next;

	if (result == JSON_NONE) {
		return;
	}
	if (shell_at_step(sh, "container.run")) {
		(void)!json_string(d, json_member(d, result, "id"),
				   sh->container, sizeof(sh->container), NULL);
	} else if (shell_at_step(sh, "container.exec")) {
		(void)!json_string(d, json_member(d, result, "exec"), sh->exec,
				   sizeof(sh->exec), NULL);
		sh->is_muted = false;
	} else if (shell_at_step(sh, "container.logs")) {
		next = json_member_u64(d, result, "next", 0);
		sh->is_muted = next > sh->offset;
		sh->offset = sh->is_muted ? next : sh->offset;
		shell_text(sh, json_member(d, result, "data"));
	}
}

/** shell_job_reply() - a step is done: the next one. */
void shell_job_reply(struct shell *sh, json_ref result)
{
	(void)result;
	/* while it is muted there are more logs */
	if (sh->steps[sh->step] != NULL &&
	    !(shell_at_step(sh, "container.logs") && sh->is_muted)) {
		sh->step++;
	}
	shell_job_step(sh);
}

/** shell_job_error() - a step was refused. */
void shell_job_error(struct shell *sh)
{
	if (!sh->is_exec && shell_at_step(sh, "container.attach")) {
		/* it may have ended already: its logs tell the rest */
		sh->step++;
		shell_job_step(sh);
	} else if (sh->steps[sh->step] != NULL) {
		shell_finish(sh);
	} else if (sh->has_exited) {
		shell_job_end(sh);
	}
}

/* Does a notification belong to the job? */
static bool shell_job_is_ours(struct shell *sh, json_ref params)
{
	const struct json_doc *d = &sh->doc;
	json_ref exec = json_member(d, params, "exec");

	if ((sh->partition[0] != '\0' &&
	     !json_string_is(d, json_member(d, params, "partition"),
			     sh->partition)) ||
	    sh->container[0] == '\0' ||
	    !json_string_is(d, json_member(d, params, "id"), sh->container)) {
		return false;
	}
	return sh->is_exec ? sh->exec[0] != '\0' &&
				     json_string_is(d, exec, sh->exec)
			   : exec == JSON_NONE;
}

/* The agent is gone, and the container with it: nothing more will come. */
static void shell_job_gone(struct shell *sh, json_ref params)
{
	const struct json_doc *d = &sh->doc;

	if (sh->wait_id != 0 || /* an error comes as the reply */
	    (sh->partition[0] != '\0' &&
	     !json_string_is(d, json_member(d, params, "partition"),
			     sh->partition))) {
		return;
	}
	shell_say(sh, "%s: no longer there: ", sh->container);
	shell_text(sh, json_member(d, params, "why"));
	shell_say(sh, "\n");
	shell_finish(sh);
}

/** shell_job_notify() - output or an event; makes no request. */
void shell_job_notify(struct shell *sh, json_ref method, json_ref params)
{
	const struct json_doc *d = &sh->doc;
	json_ref event = json_member(d, params, "event");

	if (json_string_is(d, method, "agent.gone")) {
		shell_job_gone(sh, params);
		return;
	}
	if (!shell_job_is_ours(sh, params)) {
		return;
	}
	if (json_string_is(d, method, "container.output")) {
		if (!sh->is_muted) {
			shell_text(sh, json_member(d, params, "data"));
		}
		return;
	}
	if (json_string_is(d, event, "oom")) {
		shell_say(sh, "%s ran out of memory (memory.max)\n",
			  sh->container);
	}
	if (!json_string_is(d, event, sh->is_exec ? "exec-exited" : "exited")) {
		return;
	}
	json_i64(d, json_member(d, params, "exitCode"), &sh->exit_code);
	sh->has_exited = true;
	if (sh->wait_id == 0) {
		shell_job_end(sh);
	}
}

/* Gather a line of input for the job; true when it is to be sent. */
static bool shell_job_line(struct shell *sh, char c)
{
	if (c == '\r') {
		c = '\n';
	}
	if (c == '\b' || c == 0x7f) {
		shell_erase(sh, 1);
	} else if (c != SHELL_CTRL_D) {
		shell_type(sh, c, (uint8_t)c >= 0x20 || c == '\n' || c == '\t');
	}
	return c == SHELL_CTRL_D || (c == '\n' && sh->line_len > 0 &&
				     sh->line[sh->line_len - 1] == '\n');
}

/** shell_job_input() - Ctrl-C ends the container, other keys are its input. */
void shell_job_input(struct shell *sh, char c)
{
	struct json_writer w;

	if (c == SHELL_CTRL_C && (sh->wait_id != 0 || sh->is_exec)) {
		shell_say(sh, sh->wait_id != 0
				      ? "^C: no longer waiting\n"
				      : "^C: left; the program goes on\n");
		shell_finish(sh);
	} else if (sh->wait_id != 0) {
		return;
	} else if (c == SHELL_CTRL_C) {
		shell_put(sh, "^C\n", 3);
		shell_call(sh, "container.kill", "'signal':'KILL','id':'%s'",
			   sh->container);
	} else if (shell_job_line(sh, c)) {
		shell_begin(sh, &w, "container.stdin");
		if (sh->is_exec) {
			json_print(&w, "'exec':'%s'", sh->exec);
		}
		if (c == SHELL_CTRL_D) {
			json_print(&w, "'eof':true");
		}
		json_print(&w, "'data':'%.*s','id':'%s'", (int)sh->line_len,
			   sh->line, sh->container);
		sh->line_len = 0;
		shell_send(sh, &w);
	}
}

/* ---- logs ---- */

/** shell_logs_begin() - logs TARGET: all that a container has written. */
void shell_logs_begin(struct shell *sh)
{
	if (sh->arg_count != 2 || !shell_target(sh, sh->args[1])) {
		shell_usage(sh, "name one container");
		return;
	}
	shell_logs_request(sh);
}

/** shell_log_begin() - dmesg [--previous]: the VMM's own log. */
void shell_log_begin(struct shell *sh)
{
	if (sh->arg_count > 2 ||
	    (sh->arg_count == 2 && strcmp(sh->args[1], "--previous") != 0)) {
		shell_usage(sh, "takes nothing but --previous");
		return;
	}
	shell_logs_request(sh);
}

/** shell_logs_reply() - show a piece and ask for the next, to the end. */
void shell_logs_reply(struct shell *sh, json_ref result)
{
	const struct json_doc *d = &sh->doc;
	uint64_t next = json_member_u64(d, result, "next", 0);
	uint64_t lost = json_member_u64(d, result, "lost", 0);

	if (!sh->want_json && lost > 0) {
		shell_say(sh, "(%lu bytes before this are lost)\n", lost);
	}
	if (!sh->want_json) {
		shell_text(sh, json_member(d, result, "data"));
	}
	if (next > sh->offset) {
		sh->offset = next;
		shell_logs_request(sh);
	}
}

/* ---- console ---- */

/** shell_console_begin() - console NAME: attach to a partition's console. */
void shell_console_begin(struct shell *sh)
{
	if (sh->arg_count != 2) {
		shell_usage(sh, "name one partition");
		return;
	}
	shell_call(sh, "partition.console", "'name':'%s'", sh->args[1]);
}

/** shell_console_reply() - show what the guest wrote. */
void shell_console_reply(struct shell *sh, json_ref result)
{
	json_ref next = json_member(&sh->doc, result, "next");
	json_ref data = json_member(&sh->doc, result, "data");
	struct json_text t;
	char piece[128];
	size_t n;

	if (next == JSON_NONE) {
		return; /* of a write */
	}
	if (sh->mode != SHELL_RAW) {
		sh->mode = SHELL_RAW;
		shell_say(sh, "console of %s; Ctrl-] leaves\n", sh->args[1]);
	}
	json_u64(&sh->doc, next, &sh->offset);
	if (sh->want_json || !json_text_open(&sh->doc, data, &t)) {
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
	shell_call(sh, "partition.console", "'name':'%s','offset':%lu",
		   sh->args[1], sh->offset);
}

/** shell_console_input() - a key for the guest. */
void shell_console_input(struct shell *sh, char c)
{
	if (c == SHELL_LEAVE) {
		shell_put(sh, "\n", 1);
		shell_finish(sh);
	} else {
		shell_call(sh, "partition.console.write",
			   "'name':'%s','data':'%.*s'", sh->args[1], 1, &c);
	}
}
