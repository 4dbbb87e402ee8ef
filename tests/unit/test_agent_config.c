/* test_agent_config.c - every field of config.json is obeyed or refused. */
#define _GNU_SOURCE
#include "guest/agent/caps.h"
#include "guest/agent/filter.h"
#include "guest/agent/spec.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_no_conn.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char default_path[] = "guest/image/default-config.json";

/* A minimal valid config with @linux_members inside "linux". */
static json_t *minimal(const char *linux_members)
{
	char text[4096];
	(void)snprintf(
		text, sizeof(text),
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
		"\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"},"
		"\"linux\":{%s%s\"namespaces\":[{\"type\":\"mount\"}]}}",
		linux_members, linux_members[0] != '\0' ? "," : "");
	json_t *config = json_loads(text, 0, NULL);
	assert_non_null(config);
	return config;
}

static struct spec *decode(json_t *config, struct agent_error *e)
{
	struct spec *s = spec_decode(config, e);
	json_decref(config);
	return s;
}

static void refuse(const char *linux_members, int code, const char *path)
{
	struct agent_error e = { 0 };
	assert_null(decode(minimal(linux_members), &e));
	assert_int_equal(e.code, code);
	assert_string_equal(e.path, path);
}

static const char *cgroup_value(const struct spec *s, const char *file)
{
	for (size_t i = 0; i < s->cgroup_count; i++) {
		if (strcmp(s->cgroup[i].file, file) == 0) {
			return s->cgroup[i].value;
		}
	}
	return NULL;
}

static void test_default_config_is_valid(void **state)
{
	(void)state;
	struct agent_error e = { 0 };
	json_t *config = json_load_file(default_path, 0, NULL);
	assert_non_null(config);
	struct spec *s = decode(config, &e);
	assert_non_null(s);
	for (int i = 0; i < NS_COUNT; i++) {
		assert_true(spec_has_new(s, (enum ns_kind)i));
	}
	assert_non_null(s->seccomp);
	assert_true(s->process.has_no_new_privs);
	assert_int_equal(spec_outside(s->uid_maps, s->uid_map_count, 5),
			 100005);
	spec_free(s);
}

/* What the VMM sends for the partition of `make run`, vm member and all. */
static void test_partition_hello_is_valid(void **state)
{
	(void)state;
	struct agent_error e = { 0 };
	json_t *config = json_load_file("guest/partitions/hello.json", 0, NULL);
	assert_non_null(config);
	struct spec *s = decode(config, &e);
	if (s == NULL) {
		print_error("%s\n", e.message);
	}
	assert_non_null(s);
	spec_free(s);
}

static void test_minimal(void **state)
{
	(void)state;
	struct agent_error e = { 0 };
	struct spec *s = decode(minimal(""), &e);
	assert_non_null(s);
	assert_string_equal(s->process.args[0], "a");
	assert_null(s->process.args[1]);
	assert_null(s->seccomp);
	assert_false(s->process.has_caps);
	assert_int_equal(spec_outside(s->uid_maps, 0, 7), 7);
	spec_free(s);
}

static void test_v1_resources(void **state)
{
	(void)state;
	struct agent_error e = { 0 };
	struct spec *s = decode(
		minimal("\"resources\":{\"unified\":{\"memory.high\":\"1M\","
			"\"pids.max\":\"9\"},\"cpu\":{\"shares\":2,"
			"\"quota\":-1,\"period\":50000},\"memory\":{"
			"\"limit\":-1,\"reservation\":4096},"
			"\"pids\":{\"limit\":5}}"),
		&e);
	assert_non_null(s);
	assert_string_equal(cgroup_value(s, "cpu.weight"), "1");
	assert_string_equal(cgroup_value(s, "cpu.max"), "max 50000");
	assert_string_equal(cgroup_value(s, "memory.max"), "max");
	assert_string_equal(cgroup_value(s, "memory.low"), "4096");
	/* unified wins over the v1 member, wherever it stands */
	assert_string_equal(cgroup_value(s, "pids.max"), "9");
	assert_string_equal(cgroup_value(s, "memory.high"), "1M");
	spec_free(s);
}

