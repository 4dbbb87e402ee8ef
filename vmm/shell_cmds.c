/*
 * shell_cmds.c - the commands of the prompt, and how their replies are shown.
 *
 * One row a command in shell_commands: its name and help, the function that
 * makes its request and the one that shows the reply. `help` is made of the
 * same rows.
 */
#include "nearest.h"
#include "shell_internal.h"
#include "why.h"
#include <bh/string.h>

/**
 * shell_target() - take PART/CONTAINER or CONTAINER apart.
 * Return: false if it is neither.
 */
bool shell_target(struct shell *sh, const char *word)
{
	size_t slash = 0, len = strlen(word);

	while (slash < len && word[slash] != '/') {
		slash++;
	}
	sh->partition[0] = '\0';
	if (slash < len) {
		if (slash == 0 || slash > RPC_NAME_MAX) {
			return false;
		}
		memcpy(sh->partition, word, slash);
		sh->partition[slash] = '\0';
		word += slash + 1;
	}
	return word[0] != '\0' &&
	       str_copy(sh->container, sizeof(sh->container), word);
}

/** shell_put_target() - the member "partition", if one was named. */
void shell_put_target(struct shell *sh, struct json_writer *w)
{
	if (sh->partition[0] != '\0') {
		json_put_string(w, "partition", sh->partition);
	}
}

/* A request without parameters. */
static void shell_simple(struct shell *sh, const char *method)
{
	struct json_writer w;

	if (sh->arg_count != 1) {
		shell_usage(sh, "takes nothing");
		return;
	}
	shell_request(sh, &w, method);
	shell_send(sh, &w);
}

/* A request whose one parameter is the partition's name. */
static void shell_named(struct shell *sh, const char *method)
{
	struct json_writer w;

	if (sh->arg_count != 2) {
		shell_usage(sh, "name one partition (ps shows them)");
		return;
	}
	shell_request(sh, &w, method);
	json_put_string(&w, "name", sh->args[1]);
	shell_send(sh, &w);
}

static void shell_help_all(struct shell *sh)
{
	const struct shell_command *c;

	for (uint32_t i = 0; (c = shell_command_at(i)) != NULL; i++) {
		shell_say(sh, "  %-9s %s\n", c->name, c->help);
	}
	shell_say(sh, "PART is a partition, TARGET is PART/CONTAINER or, if "
		      "one partition runs, CONTAINER.\n--json after a command "
		      "shows the raw reply. help CMD tells more.\n");
}

static void shell_help_begin(struct shell *sh)
{
	const struct shell_command *c;

	if (sh->arg_count == 1) {
		shell_help_all(sh);
		return;
	}
	c = shell_command_find(sh->args[1]);
	if (c == NULL) {
		shell_usage(sh, "there is no command \"%s\"", sh->args[1]);
		return;
	}
	shell_say(sh, "%s: %s\nusage: %s %s\n", c->name, c->help, c->name,
		  c->usage);
	if (c->more[0] != '\0') {
		shell_say(sh, "%s\n", c->more);
	}
}

static void shell_ps_begin(struct shell *sh)
{
	sh->name_count = 0;
	sh->name_at = 0;
	shell_simple(sh, "partition.list");
}

/* Keep the names of the partitions that have an agent. */
static void shell_ps_names(struct shell *sh, json_ref list)
{
	for (json_ref r = json_first(&sh->doc, list);
	     r >= 0 && sh->name_count < SHELL_PARTITION_MAX;
	     r = json_next(&sh->doc, r)) {
		json_ref name = json_member(&sh->doc, r, "name");
		bool agent = false;

		json_bool(&sh->doc, json_member(&sh->doc, r, "agent"), &agent);
		if (agent &&
		    json_string(&sh->doc, name, sh->names[sh->name_count],
				sizeof(sh->names[0]), NULL) == OK) {
			sh->name_count++;
		}
	}
}

