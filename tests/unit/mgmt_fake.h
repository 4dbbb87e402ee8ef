/*
 * mgmt_fake.h - a machine of fakes for the tests of management: it defines the
 * functions of hv/partition_ops.h, so include it in one file of a program.
 *
 * Two partitions: "web" runs and has an agent, "batch" ended by a triple fault.
 * More can be created, up to FAKE_MAX; orders follow the table in
 * vmm/partition_life.c. There is room for one group.
 * The agent is a script: fake_agent_run() answers what the VMM sent to it.
 */
#ifndef TESTS_MGMT_FAKE_H
#define TESTS_MGMT_FAKE_H

#include "agent_link.h"
#include "config.h"
#include "rpc.h"
#include <bh/assert.h>
#include <hv/partition_ops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_MAX 4

struct fake {
	enum partition_state state[FAKE_MAX];
	char name[FAKE_MAX][RPC_NAME_MAX + 1];
	uint32_t id[FAKE_MAX];
	struct limits limits[FAKE_MAX];
	uint32_t partition_count, next_id;
	enum stop_stage stop_stage, stopped_by; /* of partition 0 */
	struct stop_times stop_times;
	uint64_t now_us;
	uint64_t usage_us, exits; /* of partition 0 */
	char created_text[256];
	bool has_group;
	struct group_view group;
	struct why_record why;
	struct agent_link link;
	struct rpc_server *server; /* gets the agent's notifications */
	struct ring console, log, before;
	char console_buf[8192], log_buf[16384], before_buf[64];
	char typed[512]; /* what was written to the console */
	size_t typed_len, typed_room;
	bool has_before, can_fail;
	uint32_t faults; /* bits: those that were ordered */
	bool powered_off, rebooted, has_root_us;
	/* the agent */
	char to_agent[131072];
	size_t to_agent_len, to_agent_seen;
	bool is_stuck; /* takes no bytes */
	char closed_why[128];
	uint32_t ready_count, notify_count;
	char last_method[64], last_params[40000];
};

/* The one that ops_*() act on: made by fake_init(). */
static struct fake *fake_machine;

uint32_t ops_count(void)
{
	return fake_machine->partition_count;
}

void ops_view(uint32_t i, struct partition_view *v)
{
	struct fake *f = fake_machine;

	*v = (struct partition_view){
		.name = f->name[i],
		.group = i == 0 && f->has_group ? f->group.path : "",
		.id = f->id[i],
		.state = f->state[i],
		.reason = f->state[i] == PARTITION_FAILED
				  ? END_REASON_TRIPLE_FAULT
				  : END_REASON_NONE,
		.vcpu_count = i + 1,
		.memory_bytes = MIB(256),
		.exit_count = 1234,
		.uptime_us = 12345678,
		.agent_ready = i == 0 && agent_link_is_ready(&f->link),
		.stop_stage = i == 0 ? f->stop_stage : STOP_NONE,
		.stopped_by = i == 0 ? f->stopped_by : STOP_NONE,
		.stop_us = 1500000,
	};
}

static inline bool fake_runs(uint32_t i)
{
	return fake_machine->state[i] == PARTITION_RUNNING ||
	       fake_machine->state[i] == PARTITION_PAUSED;
}

static inline enum status fake_order(uint32_t i, bool is_possible,
				     enum partition_state next,
				     struct refusal *why)
{
	if (!is_possible) {
		return refusal_set(
			why, ERR_STATE, "partition %s is %s; no",
			fake_machine->name[i],
			partition_state_word(fake_machine->state[i]));
	}
	fake_machine->state[i] = next;
	return OK;
}

