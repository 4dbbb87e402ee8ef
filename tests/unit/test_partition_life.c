/* test_partition_life.c - every order in every state, over a core of fakes. */
#include "life_fake.h"

/* ---- orders and states ---- */

static enum partition_state state_now(void)
{
	return part(0)->life.is_frozen ? PARTITION_PAUSED : part(0)->state;
}

static enum status order_stop(uint32_t i, struct refusal *w)
{
	const struct stop_times none = { 0, 0 };

	return ops_stop(i, &none, w);
}

static enum status order_delete(uint32_t i, struct refusal *w)
{
	return ops_delete(i, false, w);
}

enum {
	C = PARTITION_CREATED,
	R = PARTITION_RUNNING,
	P = PARTITION_PAUSED,
	S = PARTITION_STOPPED,
	F = PARTITION_FAILED,
	NO = -1, /* refused */
	GONE = -2,
};

struct order_row {
	const char *name;
	enum status (*order)(uint32_t index, struct refusal *why);
	/* from created, running, paused, stopped, failed */
	int next[PARTITION_STATE_COUNT];
};

static const struct order_row order_rows[] = {
	{ "start", ops_start, { R, NO, NO, R, R } },
	{ "pause", ops_pause, { NO, P, P, NO, NO } },
	{ "resume", ops_resume, { NO, R, R, NO, NO } },
	{ "stop", order_stop, { NO, S, S, S, F } },
	{ "kill", ops_kill, { NO, S, S, NO, NO } },
	{ "delete", order_delete, { GONE, NO, NO, GONE, GONE } },
};

static void order_refused(int from)
{
	assert_int_equal(state_now(), from);
	assert_non_null(strstr(why.text, partition_state_word(from)));
	assert_non_null(strstr(why.text, "; "));
}

static void try_order(const struct order_row *row, int from)
{
	int next = row->next[from];
	enum status s;

	create_good("p");
	bring(from);
	s = row->order(0, &why);
	if (s != (next == NO ? ERR_STATE : OK)) {
		fail_msg("%s of %s: %s", row->name, partition_state_word(from),
			 status_name(s));
	}
	if (next == GONE) {
		assert_int_equal(part_count(), 0);
		return;
	}
	if (next == NO) {
		order_refused(from);
	}
	/* a second time an order that was obeyed is harmless or refused, and
	 * the state is the same */
	s = row->order(0, &why);
	assert_true(s == OK || s == ERR_STATE);
	assert_int_equal(state_now(), next == NO ? from : next);
}

static void test_every_order_in_every_state(void **state)
{
	for (size_t r = 0; r < ARRAY_COUNT(order_rows); r++) {
		for (int from = 0; from < PARTITION_STATE_COUNT; from++) {
			try_order(&order_rows[r], from);
			(void)teardown(state);
		}
	}
}

/* A vCPU that does not leave its CPU keeps the partition's memory. */
static void test_delete_waits_for_vcpus(void **state)
{
	(void)state;
	create_good("p");
	bring(PARTITION_RUNNING);
	is_stuck = true;
	assert_int_equal(ops_delete(0, true, &why), ERR_BUSY);
	assert_int_equal(part_count(), 1);
	is_stuck = false;
	assert_int_equal(ops_delete(0, true, &why), OK);
	assert_int_equal(part_count(), 0);
}

static void test_forced_delete(void **state)
{
	(void)state;
	create_good("p");
	bring(PARTITION_PAUSED);
	assert_int_equal(ops_delete(0, true, &why), OK);
	assert_int_equal(part_count(), 0);
}

static void test_reset(void **state)
{
	(void)state;
	create_good("p");
	part(0)->life.restart.count = 5;
	assert_int_equal(ops_reset(0, &why), OK);
	assert_true(part(0)->reset_wanted);
	assert_int_equal(part(0)->life.restart.count, 0);
}

static void test_pause_is_told_to_the_cpus(void **state)
{
	(void)state;
	create_good("p");
	bring(PARTITION_PAUSED);
	assert_int_equal(ops_pause(0, &why), OK);
	assert_int_equal(frozen, 1);
	assert_int_equal(ops_resume(0, &why), OK);
	assert_int_equal(ops_resume(0, &why), OK);
	assert_int_equal(thawed, 1);
	/* one that ends while it is paused is not paused any more */
	assert_int_equal(ops_pause(0, &why), OK);
	assert_int_equal(ops_kill(0, &why), OK);
	assert_false(part(0)->life.is_frozen);
	assert_int_equal(thawed, 2);
}

static void test_start_that_fails(void **state)
{
	(void)state;
	create_good("p");
	start_status = ERR_NOMEM;
	assert_int_equal(ops_start(0, &why), ERR_NOMEM);
	assert_non_null(strstr(why.text, "out-of-memory"));
	assert_non_null(strstr(why.text, "; why p tells"));
}

