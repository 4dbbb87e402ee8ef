/*
 * rpc_life.c - partitions and groups come, change and go: partition.create to
 * .delete, partition.update, group.*.
 *
 * The states and what each order does in each of them are docs/protocol.md's;
 * hv/partition_ops.h decides. An order that is refused has changed nothing.
 */
#include "config.h"
#include "rpc_internal.h"

#include <bh/string.h>

#define RPC_STOP_TIMEOUT_MS     10000
#define RPC_STOP_TIMEOUT_MAX_MS 600000

/* ---- create ---- */

/* The mistakes of a config.json: data.kind "config", data.errors. */
static void rpc_refuse_config(struct rpc_request *rq,
			      const struct config_report *r)
{
	char text[320];
	struct json_writer *w;

	fmt_print(text, sizeof(text), "%s: the configuration: %s%s", rq->method,
		  r->errors[0].text,
		  r->total > 1 ? "; data.errors has the others" : "");
	w = rpc_refuse_begin(rq, RPC_ERR_PARAMS, "config", text);
	json_print(w, "'errno':'EINVAL','total':%u,'errors':[", r->total);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct config_error *e = &r->errors[i];

		json_print(w, "{'path':'%s','line':%u,'column':%u,'text':'%s'}",
			   e->path, e->line, e->column, e->text);
	}
	json_print(w, "]");
	rpc_refuse_end(rq);
}

/* The text: params.config as it stands, or params.file of the boot volume. */
static const char *rpc_create_text(struct rpc_request *rq, size_t *len)
{
	const struct json_doc *d = &rq->server->doc;
	json_ref config = json_member(d, rq->params, "config");
	json_ref file = json_member(d, rq->params, "file");
	char path[128];
	const char *text;

	if ((json_kind(d, config) == JSON_OBJECT) == (file != JSON_NONE)) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: either params.config (an object) or "
			   "params.file is needed",
			   rq->method);
		return NULL;
	}
	if (file == JSON_NONE) {
		return json_raw(d, config, len);
	}
	if (json_string(d, file, path, sizeof(path), NULL) != OK) {
		path[0] = '\0';
	}
	text = ops_file(path, len);
	if (text == NULL) {
		rpc_refuse(rq, RPC_ERR_NOENT,
			   "\\bulkhead\\%s is not there; name a file of the "
			   "boot volume, or send the text as params.config",
			   path);
	}
	return text;
}

/* The name: params.name, or what params.file is called; "" after an error. */
static void rpc_create_name(struct rpc_request *rq, char name[RPC_NAME_MAX + 1])
{
	const struct json_doc *d = &rq->server->doc;
	json_ref r = json_member(d, rq->params, "name");
	char path[128] = "";
	size_t len = 0;
	bool good;

	if (r != JSON_NONE) {
		good = json_string(d, r, name, RPC_NAME_MAX + 1, &len) == OK &&
		       config_is_name(name, len);
	} else {
		r = json_member(d, rq->params, "file");
		good = json_string(d, r, path, sizeof(path), NULL) == OK &&
		       config_name(path, name);
	}
	if (!good) {
		name[0] = '\0';
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: params.name cannot name a partition: a-z 0-9 "
			   "first, then also _ . -, at most %d letters",
			   rq->method, RPC_NAME_MAX);
	}
}

/** rpc_partition_create() - a partition by its config.json. */
void rpc_partition_create(struct rpc_request *rq)
{
	const struct config_report *report = NULL;
	char name[RPC_NAME_MAX + 1];
	struct refusal why;
	const char *text;
	enum status st;
	size_t len = 0;

	rpc_create_name(rq, name);
	if (name[0] == '\0') {
		return;
	}
	text = rpc_create_text(rq, &len);
	if (text == NULL) {
		return;
	}
	st = ops_create(name, text, len, &report, &why);
	if (st == ERR_INVALID && report != NULL) {
		rpc_refuse_config(rq, report);
		return;
	}
	rpc_answer(rq, st, &why);
}

/* ---- orders ---- */

/** rpc_partition_start() - run it; its restarts are counted anew. */
void rpc_partition_start(struct rpc_request *rq)
{
	struct refusal why;

	rpc_answer(rq, ops_start(rq->index, &why), &why);
}

/** rpc_partition_pause() - give it no CPU any more. */
void rpc_partition_pause(struct rpc_request *rq)
{
	struct refusal why;

	rpc_answer(rq, ops_pause(rq->index, &why), &why);
}

/** rpc_partition_resume() - the end of a pause. */
void rpc_partition_resume(struct rpc_request *rq)
{
	struct refusal why;

	rpc_answer(rq, ops_resume(rq->index, &why), &why);
}

/** rpc_partition_kill() - take its CPUs away. */
void rpc_partition_kill(struct rpc_request *rq)
{
	struct refusal why;

	rpc_answer(rq, ops_kill(rq->index, &why), &why);
}

/** rpc_partition_reset() - end it and start it anew. */
void rpc_partition_reset(struct rpc_request *rq)
{
	struct refusal why;

	rpc_answer(rq, ops_reset(rq->index, &why), &why);
}

/** rpc_partition_delete() - give back its memory and its name. */
void rpc_partition_delete(struct rpc_request *rq)
{
	struct refusal why;
	bool is_forced;

	if (rpc_param_bool(rq, "force", &is_forced)) {
		rpc_answer(rq, ops_delete(rq->index, is_forced, &why), &why);
	}
}

