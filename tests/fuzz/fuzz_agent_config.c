/*
 * fuzz_agent_config.c - config.json as the VMM or an operator may send it.
 *
 * The input is a program of changes to a good document (guest/image,
 * guest/partitions): go to a member, take it away, put something odd there,
 * repeat it, give it another name. Whatever comes out is decoded or refused
 * with a path; a decoded one keeps all bounds. Bytes behind '{' are a document
 * of their own.
 */
#include "agent_fuzz.h"
#include "guest/agent/devices.h"
#include "guest/agent/run_config.h"
#include "guest/agent/spec.h"
#include "tests/unit/agent_no_conn.h"

#define DEPTH_MAX 6

struct input {
	const uint8_t *data;
	size_t left;
};

static uint8_t take(struct input *in)
{
	if (in->left == 0) {
		return 0;
	}
	in->left--;
	return *in->data++;
}

/* Values that decoders stumble over; the index is a byte of the input. */
static const char *const odd_values[] = {
	"null",
	"true",
	"false",
	"0",
	"1",
	"-1",
	"4294967295",
	"4294967296",
	"9223372036854775807",
	"-9223372036854775808",
	"1.5",
	"1e300",
	"\"\"",
	"\"a\"",
	"\"/\"",
	"\"/..\"",
	"\"/a/../b\"",
	"\"a\\u0000b\"",
	"[]",
	"{}",
	"[[]]",
	"[{}]",
	"[\"\"]",
	"{\"\":1}",
	"[1,2,3]",
	"\"rwm\"",
	"\"user\"",
	"\"rootfs\"",
	"\"SCMP_ACT_ERRNO\"",
	"\"CAP_SYS_ADMIN\"",
	"\"RLIMIT_NOFILE\"",
	"\"0-3,5\"",
	"\"size=1,size=2\"",
	"\"bind\"",
	"{\"secs\":-1,\"nanosecs\":1000000000}",
	"{\"containerID\":0,\"hostID\":4294967295,\"size\":2}",
	("[{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,"
	 "\"access\":\"rwm\"},{\"allow\":false,\"type\":\"b\","
	 "\"major\":-1,\"access\":\"m\"},{\"allow\":true}]"),
	"{\"net.ipv4.ip_forward\":\"1\",\"kernel.x\":\"2\"}",
	"{\"limit\":-1,\"swap\":5,\"reservation\":-9}",
	"{\"shares\":1,\"quota\":-1,\"period\":1,\"burst\":1,\"idle\":1}",
	"[{\"type\":\"mount\"},{\"type\":\"mount\"}]",
	("\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\""),
};

static json_t *odd_value(struct input *in)
{
	size_t i = take(in) % (ARRAY_COUNT(odd_values) + 1);
	if (i == ARRAY_COUNT(odd_values)) {
		uint64_t n = take(in);
		n <<= take(in) % 64;
		return json_integer((json_int_t)n);
	}
	json_t *v = json_loads(odd_values[i], FUZZ_JSON, NULL);
	REQUIRE(v != NULL);
	return v;
}

/* The @n-th key of @o. */
static const char *key_at(json_t *o, size_t n)
{
	const char *key = NULL;
	json_t *value;
	json_object_foreach(o, key, value)
	{
		if (n-- == 0) {
			return key;
		}
	}
	return NULL;
}

static json_t *child_at(json_t *o, size_t n)
{
	return json_is_array(o) ? json_array_get(o, n)
				: json_object_get(o, key_at(o, n));
}

static size_t child_count(const json_t *o)
{
	return json_is_array(o) ? json_array_size(o) : json_object_size(o);
}

enum change { CHANGE_SET, CHANGE_DROP, CHANGE_ADD, CHANGE_REPEAT, CHANGE_ALL };