/* ---- create ---- */

static void test_create(void **state)
{
	const struct config_report *report;
	char text[512];

	(void)state;
	strcpy(text, SPEC(""));
	assert_int_equal(ops_create("web", text, strlen(text), &report, &why),
			 OK);
	assert_null(report);
	memset(text, 'x', sizeof(text)); /* it keeps a copy */
	assert_memory_equal(part(0)->config.text, SPEC(""), strlen(SPEC("")));
	assert_string_equal(part(0)->config.name, "web");
	assert_int_equal(part(0)->life.promised, MIB(64));
	assert_int_equal(create("web", SPEC("")), ERR_EXIST);
	assert_non_null(strstr(why.text, "web, it is created"));
	assert_int_equal(ops_create("bad", "{}", 2, &report, &why),
			 ERR_INVALID);
	assert_non_null(report);
	assert_int_equal(report->total, 2);
	assert_int_equal(part_count(), 1);
}

static void test_create_without_memory(void **state)
{
	(void)state;
	frames[FRAME_FREE] = MIB(100);
	create_good("a"); /* 64M are promised */
	assert_int_equal(create("b", SPEC("")), ERR_INVALID);
	assert_non_null(strstr(why.text, "64M needed, 35M free"));
	/* as soon as it has the memory, it is not promised any more */
	bring(PARTITION_RUNNING);
	assert_int_equal(create("b", SPEC("")), ERR_INVALID);
	assert_int_equal(ops_delete(0, true, &why), OK);
	create_good("b");
	assert_int_equal(ops_delete(0, false, &why), OK);
	frames[FRAME_FREE] = GIB(1);
	for (alloc_fails_at = 1; alloc_fails_at <= 2; alloc_fails_at++) {
		alloc_count = 0;
		assert_int_equal(create("c", SPEC("")), ERR_NOMEM);
		assert_int_equal(part_count(), 0);
		assert_int_equal(frames[FRAME_FREE], GIB(1));
	}
}

static void test_places_are_used_again(void **state)
{
	char name[8] = "p00";
	uint32_t seen = 0;

	(void)state;
	for (uint32_t i = 0; i < PARTITION_MAX; i++) {
		name[1] = (char)('a' + i);
		assert_int_equal(create(name, SPEC(",\"io.bulkhead.autostart\":"
						   "\"false\"")),
				 i * 64 + 64 <= 1023 ? OK : ERR_INVALID);
	}
	/* sixteen do not fit into 1 GiB; make one smaller */
	assert_int_equal(part_count(), 15);
	assert_int_equal(ops_delete(3, false, &why), OK);
	assert_string_equal(part(3)->config.name, "pe0");
	create_good("new");
	assert_int_equal(part(14)->index, 3);
	for (uint32_t i = 0; i < part_count(); i++) {
		seen |= 1u << part(i)->index;
	}
	assert_int_equal(seen, 0x7fff);
}

static void test_too_many(void **state)
{
	char name[4] = "p";

	(void)state;
	frames[FRAME_FREE] = GIB(16);
	for (uint32_t i = 0; i <= PARTITION_MAX; i++) {
		name[1] = (char)('a' + i);
		assert_int_equal(create(name, SPEC("")),
				 i < PARTITION_MAX ? OK : ERR_LIMIT);
	}
	assert_non_null(strstr(why.text, "16 partitions"));
	while (part_count() > 0) {
		assert_int_equal(ops_delete(0, false, &why), OK);
	}
	assert_int_equal(frames[FRAME_FREE], GIB(16));
	frames[FRAME_FREE] = GIB(1);
}

/* ---- stop ---- */

static void listen_to_button(bool is_on)
{
	part(0)->dev.ioapic.rte[VPM_BUTTON_GSI] =
		is_on ? 0 : VIOAPIC_RTE_MASKED;
}

static uint32_t presses;

static void button_pin(void *ctx, uint32_t pin, bool level)
{
	(void)ctx;
	(void)pin;
	presses += level;
}

static void start_with_button(void)
{
	const struct irq_line line = { button_pin, NULL, VPM_BUTTON_GSI };

	create_good("p");
	assert_int_equal(ops_start(0, &why), OK);
	vpm_init(&part(0)->dev.pm, NULL, NULL, &line);
	listen_to_button(true);
	presses = 0;
}

static void agent_comes(void)
{
	static const char ready[] = "{\"jsonrpc\":\"2.0\",\"method\":"
				    "\"agent.ready\",\"params\":{"
				    "\"version\":1}}\n";

	agent_link_open(&part(0)->link);
	agent_link_input(&part(0)->link, ready, sizeof(ready) - 1);
}