static void shell_ps_reply(struct shell *sh, json_ref result)
{
	static const struct shell_column partition_columns[] = {
		{ "name", "PARTITION", SHELL_TEXT },
		{ "state", "STATE", SHELL_TEXT },
		{ "reason", "REASON", SHELL_TEXT },
		{ "vcpus", "VCPUS", SHELL_NUMBER },
		{ "memory", "MEMORY", SHELL_SIZE },
		{ "agent", "AGENT", SHELL_TEXT },
		{ "exits", "EXITS", SHELL_NUMBER },
		{ "uptime_us", "UPTIME", SHELL_TIME },
	};
	static const struct shell_column container_columns[] = {
		{ "id", "CONTAINER", SHELL_TEXT },
		{ "status", "STATUS", SHELL_TEXT },
		{ "pid", "PID", SHELL_NUMBER },
		{ "exitCode", "EXIT", SHELL_NUMBER },
		{ "args", "ARGS", SHELL_WORDS },
	};
	json_ref list = json_member(&sh->doc, result, "containers");
	struct json_writer w;

	if (sh->step == 0) {
		list = json_member(&sh->doc, result, "partitions");
		shell_ps_names(sh, list);
	}
	if (!sh->want_json && sh->step == 0) {
		shell_table(sh, list, partition_columns,
			    ARRAY_COUNT(partition_columns));
	} else if (!sh->want_json && json_count(&sh->doc, list) > 0) {
		shell_say(sh, "\nin %s\n", sh->names[sh->name_at - 1]);
		shell_table(sh, list, container_columns,
			    ARRAY_COUNT(container_columns));
	}
	sh->step = 1;
	if (sh->name_at < sh->name_count) {
		shell_request(sh, &w, "container.list");
		json_put_string(&w, "partition", sh->names[sh->name_at++]);
		shell_send(sh, &w);
	}
}

static void shell_stats_begin(struct shell *sh)
{
	struct json_writer w;
	bool is_container = false;

	for (const char *p = sh->arg_count == 2 ? sh->args[1] : ""; *p; p++) {
		is_container = is_container || *p == '/';
	}
	if (!is_container) {
		shell_named(sh, "partition.stats");
		return;
	}
	if (!shell_target(sh, sh->args[1])) {
		shell_usage(sh, "\"%s\" is not PART/CONTAINER", sh->args[1]);
		return;
	}
	shell_request(sh, &w, "container.stats");
	json_put_string(&w, "id", sh->container);
	shell_put_target(sh, &w);
	shell_send(sh, &w);
}

static void shell_stats_reply(struct shell *sh, json_ref result)
{
	static const struct shell_column columns[] = {
		{ "name", "DEVICE", SHELL_TEXT },
		{ "kicks", "KICKS", SHELL_NUMBER },
		{ "requests", "REQUESTS", SHELL_NUMBER },
		{ "bytes_in", "IN", SHELL_NUMBER },
		{ "bytes_out", "OUT", SHELL_NUMBER },
		{ "irqs", "IRQS", SHELL_NUMBER },
		{ "errors", "ERRORS", SHELL_NUMBER },
	};
	json_ref devices = json_member(&sh->doc, result, "devices");

	if (sh->want_json) {
		return;
	}
	shell_tree(sh, result);
	if (json_count(&sh->doc, devices) > 0) {
		shell_table(sh, devices, columns, ARRAY_COUNT(columns));
	}
}

static void shell_exits_begin(struct shell *sh)
{
	shell_named(sh, "partition.exits");
}

static void shell_exits_reply(struct shell *sh, json_ref result)
{
	static const struct shell_column columns[] = {
		{ "reason", "EXIT REASON", SHELL_TEXT },
		{ "count", "COUNT", SHELL_NUMBER },
		{ "root_tsc", "ROOT TSC", SHELL_NUMBER },
	};
	uint64_t total = 0;

	if (sh->want_json) {
		return;
	}
	shell_table(sh, json_member(&sh->doc, result, "reasons"), columns,
		    ARRAY_COUNT(columns));
	json_u64(&sh->doc, json_member(&sh->doc, result, "total"), &total);
	shell_say(sh, "%lu exits\n", total);
}

static void shell_why_begin(struct shell *sh)
{
	shell_named(sh, "partition.why");
}