enum status ops_create(const char *name, const char *text, size_t len,
		       const struct config_report **report, struct refusal *why)
{
	static struct config_report mistakes;
	static struct config_parser parser;
	static struct partition_config config;
	struct fake *f = fake_machine;
	char file[RPC_NAME_MAX + 8];
	uint32_t i = f->partition_count;

	*report = NULL;
	for (uint32_t n = 0; n < i; n++) {
		if (strcmp(f->name[n], name) == 0) {
			return refusal_set(why, ERR_EXIST, "there is one; no");
		}
	}
	snprintf(file, sizeof(file), "%s.json", name);
	if (config_parse(&parser, file, text, len, NULL, &config, &mistakes) !=
	    OK) {
		*report = &mistakes;
		return refusal_set(why, ERR_INVALID, "mistakes");
	}
	if (i == FAKE_MAX) {
		return refusal_set(why, ERR_LIMIT, "full; delete one");
	}
	snprintf(f->created_text, sizeof(f->created_text), "%.*s", (int)len,
		 text);
	strcpy(f->name[i], name);
	f->state[i] = PARTITION_CREATED;
	f->id[i] = f->next_id++;
	limits_default(&f->limits[i]);
	f->partition_count++;
	return OK;
}

const char *ops_file(const char *path, size_t *len)
{
	static const char text[] =
		"{\"ociVersion\":\"1.0.2\",\"vm\":{\"kernel\":{\"path\":"
		"\"esp\"}}}";

	*len = sizeof(text) - 1;
	return strcmp(path, "partitions/more.json") == 0 ? text : NULL;
}

enum status ops_start(uint32_t i, struct refusal *why)
{
	return fake_order(i, !fake_runs(i), PARTITION_RUNNING, why);
}

enum status ops_pause(uint32_t i, struct refusal *why)
{
	return fake_order(i, fake_runs(i), PARTITION_PAUSED, why);
}

enum status ops_resume(uint32_t i, struct refusal *why)
{
	return fake_order(i, fake_runs(i), PARTITION_RUNNING, why);
}

enum status ops_stop(uint32_t i, const struct stop_times *times,
		     struct refusal *why)
{
	struct fake *f = fake_machine;

	f->stop_times = *times;
	if (i == 0 && fake_runs(i)) {
		f->stop_stage = STOP_AGENT; /* ends by fake_stop_end() */
		return OK;
	}
	return fake_order(i, f->state[i] != PARTITION_CREATED,
			  fake_runs(i) ? PARTITION_STOPPED : f->state[i], why);
}

/* The stop of partition 0 has come to its end. */
static inline void fake_stop_end(struct fake *f, enum stop_stage by)
{
	f->stop_stage = STOP_NONE;
	f->stopped_by = by;
	f->state[0] = PARTITION_STOPPED;
}

enum status ops_kill(uint32_t i, struct refusal *why)
{
	return fake_order(i, fake_runs(i), PARTITION_STOPPED, why);
}

enum status ops_reset(uint32_t i, struct refusal *why)
{
	return fake_order(i, true, PARTITION_RUNNING, why);
}

enum status ops_delete(uint32_t i, bool is_forced, struct refusal *why)
{
	struct fake *f = fake_machine;
	enum status s = fake_order(i, !fake_runs(i) || is_forced,
				   PARTITION_STOPPED, why);

	if (s == OK) {
		for (f->partition_count--; i < f->partition_count; i++) {
			f->state[i] = f->state[i + 1];
			f->id[i] = f->id[i + 1];
			strcpy(f->name[i], f->name[i + 1]);
		}
	}
	return s;
}

static inline enum status
fake_change(struct limits *l, const struct limit_change *c, struct refusal *why)
{
	enum limit_key bad;
	enum status s = limits_apply(l, c, &bad);

	if (s != OK) {
		(void)refusal_set(why, s, "\"%s\" is no %s; no",
				  c->values[bad].text, limits_word(bad));
		why->key = limits_word(bad);
	}
	return s;
}

enum status ops_update(uint32_t i, const struct limit_change *c,
		       struct refusal *why)
{
	if ((c->keys & BIT(LIMIT_MEMORY_MAX)) != 0) {
		(void)refusal_set(why, ERR_NOMEM, "too much; no");
		why->key = limits_word(LIMIT_MEMORY_MAX);
		why->need = MIB(300);
		why->free = MIB(200);
		return ERR_NOMEM;
	}
	return fake_change(&fake_machine->limits[i], c, why);
}

bool ops_group(uint32_t n, struct group_view *out)
{
	*out = fake_machine->group;
	return n == 0 && fake_machine->has_group;
}

enum status ops_group_create(const char *path, const struct limit_change *c,
			     struct refusal *why)
{
	struct fake *f = fake_machine;