static void test_weights(void **state)
{
	(void)state;
	struct agent_error e = { 0 };
	struct spec *s = decode(
		minimal("\"resources\":{\"cpu\":{\"shares\":262144}}"), &e);
	assert_string_equal(cgroup_value(s, "cpu.weight"), "10000");
	spec_free(s);
	refuse("\"resources\":{\"cpu\":{\"shares\":1}}", RPC_ERR_PARAMS,
	       "/linux/resources/cpu");
	refuse("\"resources\":{\"memory\":{\"limit\":10,\"swap\":5}}",
	       RPC_ERR_PARAMS, "/linux/resources/memory");
	refuse("\"resources\":{\"cpu\":{\"cpus\":\"0;1\"}}", RPC_ERR_PARAMS,
	       "/linux/resources/cpu");
}

static void test_refusals(void **state)
{
	(void)state;
	refuse("\"x\":1", RPC_ERR_UNSUPPORTED, "/linux/x");
	refuse("\"uidMappings\":[{\"containerID\":0,\"hostID\":1,"
	       "\"size\":4294967295}]",
	       RPC_ERR_PARAMS, "/linux/uidMappings/0");
	refuse("\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]",
	       RPC_ERR_PARAMS, "/linux/uidMappings");
	refuse("\"timeOffsets\":{\"monotonic\":{\"secs\":1}}", RPC_ERR_PARAMS,
	       "/linux/timeOffsets");
	refuse("\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}",
	       RPC_ERR_PARAMS, "/linux/timeOffsets/boottime");
	refuse("\"sysctl\":{\"net.a\":\"1\"}", RPC_ERR_UNSUPPORTED,
	       "/linux/sysctl/net.a");
	refuse("\"sysctl\":{\"net/../kernel\":\"1\"}", RPC_ERR_PARAMS,
	       "/linux/sysctl");
	refuse("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"s\"}]",
	       RPC_ERR_UNSUPPORTED, "/linux/devices/0");
	refuse("\"maskedPaths\":[\"/a/..\"]", RPC_ERR_PARAMS,
	       "/linux/maskedPaths");
	refuse("\"rootfsPropagation\":\"odd\"", RPC_ERR_UNSUPPORTED,
	       "/linux/rootfsPropagation");
}

static void test_seccomp_refusals(void **state)
{
	(void)state;
	refuse("\"seccomp\":{}", RPC_ERR_PARAMS, "/linux/seccomp");
	refuse("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
	       "\"syscalls\":[{\"names\":[\"no_such_call\"],"
	       "\"action\":\"SCMP_ACT_ERRNO\"}]}",
	       RPC_ERR_UNSUPPORTED, "/linux/seccomp/syscalls/0");
	refuse("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
	       "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"X\"}]}",
	       RPC_ERR_UNSUPPORTED, "/linux/seccomp/syscalls/0");
	refuse("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
	       "\"syscalls\":[{\"names\":[\"read\"],\"action\":"
	       "\"SCMP_ACT_TRAP\",\"args\":[{\"index\":6,\"value\":0,"
	       "\"op\":\"SCMP_CMP_EQ\"}]}]}",
	       RPC_ERR_PARAMS, "/linux/seccomp/syscalls/0");
	refuse("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
	       "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]}",
	       RPC_ERR_UNSUPPORTED, "/linux/seccomp/flags");
}

static void test_unknown_call_to_allow_is_skipped(void **state)
{
	(void)state;
	struct agent_error e = { 0 };
	struct spec *s =
		decode(minimal("\"seccomp\":{\"syscalls\":[{\"names\":"
			       "[\"no_such_call\",\"read\"],\"action\":"
			       "\"SCMP_ACT_ALLOW\"}],"
			       "\"defaultAction\":\"SCMP_ACT_ERRNO\"}"),
		       &e);
	assert_non_null(s);
	spec_free(s);
}