static void shell_why_line(void *ctx, const char *line)
{
	shell_put_safe(ctx, line, strlen(line));
	shell_put(ctx, "\n", 1);
}

/* The reply says that there is a record; the text is made of the record. */
static void shell_why_reply(struct shell *sh, json_ref result)
{
	struct rpc_server *s = sh->session.server;
	const struct why_record *r;
	uint32_t index;

	(void)result;
	if (sh->want_json || !rpc_server_find(s, sh->args[1], &index)) {
		return;
	}
	r = s->partitions->why(s->ctx, index);
	if (r != NULL) {
		why_print(sh->args[1], r, s->partitions->exit_name,
			  shell_why_line, sh);
	}
}

static void shell_stop_begin(struct shell *sh)
{
	shell_named(sh, "partition.stop");
}

static void shell_start_begin(struct shell *sh)
{
	shell_named(sh, "partition.start");
}

static void shell_reset_begin(struct shell *sh)
{
	shell_named(sh, "partition.reset");
}

static void shell_kill_begin(struct shell *sh)
{
	struct json_writer w;
	bool is_container = false;

	for (const char *p = sh->arg_count >= 2 ? sh->args[1] : ""; *p; p++) {
		is_container = is_container || *p == '/';
	}
	if (!is_container) {
		shell_named(sh, "partition.kill");
		return;
	}
	if (sh->arg_count > 3 || !shell_target(sh, sh->args[1])) {
		shell_usage(sh, "name a partition, or PART/CONTAINER and "
				"perhaps a signal");
		return;
	}
	shell_request(sh, &w, "container.kill");
	json_put_string(&w, "id", sh->container);
	json_put_string(&w, "signal",
			sh->arg_count == 3 ? sh->args[2] : "KILL");
	shell_put_target(sh, &w);
	shell_send(sh, &w);
}

static void shell_done_reply(struct shell *sh, json_ref result)
{
	(void)result;
	if (!sh->want_json) {
		shell_say(sh, "ok\n");
	}
}

static void shell_mem_begin(struct shell *sh)
{
	shell_simple(sh, "machine.mem");
}

static void shell_mem_reply(struct shell *sh, json_ref result)
{
	static const struct shell_column columns[] = {
		{ "name", "OWNER", SHELL_TEXT },
		{ "what", "WHAT", SHELL_TEXT },
		{ "bytes", "BYTES", SHELL_SIZE },
	};
	uint64_t total = 0, left = 0;

	if (sh->want_json) {
		return;
	}
	shell_table(sh, json_member(&sh->doc, result, "owners"), columns,
		    ARRAY_COUNT(columns));
	json_u64(&sh->doc, json_member(&sh->doc, result, "total"), &total);
	json_u64(&sh->doc, json_member(&sh->doc, result, "free"), &left);
	shell_say(sh, "%lu KiB in all, %lu KiB free\n", total >> 10,
		  left >> 10);
}

static void shell_cpuid_begin(struct shell *sh)
{
	shell_named(sh, "partition.cpuid");
}

static void shell_cpuid_reply(struct shell *sh, json_ref result)
{
	static const struct shell_column columns[] = {
		{ "leaf", "LEAF", SHELL_NUMBER },
		{ "subleaf", "SUB", SHELL_NUMBER },
		{ "eax", "EAX", SHELL_NUMBER },
		{ "ebx", "EBX", SHELL_NUMBER },
		{ "ecx", "ECX", SHELL_NUMBER },
		{ "edx", "EDX", SHELL_NUMBER },
	};

	if (!sh->want_json) {
		shell_table(sh, json_member(&sh->doc, result, "leaves"),
			    columns, ARRAY_COUNT(columns));
	}
}

static void shell_version_begin(struct shell *sh)
{
	shell_simple(sh, "machine.info");
}

static void shell_version_reply(struct shell *sh, json_ref result)
{
	if (!sh->want_json) {
		shell_tree(sh, result);
	}
}

static void shell_poweroff_begin(struct shell *sh)
{
	shell_simple(sh, "machine.poweroff");
}