static void test_stop_by_agent(void **state)
{
	const struct stop_times times = { 200, 100 };

	(void)state;
	start_with_button();
	agent_comes();
	assert_int_equal(ops_stop(0, &times, &why), OK);
	assert_int_equal(part(0)->life.stop.stage, STOP_AGENT);
	assert_true(part(0)->stop_at_us != 0);
	now_us += 50000;
	/* asked again: nothing new begins */
	assert_int_equal(ops_stop(0, &times, &why), OK);
	assert_int_equal(part(0)->life.stop.began_us, 1000000);
	end(0, END_REASON_STOPPED);
	assert_int_equal(part(0)->life.stop.by, STOP_AGENT);
	assert_int_equal(part(0)->life.stop.took_us, 50000);
	assert_int_equal(presses, 0);
}

static void test_stop_by_button(void **state)
{
	const struct stop_times times = { 200, 100 };

	(void)state;
	start_with_button();
	agent_comes();
	assert_int_equal(ops_stop(0, &times, &why), OK);
	now_us += 200000;
	partition_life_poll(part(0));
	partition_life_poll(part(0));
	assert_int_equal(part(0)->life.stop.stage, STOP_ACPI);
	assert_int_equal(presses, 1);
	end(0, END_REASON_STOPPED);
	assert_int_equal(part(0)->life.stop.by, STOP_ACPI);
}

static void test_stop_by_kill(void **state)
{
	const struct stop_times times = { 200, 100 };

	(void)state;
	start_with_button();
	assert_int_equal(ops_pause(0, &why), OK); /* it has to react */
	assert_int_equal(ops_stop(0, &times, &why), OK);
	assert_false(part(0)->life.is_frozen);
	assert_int_equal(part(0)->life.stop.stage, STOP_ACPI);
	now_us += 300000;
	partition_life_poll(part(0));
	assert_int_equal(part(0)->state, PARTITION_STOPPED);
	assert_int_equal(part(0)->why.reason, END_REASON_KILLED);
	assert_int_equal(part(0)->life.stop.by, STOP_KILL);
}

static void test_stop_of_one_that_does_not_listen(void **state)
{
	const struct stop_times times = { 200, 100 };

	(void)state;
	start_with_button();
	listen_to_button(false);
	assert_int_equal(ops_stop(0, &times, &why), OK);
	assert_int_equal(part(0)->state, PARTITION_STOPPED);
	assert_int_equal(part(0)->life.stop.by, STOP_KILL);
	assert_int_equal(presses, 0);
}

/* ---- restarts ---- */

static void test_restarts(void **state)
{
	(void)state;
	assert_int_equal(
		create("p", SPEC(",\"io.bulkhead.restart\":\"on-failure:2\"")),
		OK);
	bring(PARTITION_FAILED);
	assert_int_equal(part(0)->restart_at_us, now_us + 100000);
	assert_int_equal(partition_start(part(0)), OK);
	end(0, END_REASON_TRIPLE_FAULT);
	assert_int_equal(part(0)->restart_at_us, now_us + 200000);
	assert_int_equal(partition_start(part(0)), OK);
	end(0, END_REASON_TRIPLE_FAULT);
	assert_int_equal(part(0)->restart_at_us, 0);
	assert_int_equal(part(0)->life.restart.count, 2);
	/* an operator's start counts anew; a stop calls a restart off */
	bring(PARTITION_FAILED);
	assert_int_equal(part(0)->life.restart.count, 1);
	assert_true(part(0)->restart_at_us != 0);
	assert_int_equal(order_stop(0, &why), OK);
	assert_int_equal(part(0)->restart_at_us, 0);
	bring(PARTITION_RUNNING);
	assert_int_equal(ops_kill(0, &why), OK);
	assert_int_equal(part(0)->restart_at_us, 0);
}

/* ---- no leak ---- */

static void test_thousand_cycles(void **state)
{
	uint64_t free_bytes = frames[FRAME_FREE];

	(void)state;
	create_good("stays");
	free_bytes = frames[FRAME_FREE];
	for (uint32_t i = 0; i < 1000; i++) {
		create_good("p");
		assert_int_equal(part(1)->index, 1);
		assert_int_equal(ops_start(1, &why), OK);
		if (i % 3 != 0) {
			end(1, END_REASON_TRIPLE_FAULT);
		}
		assert_int_equal(ops_delete(1, i % 3 == 0, &why), OK);
		assert_int_equal(frames[FRAME_FREE], free_bytes);
	}
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_every_order_in_every_state),
		T(test_delete_waits_for_vcpus),
		T(test_forced_delete),
		T(test_reset),
		T(test_pause_is_told_to_the_cpus),
		T(test_start_that_fails),
		T(test_create),
		T(test_create_without_memory),
		T(test_places_are_used_again),
		T(test_too_many),
		T(test_stop_by_agent),
		T(test_stop_by_button),
		T(test_stop_by_kill),
		T(test_stop_of_one_that_does_not_listen),
		T(test_restarts),
		T(test_thousand_cycles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