static void change_array(json_t *at, size_t n, enum change what,
			 struct input *in)
{
	switch (what) {
	case CHANGE_SET:
		json_array_set_new(at, n, odd_value(in));
		break;
	case CHANGE_DROP:
		json_array_remove(at, n);
		break;
	case CHANGE_ADD:
		json_array_append_new(at, odd_value(in));
		break;
	default: /* once more, or more often than any bound */
		for (size_t i = take(in) % 80 + 1; i > 0; i--) {
			json_array_append_new(
				at, json_deep_copy(json_array_get(at, n)));
		}
		break;
	}
}

static void change_object(json_t *at, size_t n, enum change what,
			  struct input *in)
{
	static const char *const names[] = {
		"devices",
		"seccomp",
		"sysctl",
		"resources",
		"unified",
		"memory.max",
		"path",
		"rlimits",
		"timeOffsets",
		"\xc3\xa4",
		("a very long name that no table has, \xe2\x82\xac"
		 "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"),
		"x/y~z",
		"",
		"umask",
		"additionalGids",
		"uid",
		"swap",
	};
	const char *key = key_at(at, n);
	const char *name = names[take(in) % ARRAY_COUNT(names)];
	if (what == CHANGE_ADD || key == NULL) {
		json_object_set_new(at, name, odd_value(in));
	} else if (what == CHANGE_SET) {
		json_object_set_new(at, key, odd_value(in));
	} else if (what == CHANGE_DROP) {
		json_object_del(at, key);
	} else {
		json_object_set_new(at, name,
				    json_deep_copy(json_object_get(at, key)));
	}
}

/* One change, somewhere in @o. */
static void change_document(json_t *o, struct input *in)
{
	json_t *at = o;
	size_t depth = take(in) % DEPTH_MAX;
	for (size_t i = 0; i < depth && child_count(at) > 0; i++) {
		json_t *next = child_at(at, take(in) % child_count(at));
		if (!json_is_object(next) && !json_is_array(next)) {
			break;
		}
		at = next;
	}
	enum change what = take(in) % CHANGE_ALL;
	size_t n = child_count(at) > 0 ? take(in) % child_count(at) : 0;
	if (json_is_array(at)) {
		change_array(at, n, what, in);
	} else if (json_is_object(at)) {
		change_object(at, n, what, in);
	}
}

static void check_process(const struct spec_process *p)
{
	REQUIRE(p->args[0] != NULL && p->args[SPEC_ARG_MAX] == NULL);
	REQUIRE(p->env[SPEC_ENV_MAX] == NULL);
	REQUIRE(p->cwd[0] == '/' && p->group_count <= SPEC_GROUP_MAX);
	REQUIRE(p->umask <= 0777);
	REQUIRE((p->caps[CAPS_EFFECTIVE] & ~p->caps[CAPS_PERMITTED]) == 0);
	for (size_t i = 0; i < RLIM_NLIMITS; i++) {
		REQUIRE(!p->rlimits[i].is_set ||
			p->rlimits[i].limit.rlim_cur <=
				p->rlimits[i].limit.rlim_max);
	}
}

static void check_maps(const struct spec_idmap *m, size_t count)
{
	REQUIRE(count <= SPEC_IDMAP_MAX);
	for (size_t i = 0; i < count; i++) {
		REQUIRE(m[i].size > 0 &&
			m[i].host_id <= UINT32_MAX - m[i].size &&
			m[i].container_id <= UINT32_MAX - m[i].size);
	}
}

