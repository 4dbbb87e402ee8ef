/*
 * look.c - commands that ask once and show the answer.
 */
#include "bhk.h"
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/** bhk_simple() - call with no parameters; the command takes no words. */
int bhk_simple(struct bhk *b, const char *method, json_t **out)
{
	*out = NULL;
	if (b->arg_count != 0) {
		return bhk_usage(b, "takes nothing");
	}
	return bhk_call(b, method, NULL, out);
}

/** bhk_named() - call with one partition's name. */
int bhk_named(struct bhk *b, const char *method, json_t **out)
{
	*out = NULL;
	if (b->arg_count != 1) {
		return bhk_usage(b, "name one partition (bhk ps shows them)");
	}
	return bhk_call(b, method, json_pack("{ss}", "name", b->args[0]), out);
}

/** bhk_done() - an order: nothing to show but JSON. */
int bhk_done(struct bhk *b, int code, json_t *out)
{
	if (code == BHK_OK && b->want_json) {
		bhk_json(out);
	}
	json_decref(out);
	return code;
}

static const struct bhk_column bhk_partition_columns[] = {
	{ "name", "PARTITION", BHK_TEXT }, { "state", "STATE", BHK_TEXT },
	{ "reason", "REASON", BHK_TEXT },  { "vcpus", "VCPUS", BHK_NUMBER },
	{ "memory", "MEMORY", BHK_SIZE },  { "agent", "AGENT", BHK_TEXT },
	{ "exits", "EXITS", BHK_NUMBER },  { "uptime_us", "UPTIME", BHK_TIME },
};

static const struct bhk_column bhk_container_columns[] = {
	{ "partition", "PARTITION", BHK_TEXT }, { "id", "CONTAINER", BHK_TEXT },
	{ "status", "STATUS", BHK_TEXT },       { "pid", "PID", BHK_NUMBER },
	{ "exitCode", "EXIT", BHK_NUMBER },     { "args", "ARGS", BHK_WORDS },
};

/* Append the containers of one partition to @all; a paused one cannot tell. */
static int bhk_ps_partition(struct bhk *b, json_t *partition, json_t *all)
{
	json_t *name = json_object_get(partition, "name"), *list, *c;
	size_t i;
	int code;

	if (!json_is_true(json_object_get(partition, "agent")) ||
	    strcmp(json_string_value(json_object_get(partition, "state")) ?: "",
		   "running") != 0) {
		return BHK_OK;
	}
	code = bhk_call(b, "container.list",
			json_pack("{sO}", "partition", name), &list);
	json_array_foreach(json_object_get(list, "containers"), i, c)
	{
		json_object_set(c, "partition", name);
		json_array_append(all, c);
	}
	json_decref(list);
	return code;
}

/** bhk_ps() - partitions and the containers in them. */
int bhk_ps(struct bhk *b)
{
	json_t *list, *all, *p;
	size_t i;
	int code = bhk_simple(b, "partition.list", &list);

	if (code != BHK_OK) {
		return code;
	}
	all = json_array();
	json_array_foreach(json_object_get(list, "partitions"), i, p)
	{
		if (code == BHK_OK) {
			code = bhk_ps_partition(b, p, all);
		}
	}
	json_object_set(list, "containers", all);
	if (b->want_json) {
		bhk_json(list);
	} else {
		bhk_table(json_object_get(list, "partitions"),
			  bhk_partition_columns, COUNT(bhk_partition_columns));
		if (json_array_size(all) > 0) {
			printf("\n");
			bhk_table(all, bhk_container_columns,
				  COUNT(bhk_container_columns));
		}
	}
	json_decref(all);
	json_decref(list);
	return code;
}

/** bhk_version() - of bhk and of the machine. */
int bhk_version(struct bhk *b)
{
	json_t *info;
	int code = bhk_simple(b, "machine.info", &info);

	if (code == BHK_OK && !b->want_json) {
		bhk_tree(info);
	}
	return bhk_done(b, code, info);
}

