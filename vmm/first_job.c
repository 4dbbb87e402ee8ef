/*
 * first_job.c - the container that a partition's own config describes.
 *
 * Four calls in a row, each sent when the one before was answered; the table
 * first_job_steps says which. What the operator sees begins with the
 * partition's name in brackets. Output is shown by lines: bytes that could
 * steer a terminal are replaced, since both the container and the agent are
 * not to be trusted.
 */
#include "first_job.h"
#include <bh/string.h>

/* The call of each state; the next state is that of the next row. */
static const struct first_job_step {
	const char *method;
	const char *word; /* what the call has done */
	bool is_told;     /* is success worth a line? */
} first_job_steps[] = {
	[FIRST_JOB_CREATE] = { "container.create", "created", true },
	[FIRST_JOB_ATTACH] = { "container.attach", "attached", false },
	[FIRST_JOB_START] = { "container.start", "started", true },
	[FIRST_JOB_STATS] = { "container.stats", "measured", false },
};

static printf_like(2, 3) void first_job_say(struct first_job *j,
					    const char *fmt, ...)
{
	char text[512];
	size_t at = fmt_print(text, sizeof(text), "[%s] ", j->config->name);
	va_list ap;

	va_start(ap, fmt);
	at += fmt_vprint(text + at, sizeof(text) - at, fmt, ap);
	va_end(ap);
	if (at > sizeof(text) - 2) {
		at = sizeof(text) - 2;
	}
	text[at++] = '\n';
	j->show(j->ctx, text, at);
}

/**
 * first_job_init() - prepare; nothing is sent before first_job_ready().
 * @show: gets whole lines for the operator's console
 */
void first_job_init(struct first_job *j, const struct partition_config *config,
		    struct agent_link *link, first_job_show_fn *show, void *ctx)
{
	*j = (struct first_job){
		.config = config, .link = link, .show = show, .ctx = ctx
	};
	json_doc_init(&j->doc, j->tokens, ARRAY_COUNT(j->tokens));
}

/** first_job_reset() - the partition starts anew: forget the last run. */
void first_job_reset(struct first_job *j)
{
	j->state = FIRST_JOB_IDLE;
	j->has_exited = false;
	j->line_len[0] = 0;
	j->line_len[1] = 0;
}

static bool first_job_parse(struct first_job *j, const char *text, size_t len)
{
	struct json_error err;

	return json_parse(&j->doc, text, len, &err) == OK;
}

/* The string or number @r as text that is safe to show; @dst if it is none. */
static void first_job_text(struct first_job *j, json_ref r, char *dst,
			   size_t size)
{
	uint64_t v;

	if (json_u64(&j->doc, r, &v)) {
		fmt_print(dst, size, "%lu", v);
	} else if (json_kind(&j->doc, r) == JSON_STRING) {
		(void)!json_string(&j->doc, r, dst, size, NULL);
	}
	for (; *dst != '\0'; dst++) {
		*dst = text_visible(*dst);
	}
}

static void first_job_fail(struct first_job *j, const struct agent_reply *reply)
{
	char message[256] = "no details", path[96] = "";

	if (first_job_parse(j, reply->body, reply->len)) {
		json_ref data = json_member(&j->doc, 0, "data");

		first_job_text(j, json_member(&j->doc, 0, "message"), message,
			       sizeof(message));
		first_job_text(j, json_member(&j->doc, data, "path"), path,
			       sizeof(path));
	}
	first_job_say(j, "the container was not %s: %s%s%s (%d)",
		      first_job_steps[j->state].word, message,
		      path[0] ? " at " : "", path, reply->code);
	j->state = FIRST_JOB_FAILED;
}

static void first_job_show_stats(struct first_job *j,
				 const struct agent_reply *reply)
{
	static const char *const keys[] = { "cpu.max",        "cpu.weight",
					    "cpuset.cpus",    "memory.max",
					    "memory.current", "pids.max",
					    "pids.current" };
	char text[400];
	size_t at = 0;

	if (!first_job_parse(j, reply->body, reply->len)) {
		return;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(keys); i++) {
		char value[48] = "?";

		first_job_text(j, json_member(&j->doc, 0, keys[i]), value,
			       sizeof(value));
		at += fmt_print(text + at, sizeof(text) - at, "%s%s=%s",
				i == 0 ? "" : "  ", keys[i], value);
	}
	first_job_say(j, "container %s limits: %s", j->config->name, text);
}

static void first_job_finish(struct first_job *j)
{
	j->state = FIRST_JOB_DONE;
	first_job_say(j, "container %s exited with code %d", j->config->name,
		      j->exit_code);
}

static void first_job_done(void *ctx, const struct agent_reply *reply);