	if (f->has_group) {
		return refusal_set(why, ERR_EXIST, "there is one; no");
	}
	f->group = (struct group_view){ .partition_count = 1,
					.cpus_effective = 3,
					.memory_current = MIB(64) };
	snprintf(f->group.path, sizeof(f->group.path), "%s", path);
	limits_default(&f->group.limits);
	f->has_group = true;
	return fake_change(&f->group.limits, c, why);
}

static inline bool fake_has_group(const char *path)
{
	return fake_machine->has_group &&
	       strcmp(path, fake_machine->group.path) == 0;
}

enum status ops_group_update(const char *path, const struct limit_change *c,
			     struct refusal *why)
{
	return fake_has_group(path)
		       ? fake_change(&fake_machine->group.limits, c, why)
		       : refusal_set(why, ERR_NOENT, "no group; no");
}

enum status ops_group_delete(const char *path, struct refusal *why)
{
	if (!fake_has_group(path)) {
		return refusal_set(why, ERR_NOENT, "no group; no");
	}
	if (fake_machine->group.partition_count > 0) {
		return refusal_set(why, ERR_BUSY, "not empty; no");
	}
	fake_machine->has_group = false;
	return OK;
}

uint64_t ops_now_us(void)
{
	return fake_machine->now_us;
}

void ops_stats(uint32_t i, struct partition_stats *s)
{
	struct fake *f = fake_machine;

	s->limits = f->limits[i];
	s->cpus_effective = 0xf;
	s->is_frozen = f->state[i] == PARTITION_PAUSED;
	s->cpu.usage_us = i == 0 ? f->usage_us : 0;
	s->cpu.has_root_us = f->has_root_us;
	s->cpu.root_us = 100;
	s->cpu.nr_periods = 40;
	s->cpu.nr_throttled = 10;
	s->cpu.throttled_us = 70000;
	s->pressure.some = (struct pressure_line){ 1234, 5, 0, 999 };
	s->memory_current = MIB(64);
	s->memory = (struct memory_stat){ MIB(64), KIB(100), KIB(40), KIB(20),
					  KIB(40) };
	s->exit_count = i == 0 ? f->exits : 0;
	s->device_count = 1;
	s->devices[0] =
		(struct device_stats){ .name = "virtio-blk", .kick_count = 7 };
}

bool ops_exits(uint32_t i, uint32_t n, struct exit_count *out)
{
	const struct exit_count rows[] = {
		{ "CPUID", i == 0 ? fake_machine->exits - 734 : 0, 60000 },
		{ "INVD", 0, 0 },
		{ "TRIPLE_FAULT", 0, 0 },
		{ "HLT", 34, 0 },
	};

	if (n >= ARRAY_COUNT(rows)) {
		return false;
	}
	*out = rows[n];
	return true;
}

const struct why_record *ops_why(uint32_t i)
{
	return fake_machine->state[i] == PARTITION_FAILED ? &fake_machine->why
							  : NULL;
}

const struct ring *ops_console(uint32_t i)
{
	(void)i;
	return &fake_machine->console;
}

size_t ops_console_write(uint32_t i, const void *src, size_t len)
{
	struct fake *f = fake_machine;
	size_t room = f->typed_room - f->typed_len;
	size_t n = len < room ? len : room;

	(void)i;
	memcpy(f->typed + f->typed_len, src, n);
	f->typed_len += n;
	return n;
}

bool ops_cpuid(uint32_t i, uint32_t n, struct cpuid_row *row)
{
	(void)i;
	*row = (struct cpuid_row){ .leaf = n == 0 ? 0 : 0x40000000u,
				   .eax = 0x16 };
	return n < 2;
}

struct agent_link *ops_agent_link(uint32_t i)
{
	return i == 0 ? &fake_machine->link : NULL;
}

const char *ops_exit_name(uint32_t reason)
{
	return reason == 2 ? "TRIPLE_FAULT" : reason == 3 ? "HLT" : "CPUID";
}

void ops_machine_info(struct machine_info *m)
{
	*m = (struct machine_info){
		.version = "0.1-test",
		.cpu_vendor = "GenuineIntel",
		.cpu_brand = "Fake CPU",
		.backend = "vmx",
		.cpu_count = 1,
		.memory_bytes = GIB(1),
		.tsc_khz = 50000,
		.uptime_us = 99,
		.feature_count = 2,
		.features = { { "vpid", MACHINE_FEATURE_USED },
			      { "pml", MACHINE_FEATURE_ABSENT } },
		.fact_count = 2,
		.facts = { { "hpet", "0xfed00000" }, { "ecam", "none" } },
	};
}