/** bhk_stats() - use and limits of a partition or a container. */
int bhk_stats(struct bhk *b)
{
	static const struct bhk_column columns[] = {
		{ "name", "DEVICE", BHK_TEXT },
		{ "kicks", "KICKS", BHK_NUMBER },
		{ "requests", "REQUESTS", BHK_NUMBER },
		{ "bytes_in", "IN", BHK_NUMBER },
		{ "bytes_out", "OUT", BHK_NUMBER },
		{ "irqs", "IRQS", BHK_NUMBER },
		{ "errors", "ERRORS", BHK_NUMBER },
	};
	json_t *stats, *devices;
	int code;

	if (b->arg_count == 1 && strchr(b->args[0], '/') != NULL) {
		if (!bhk_target(b, b->args[0])) {
			return bhk_usage(b, "not PART/CONTAINER");
		}
		code = bhk_call(b, "container.stats", bhk_target_params(b),
				&stats);
	} else {
		code = bhk_named(b, "partition.stats", &stats);
	}
	devices = json_object_get(stats, "devices");
	if (code == BHK_OK && !b->want_json) {
		json_incref(devices);
		json_object_del(stats, "devices");
		bhk_tree(stats);
		if (json_array_size(devices) > 0) {
			bhk_table(devices, columns, COUNT(columns));
		}
		json_decref(devices);
	}
	return bhk_done(b, code, stats);
}

/** bhk_exits() - VM exits by reason. */
int bhk_exits(struct bhk *b)
{
	static const struct bhk_column columns[] = {
		{ "reason", "EXIT REASON", BHK_TEXT },
		{ "count", "COUNT", BHK_NUMBER },
		{ "root_tsc", "ROOT TSC", BHK_NUMBER },
	};
	json_t *exits;
	int code = bhk_named(b, "partition.exits", &exits);

	if (code == BHK_OK && !b->want_json) {
		bhk_table(json_object_get(exits, "reasons"), columns,
			  COUNT(columns));
		printf("%lld exits\n",
		       (long long)json_integer_value(
			       json_object_get(exits, "total")));
	}
	return bhk_done(b, code, exits);
}

static void bhk_why_lines(json_t *why)
{
	static const char *const keys[] = { "text", "remedy",   "uptime_us",
					    "vcpu", "gpa",      "instruction",
					    "exit", "registers" };
	static const struct bhk_column columns[] = {
		{ "before_end_us", "US BEFORE END", BHK_NUMBER },
		{ "vcpu", "VCPU", BHK_NUMBER },
		{ "reason", "EXIT", BHK_TEXT },
		{ "rip", "RIP", BHK_NUMBER },
		{ "qualification", "QUALIFICATION", BHK_NUMBER },
	};
	const char *console =
		json_string_value(json_object_get(why, "console"));
	json_t *part = json_object();

	for (size_t i = 0; i < COUNT(keys); i++) {
		json_t *v = json_object_get(why, keys[i]);

		if (v != NULL) {
			json_object_set(part, keys[i], v);
		}
	}
	bhk_tree(part);
	json_decref(part);
	if (json_array_size(json_object_get(why, "trace")) > 0) {
		bhk_table(json_object_get(why, "trace"), columns,
			  COUNT(columns));
	}
	if (console != NULL && console[0] != '\0') {
		printf("last console lines\n");
		bhk_text(stdout, console);
		printf("\n");
	}
}

/** bhk_why() - how a partition ended. */
int bhk_why(struct bhk *b)
{
	json_t *why;
	int code = bhk_named(b, "partition.why", &why);

	if (code == BHK_OK && !b->want_json) {
		printf("partition %s: ", b->args[0]);
		bhk_text(stdout,
			 json_string_value(json_object_get(why, "reason"))
				 ?: "?");
		printf(": ");
		bhk_text(stdout,
			 json_string_value(json_object_get(why, "sentence"))
				 ?: "?");
		printf("\n");
		bhk_why_lines(why);
	}
	return bhk_done(b, code, why);
}

