/*
 * life.c - partitions and groups come, change and go.
 */
#include "bhk.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a)         (sizeof(a) / sizeof((a)[0]))
#define LIFE_STOP_MAX_MS 600000

static int life_order(struct bhk *b, const char *method)
{
	json_t *out;
	int code = bhk_named(b, method, &out);

	return bhk_done(b, code, out);
}

/** bhk_start() - start a partition. */
int bhk_start(struct bhk *b)
{
	return life_order(b, "partition.start");
}

/** bhk_pause() - give a partition no CPU. */
int bhk_pause(struct bhk *b)
{
	return life_order(b, "partition.pause");
}

/** bhk_resume() - end a pause. */
int bhk_resume(struct bhk *b)
{
	return life_order(b, "partition.resume");
}

/** bhk_reset() - end a partition and start it again. */
int bhk_reset(struct bhk *b)
{
	return life_order(b, "partition.reset");
}

/** bhk_state() - the state as the OCI runtime spec has it. */
int bhk_state(struct bhk *b)
{
	json_t *out;
	int code = bhk_named(b, "partition.state", &out);

	if (code == BHK_OK && !b->want_json) {
		bhk_tree(out);
	}
	return bhk_done(b, code, out);
}

/* The parameters of create; NULL after a message. */
static json_t *life_create_params(struct bhk *b)
{
	json_error_t error;
	json_t *config;

	if (b->arg_count == 3 && strcmp(b->args[1], "--file") == 0) {
		return json_pack("{ssss}", "name", b->args[0], "file",
				 b->args[2]);
	}
	if (b->arg_count != 2) {
		bhk_usage(b, "name the partition and its file");
		return NULL;
	}
	config = json_load_file(b->args[1], JSON_REJECT_DUPLICATES, &error);
	if (config == NULL) {
		fprintf(stderr, "bhk: %s:%d:%d: %s\n", b->args[1], error.line,
			error.column, error.text);
		return NULL;
	}
	return json_pack("{ssso}", "name", b->args[0], "config", config);
}

/** bhk_create() - a partition by its config.json. */
int bhk_create(struct bhk *b)
{
	json_t *params = life_create_params(b), *out;
	int code;

	if (params == NULL) {
		return BHK_USAGE;
	}
	code = bhk_call(b, "partition.create", params, &out);
	return bhk_done(b, code, out);
}

/* One option of stop into the parameters; words used, 0: not understood. */
static int life_stop_option(struct bhk *b, json_t *params, int count,
			    char **words)
{
	static const char *const times[][2] = { { "--agent-ms", "agent_ms" },
						{ "--acpi-ms", "acpi_ms" } };

	if (strcmp(words[0], "--no-wait") == 0) {
		json_object_set_new(params, "wait", json_false());
		return 1;
	}
	for (size_t i = 0; i < COUNT(times) && count > 1; i++) {
		char *end;
		long n = strtol(words[1], &end, 10);

		if (strcmp(words[0], times[i][0]) == 0 && *end == '\0' &&
		    n >= 0 && n <= LIFE_STOP_MAX_MS) {
			b->timeout_ms += (int)n; /* the reply comes so late */
			json_object_set_new(params, times[i][1],
					    json_integer(n));
			return 2;
		}
	}
	return 0;
}

static void life_show_stop(json_t *out)
{
	const char *by = json_string_value(json_object_get(out, "by"));
	const char *reason = json_string_value(json_object_get(out, "reason"));
	json_int_t us = json_integer_value(json_object_get(out, "stop_us"));

	if (by == NULL) {
		return; /* it was not waited for */
	}
	if (strcmp(by, "none") == 0) {
		printf("it had ended already\n");
		return;
	}
	printf("ended by ");
	bhk_text(stdout, by);
	printf(" after %lld.%lld s: ", (long long)(us / 1000000),
	       (long long)(us / 100000 % 10));
	bhk_text(stdout, reason ?: "?");
	printf("\n");
}

/** bhk_stop() - ask a partition to power off; tell what worked. */
int bhk_stop(struct bhk *b)
{
	json_t *params, *out;
	int code;

	if (b->arg_count < 1) {
		return bhk_usage(b, "name one partition (bhk ps shows them)");
	}
	params = json_pack("{sssb}", "name", b->args[0], "wait", 1);
	for (int i = 1; i < b->arg_count;) {
		int used = life_stop_option(b, params, b->arg_count - i,
					    &b->args[i]);

		if (used == 0) {
			json_decref(params);
			return bhk_usage(b, "an option is not understood");
		}
		i += used;
	}
	code = bhk_call(b, "partition.stop", params, &out);
	if (code == BHK_OK && !b->want_json) {
		life_show_stop(out);
	}
	return bhk_done(b, code, out);
}

