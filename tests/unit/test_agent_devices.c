/*
 * test_agent_devices.c - device rules: what is decoded, what is refused, and
 * the program that comes out, run by an interpreter of its few instructions
 * and compared with the rules themselves.
 */
#define _GNU_SOURCE
#include "guest/agent/devices.h"
#include "guest/agent/util.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_no_conn.h"
#include <string.h>
#include <sys/stat.h>

#define R SPEC_ACCESS_READ
#define W SPEC_ACCESS_WRITE
#define M SPEC_ACCESS_MKNOD

static struct spec spec;
static struct bpf_insn program[DEVICES_PROGRAM_MAX];
static size_t program_len;

/* ---- an interpreter ---- */

static void step_alu(const struct bpf_insn *i, uint64_t *reg)
{
	uint64_t *dst = &reg[i->dst_reg];
	uint32_t imm = (uint32_t)i->imm;
	switch (i->code) {
	case BPF_ALU | BPF_AND | BPF_K:
		*dst = (uint32_t)*dst & imm;
		break;
	case BPF_ALU | BPF_RSH | BPF_K:
		*dst = (uint32_t)*dst >> imm;
		break;
	case BPF_ALU64 | BPF_MOV | BPF_K:
		*dst = (uint64_t)(int64_t)i->imm;
		break;
	default:
		fail_msg("instruction %#x", i->code);
	}
}

static bool is_taken(const struct bpf_insn *i, const uint64_t *reg)
{
	uint32_t dst = (uint32_t)reg[i->dst_reg];
	switch (i->code) {
	case BPF_JMP32 | BPF_JNE | BPF_K:
		return dst != (uint32_t)i->imm;
	case BPF_JMP32 | BPF_JSET | BPF_K:
		return (dst & (uint32_t)i->imm) != 0;
	case BPF_JMP | BPF_JA:
		return true;
	default:
		fail_msg("jump %#x", i->code);
		return false;
	}
}

/* What the kernel would get for a request; jumps go forward only. */
static bool run(char type, unsigned access, uint32_t major, uint32_t minor)
{
	const struct bpf_cgroup_dev_ctx ctx = {
		.access_type = access << 16 | (type == 'b' ? 1u : 2u),
		.major = major,
		.minor = minor,
	};
	uint64_t reg[11] = { 0 };
	for (size_t pc = 0; pc < program_len; pc++) {
		const struct bpf_insn *i = &program[pc];
		if (i->code == (BPF_JMP | BPF_EXIT)) {
			assert_true(reg[0] <= 1);
			return reg[0] == 1;
		}
		if (i->code == (BPF_LDX | BPF_MEM | BPF_W)) {
			uint32_t v;
			assert_true(i->src_reg == BPF_REG_1 && i->off >= 0);
			assert_true((size_t)i->off + sizeof(v) <= sizeof(ctx));
			memcpy(&v, (const char *)&ctx + i->off, sizeof(v));
			reg[i->dst_reg] = v;
		} else if (BPF_CLASS(i->code) == BPF_JMP ||
			   BPF_CLASS(i->code) == BPF_JMP32) {
			assert_true(i->off > 0);
			pc += is_taken(i, reg) ? (size_t)i->off : 0;
		} else {
			step_alu(i, reg);
		}
	}
	fail_msg("the program has no end");
	return false;
}

/* The verifier refuses code that cannot be reached, and jumps out. */
static void check_flow(void)
{
	bool is_reached[DEVICES_PROGRAM_MAX + 1] = { true };
	for (size_t pc = 0; pc < program_len; pc++) {
		const struct bpf_insn *i = &program[pc];
		bool is_jump = BPF_CLASS(i->code) == BPF_JMP ||
			       BPF_CLASS(i->code) == BPF_JMP32;
		bool is_exit = i->code == (BPF_JMP | BPF_EXIT);
		assert_true(is_reached[pc]);
		if (is_jump && !is_exit) {
			assert_true(pc + 1 + (size_t)i->off < program_len);
			is_reached[pc + 1 + (size_t)i->off] = true;
		}
		if (!is_exit && i->code != (BPF_JMP | BPF_JA)) {
			is_reached[pc + 1] = true;
		}
	}
	assert_false(is_reached[program_len]);
}

