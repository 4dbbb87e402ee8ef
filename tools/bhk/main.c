/*
 * main.c - bhk: the table of commands, options and exit codes.
 *
 *	bhk [--connect WHERE] [--timeout SECONDS] [--json] COMMAND [WORDS]
 *
 * Options may also stand after the command, up to "--". Exit codes: 0 done;
 * 1 refused by the VMM; 2 wrong usage; 3 no connection; 4 no sensible answer;
 * run and exec: the program's own code, 125 if it was not run.
 */
#include "bhk.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BHK_WHERE     "build/run/bulkhead.sock"
#define BHK_TIMEOUT_S 60
#define COUNT(a)      (sizeof(a) / sizeof((a)[0]))

/* clang-format off */
static const struct bhk_command bhk_commands[] = {
	{ "doctor", "", "check host, connection and machine, with remedies",
	  "", bhk_doctor },
	{ "run", "PART [--id X] [--memory 64M] [--cpus 0.5] [--pids N] "
	  "[--hostname H] -- ARGS...",
	  "run a program in a new container and wait for it",
	  "Its output and its exit code are bhk's. Ctrl-C kills it, a second "
	  "one leaves.", bhk_run },
	{ "ps", "", "list partitions and containers", "", bhk_ps },
	{ "exec", "TARGET -- ARGS...", "run a program in a container that runs",
	  "TARGET is PART/CONTAINER, or CONTAINER if one partition runs.",
	  bhk_exec },
	{ "console", "PART", "attach to a partition's console",
	  "Ctrl-] leaves. Without a terminal: the last lines.", bhk_console },
	{ "logs", "TARGET", "show what a container has written", "", bhk_logs },
	{ "stats", "PART | PART/CONTAINER", "show use and limits", "",
	  bhk_stats },
	{ "exits", "PART", "count VM exits by reason", "", bhk_exits },
	{ "why", "PART", "tell how a partition ended", "", bhk_why },
	{ "state", "PART", "show a partition's state in OCI's words", "",
	  bhk_state },
	{ "top", "[SECONDS] [--count N]", "show what runs, again each second",
	  "CPU and steal are percent of one CPU; q leaves. With --json: one\n"
	  "line each time; N times, 0: for ever, default 1.", bhk_top },
	{ "create", "PART FILE.json | PART --file PATH",
	  "make a partition by its config.json",
	  "FILE.json is here; PATH is on the boot volume. It is started with "
	  "start.", bhk_create },
	{ "start", "PART", "start a partition", "", bhk_start },
	{ "pause", "PART", "give a partition no CPU until it is resumed", "",
	  bhk_pause },
	{ "resume", "PART", "end a pause", "", bhk_resume },
	{ "stop", "PART [--no-wait] [--agent-ms N] [--acpi-ms N]",
	  "ask a partition to power off, kill it after 10 s",
	  "First its agent is asked, then its power button is pressed; says "
	  "what worked.", bhk_stop },
	{ "kill", "PART | PART/CONTAINER [SIGNAL]",
	  "end a partition or a container now", "", bhk_kill },
	{ "reset", "PART", "end a partition now and start it again", "",
	  bhk_reset },
	{ "delete", "PART [--force]", "give back all that a partition has",
	  "One that runs is killed first with --force, else refused.",
	  bhk_delete },
	{ "update", "PART LIMIT=VALUE... | --LIMIT VALUE...",
	  "change limits; memory.max while it does not run",
	  "LIMIT is cpu.weight, cpu.max, cpu.max.burst, cpuset.cpus or "
	  "memory.max, as cgroup\nv2 has them; as an option --cpu-max, "
	  "--memory and so on, and --cpus 0.5.", bhk_update },
	{ "group", "[create | update | delete PATH [LIMIT=VALUE...]]",
	  "groups of partitions, and their limits", "", bhk_group },
	{ "mem", "", "show who owns how much memory", "", bhk_mem },
	{ "cpuid", "PART", "show the CPUID leaves a guest sees", "",
	  bhk_cpuid },
	{ "dmesg", "[--previous]", "show the VMM's log, or that of the run "
	  "before",
	  "--previous: how the run before ended, with the last exits of its "
	  "guests.", bhk_log },
	{ "log", "[--previous]", "same as dmesg", "", bhk_log },
	{ "mitigations", "", "show what is done against the processor's flaws",
	  "--json tells also what each lets through, and what it costs.",
	  bhk_mitigations },
	{ "version", "", "show the machine's version and features", "",
	  bhk_version },
	{ "fault", "bug|fault|silent|corrupt", "have the VMM fail: for tests",
	  "Needs the boot option fault-injection=on.", bhk_fault },
	{ "poweroff", "", "stop all partitions and power the machine off", "",
	  bhk_poweroff },
	{ "reboot", "", "stop all partitions and start the machine anew", "",
	  bhk_reboot },
};
/* clang-format on */

static void bhk_help(FILE *to)
{
	fprintf(to, "usage: bhk [--connect SOCKET|TTY|HOST:PORT] [--timeout S] "
		    "[--json] COMMAND ...\n");
	for (size_t i = 0; i < COUNT(bhk_commands); i++) {
		fprintf(to, "  %-11s %s\n", bhk_commands[i].name,
			bhk_commands[i].help);
	}
	fprintf(to,
		"bhk COMMAND --help tells more. Without --connect: "
		"$BHK_CONNECT "
		"or %s.\nExit codes: 0 done, 1 refused, 2 usage, 3 no "
		"connection, 4 no answer;\nrun and exec: the program's own, "
		"125 if it was not run.\n",
		BHK_WHERE);
}

