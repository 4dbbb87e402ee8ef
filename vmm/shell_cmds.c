/*
 * shell_cmds.c - the commands of the prompt, and how their replies are shown.
 *
 * One row a command in shell_commands: its name and help, how its words become
 * a request (shell_plain: none, shell_named: a partition, shell_either: a
 * partition or a container, or a function of its own), and how the reply is
 * shown. `help` is made of the same rows.
 */
#include "nearest.h"
#include "shell_internal.h"
#include "why.h"
#include <bh/string.h>

/* ---- words to requests ---- */

/**
 * shell_target() - take PART/CONTAINER or CONTAINER apart.
 * Return: false if it is neither.
 */
bool shell_target(struct shell *sh, const char *word)
{
	size_t slash = 0;

	while (word[slash] != '\0' && word[slash] != '/') {
		slash++;
	}
	if (word[slash] == '/') {
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

/** shell_ask() - a request without parameters (but for the partition, if one is
 *  set). */
void shell_ask(struct shell *sh, const char *method)
{
	struct json_writer w;

	shell_begin(sh, &w, method);
	shell_send(sh, &w);
}

/** shell_plain() - a command of one word. */
void shell_plain(struct shell *sh)
{
	if (sh->arg_count != 1) {
		shell_usage(sh, "takes nothing");
		return;
	}
	shell_ask(sh, sh->command->method);
}

/** shell_named() - a command and a partition. */
void shell_named(struct shell *sh)
{
	if (sh->arg_count != 2) {
		shell_usage(sh, "name one partition (ps shows them)");
		return;
	}
	shell_call(sh, sh->command->method, "'name':'%s'", sh->args[1]);
}

/* PART, or PART/CONTAINER and perhaps a signal: stats and kill of both. */
static void shell_either(struct shell *sh)
{
	const char *word = sh->arg_count > 1 ? sh->args[1] : "";
	bool is_kill = strcmp(sh->command->name, "kill") == 0;

	while (*word != '\0' && *word != '/') {
		word++;
	}
	if (*word == '\0') {
		shell_named(sh);
	} else if (sh->arg_count > (is_kill ? 3 : 2) ||
		   !shell_target(sh, sh->args[1])) {
		shell_usage(sh,
			    is_kill ? "name a partition, or PART/CONTAINER and "
				      "perhaps a signal"
				    : "\"%s\" is not PART/CONTAINER",
			    sh->args[1]);
	} else if (is_kill) {
		shell_call(sh, "container.kill", "'id':'%s','signal':'%s'",
			   sh->container,
			   sh->arg_count == 3 ? sh->args[2] : "KILL");
	} else {
		shell_call(sh, "container.stats", "'id':'%s'", sh->container);
	}
}

static void shell_fault(struct shell *sh)
{
	if (sh->arg_count != 2) {
		shell_usage(sh, "say how");
		return;
	}
	shell_call(sh, "machine.fault", "'how':'%s'", sh->args[1]);
}

static void shell_help(struct shell *sh);

/* ---- replies to text ---- */

static void shell_done(struct shell *sh, json_ref result)
{
	(void)result;
	shell_say(sh, "ok\n");
}

static void shell_powering_off(struct shell *sh, json_ref result)
{
	(void)result;
	shell_say(sh, "powering off\n");
}

static void shell_rebooting(struct shell *sh, json_ref result)
{
	(void)result;
	shell_say(sh, "rebooting\n");
}

/** shell_rows() - the array that the command's row names, as a table. */
void shell_rows(struct shell *sh, json_ref result)
{
	shell_table(sh, json_member(&sh->doc, result, sh->command->rows),
		    sh->command->columns);
}

static const struct shell_column shell_partition_columns[] = {
	{ "name", "PARTITION", SHELL_TEXT },
	{ "state", "STATE", SHELL_TEXT },
	{ "reason", "REASON", SHELL_TEXT },
	{ "vcpus", "VCPUS", SHELL_NUMBER },
	{ "memory", "MEMORY", SHELL_SIZE },
	{ "agent", "AGENT", SHELL_TEXT },
	{ "exits", "EXITS", SHELL_NUMBER },
	{ "uptime_us", "UPTIME", SHELL_TIME },
	{ 0 },
};

static const struct shell_column shell_container_columns[] = {
	{ "id", "CONTAINER", SHELL_TEXT }, { "status", "STATUS", SHELL_TEXT },
	{ "pid", "PID", SHELL_NUMBER },    { "exitCode", "EXIT", SHELL_NUMBER },
	{ "args", "ARGS", SHELL_WORDS },   { 0 },
};

static const struct shell_column shell_group_columns[] = {
	{ "group", "GROUP", SHELL_TEXT },
	{ "partitions", "PARTITIONS", SHELL_NUMBER },
	{ "cpu.weight", "WEIGHT", SHELL_NUMBER },
	{ "cpu.max", "CPU.MAX", SHELL_TEXT },
	{ "cpuset.cpus.effective", "CPUS", SHELL_TEXT },
	{ "memory.max", "MEMORY.MAX", SHELL_SIZE },
	{ "memory.promised", "PROMISED", SHELL_SIZE },
	{ "memory.current", "CURRENT", SHELL_SIZE },
	{ 0 },
};

static const struct shell_column shell_top_columns[] = {
	{ "name", "PARTITION", SHELL_TEXT },
	{ "state", "STATE", SHELL_TEXT },
	{ "cpu", "%CPU", SHELL_NUMBER },
	{ "steal", "%STEAL", SHELL_NUMBER },
	{ "throttled", "%THROTTLED", SHELL_NUMBER },
	{ "memory.current", "MEMORY", SHELL_SIZE },
	{ "memory.max", "MAX", SHELL_SIZE },
	{ "exits", "EXITS/S", SHELL_NUMBER },
	{ "reasons", "MOST OF THEM", SHELL_WORDS },
	{ 0 },
};

static const struct shell_column shell_device_columns[] = {
	{ "name", "DEVICE", SHELL_TEXT },
	{ "kicks", "KICKS", SHELL_NUMBER },
	{ "requests", "REQUESTS", SHELL_NUMBER },
	{ "bytes_in", "IN", SHELL_NUMBER },
	{ "bytes_out", "OUT", SHELL_NUMBER },
	{ "irqs", "IRQS", SHELL_NUMBER },
	{ "errors", "ERRORS", SHELL_NUMBER },
	{ 0 },
};

static const struct shell_column shell_exit_columns[] = {
	{ "reason", "EXIT REASON", SHELL_TEXT },
	{ "count", "COUNT", SHELL_NUMBER },
	{ "root_tsc", "ROOT TSC", SHELL_NUMBER },
	{ 0 },
};

static const struct shell_column shell_owner_columns[] = {
	{ "name", "OWNER", SHELL_TEXT },
	{ "what", "WHAT", SHELL_TEXT },
	{ "bytes", "BYTES", SHELL_SIZE },
	{ 0 },
};

static const struct shell_column shell_flaw_columns[] = {
	{ "name", "FLAW", SHELL_TEXT },
	{ "state", "STATE", SHELL_TEXT },
	{ "how", "WHAT IS DONE, OR WHY NOTHING", SHELL_TEXT },
	{ 0 },
};

static const struct shell_column shell_cpuid_columns[] = {
	{ "leaf", "LEAF", SHELL_NUMBER },
	{ "subleaf", "SUB", SHELL_NUMBER },
	{ "eax", "EAX", SHELL_NUMBER },
	{ "ebx", "EBX", SHELL_NUMBER },
	{ "ecx", "ECX", SHELL_NUMBER },
	{ "edx", "EDX", SHELL_NUMBER },
	{ 0 },
};

/*
 * ps: the partitions, then the containers of each one that has an agent and
 * runs. The agent of a paused one would not answer.
 */
static void shell_ps(struct shell *sh, json_ref result)
{
	json_ref list = json_member(&sh->doc, result, "containers");

	if (!sh->want_json && sh->step == 0) {
		shell_rows(sh, result);
	} else if (!sh->want_json && json_count(&sh->doc, list) > 0) {
		shell_say(sh, "\nin %s\n", sh->partition);
		shell_table(sh, list, shell_container_columns);
	}
	while (sh->step < ops_count()) {
		struct partition_view v;

		ops_view(sh->step++, &v);
		if (v.agent_ready && v.state == PARTITION_RUNNING) {
			str_copy(sh->partition, sizeof(sh->partition), v.name);
			shell_ask(sh, "container.list");
			return;
		}
	}
}

static void shell_stats(struct shell *sh, json_ref result)
{
	shell_tree(sh, result);
	if (json_count(&sh->doc, json_member(&sh->doc, result, "devices")) >
	    0) {
		shell_rows(sh, result);
	}
}

static void shell_exits(struct shell *sh, json_ref result)
{
	shell_rows(sh, result);
	shell_say(sh, "%lu exits\n",
		  json_member_u64(&sh->doc, result, "total", 0));
}

static void shell_mem(struct shell *sh, json_ref result)
{
	shell_rows(sh, result);
	shell_say(sh, "%lu KiB in all, %lu KiB free\n",
		  json_member_u64(&sh->doc, result, "total", 0) >> 10,
		  json_member_u64(&sh->doc, result, "free", 0) >> 10);
}

static void shell_why_line(void *ctx, const char *line)
{
	shell_put_safe(ctx, line, strlen(line));
	shell_put(ctx, "\n", 1);
}

/* The reply says that there is a record; the text is made of the record. */
static void shell_why(struct shell *sh, json_ref result)
{
	uint32_t index;

	(void)result;
	if (rpc_find_partition(sh->args[1], &index)) {
		why_print(sh->args[1], ops_why(index), shell_why_line, sh);
	}
}

/* ---- the table ---- */

/* clang-format off */
static const struct shell_command shell_commands[] = {
	{ "help", "[CMD]", "show the commands, or one of them", "",
	  .begin = shell_help },
	{ "state", "PART", "show a partition's state in OCI's words", "",
	  shell_named, "partition.state", .reply = shell_tree },
	{ "ps", "", "list partitions and their containers", "",
	  shell_plain, "partition.list", shell_ps, .is_long = true,
	  .rows = "partitions", .columns = shell_partition_columns },
	{ "run", "PART [--id X] [--memory 64M] [--cpus 0.5] [--pids N] "
	  "[--hostname H] -- ARGS...",
	  "run a program in a new container and wait for it",
	  "Ctrl-C kills it. Example: run hello --memory 32M -- /bin/sh -c "
	  "\"echo hi\"",
	  shell_run_begin, .reply = shell_job_reply, .is_long = true },
	{ "exec", "TARGET -- ARGS...", "run a program in a container that runs",
	  "Ctrl-C leaves it alone. Example: exec hello/web -- ps",
	  shell_exec_begin, .reply = shell_job_reply, .is_long = true },
	{ "console", "PART", "attach to a partition's console",
	  "Keys go to the guest; Ctrl-] leaves.",
	  shell_console_begin, .reply = shell_console_reply, .is_long = true },
	{ "logs", "TARGET", "show what a container has written", "",
	  shell_logs_begin, .reply = shell_logs_reply, .is_long = true },
	{ "stats", "PART | PART/CONTAINER", "show use and limits", "",
	  shell_either, "partition.stats", shell_stats,
	  .rows = "devices", .columns = shell_device_columns },
	{ "exits", "PART", "count VM exits by reason", "",
	  shell_named, "partition.exits", shell_exits,
	  .rows = "reasons", .columns = shell_exit_columns },
	{ "why", "PART", "tell how a partition ended",
	  "Reason, registers, the last exits, the last console lines.",
	  shell_named, "partition.why", .reply = shell_why },
	{ "top", "[SECONDS]", "show what runs, again each second",
	  "CPU and steal are percent of one CPU; q leaves. With --json: once.",
	  shell_top, "machine.top", shell_top_reply,
	  .rows = "partitions", .columns = shell_top_columns },
	{ "create", "PART FILE", "make a partition by a file of the boot volume",
	  "Example: create web partitions/web.json; then: start web",
	  shell_create, .reply = shell_done },
	{ "start", "PART", "start a partition", "",
	  shell_named, "partition.start", .reply = shell_done },
	{ "pause", "PART", "give a partition no CPU until it is resumed", "",
	  shell_named, "partition.pause", .reply = shell_done },
	{ "resume", "PART", "end a pause", "",
	  shell_named, "partition.resume", .reply = shell_done },
	{ "stop", "PART [SECONDS]", "ask a partition to power off, kill it after "
	  "10 s",
	  "First its agent is asked, then its power button is pressed. Ctrl-C "
	  "stops waiting only.",
	  shell_stop, .reply = shell_stopped },
	{ "kill", "PART | PART/CONTAINER [SIGNAL]",
	  "end a partition or a container now", "",
	  shell_either, "partition.kill", .reply = shell_done },
	{ "reset", "PART", "end a partition now and start it again", "",
	  shell_named, "partition.reset", .reply = shell_done },
	{ "delete", "PART [--force]", "give back all that a partition has",
	  "One that runs is killed first with --force, else refused.",
	  shell_delete, .reply = shell_done },
	{ "update", "PART LIMIT=VALUE...", "change limits; memory.max while it does not run",
	  "cpu.weight, cpu.max, cpu.max.burst, cpuset.cpus, memory.max, as "
	  "cgroup v2\nhas them. Example: update web \"cpu.max=25000 100000\" "
	  "cpu.weight=50",
	  shell_update, .reply = shell_done },
	{ "group", "[create | update | delete PATH [LIMIT=VALUE...]]",
	  "groups of partitions, and their limits",
	  "Example: group create tenants/a memory.max=512M cpu.weight=200",
	  shell_group, "group.list", shell_grouped,
	  .rows = "groups", .columns = shell_group_columns },
	{ "mem", "", "show who owns how much memory", "",
	  shell_plain, "machine.mem", shell_mem,
	  .rows = "owners", .columns = shell_owner_columns },
	{ "cpuid", "PART", "show the CPUID leaves a guest sees", "",
	  shell_named, "partition.cpuid", shell_rows,
	  .rows = "leaves", .columns = shell_cpuid_columns },
	{ "dmesg", "[--previous]", "show the VMM's log, or that of the run "
	  "before",
	  "--previous: how the run before ended, with the last exits of its "
	  "guests.",
	  shell_log_begin, .reply = shell_logs_reply, .is_long = true },
	{ "log", "[--previous]", "same as dmesg", "",
	  shell_log_begin, .reply = shell_logs_reply, .is_long = true },
	{ "mitigations", "", "show what is done against the processor's flaws",
	  "--json tells also what each lets through, and what it costs. The "
	  "boot option mitigations chooses.",
	  shell_plain, "machine.mitigations", shell_rows,
	  .rows = "flaws", .columns = shell_flaw_columns },
	{ "version", "", "show version, CPU and features", "",
	  shell_plain, "machine.info", .reply = shell_tree },
	{ "fault", "bug|fault|silent|corrupt", "have the VMM fail: for tests",
	  "Needs the boot option fault-injection=on.",
	  shell_fault, "machine.fault", .reply = shell_done },
	{ "poweroff", "", "stop all partitions and power the machine off", "",
	  shell_plain, "machine.poweroff", .reply = shell_powering_off },
	{ "reboot", "", "stop all partitions and start the machine anew", "",
	  shell_plain, "machine.reboot", .reply = shell_rebooting },
};
/* clang-format on */

static const struct shell_command *shell_command(const char *name)
{
	uint32_t i = nearest_index(name, &shell_commands[0].name,
				   ARRAY_COUNT(shell_commands),
				   sizeof(shell_commands[0]));

	return i < ARRAY_COUNT(shell_commands) ? &shell_commands[i] : NULL;
}

/** shell_command_find() - the command called @name; says so if none is. */
const struct shell_command *shell_command_find(struct shell *sh,
					       const char *name)
{
	const struct shell_command *c = shell_command(name);
	const char *near;

	if (c != NULL) {
		return c;
	}
	near = nearest_word(name, &shell_commands[0].name,
			    ARRAY_COUNT(shell_commands),
			    sizeof(shell_commands[0]));
	shell_put_safe(sh, name, strlen(name));
	shell_say(sh, ": no such command; %s%s%s\n",
		  near != NULL ? "did you mean " : "type help",
		  near != NULL ? near : "", near != NULL ? "?" : "");
	return NULL;
}

static void shell_help(struct shell *sh)
{
	const struct shell_command *c;

	if (sh->arg_count == 1) {
		for (uint32_t i = 0; i < ARRAY_COUNT(shell_commands); i++) {
			shell_say(sh, "  %-11s %s\n", shell_commands[i].name,
				  shell_commands[i].help);
		}
		shell_say(sh, "PART is a partition, TARGET is PART/CONTAINER "
			      "or, if one partition runs, CONTAINER.\n--json "
			      "after a command shows the raw reply. help CMD "
			      "tells more.\n");
		return;
	}
	c = shell_command(sh->args[1]);
	if (c == NULL) {
		shell_usage(sh, "there is no command \"%s\"", sh->args[1]);
		return;
	}
	shell_say(sh, "%s: %s\nusage: %s %s\n%s%s", c->name, c->help, c->name,
		  c->usage, c->more, c->more[0] != '\0' ? "\n" : "");
}