static void generate(void)
{
	program_len = devices_program(&spec, program);
	assert_in_range(program_len, 8, DEVICES_PROGRAM_MAX);
	check_flow();
}

static void rules(const struct spec_device_rule *r, size_t count)
{
	memset(&spec, 0, sizeof(spec));
	for (size_t i = 0; i < count; i++) {
		spec.device_rules[i] = r[i];
	}
	spec.device_rule_count = count;
	generate();
}

#define ALL(allow)                                                \
	{                                                         \
		allow, 'a', R | W | M, SPEC_DEV_ANY, SPEC_DEV_ANY \
	}

/* ---- the rules in words ---- */

static bool is_own(char type, uint32_t major, uint32_t minor)
{
	static const uint32_t nodes[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 },
					     { 1, 8 }, { 1, 9 }, { 5, 0 },
					     { 5, 1 }, { 5, 2 } };
	for (size_t i = 0; i < ARRAY_COUNT(nodes); i++) {
		if (type == 'c' && nodes[i][0] == major &&
		    nodes[i][1] == minor) {
			return true;
		}
	}
	for (size_t i = 0; i < spec.device_count; i++) {
		const struct spec_device *d = &spec.devices[i];
		mode_t kind = type == 'b' ? S_IFBLK : S_IFCHR;
		if ((d->mode & S_IFMT) == kind && d->major == major &&
		    d->minor == minor) {
			return true;
		}
	}
	return type == 'c' && major == 136;
}

/* One right at a time: the last rule that speaks of it decides. */
static bool model_right(char type, unsigned right, uint32_t major,
			uint32_t minor)
{
	bool is_allowed = is_own(type, major, minor);
	for (size_t i = 0; i < spec.device_rule_count; i++) {
		const struct spec_device_rule *r = &spec.device_rules[i];
		bool is_all = r->type == 'a' && r->access == SPEC_ACCESS_ALL;
		if ((r->access & right) == 0 ||
		    (r->type != 'a' && r->type != type) ||
		    (r->major >= 0 && (uint32_t)r->major != major) ||
		    (r->minor >= 0 && (uint32_t)r->minor != minor)) {
			continue;
		}
		is_allowed = r->is_allow;
		if (is_all && !r->is_allow) {
			is_allowed = is_own(type, major, minor);
		}
	}
	return is_allowed;
}

static bool model(char type, unsigned access, uint32_t major, uint32_t minor)
{
	for (unsigned right = 1; right <= SPEC_ACCESS_WRITE; right <<= 1) {
		if ((access & right) != 0 &&
		    !model_right(type, right, major, minor)) {
			return false;
		}
	}
	return true;
}

static void compare_all(void)
{
	static const uint32_t majors[] = { 0, 1, 2, 5, 136, 254, 4095 };
	static const uint32_t minors[] = { 0, 1, 3, 5, 9, 1048575 };
	for (size_t n = 0;
	     n < 2 * 7 * ARRAY_COUNT(majors) * ARRAY_COUNT(minors); n++) {
		char type = n % 2 == 0 ? 'b' : 'c';
		unsigned access = (unsigned)(1 + n / 2 % 7);
		uint32_t major = majors[n / 14 % ARRAY_COUNT(majors)];
		uint32_t minor = minors[n / 14 / ARRAY_COUNT(majors)];
		assert_int_equal(run(type, access, major, minor),
				 model(type, access, major, minor));
	}
}

/* ---- tests ---- */

static void test_without_rules(void **state)
{
	(void)state;
	rules(NULL, 0);
	assert_true(run('c', R | W, 1, 3));
	assert_true(run('c', M, 1, 9));
	assert_true(run('c', R | W, 5, 2));
	assert_true(run('c', R | W, 136, 7));
	assert_false(run('b', R, 1, 3));
	assert_false(run('c', R, 1, 11));
	assert_false(run('b', M, 254, 0));
	compare_all();
}