static void check_spec(const struct spec *s)
{
	check_process(&s->process);
	check_maps(s->uid_maps, s->uid_map_count);
	check_maps(s->gid_maps, s->gid_map_count);
	REQUIRE(s->version != NULL && strcmp(s->root_path, "rootfs") == 0);
	REQUIRE(spec_has_new(s, NS_MOUNT));
	REQUIRE(s->mount_count <= SPEC_MOUNT_MAX);
	REQUIRE(s->device_count <= SPEC_DEVICE_MAX);
	REQUIRE(s->cgroup_count <= SPEC_CGROUP_MAX);
	REQUIRE(s->sysctl_count <= SPEC_SYSCTL_MAX);
	for (size_t i = 0; i < s->mount_count; i++) {
		const struct spec_mount *m = &s->mounts[i];
		REQUIRE(m->destination[0] == '/' && m->destination[1] != '\0');
		REQUIRE(strstr(m->destination, "/../") == NULL);
		REQUIRE(memchr(m->data, '\0', sizeof(m->data)) != NULL);
	}
	for (size_t i = 0; i < s->cgroup_count; i++) {
		const struct spec_cgroup *g = &s->cgroup[i];
		REQUIRE(strchr(g->file, '/') == NULL && g->value[0] != '\0');
	}
	for (size_t i = 0; i < s->device_count; i++) {
		REQUIRE(s->devices[i].path[0] == '/');
	}
	struct bpf_insn program[DEVICES_PROGRAM_MAX];
	REQUIRE(s->device_rule_count <= SPEC_DEVICE_RULE_MAX);
	REQUIRE(devices_program(s, program) <= DEVICES_PROGRAM_MAX);
}

static void decode(json_t *config)
{
	struct agent_error e = { 0 };
	struct spec *s = spec_decode(config, &e);
	if (s == NULL) {
		fuzz_check_error(&e);
	} else {
		check_spec(s);
		spec_free(s);
	}
}

static void decode_process(json_t *process)
{
	static struct spec_process out;
	struct agent_error e = { 0 };
	if (spec_decode_process(process, &out, &e) == 0) {
		check_process(&out);
	} else {
		fuzz_check_error(&e);
	}
}

/* container.run's and container.exec's words, put into a good document. */
static void run_words(json_t *base, struct input *in)
{
	static const char words[] =
		"{\"id\":\"x\",\"args\":[\"p\"],\"env\":[\"B=2\"],\"cwd\":"
		"\"/\",\"user\":\"3:4\",\"hostname\":\"h\",\"memory.max\":1,"
		"\"cpu.max\":\"max\",\"terminal\":true,\"consoleSize\":"
		"{\"width\":1,\"height\":2}}";
	struct agent_error e = { 0 };
	auto_json json_t *params = json_loads(words, FUZZ_JSON, NULL);
	while (in->left > 0) {
		change_document(params, in);
	}
	auto_json json_t *config = run_config(base, params, &e);
	if (config == NULL) {
		fuzz_check_error(&e);
		return;
	}
	decode(config);
	auto_json json_t *process = run_process(base, params, &e);
	REQUIRE(process != NULL);
	decode_process(process);
}

static json_t *good_document(uint8_t which)
{
	static const char *const files[] = {
		"guest/image/default-config.json",
		"guest/partitions/hello.json",
	};
	static json_t *kept[2 * ARRAY_COUNT(files)];
	size_t i = which % ARRAY_COUNT(kept);
	if (kept[i] == NULL) {
		kept[i] = json_load_file(files[i / 2], FUZZ_JSON, NULL);
		REQUIRE(kept[i] != NULL);
		/* a filter is slow to make: half of the runs go without */
		if (i % 2 == 1) {
			json_object_del(json_object_get(kept[i], "linux"),
					"seccomp");
		}
	}
	return kept[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	if (size > 0 && data[0] == '{') {
		auto_json json_t *o =
			json_loadb((const char *)data, size, FUZZ_JSON, NULL);
		if (o != NULL) {
			decode(o);
			decode_process(o);
		}
		return 0;
	}
	uint8_t mode = take(&in);
	json_t *base = good_document(mode);
	if ((mode & 0x80) != 0) {
		run_words(base, &in);
		return 0;
	}
	auto_json json_t *config = json_deep_copy(base);
	if (size == 0) {
		struct agent_error e = { 0 };
		struct spec *s = spec_decode(config, &e);
		REQUIRE(s != NULL); /* the good documents are good */
		spec_free(s);
	}
	while (in.left > 0) {
		change_document(config, &in);
	}
	decode(config);
	json_t *process = json_object_get(config, "process");
	if (process != NULL) {
		decode_process(process);
	}
	return 0;
}