/* Send the call that belongs to the present state. */
static void first_job_send(struct first_job *j)
{
	const char *method = first_job_steps[j->state].method;
	bool is_create = j->state == FIRST_JOB_CREATE;
	const struct agent_part parts[] = {
		{ "{\"id\":\"", 7 },
		{ j->config->name, strlen(j->config->name) },
		{ is_create ? "\",\"config\":" : "\"", is_create ? 11 : 1 },
		{ j->config->text, is_create ? j->config->text_len : 0 },
		{ "}", 1 },
	};
	enum status st = agent_link_call(j->link, method, parts,
					 ARRAY_COUNT(parts), first_job_done, j);

	if (st != OK) {
		first_job_say(j, "%s could not be sent: %s", method,
			      status_text(st));
		j->state = FIRST_JOB_FAILED;
	}
}

/* A call was answered: take the next step. */
static void first_job_done(void *ctx, const struct agent_reply *reply)
{
	struct first_job *j = ctx;

	if (j->state < FIRST_JOB_CREATE || j->state > FIRST_JOB_STATS) {
		return; /* reset meanwhile */
	}
	if (reply->code != 0 && j->state == FIRST_JOB_STATS && j->has_exited) {
		first_job_finish(j); /* too short-lived to be measured */
		return;
	}
	if (reply->code != 0) {
		first_job_fail(j, reply);
		return;
	}
	if (first_job_steps[j->state].is_told) {
		first_job_say(j, "container %s %s", j->config->name,
			      first_job_steps[j->state].word);
	}
	if (j->state != FIRST_JOB_STATS) {
		j->state++;
		first_job_send(j);
		return;
	}
	first_job_show_stats(j, reply);
	j->state = FIRST_JOB_RUNNING;
	if (j->has_exited) {
		first_job_finish(j);
	}
}

/** first_job_ready() - the agent is ready: start the job, if there is one. */
void first_job_ready(struct first_job *j)
{
	first_job_reset(j);
	if (!j->config->has_process) {
		first_job_say(j, "agent ready; no process in the config");
		return;
	}
	first_job_say(j, "agent ready; creating container %s", j->config->name);
	j->state = FIRST_JOB_CREATE;
	first_job_send(j);
}

static void first_job_flush(struct first_job *j, uint32_t stream)
{
	first_job_say(j, "%.*s", (int)j->line_len[stream], j->line[stream]);
	j->line_len[stream] = 0;
}

/* Gather output to lines; a long line is cut in pieces. */
static void first_job_byte(struct first_job *j, uint32_t stream, char c)
{
	if (c == '\t') {
		j->line[stream][j->line_len[stream]++] = c;
	} else if (c != '\n' && c != '\r') {
		j->line[stream][j->line_len[stream]++] = text_visible(c);
	}
	if (c == '\n' || j->line_len[stream] == sizeof(j->line[stream])) {
		first_job_flush(j, stream);
	}
}

static void first_job_output(struct first_job *j)
{
	json_ref data = json_member(&j->doc, 0, "data");
	json_ref name = json_member(&j->doc, 0, "stream");
	uint32_t stream = json_string_is(&j->doc, name, "stderr") ? 1 : 0;
	struct json_text t;
	char piece[128];
	size_t n;

	if (!json_text_open(&j->doc, data, &t)) {
		return;
	}
	while ((n = json_text_read(&t, piece, sizeof(piece))) > 0) {
		for (size_t i = 0; i < n; i++) {
			first_job_byte(j, stream, piece[i]);
		}
	}
}

static void first_job_event(struct first_job *j)
{
	json_ref event = json_member(&j->doc, 0, "event");
	int64_t code = -1;

	if (json_string_is(&j->doc, event, "oom")) {
		first_job_say(j, "container %s ran out of memory",
			      j->config->name);
	}
	if (!json_string_is(&j->doc, event, "exited")) {
		return;
	}
	json_i64(&j->doc, json_member(&j->doc, 0, "exitCode"), &code);
	for (uint32_t i = 0; i < 2; i++) {
		if (j->line_len[i] > 0) {
			first_job_flush(j, i);
		}
	}
	j->exit_code = (int32_t)code;
	j->has_exited = true;
	if (j->state == FIRST_JOB_RUNNING) {
		first_job_finish(j);
	}
}

/** first_job_notify() - a notification of the agent; others' are ignored. */
void first_job_notify(struct first_job *j, const char *method,
		      const char *params, size_t len)
{
	if (j->state < FIRST_JOB_CREATE || j->state > FIRST_JOB_RUNNING ||
	    !first_job_parse(j, params, len) ||
	    !json_string_is(&j->doc, json_member(&j->doc, 0, "id"),
			    j->config->name) ||
	    json_member(&j->doc, 0, "exec") != JSON_NONE) {
		return;
	}
	if (strcmp(method, "container.output") == 0) {
		first_job_output(j);
	} else if (strcmp(method, "container.event") == 0) {
		first_job_event(j);
	}
}