void ops_machine_mem(struct machine_mem *m)
{
	m->total_bytes = GIB(1);
	m->free_bytes = MIB(700);
	m->owner_count = 2;
	m->owners[0] = (struct mem_owner){ "vmm", "image", MIB(2) };
	m->owners[1] = (struct mem_owner){ "web", "ram", MIB(256) };
}

const struct ring *ops_machine_log(void)
{
	return &fake_machine->log;
}

bool ops_mitigation(uint32_t n, struct mitigation_row *row)
{
	*row = (struct mitigation_row){ .name = n == 0 ? "l1tf" : "mds",
					.what = "data",
					.state = n == 0 ? MITIGATION_ON
							: MITIGATION_VULNERABLE,
					.how = "a flush",
					.cost = "much" };
	return n < 2;
}

const char *ops_mitigations_mode(void)
{
	return "auto";
}

void ops_machine_log_before(struct machine_log_before *out)
{
	struct fake *f = fake_machine;

	*out = (struct machine_log_before){
		.text = f->has_before ? &f->before : NULL,
		.why_not = f->has_before ? NULL : "the box was empty",
		.run = 7,
		.end = "panic",
		.end_text = "a \"bug\"",
	};
}

enum status ops_machine_fault(enum machine_fault how)
{
	fake_machine->faults |= 1u << how;
	return fake_machine->can_fail ? OK : ERR_STATE;
}

void ops_machine_poweroff(void)
{
	fake_machine->powered_off = true;
}

void ops_machine_reboot(void)
{
	fake_machine->rebooted = true;
}

static inline size_t fake_agent_send(void *ctx, const void *src, size_t len)
{
	struct fake *f = ctx;
	size_t room = sizeof(f->to_agent) - f->to_agent_len - 1;
	size_t n = f->is_stuck ? 0 : len > 100 ? 100 : len;

	n = n < room ? n : room;
	memcpy(f->to_agent + f->to_agent_len, src, n);
	f->to_agent_len += n;
	f->to_agent[f->to_agent_len] = '\0';
	return n;
}

static inline void fake_agent_ready(void *ctx, const char *params, size_t len)
{
	struct fake *f = ctx;

	(void)params;
	(void)len;
	f->ready_count++;
}

static inline void fake_agent_notify(void *ctx, const char *method,
				     const char *params, size_t len)
{
	struct fake *f = ctx;

	f->notify_count++;
	snprintf(f->last_method, sizeof(f->last_method), "%s", method);
	snprintf(f->last_params, sizeof(f->last_params), "%.*s", (int)len,
		 params);
	if (f->server != NULL) {
		rpc_notify(f->server, "web", method, params, len);
	}
}

static inline void fake_agent_closed(void *ctx, const char *why)
{
	struct fake *f = ctx;

	snprintf(f->closed_why, sizeof(f->closed_why), "%s", why);
}

static const struct agent_link_ops fake_agent_ops = {
	.send = fake_agent_send,
	.ready = fake_agent_ready,
	.notify = fake_agent_notify,
	.closed = fake_agent_closed,
};

static inline void fake_say(struct fake *f, const char *line)
{
	agent_link_input(&f->link, line, strlen(line));
	agent_link_input(&f->link, "\n", 1);
}

static inline void fake_connect(struct fake *f)
{
	agent_link_open(&f->link);
	fake_say(f, "{\"jsonrpc\":\"2.0\",\"method\":\"agent.ready\","
		    "\"params\":{\"version\":1}}");
}