static void test_order(void **state)
{
	static const struct spec_device_rule r[] = {
		ALL(false),
		{ true, 'c', R | W, 10, SPEC_DEV_ANY },
		{ false, 'c', W, 10, 200 },
		{ true, 'b', R, 8, 0 },
		{ true, 'b', W, 8, 0 },
		{ false, 'c', R | W | M, 1, 5 },
	};
	(void)state;
	rules(r, ARRAY_COUNT(r));
	assert_true(run('c', R | W, 10, 1));
	assert_true(run('c', R, 10, 200));
	assert_false(run('c', W, 10, 200));
	assert_false(run('c', R | W, 10, 200));
	assert_false(run('c', M, 10, 1));
	/* two rules together give both rights */
	assert_true(run('b', R | W, 8, 0));
	assert_false(run('b', R | W | M, 8, 0));
	/* a rule can take away what every container has */
	assert_false(run('c', R, 1, 5));
	assert_true(run('c', R, 1, 3));
	compare_all();
}

static void test_all(void **state)
{
	static const struct spec_device_rule open_all[] = {
		{ false, 'c', R | W | M, 1, 3 },
		ALL(true),
		{ false, 'b', M, SPEC_DEV_ANY, SPEC_DEV_ANY },
	};
	static const struct spec_device_rule shut_again[] = {
		ALL(true),
		{ true, 'b', R | W | M, 8, SPEC_DEV_ANY },
		ALL(false),
	};
	(void)state;
	rules(open_all, ARRAY_COUNT(open_all));
	assert_true(run('c', R | W | M, 1, 3));
	assert_true(run('b', R, 8, 1));
	assert_false(run('b', R | M, 8, 1));
	compare_all();
	rules(shut_again, ARRAY_COUNT(shut_again));
	assert_false(run('b', R, 8, 0));
	assert_true(run('c', R, 1, 3));
	compare_all();
}

static void test_own_devices(void **state)
{
	static const struct spec_device_rule r[] = { ALL(false) };
	(void)state;
	rules(r, ARRAY_COUNT(r));
	spec.devices[0] = (struct spec_device){ .mode = S_IFBLK | 0600,
						.major = 254,
						.minor = 1 };
	spec.devices[1] = (struct spec_device){ .mode = S_IFIFO | 0600,
						.major = 10,
						.minor = 1 };
	spec.device_count = 2;
	generate();
	assert_true(run('b', R | W | M, 254, 1));
	assert_false(run('c', R, 254, 1));
	assert_false(run('c', R, 10, 1)); /* a FIFO is no device */
	compare_all();
}

static uint32_t random_next(void)
{
	static uint32_t x = 1;
	x = x * 1664525u + 1013904223u;
	return x >> 8;
}

/* Random rules against the model, up to the longest list. */
static void test_random(void **state)
{
	static const int64_t numbers[] = { -1, -1, 0, 1, 3, 5, 136, 254 };
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct spec_device_rule r[SPEC_DEVICE_RULE_MAX];
		size_t count =
			round < 290 ? random_next() % 9 : SPEC_DEVICE_RULE_MAX;
		for (size_t i = 0; i < count; i++) {
			r[i].is_allow = random_next() % 2 == 0;
			r[i].type = "abc"[random_next() % 3];
			r[i].access = (uint8_t)(1 + random_next() % 7);
			bool is_any = r[i].type == 'a';
			r[i].major = is_any ? -1 : numbers[random_next() % 8];
			r[i].minor = is_any ? -1 : numbers[random_next() % 8];
		}
		rules(r, count);
		compare_all();
	}
}

/* A document with these rules; NULL with @e if they are refused. */
static struct spec *decode(const char *text, struct agent_error *e)
{
	auto_json json_t *list = json_loads(text, 0, NULL);
	assert_non_null(list);
	auto_json json_t *config = json_pack(
		"{s:s, s:{s:s}, s:{s:[s], s:s}, s:{s:[{s:s}], s:{s:O}}}",
		"ociVersion", "1.1.0", "root", "path", "rootfs", "process",
		"args", "a", "cwd", "/", "linux", "namespaces", "type", "mount",
		"resources", "devices", list);
	return spec_decode(config, e);
}

