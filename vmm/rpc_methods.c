/*
 * rpc_methods.c - the table of methods, what handlers share, and machine.*.
 *
 * A row names a method's handler and the parameters it takes; what it does not
 * take is refused. A method whose parameters begin with "name" acts on one
 * partition: rpc_dispatch finds it before the handler runs (rq->index).
 */
#include "mitigations.h"
#include "nearest.h"
#include "rpc_internal.h"
#include <bh/string.h>

/** rpc_find_partition() - the index of the partition called @name. */
bool rpc_find_partition(const char *name, uint32_t *index)
{
	struct partition_view v;

	for (uint32_t i = 0; i < ops_count(); i++) {
		ops_view(i, &v);
		if (strcmp(v.name, name) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

/** rpc_param_u64() - an optional number; false after an error was replied. */
bool rpc_param_u64(struct rpc_request *rq, const char *key, uint64_t dflt,
		   uint64_t *out)
{
	json_ref r = json_member(&rq->server->doc, rq->params, key);

	*out = dflt;
	if (r == JSON_NONE || json_u64(&rq->server->doc, r, out)) {
		return true;
	}
	rpc_refuse(rq, RPC_ERR_PARAMS,
		   "%s: params.%s is not a whole number from 0 on", rq->method,
		   key);
	return false;
}

/** rpc_param_bool() - an optional flag, false by default; false after an error
 *  was replied. */
bool rpc_param_bool(struct rpc_request *rq, const char *key, bool *out)
{
	json_ref r = json_member(&rq->server->doc, rq->params, key);

	*out = false;
	if (r == JSON_NONE || json_bool(&rq->server->doc, r, out)) {
		return true;
	}
	rpc_refuse(rq, RPC_ERR_PARAMS, "%s: params.%s is not true or false",
		   rq->method, key);
	return false;
}

/* One limit: a string, or a number as it is written. */
static bool rpc_param_limit(struct rpc_request *rq, enum limit_key key,
			    struct limit_change *out)
{
	const struct json_doc *d = &rq->server->doc;
	json_ref r = json_member(d, rq->params, limits_word(key));
	char *text = out->values[key].text;
	enum status s = ERR_INVALID;

	if (r == JSON_NONE) {
		return true;
	}
	out->keys |= (uint32_t)BIT(key);
	if (json_kind(d, r) == JSON_STRING) {
		s = json_string(d, r, text, LIMITS_TEXT_MAX, NULL);
	} else if (json_kind(d, r) == JSON_NUMBER) {
		size_t len;
		const char *raw = json_raw(d, r, &len);

		fmt_print(text, LIMITS_TEXT_MAX, "%.*s", (int)len, raw);
		s = OK;
	}
	if (s != OK) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: params.%s is no string of at most %d bytes and "
			   "no number",
			   rq->method, limits_word(key), LIMITS_TEXT_MAX - 1);
	}
	return s == OK;
}

/** rpc_param_limits() - the limits that are given; false after an error. */
bool rpc_param_limits(struct rpc_request *rq, struct limit_change *out)
{
	out->keys = 0;
	for (uint32_t i = 0; i < LIMIT_COUNT; i++) {
		if (!rpc_param_limit(rq, (enum limit_key)i, out)) {
			return false;
		}
	}
	return true;
}

/** rpc_answer() - {}, or the refusal of @st with all that programs may need. */
void rpc_answer(struct rpc_request *rq, enum status st,
		const struct refusal *why)
{
	static const struct {
		int32_t code;
		const char *kind;
	} rows[STATUS_COUNT] = {
		[ERR_INVALID] = { RPC_ERR_PARAMS, "invalid" },
		[ERR_RANGE] = { RPC_ERR_PARAMS, "range" },
		[ERR_NOMEM] = { RPC_ERR_LIMIT, "memory" },
		[ERR_LIMIT] = { RPC_ERR_LIMIT, "limit" },
		[ERR_TOO_BIG] = { RPC_ERR_LIMIT, "limit" },
		[ERR_NOENT] = { RPC_ERR_NOENT, "not-found" },
		[ERR_EXIST] = { RPC_ERR_EXIST, "exists" },
		[ERR_BUSY] = { RPC_ERR_BUSY, "busy" },
		[ERR_STATE] = { RPC_ERR_STATE, "state" },
		[ERR_UNSUPPORTED] = { RPC_ERR_UNSUPPORTED, "unsupported" },
		[ERR_DENIED] = { RPC_ERR_UNSUPPORTED, "denied" },
	};
	struct partition_view v = { 0 };
	struct json_writer *w;

	if (st == OK) {
		return;
	}
	w = rpc_refuse_begin(
		rq, rows[st].code != 0 ? rows[st].code : RPC_ERR_INTERNAL,
		rows[st].code != 0 ? rows[st].kind : "internal", why->text);
	if (limits_errno(st)[0] != '\0') {
		json_print(w, "'errno':'%s'", limits_errno(st));
	}
	if (rq->has_partition) {
		ops_view(rq->index, &v);
		json_print(w, "'state':'%s'", partition_state_word(v.state));
	}
	if (why->key != NULL) {
		json_print(w, "'key':'%s'", why->key);
	}
	if (why->need != 0) {
		json_print(w, "'need':%lu,'free':%lu", why->need, why->free);
	}
	rpc_refuse_end(rq);
}

/* Bytes at the end of @p that begin a UTF-8 character but do not end it. */
static size_t rpc_torn_tail(const char *p, size_t len)
{
	for (size_t back = 1; back <= 3 && back < len; back++) {
		const char *start = p + len - back;

		if ((uint8_t)*start >= 0xc0) {
			return utf8_length(start, back) == 0 ? back : 0;
		}
	}
	return 0;
}

/**
 * rpc_reply_ring() - a piece of a log or a console: from params.offset on,
 * without it the last RPC_CHUNK_MAX bytes. A character that the chunk's end
 * would tear is left for the next reply.
 * @of: the run whose log it is; NULL: this one, or a console
 */
void rpc_reply_ring(struct rpc_request *rq, const struct ring *ring,
		    const struct machine_log_before *of)
{
	struct json_writer *w;
	char *chunk = rq->server->chunk;
	uint64_t tail = ring_tail(ring), pos, lost = 0;
	uint64_t dflt = ring->head - tail > RPC_CHUNK_MAX
				? ring->head - RPC_CHUNK_MAX
				: tail;
	size_t len, torn;

	if (!rpc_param_u64(rq, "offset", dflt, &pos)) {
		return;
	}
	pos = pos > ring->head ? ring->head : pos;
	len = ring_read(ring, &pos, chunk, RPC_CHUNK_MAX, &lost);
	torn = len == RPC_CHUNK_MAX ? rpc_torn_tail(chunk, len) : 0;
	w = rpc_result(rq);
	json_print(w, "{'data':'%.*s','offset':%lu,'next':%lu,'lost':%lu",
		   (int)(len - torn), chunk, pos - len, pos - torn, lost);
	if (of != NULL) {
		json_print(w, "'run':%u,'end':'%s','text':'%s'", of->run,
			   of->end, of->end_text);
	}
	json_print(w, "}");
}

/* ---- machine.* ---- */

static void rpc_machine_info(struct rpc_request *rq)
{
	static const char *const states[] = {
		[MACHINE_FEATURE_USED] = "used",
		[MACHINE_FEATURE_OFF] = "off",
		[MACHINE_FEATURE_ABSENT] = "absent",
	};
	struct json_writer *w = rpc_result(rq);
	struct machine_info m = { 0 };

	ops_machine_info(&m);
	json_print(w,
		   "{'version':'%s','protocol':%d,'backend':'%s',"
		   "'cpu_vendor':'%s','cpu_brand':'%s','cpus':%u,"
		   "'memory':%lu,'tsc_khz':%lu,'uptime_us':%lu,'features':{",
		   m.version, RPC_VERSION, m.backend, m.cpu_vendor, m.cpu_brand,
		   m.cpu_count, m.memory_bytes, m.tsc_khz, m.uptime_us);
	for (uint32_t i = 0; i < m.feature_count; i++) {
		json_print(w, "'%s':'%s'", m.features[i].name,
			   states[m.features[i].state]);
	}
	json_print(w, "},'acpi':{");
	for (uint32_t i = 0; i < m.fact_count; i++) {
		json_print(w, "'%s':'%s'", m.facts[i].name, m.facts[i].text);
	}
	json_print(w, "}}");
}

static void rpc_machine_mem(struct rpc_request *rq)
{
	struct json_writer *w = rpc_result(rq);
	struct machine_mem mem = { 0 };

	ops_machine_mem(&mem);
	json_print(w, "{'total':%lu,'free':%lu,'owners':[", mem.total_bytes,
		   mem.free_bytes);
	for (uint32_t i = 0; i < mem.owner_count; i++) {
		json_print(w, "{'name':'%s','what':'%s','bytes':%lu}",
			   mem.owners[i].name, mem.owners[i].what,
			   mem.owners[i].bytes);
	}
	json_print(w, "]}");
}

static void rpc_machine_log(struct rpc_request *rq)
{
	struct machine_log_before b = { 0 };
	bool is_before;

	if (!rpc_param_bool(rq, "previous", &is_before)) {
		return;
	}
	if (!is_before) {
		rpc_reply_ring(rq, ops_machine_log(), NULL);
		return;
	}
	ops_machine_log_before(&b);
	if (b.text == NULL) {
		rpc_refuse(rq, RPC_ERR_NOENT,
			   "there is no log of the run before: %s", b.why_not);
		return;
	}
	rpc_reply_ring(rq, b.text, &b);
}

static void rpc_machine_mitigations(struct rpc_request *rq)
{
	struct json_writer *w = rpc_result(rq);
	struct mitigation_row row;

	json_print(w, "{'mode':'%s','flaws':[", ops_mitigations_mode());
	for (uint32_t n = 0; ops_mitigation(n, &row); n++) {
		json_print(w,
			   "{'name':'%s','what':'%s','state':'%s','how':'%s',"
			   "'cost':'%s'}",
			   row.name, row.what, mitigation_state_word(row.state),
			   row.how, row.cost);
	}
	json_print(w, "]}");
}

/* For tests: see docs/black-box.md. */
static void rpc_machine_fault(struct rpc_request *rq)
{
	static const char *const words[] = {
#define X(code, name, text) #name,
		MACHINE_FAULT_LIST(X)
#undef X
	};
	const struct json_doc *d = &rq->server->doc;
	json_ref how = json_member(d, rq->params, "how");

	for (uint32_t i = 0; i < ARRAY_COUNT(words); i++) {
		if (!json_string_is(d, how, words[i])) {
			continue;
		}
		if (ops_machine_fault((enum machine_fault)i) != OK) {
			rpc_refuse(rq, RPC_ERR_STATE,
				   "%s: not switched on; it needs the boot "
				   "option fault-injection=on",
				   rq->method);
		}
		return;
	}
	rpc_refuse(rq, RPC_ERR_PARAMS,
		   "%s: params.how has to be bug, fault, silent or corrupt",
		   rq->method);
}

static void rpc_machine_poweroff(struct rpc_request *rq)
{
	(void)rq;
	ops_machine_poweroff();
}

static void rpc_machine_reboot(struct rpc_request *rq)
{
	(void)rq;
	ops_machine_reboot();
}

/* ---- the table ---- */

struct rpc_method {
	const char *name;
	void (*handle)(struct rpc_request *rq);
	const char *params; /* names, blanks between; NULL: any */
};

#define LIMIT_KEYS "cpu.weight cpu.max cpu.max.burst cpuset.cpus memory.max"

/* clang-format off */
static const struct rpc_method rpc_methods[] = {
	{ "machine.info",            rpc_machine_info,      "" },
	{ "machine.mem",             rpc_machine_mem,       "" },
	{ "machine.log",             rpc_machine_log,       "offset previous" },
	{ "machine.mitigations",     rpc_machine_mitigations, "" },
	{ "machine.fault",           rpc_machine_fault,     "how" },
	{ "machine.poweroff",        rpc_machine_poweroff,  "" },
	{ "machine.reboot",          rpc_machine_reboot,    "" },
	{ "machine.top",             rpc_machine_top,       "" },
	{ "partition.list",          rpc_partition_list,    "" },
	{ "partition.create",        rpc_partition_create,  "config file name" },
	{ "partition.state",         rpc_partition_state,   "name" },
	{ "partition.start",         rpc_partition_start,   "name" },
	{ "partition.pause",         rpc_partition_pause,   "name" },
	{ "partition.resume",        rpc_partition_resume,  "name" },
	{ "partition.stop",          rpc_partition_stop,
	  "name timeout_ms agent_ms acpi_ms wait" },
	{ "partition.kill",          rpc_partition_kill,    "name" },
	{ "partition.reset",         rpc_partition_reset,   "name" },
	{ "partition.delete",        rpc_partition_delete,  "name force" },
	{ "partition.update",        rpc_partition_update,  "name " LIMIT_KEYS },
	{ "partition.stats",         rpc_partition_stats,   "name" },
	{ "partition.exits",         rpc_partition_exits,   "name" },
	{ "partition.why",           rpc_partition_why,     "name" },
	{ "partition.console",       rpc_partition_console, "name offset" },
	{ "partition.console.write", rpc_partition_write,   "name data" },
	{ "partition.cpuid",         rpc_partition_cpuid,   "name" },
	{ "group.list",              rpc_group_list,        "" },
	{ "group.create",            rpc_group_create,      "group " LIMIT_KEYS },
	{ "group.update",            rpc_group_update,      "group " LIMIT_KEYS },
	{ "group.delete",            rpc_group_delete,      "group" },
	{ "container.create",        rpc_container,         NULL },
	{ "container.run",           rpc_container,         NULL },
	{ "container.start",         rpc_container,         NULL },
	{ "container.state",         rpc_container,         NULL },
	{ "container.list",          rpc_container,         NULL },
	{ "container.exec",          rpc_container,         NULL },
	{ "container.kill",          rpc_container,         NULL },
	{ "container.delete",        rpc_container,         NULL },
	{ "container.logs",          rpc_container,         NULL },
	{ "container.attach",        rpc_container,         NULL },
	{ "container.stdin",         rpc_container,         NULL },
	{ "container.stats",         rpc_container,         NULL },
	{ "container.namespaces",    rpc_container,         NULL },
	{ "agent.ping",              rpc_container,         NULL },
	{ "agent.info",              rpc_container,         NULL },
	{ "subscribe",               rpc_subscribe,         "partition" },
};
/* clang-format on */

/* Is @key (a token) one of the blank-separated @names? */
static bool rpc_is_listed(const struct json_doc *d, json_ref key,
			  const char *names)
{
	char name[RPC_NAME_MAX + 1];
	size_t len, n;

	if (json_string(d, key, name, sizeof(name), &len) != OK || len == 0) {
		return false;
	}
	for (const char *p = names; *p != '\0'; p += n + (p[n] == ' ')) {
		for (n = 0; p[n] != '\0' && p[n] != ' ';) {
			n++;
		}
		if (n == len && memcmp(p, name, n) == 0) {
			return true;
		}
	}
	return false;
}

/* Are the parameters those of @m? False after an error was replied. */
static bool rpc_check_params(struct rpc_request *rq, const struct rpc_method *m)
{
	const struct json_doc *d = &rq->server->doc;
	enum json_kind kind = json_kind(d, rq->params);
	char name[32];

	if (kind != JSON_OBJECT && kind != JSON_ABSENT) {
		rpc_refuse(rq, RPC_ERR_PARAMS, "%s: params has to be an object",
			   m->name);
		return false;
	}
	if (m->params == NULL) {
		return true;
	}
	for (json_ref k = json_first(d, rq->params); k >= 0;
	     k = json_next(d, k)) {
		if (!rpc_is_listed(d, k, m->params)) {
			(void)!json_string(d, k, name, sizeof(name), NULL);
			rpc_refuse(rq, RPC_ERR_PARAMS,
				   "%s does not take \"%s\"; it takes: %s",
				   m->name, name,
				   m->params[0] ? m->params : "nothing");
			return false;
		}
	}
	return true;
}

/* Find the partition that params.name names; false after an error. */
static bool rpc_check_name(struct rpc_request *rq)
{
	const struct json_doc *d = &rq->server->doc;
	json_ref r = json_member(d, rq->params, "name");
	char name[RPC_NAME_MAX + 1], list[160] = "none";
	uint32_t count = ops_count();
	struct partition_view v;
	size_t at = 0;

	if (json_string(d, r, name, sizeof(name), NULL) == ERR_INVALID) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: params.name is missing or no string; name a "
			   "partition",
			   rq->method);
		return false;
	}
	rq->has_partition = rpc_find_partition(name, &rq->index);
	if (rq->has_partition) {
		return true;
	}
	for (uint32_t i = 0; i < count && at < sizeof(list); i++) {
		ops_view(i, &v);
		at += fmt_print(list + at, sizeof(list) - at, "%s%s",
				i == 0 ? "" : ", ", v.name);
	}
	rpc_refuse(rq, RPC_ERR_NOENT, "no partition \"%s\"; there %s: %s", name,
		   count == 1 ? "is" : "are", list);
	return false;
}

/** rpc_dispatch() - have the handler of @method (a token) called. */
void rpc_dispatch(struct rpc_request *rq, json_ref method)
{
	const struct json_doc *d = &rq->server->doc;
	char name[NEAREST_WORD_MAX];
	const char *near;

	for (uint32_t i = 0; i < ARRAY_COUNT(rpc_methods); i++) {
		const struct rpc_method *m = &rpc_methods[i];

		if (!json_string_is(d, method, m->name)) {
			continue;
		}
		rq->method = m->name;
		if (rpc_check_params(rq, m) &&
		    (m->params == NULL || strncmp(m->params, "name", 4) != 0 ||
		     rpc_check_name(rq))) {
			m->handle(rq);
		}
		return;
	}
	(void)!json_string(d, method, name, sizeof(name), NULL);
	near = nearest_word(name, &rpc_methods[0].name,
			    ARRAY_COUNT(rpc_methods), sizeof(rpc_methods[0]));
	rpc_refuse(rq, RPC_ERR_METHOD,
		   "no method \"%s\"%s%s; docs/protocol.md lists them", name,
		   near != NULL ? "; did you mean " : "",
		   near != NULL ? near : "");
}