static inline void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	fake_machine = f;
	f->has_root_us = true;
	f->partition_count = 2;
	f->next_id = 2;
	f->id[1] = 1;
	strcpy(f->name[0], "web");
	strcpy(f->name[1], "batch");
	for (uint32_t i = 0; i < FAKE_MAX; i++) {
		limits_default(&f->limits[i]);
		f->limits[i].memory_max = MIB(256);
	}
	f->now_us = 10000000;
	f->usage_us = 5000;
	f->exits = 1234;
	f->state[0] = PARTITION_RUNNING;
	f->state[1] = PARTITION_FAILED;
	f->typed_room = sizeof(f->typed);
	ring_init(&f->console, f->console_buf, sizeof(f->console_buf));
	ring_init(&f->log, f->log_buf, sizeof(f->log_buf));
	ring_init(&f->before, f->before_buf, sizeof(f->before_buf));
	ring_write(&f->before, "the run before\n", 15);
	ring_write(&f->console, "login: ", 7);
	ring_write(&f->log, "first line\nsecond line\n", 23);
	f->why = (struct why_record){
		.reason = END_REASON_TRIPLE_FAULT,
		.text = "while delivering #PF",
		.tsc = 1000000,
		.tsc_khz = 50000,
		.uptime_us = 1500000,
		.has_regs = true,
		.regs = { .rip = 0xffffffff81000010ull, .gpr[0] = 0xabc },
		.has_exit = true,
		.exit_reason = 2,
		.has_gpa = true,
		.gpa = 0xfee00000,
		.insn_len = 2,
		.insn = { 0x0f, 0x0b },
		.trace_count = 2,
		.trace = { { .tsc = 500000, .reason = 10, .rip = 0x1000 },
			   { .tsc = 999950, .reason = 2, .rip = 0x1002 } },
		.console_len = 11,
		.console = "boot\x1b[2J\nok",
	};
	agent_link_init(&f->link, &fake_agent_ops, f);
}

/* What a scripted agent says to a method: a result, or NULL for an error. */
static inline const char *fake_agent_answer(const char *method)
{
	static const char *const rows[][2] = {
		{ "container.list",
		  "{\"containers\":[{\"id\":\"c1\",\"status\":\"running\","
		  "\"pid\":7,\"args\":\"/bin/sleep 9\"}]}" },
		{ "container.run", "{\"id\":\"c2\",\"status\":\"running\"}" },
		{ "container.exec", "{\"exec\":\"e1\",\"pid\":9}" },
		{ "container.attach", "{}" },
		{ "container.create", "{\"status\":\"created\"}" },
		{ "container.start", "{}" },
		{ "container.kill", "{}" },
		{ "container.stdin", "{}" },
		{ "container.stats", "{\"cpu.max\":\"50000 100000\","
				     "\"memory.max\":\"67108864\","
				     "\"memory.current\":4096}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (strcmp(rows[i][0], method) == 0) {
			return rows[i][1];
		}
	}
	return NULL;
}

/* The next line the VMM sent to the agent, or NULL; cut out of the buffer. */
static inline char *fake_agent_line(struct fake *f)
{
	char *start = f->to_agent + f->to_agent_seen;
	char *end = memchr(start, '\n', f->to_agent_len - f->to_agent_seen);

	if (end == NULL) {
		return NULL;
	}
	*end = '\0';
	f->to_agent_seen = (size_t)(end + 1 - f->to_agent);
	return start;
}

/* Answer one request; false if there is none. */
static inline bool fake_agent_step(struct fake *f)
{
	char method[64] = "", reply[2048];
	char *line = fake_agent_line(f);
	unsigned int id = 0;
	const char *answer;

	if (line == NULL) {
		return false;
	}
	if (sscanf(line, "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%63[^\"]",
		   &id, method) != 2) {
		abort();
	}
	answer = fake_agent_answer(method);
	if (strcmp(method, "container.logs") == 0) {
		answer = strstr(line, "\"offset\":0") != NULL
				 ? "{\"data\":\"early\\n\",\"offset\":0,"
				   "\"next\":6,\"lost\":0}"
				 : "{\"data\":\"\",\"offset\":6,\"next\":6,"
				   "\"lost\":0}";
	}
	if (answer != NULL) {
		snprintf(reply, sizeof(reply),
			 "{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":%s}", id,
			 answer);
	} else {
		snprintf(reply, sizeof(reply),
			 "{\"jsonrpc\":\"2.0\",\"id\":%u,\"error\":{\"code\":"
			 "-32001,\"message\":\"no such thing\"}}",
			 id);
	}
	fake_say(f, reply);
	return true;
}

#endif