/** bhk_delete() - give back all that a partition has. */
int bhk_delete(struct bhk *b)
{
	bool is_forced =
		b->arg_count == 2 && strcmp(b->args[1], "--force") == 0;
	json_t *out;
	int code;

	if (b->arg_count != 1 && !is_forced) {
		return bhk_usage(b, "name one partition (bhk ps shows them)");
	}
	code = bhk_call(b, "partition.delete",
			json_pack("{sssb}", "name", b->args[0], "force",
				  is_forced ? 1 : 0),
			&out);
	return bhk_done(b, code, out);
}

/* ---- limits ---- */

/* --cpus 0.5: cpu.max "50000 100000". */
static bool life_cpus(json_t *params, const char *value)
{
	char text[48], *end;
	double cpus = strtod(value, &end);

	if (*end != '\0' || !(cpus >= 0.01 && cpus <= 999)) {
		return false;
	}
	snprintf(text, sizeof(text), "%.0f 100000", cpus * 100000);
	json_object_set_new(params, "cpu.max", json_string(text));
	return true;
}

/* One limit as an option: --cpu-max VALUE. */
static bool life_limit_option(json_t *params, const char *option,
			      const char *value)
{
	static const char *const options[][2] = {
		{ "--cpu-weight", "cpu.weight" },
		{ "--cpu-max", "cpu.max" },
		{ "--cpu-max-burst", "cpu.max.burst" },
		{ "--cpuset-cpus", "cpuset.cpus" },
		{ "--memory-max", "memory.max" },
		{ "--memory", "memory.max" },
	};

	if (strcmp(option, "--cpus") == 0) {
		return life_cpus(params, value);
	}
	for (size_t i = 0; i < COUNT(options); i++) {
		if (strcmp(option, options[i][0]) == 0) {
			json_object_set_new(params, options[i][1],
					    json_string(value));
			return true;
		}
	}
	return false;
}

/* LIMIT=VALUE. */
static bool life_limit_word(json_t *params, const char *word)
{
	const char *sign = strchr(word, '=');

	if (sign == NULL || sign == word) {
		return false;
	}
	json_object_setn_new(params, word, (size_t)(sign - word),
			     json_string(sign + 1));
	return true;
}

/* Limits from word @from on: LIMIT=VALUE, or --LIMIT VALUE. */
static bool life_limits(struct bhk *b, json_t *params, int from)
{
	bool good = true;

	for (int i = from; good && i < b->arg_count; i++) {
		if (b->args[i][0] != '-') {
			good = life_limit_word(params, b->args[i]);
		} else {
			good = i + 1 < b->arg_count &&
			       life_limit_option(params, b->args[i],
						 b->args[i + 1]);
			i++;
		}
	}
	return good;
}

/** bhk_update() - change limits of a partition. */
int bhk_update(struct bhk *b)
{
	json_t *params, *out;
	int code;

	if (b->arg_count < 2) {
		return bhk_usage(b, "name one partition, and what to change");
	}
	params = json_pack("{ss}", "name", b->args[0]);
	if (!life_limits(b, params, 1)) {
		json_decref(params);
		return bhk_usage(b, "a limit is not understood");
	}
	code = bhk_call(b, "partition.update", params, &out);
	return bhk_done(b, code, out);
}

/* group: the list. */
static int life_groups(struct bhk *b)
{
	static const struct bhk_column columns[] = {
		{ "group", "GROUP", BHK_TEXT },
		{ "partitions", "PARTITIONS", BHK_NUMBER },
		{ "cpu.weight", "WEIGHT", BHK_NUMBER },
		{ "cpu.max", "CPU.MAX", BHK_TEXT },
		{ "cpuset.cpus.effective", "CPUS", BHK_TEXT },
		{ "memory.max", "MEMORY.MAX", BHK_SIZE },
		{ "memory.promised", "PROMISED", BHK_SIZE },
		{ "memory.current", "CURRENT", BHK_SIZE },
	};
	json_t *out;
	int code = bhk_simple(b, "group.list", &out);

	if (code == BHK_OK && !b->want_json) {
		bhk_table(json_object_get(out, "groups"), columns,
			  COUNT(columns));
	}
	return bhk_done(b, code, out);
}

/** bhk_group() - groups: the list, or one comes, changes or goes. */
int bhk_group(struct bhk *b)
{
	static const char *const verbs[][2] = {
		{ "create", "group.create" },
		{ "update", "group.update" },
		{ "delete", "group.delete" },
	};
	json_t *params, *out;
	size_t i = 0;
	int code;

	if (b->arg_count == 0) {
		return life_groups(b);
	}
	while (i < COUNT(verbs) && strcmp(b->args[0], verbs[i][0]) != 0) {
		i++;
	}
	if (i == COUNT(verbs) || b->arg_count < 2) {
		return bhk_usage(b, "create, update or delete, and the path of "
				    "a group");
	}
	params = json_pack("{ss}", "group", b->args[1]);
	if (!life_limits(b, params, 2)) {
		json_decref(params);
		return bhk_usage(b, "a limit is not understood");
	}
	code = bhk_call(b, verbs[i][1], params, &out);
	return bhk_done(b, code, out);
}