static void shell_poweroff_reply(struct shell *sh, json_ref result)
{
	(void)result;
	shell_say(sh, "powering off\n");
}

/* clang-format off */
static const struct shell_command shell_commands[] = {
	{ "help", "[CMD]", "show the commands, or one of them", "",
	  shell_help_begin, NULL, NULL },
	{ "ps", "", "list partitions and their containers", "",
	  shell_ps_begin, shell_ps_reply, NULL },
	{ "run", "PART [--id X] [--memory 64M] [--cpus 0.5] [--pids N] "
	  "[--hostname H] -- ARGS...",
	  "run a program in a new container and wait for it",
	  "Ctrl-C kills it. Example: run hello --memory 32M -- /bin/sh -c "
	  "\"echo hi\"",
	  shell_run_begin, shell_run_reply, shell_job_peek },
	{ "exec", "TARGET -- ARGS...", "run a program in a container that runs",
	  "Ctrl-C leaves it alone. Example: exec hello/web -- ps",
	  shell_exec_begin, shell_exec_reply, shell_job_peek },
	{ "console", "PART", "attach to a partition's console",
	  "Keys go to the guest; Ctrl-] leaves.",
	  shell_console_begin, shell_console_reply, NULL },
	{ "logs", "TARGET", "show what a container has written", "",
	  shell_logs_begin, shell_logs_reply, NULL },
	{ "stats", "PART | PART/CONTAINER", "show use and limits", "",
	  shell_stats_begin, shell_stats_reply, NULL },
	{ "exits", "PART", "count VM exits by reason", "",
	  shell_exits_begin, shell_exits_reply, NULL },
	{ "why", "PART", "tell how a partition ended",
	  "Reason, registers, the last exits, the last console lines.",
	  shell_why_begin, shell_why_reply, NULL },
	{ "start", "PART", "start a partition", "",
	  shell_start_begin, shell_done_reply, NULL },
	{ "stop", "PART", "ask a partition to power off, kill it after 10 s",
	  "", shell_stop_begin, shell_done_reply, NULL },
	{ "kill", "PART | PART/CONTAINER [SIGNAL]",
	  "end a partition or a container now", "",
	  shell_kill_begin, shell_done_reply, NULL },
	{ "reset", "PART", "end a partition now and start it again", "",
	  shell_reset_begin, shell_done_reply, NULL },
	{ "mem", "", "show who owns how much memory", "",
	  shell_mem_begin, shell_mem_reply, NULL },
	{ "cpuid", "PART", "show the CPUID leaves a guest sees", "",
	  shell_cpuid_begin, shell_cpuid_reply, NULL },
	{ "log", "", "show the VMM's log (also: dmesg)", "",
	  shell_log_begin, shell_logs_reply, NULL },
	{ "dmesg", "", "same as log", "",
	  shell_log_begin, shell_logs_reply, NULL },
	{ "version", "", "show version, CPU and features", "",
	  shell_version_begin, shell_version_reply, NULL },
	{ "poweroff", "", "stop all partitions and power the machine off", "",
	  shell_poweroff_begin, shell_poweroff_reply, NULL },
};
/* clang-format on */

/** shell_command_at() - row @n, NULL at the end. */
const struct shell_command *shell_command_at(uint32_t n)
{
	return n < ARRAY_COUNT(shell_commands) ? &shell_commands[n] : NULL;
}

/** shell_command_find() - the command called @name, or NULL. */
const struct shell_command *shell_command_find(const char *name)
{
	for (uint32_t i = 0; i < ARRAY_COUNT(shell_commands); i++) {
		if (strcmp(name, shell_commands[i].name) == 0) {
			return &shell_commands[i];
		}
	}
	return NULL;
}

/** shell_command_near() - the command that was probably meant, or NULL. */
const char *shell_command_near(const char *name)
{
	const char *names[ARRAY_COUNT(shell_commands)];

	for (uint32_t i = 0; i < ARRAY_COUNT(shell_commands); i++) {
		names[i] = shell_commands[i].name;
	}
	return nearest_word(name, names, ARRAY_COUNT(names));
}