/** bhk_usage() - the words are wrong. Return: BHK_USAGE. */
int bhk_usage(struct bhk *b, const char *why)
{
	fprintf(stderr, "bhk: %s: %s\nusage: bhk %s %s\n", b->command->name,
		why, b->command->name, b->command->usage);
	return BHK_USAGE;
}

/** bhk_target() - take PART/CONTAINER or CONTAINER apart. */
bool bhk_target(struct bhk *b, const char *word)
{
	const char *slash = strchr(word, '/');
	size_t len = slash != NULL ? (size_t)(slash - word) : 0;
	const char *rest = slash != NULL ? slash + 1 : word;

	if ((slash != NULL && len == 0) || len >= sizeof(b->partition) ||
	    rest[0] == '\0' || strlen(rest) >= sizeof(b->container)) {
		return false;
	}
	memcpy(b->partition, word, len);
	b->partition[len] = '\0';
	memcpy(b->container, rest, strlen(rest) + 1);
	return true;
}

/** bhk_target_params() - {"id", "partition"?} of the target. */
json_t *bhk_target_params(struct bhk *b)
{
	json_t *params = json_pack("{ss}", "id", b->container);

	if (b->partition[0] != '\0') {
		json_object_set_new(params, "partition",
				    json_string(b->partition));
	}
	return params;
}

static const struct bhk_command *bhk_find(const char *name)
{
	for (size_t i = 0; i < COUNT(bhk_commands); i++) {
		if (strcmp(bhk_commands[i].name, name) == 0) {
			return &bhk_commands[i];
		}
	}
	return NULL;
}

/* An option of bhk itself at @words[0] of @count. Words used; 0: it is none. */
static int bhk_own_option(struct bhk *b, int count, char **words,
			  bool *want_help)
{
	const char *word = words[0];

	if (strcmp(word, "--json") == 0) {
		b->want_json = true;
		return 1;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		*want_help = true;
		return 1;
	}
	if (strcmp(word, "--connect") == 0 && count > 1) {
		b->where = words[1];
		return 2;
	}
	if (strcmp(word, "--timeout") == 0 && count > 1 && atoi(words[1]) > 0 &&
	    atoi(words[1]) < 86400) {
		b->timeout_ms = atoi(words[1]) * 1000;
		return 2;
	}
	return 0;
}

/* The first word that is no option. Below 0: go on; else exit code. */
static int bhk_set_command(struct bhk *b, const char *word)
{
	bool is_option = word[0] == '-';

	b->command = is_option ? NULL : bhk_find(word);
	if (b->command != NULL) {
		return -1;
	}
	if (is_option) {
		fprintf(stderr, "bhk: %s is not understood\n", word);
	} else {
		fprintf(stderr, "bhk: no command \"%s\"\n", word);
	}
	bhk_help(stderr);
	return BHK_USAGE;
}

/* Take bhk's own options out of the words. Below 0: go on; else exit code. */
static int bhk_options(struct bhk *b, int argc, char **argv)
{
	bool is_over = false, want_help = false;
	int code = -1;

	for (int i = 1; i < argc; i++) {
		int used = 0;

		is_over = is_over || strcmp(argv[i], "--") == 0;
		if (!is_over) {
			used = bhk_own_option(b, argc - i, &argv[i],
					      &want_help);
		}
		if (used == 0 && (is_over || b->command != NULL)) {
			b->args[b->arg_count++] = argv[i];
		} else if (used == 0) {
			code = bhk_set_command(b, argv[i]);
		}
		if (code >= 0) {
			return code;
		}
		i += used > 1;
	}
	if (want_help && b->command != NULL) {
		printf("bhk %s: %s\nusage: bhk %s %s\n%s%s", b->command->name,
		       b->command->help, b->command->name, b->command->usage,
		       b->command->more, b->command->more[0] ? "\n" : "");
		return BHK_OK;
	}
	if (want_help || b->command == NULL) {
		bhk_help(want_help ? stdout : stderr);
		return want_help ? BHK_OK : BHK_USAGE;
	}
	return -1;
}

int main(int argc, char **argv)
{
	static struct bhk b = { .fd = -1, .timeout_ms = BHK_TIMEOUT_S * 1000 };
	const char *where = getenv("BHK_CONNECT");
	char why[600];
	int code;

	signal(SIGPIPE, SIG_IGN);
	b.where = where != NULL && where[0] != '\0' ? where : BHK_WHERE;
	b.args = calloc((size_t)argc + 1, sizeof(char *));
	if (b.args == NULL) {
		return BHK_PROTOCOL;
	}
	code = bhk_options(&b, argc, argv);
	if (code >= 0) {
		free(b.args);
		return code;
	}
	/* doctor connects itself, to tell what went wrong */
	if (b.command->run != bhk_doctor &&
	    bhk_connect(&b, why, sizeof(why)) != BHK_OK) {
		fprintf(stderr, "bhk: %s\n", why);
		code = b.command->run == bhk_run || b.command->run == bhk_exec
			       ? BHK_NOT_RUN
			       : BHK_NO_LINK;
	} else {
		code = b.command->run(&b);
	}
	free(b.args);
	return code;
}