/* In a child: load the base filter, then see what @domain gives. */
static int socket_errno(int domain)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct agent_error e;
		scmp_filter_ctx f = filter_base();
		if (f == NULL || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    filter_apply(f, &e) < 0) {
			_exit(255);
		}
		int fd = socket(domain, SOCK_STREAM, 0);
		_exit(fd < 0 ? errno : 0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_base_filter_refuses_vsock(void **state)
{
	(void)state;
	assert_int_equal(socket_errno(AF_VSOCK), EAFNOSUPPORT);
	assert_int_equal(socket_errno(AF_UNIX), 0);
}

static void test_caps(void **state)
{
	(void)state;
	assert_int_equal(caps_of("CAP_CHOWN"), 0);
	assert_int_equal(caps_of("CAP_SYS_ADMIN"), 21);
	assert_int_equal(caps_of("chown"), -1);
	assert_int_equal(caps_of("CAP_"), -1);
	assert_int_equal(caps_of("CAP_NOPE"), -1);
	assert_int_equal(caps_set_of("ambient"), CAPS_AMBIENT);
	assert_int_equal(caps_set_of("x"), -1);
}

static int decode_process(const char *text, struct spec_process *p,
			  struct agent_error *e)
{
	static json_t *kept; /* the strings are borrowed from it */
	json_decref(kept);
	kept = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(kept);
	return spec_decode_process(kept, p, e);
}

static void test_process(void **state)
{
	(void)state;
	static struct spec_process p;
	struct agent_error e = { 0 };
	assert_int_equal(
		decode_process("{\"args\":[\"x\",\"y\"],\"cwd\":\"/\","
			       "\"rlimits\":[{\"type\":\"RLIMIT_NPROC\","
			       "\"soft\":1,\"hard\":18446744073709551615.0}],"
			       "\"user\":{\"uid\":1,\"additionalGids\":[2,3]}}",
			       &p, &e),
		0);
	assert_int_equal(p.group_count, 2);
	assert_true(p.rlimits[RLIMIT_NPROC].is_set);
	assert_true(p.rlimits[RLIMIT_NPROC].limit.rlim_max == RLIM_INFINITY);
	assert_int_equal(decode_process("{\"cwd\":\"/\"}", &p, &e), -1);
	assert_int_equal(decode_process("{\"args\":[\"x\"]}", &p, &e), -1);
	assert_int_equal(decode_process("{\"args\":[\"x\"],\"cwd\":\"/\","
					"\"env\":[\"a\\u0000b\"]}",
					&p, &e),
			 -1);
	assert_string_equal(e.path, "/process/env/0");
	assert_int_equal(decode_process("{\"args\":[\"x\"],\"cwd\":\"/\","
					"\"capabilities\":{\"effective\":"
					"[\"CAP_KILL\"]}}",
					&p, &e),
			 -1);
	assert_string_equal(e.path, "/process/capabilities");
}

static void test_too_many(void **state)
{
	(void)state;
	json_t *config = minimal("");
	json_t *args =
		json_object_get(json_object_get(config, "process"), "args");
	for (int i = 0; i < SPEC_ARG_MAX; i++) {
		json_array_append_new(args, json_string("x"));
	}
	struct agent_error e = { 0 };
	assert_null(decode(config, &e));
	assert_int_equal(e.code, RPC_ERR_LIMIT);
	assert_string_equal(e.path, "/process/args");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_config_is_valid),
		cmocka_unit_test(test_partition_hello_is_valid),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_v1_resources),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_seccomp_refusals),
		cmocka_unit_test(test_unknown_call_to_allow_is_skipped),
		cmocka_unit_test(test_base_filter_refuses_vsock),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