/** rpc_write_stop() - the result of a stop: which stage worked, how long. */
void rpc_write_stop(struct json_writer *w, const struct partition_view *v)
{
	json_print(w, "{'state':'%s','reason':'%s','by':'%s','stop_us':%lu}",
		   partition_state_word(v->state), end_reason_word(v->reason),
		   stop_stage_word(v->stopped_by), v->stop_us);
}

/* How long each stage may take; false after an error was replied. */
static bool rpc_stop_times(struct rpc_request *rq, struct stop_times *t)
{
	uint64_t all, agent, acpi;

	/* the agent gets two thirds of the whole, the power button the rest */
	if (!rpc_param_u64(rq, "timeout_ms", RPC_STOP_TIMEOUT_MS, &all) ||
	    !rpc_param_u64(rq, "agent_ms", all - all / 3, &agent) ||
	    !rpc_param_u64(rq, "acpi_ms", all / 3, &acpi)) {
		return false;
	}
	if (all > RPC_STOP_TIMEOUT_MAX_MS || agent > RPC_STOP_TIMEOUT_MAX_MS ||
	    acpi > RPC_STOP_TIMEOUT_MAX_MS) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: timeout_ms, agent_ms and acpi_ms are at most "
			   "%d",
			   rq->method, RPC_STOP_TIMEOUT_MAX_MS);
		return false;
	}
	t->agent_ms = (uint32_t)agent;
	t->acpi_ms = (uint32_t)acpi;
	return true;
}

/**
 * rpc_partition_stop() - ask it to power off: its agent, then by the power
 * button, then kill it. With params.wait the reply comes when it has ended.
 */
void rpc_partition_stop(struct rpc_request *rq)
{
	struct partition_view v = { 0 };
	struct stop_times times;
	struct refusal why;
	enum status st;
	bool wait, has_ended;

	if (!rpc_stop_times(rq, &times) || !rpc_param_bool(rq, "wait", &wait)) {
		return;
	}
	ops_view(rq->index, &v);
	has_ended = v.state == PARTITION_STOPPED || v.state == PARTITION_FAILED;
	st = ops_stop(rq->index, &times, &why);
	if (st != OK) {
		rpc_answer(rq, st, &why);
		return;
	}
	ops_view(rq->index, &v);
	if (has_ended) { /* by what, is the former stop's business */
		v.stopped_by = STOP_NONE;
		v.stop_us = 0;
	}
	if (v.stop_stage == STOP_NONE) {
		rpc_write_stop(rpc_result(rq), &v);
	} else if (wait) {
		rq->call->waits_for_stop = true;
		rq->call->partition_id = v.id;
		rq->is_answered = true; /* by rpc_poll */
	} else {
		json_print(rpc_result(rq), "{'stage':'%s'}",
			   stop_stage_word(v.stop_stage));
	}
}

/* ---- limits ---- */

/* The limits that are given, at least one; false after an error. */
static bool rpc_changes(struct rpc_request *rq, struct limit_change *c)
{
	if (!rpc_param_limits(rq, c)) {
		return false;
	}
	if (c->keys == 0) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: no limit is given; name at least one of "
			   "cpu.weight, cpu.max, cpu.max.burst, cpuset.cpus, "
			   "memory.max",
			   rq->method);
	}
	return c->keys != 0;
}

/** rpc_partition_update() - change limits of a partition, all or none. */
void rpc_partition_update(struct rpc_request *rq)
{
	static struct limit_change c; /* management context, one at a time */
	struct refusal why;

	if (rpc_changes(rq, &c)) {
		rpc_answer(rq, ops_update(rq->index, &c, &why), &why);
	}
}

/* params.group; false after an error was replied. */
static bool rpc_param_group(struct rpc_request *rq, char path[LIMITS_GROUP_MAX])
{
	json_ref r = json_member(&rq->server->doc, rq->params, "group");

	if (json_string(&rq->server->doc, r, path, LIMITS_GROUP_MAX, NULL) ==
	    OK) {
		return true;
	}
	rpc_refuse(rq, RPC_ERR_PARAMS,
		   "%s: params.group is missing or no path of at most %d bytes",
		   rq->method, LIMITS_GROUP_MAX - 1);
	return false;
}

/** rpc_group_create() - a group, with limits if some are given. */
void rpc_group_create(struct rpc_request *rq)
{
	static struct limit_change c;
	char path[LIMITS_GROUP_MAX];
	struct refusal why;

	if (rpc_param_group(rq, path) && rpc_param_limits(rq, &c)) {
		rpc_answer(rq, ops_group_create(path, &c, &why), &why);
	}
}

/** rpc_group_update() - change limits of a group, all or none. */
void rpc_group_update(struct rpc_request *rq)
{
	static struct limit_change c;
	char path[LIMITS_GROUP_MAX];
	struct refusal why;

	if (rpc_param_group(rq, path) && rpc_changes(rq, &c)) {
		rpc_answer(rq, ops_group_update(path, &c, &why), &why);
	}
}

/** rpc_group_delete() - take a group away that nothing is in. */
void rpc_group_delete(struct rpc_request *rq)
{
	char path[LIMITS_GROUP_MAX];
	struct refusal why;

	if (rpc_param_group(rq, path)) {
		rpc_answer(rq, ops_group_delete(path, &why), &why);
	}
}