/** bhk_kill() - end a partition, or send a signal to a container. */
int bhk_kill(struct bhk *b)
{
	json_t *out, *params;
	int code;

	if (b->arg_count == 0 || strchr(b->args[0], '/') == NULL) {
		code = bhk_named(b, "partition.kill", &out);
		return bhk_done(b, code, out);
	}
	if (b->arg_count > 2 || !bhk_target(b, b->args[0])) {
		return bhk_usage(b, "PART or PART/CONTAINER [SIGNAL]");
	}
	params = bhk_target_params(b);
	json_object_set_new(
		params, "signal",
		json_string(b->arg_count == 2 ? b->args[1] : "KILL"));
	code = bhk_call(b, "container.kill", params, &out);
	return bhk_done(b, code, out);
}

/** bhk_mem() - who owns how much memory. */
int bhk_mem(struct bhk *b)
{
	static const struct bhk_column columns[] = {
		{ "name", "OWNER", BHK_TEXT },
		{ "what", "WHAT", BHK_TEXT },
		{ "bytes", "BYTES", BHK_SIZE },
	};
	json_t *mem;
	int code = bhk_simple(b, "machine.mem", &mem);

	if (code == BHK_OK && !b->want_json) {
		bhk_table(json_object_get(mem, "owners"), columns,
			  COUNT(columns));
	}
	return bhk_done(b, code, mem);
}

/** bhk_cpuid() - the CPUID leaves that a guest sees. */
int bhk_cpuid(struct bhk *b)
{
	static const struct bhk_column columns[] = {
		{ "leaf", "LEAF", BHK_NUMBER },
		{ "subleaf", "SUB", BHK_NUMBER },
		{ "eax", "EAX", BHK_NUMBER },
		{ "ebx", "EBX", BHK_NUMBER },
		{ "ecx", "ECX", BHK_NUMBER },
		{ "edx", "EDX", BHK_NUMBER },
	};
	json_t *out;
	int code = bhk_named(b, "partition.cpuid", &out);

	if (code == BHK_OK && !b->want_json) {
		bhk_table(json_object_get(out, "leaves"), columns,
			  COUNT(columns));
	}
	return bhk_done(b, code, out);
}

/** bhk_poweroff() - stop everything. */
int bhk_poweroff(struct bhk *b)
{
	json_t *out;
	int code = bhk_simple(b, "machine.poweroff", &out);

	return bhk_done(b, code, out);
}

/** bhk_mitigations() - what is done against the processor's flaws. */
int bhk_mitigations(struct bhk *b)
{
	static const struct bhk_column columns[] = {
		{ "name", "FLAW", BHK_TEXT },
		{ "state", "STATE", BHK_TEXT },
		{ "how", "WHAT IS DONE, OR WHY NOTHING", BHK_TEXT },
	};
	json_t *out;
	int code = bhk_simple(b, "machine.mitigations", &out);

	if (code == BHK_OK && !b->want_json) {
		bhk_table(json_object_get(out, "flaws"), columns,
			  COUNT(columns));
	}
	return bhk_done(b, code, out);
}

/** bhk_fault() - have the VMM fail; no answer comes if it does. */
int bhk_fault(struct bhk *b)
{
	json_t *out;
	int code;

	if (b->arg_count != 1) {
		return bhk_usage(b, "say how");
	}
	code = bhk_call(b, "machine.fault",
			json_pack("{ss}", "how", b->args[0]), &out);
	return bhk_done(b, code, out);
}

/** bhk_reboot() - stop everything and begin anew. */
int bhk_reboot(struct bhk *b)
{
	json_t *out;
	int code = bhk_simple(b, "machine.reboot", &out);

	return bhk_done(b, code, out);
}