static void test_decode(void **state)
{
	struct agent_error e = { 0 };
	struct spec *s = decode("[{\"allow\":false,\"access\":\"rwm\"},"
				"{\"allow\":true,\"type\":\"c\",\"major\":10,"
				"\"minor\":-1,\"access\":\"wr\"},"
				"{\"allow\":true,\"type\":\"b\",\"minor\":7}]",
				&e);
	(void)state;
	assert_non_null(s);
	assert_int_equal(s->device_rule_count, 3);
	const struct spec_device_rule *r = s->device_rules;
	assert_true(!r[0].is_allow && r[0].type == 'a' && r[0].access == 7);
	assert_true(r[1].is_allow && r[1].type == 'c' && r[1].major == 10);
	assert_true(r[1].minor == SPEC_DEV_ANY && r[1].access == (R | W));
	assert_true(r[2].type == 'b' && r[2].major == SPEC_DEV_ANY);
	assert_true(r[2].minor == 7 && r[2].access == SPEC_ACCESS_ALL);
	spec_free(s);
}

static void test_refusals(void **state)
{
	/* clang-format off */
	static const struct { const char *rule, *path; int code; } rows[] = {
		{ "5",                                        "",        0 },
		{ "{}",                                       "",        0 },
		{ "{\"access\":\"r\"}",                       "",        0 },
		{ "{\"allow\":1}",                            "/allow",  0 },
		{ "{\"allow\":true,\"type\":\"u\"}",          "/type",   0 },
		{ "{\"allow\":true,\"type\":\"\"}",           "/type",   0 },
		{ "{\"allow\":true,\"type\":\"cb\"}",         "/type",   0 },
		{ "{\"allow\":true,\"access\":\"\"}",         "/access", 0 },
		{ "{\"allow\":true,\"access\":\"rx\"}",       "/access", 0 },
		{ "{\"allow\":true,\"access\":\"rr\"}",       "/access", 0 },
		{ "{\"allow\":true,\"access\":null}",         "/access", 0 },
		{ "{\"allow\":true,\"major\":1}",             "",        0 },
		{ "{\"allow\":true,\"type\":\"c\",\"major\":-2}",
		  "/major", 0 },
		{ "{\"allow\":true,\"type\":\"c\",\"major\":4096}",
		  "/major", 0 },
		{ "{\"allow\":true,\"type\":\"c\",\"minor\":1048576}",
		  "/minor", 0 },
		{ "{\"allow\":true,\"type\":\"c\",\"minor\":1.0}",
		  "/minor", 0 },
		{ "{\"allow\":true,\"x\":1}", "/x", RPC_ERR_UNSUPPORTED },
	};
	/* clang-format on */
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct agent_error e = { 0 };
		char text[128];
		char path[ERROR_PATH_MAX];
		(void)snprintf(text, sizeof(text), "[{\"allow\":true},%s]",
			       rows[i].rule);
		(void)snprintf(path, sizeof(path),
			       "/linux/resources/devices/1%s", rows[i].path);
		assert_null(decode(text, &e));
		assert_string_equal(e.path, path);
		assert_int_equal(e.code, rows[i].code != 0 ? rows[i].code
							   : RPC_ERR_PARAMS);
	}
}

static void test_too_many(void **state)
{
	struct agent_error e = { 0 };
	auto_json json_t *list = json_array();
	(void)state;
	for (size_t i = 0; i <= SPEC_DEVICE_RULE_MAX; i++) {
		json_array_append_new(list, json_pack("{s:b}", "allow", 0));
	}
	auto_free char *text = json_dumps(list, 0);
	assert_null(decode(text, &e));
	assert_int_equal(e.code, RPC_ERR_LIMIT);
	assert_string_equal(e.path, "/linux/resources/devices");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_without_rules), UNIT(test_order),
		UNIT(test_all),           UNIT(test_own_devices),
		UNIT(test_random),        UNIT(test_decode),
		UNIT(test_refusals),      UNIT(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
