/*
 * shell_life.c - the commands by which partitions and groups come, change and
 * go, and top.
 */
#include "shell_internal.h"

#include <bh/string.h>

#define SHELL_STOP_MAX_S 600
#define SHELL_TOP_MAX_S  60
#define SHELL_CTRL_C     0x03

/* ANSI: home, and erase to the end of the screen. */
#define SHELL_CLEAR "\x1b[H\x1b[J"

/** shell_create() - create PART FILE. */
void shell_create(struct shell *sh)
{
	if (sh->arg_count != 3) {
		shell_usage(sh, "name the partition and a file");
		return;
	}
	shell_call(sh, "partition.create", "'name':'%s','file':'%s'",
		   sh->args[1], sh->args[2]);
}

/** shell_stop() - stop PART [SECONDS]: wait for its end. */
void shell_stop(struct shell *sh)
{
	uint64_t s = 10;

	if (sh->arg_count < 2 || sh->arg_count > 3 ||
	    (sh->arg_count == 3 &&
	     (!str_to_u64(sh->args[2], strlen(sh->args[2]), &s) ||
	      s > SHELL_STOP_MAX_S))) {
		shell_usage(sh, "name one partition, and perhaps seconds");
		return;
	}
	shell_call(sh, "partition.stop",
		   "'name':'%s','timeout_ms':%lu,'wait':true", sh->args[1],
		   s * 1000);
}

/** shell_stopped() - which stage worked. */
void shell_stopped(struct shell *sh, json_ref result)
{
	const struct json_doc *d = &sh->doc;
	uint64_t us = json_member_u64(d, result, "stop_us", 0);
	json_ref by = json_member(d, result, "by");

	if (json_string_is(d, by, "none")) {
		shell_say(sh, "it had ended already\n");
		return;
	}
	shell_say(sh, "ended by ");
	shell_text(sh, by);
	shell_say(sh, " after %lu.%lu s: ", us / 1000000, us / 100000 % 10);
	shell_text(sh, json_member(d, result, "reason"));
	shell_say(sh, "\n");
}

/** shell_delete() - delete PART [--force]. */
void shell_delete(struct shell *sh)
{
	bool is_forced =
		sh->arg_count == 3 && strcmp(sh->args[2], "--force") == 0;

	if (sh->arg_count != 2 && !is_forced) {
		shell_usage(sh, "name one partition");
		return;
	}
	shell_call(sh, "partition.delete", "'name':'%s','force':%s",
		   sh->args[1], is_forced ? "true" : "false");
}

/* LIMIT=VALUE words from number @from on; false after a usage error. */
static bool shell_put_limits(struct shell *sh, struct json_writer *w,
			     uint32_t from)
{
	for (uint32_t i = from; i < sh->arg_count; i++) {
		const char *word = sh->args[i];
		uint32_t len = 0;

		while (word[len] != '\0' && word[len] != '=') {
			len++;
		}
		if (len == 0 || word[len] == '\0') {
			shell_usage(sh, "\"%s\" is not LIMIT=VALUE", word);
			sh->wait_id = 0;
			return false;
		}
		json_print(w, "'%.*s':'%s'", (int)len, word, word + len + 1);
	}
	return true;
}

/** shell_update() - update PART LIMIT=VALUE... */
void shell_update(struct shell *sh)
{
	struct json_writer w;

	if (sh->arg_count < 3) {
		shell_usage(sh, "name one partition, and what to change");
		return;
	}
	shell_begin(sh, &w, "partition.update");
	json_print(&w, "'name':'%s'", sh->args[1]);
	if (shell_put_limits(sh, &w, 2)) {
		shell_send(sh, &w);
	}
}

/** shell_group() - group: the list; or create, update, delete PATH. */
void shell_group(struct shell *sh)
{
	static const char *const verbs[][2] = {
		{ "create", "group.create" },
		{ "update", "group.update" },
		{ "delete", "group.delete" },
	};
	struct json_writer w;

	if (sh->arg_count == 1) {
		shell_plain(sh);
		return;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(verbs); i++) {
		if (sh->arg_count < 3 ||
		    strcmp(sh->args[1], verbs[i][0]) != 0) {
			continue;
		}
		shell_begin(sh, &w, verbs[i][1]);
		json_print(&w, "'group':'%s'", sh->args[2]);
		if (shell_put_limits(sh, &w, 3)) {
			shell_send(sh, &w);
		}
		return;
	}
	shell_usage(sh, "create, update or delete, and the path of a group");
}

/** shell_grouped() - the list, or that it was done. */
void shell_grouped(struct shell *sh, json_ref result)
{
	if (sh->arg_count == 1) {
		shell_rows(sh, result);
	} else {
		shell_say(sh, "ok\n");
	}
}

/* ---- top ---- */

/** shell_top() - top [SECONDS]. */
void shell_top(struct shell *sh)
{
	uint64_t s = 1;

	if (sh->arg_count > 2 ||
	    (sh->arg_count == 2 &&
	     (!str_to_u64(sh->args[1], strlen(sh->args[1]), &s) || s < 1 ||
	      s > SHELL_TOP_MAX_S))) {
		shell_usage(sh, "takes seconds from 1 to %d", SHELL_TOP_MAX_S);
		return;
	}
	sh->top_every_us = s * 1000000;
	shell_ask(sh, sh->command->method);
}

/** shell_top_reply() - show the figures, and again after a while. */
void shell_top_reply(struct shell *sh, json_ref result)
{
	const struct json_doc *d = &sh->doc;
	uint64_t us = json_member_u64(d, result, "uptime_us", 0);
	uint64_t interval = json_member_u64(d, result, "interval_us", 0);

	sh->mode = SHELL_TOP;
	sh->top_next_us = ops_now_us() + sh->top_every_us;
	shell_put(sh, SHELL_CLEAR, sizeof(SHELL_CLEAR) - 1);
	shell_say(sh,
		  "up %lu.%lu s, %lu CPU(s), %luM of %luM free; the last "
		  "%lu.%lu s; q leaves\n",
		  us / 1000000, us / 100000 % 10,
		  json_member_u64(d, result, "cpus", 0),
		  json_member_u64(d, result, "memory.free", 0) >> 20,
		  json_member_u64(d, result, "memory.total", 0) >> 20,
		  interval / 1000000, interval / 100000 % 10);
	shell_rows(sh, result);
}

/** shell_top_poll() - is it time to show the figures again? */
void shell_top_poll(struct shell *sh)
{
	if (ops_now_us() >= sh->top_next_us) {
		shell_ask(sh, sh->command->method);
	}
}

/** shell_top_input() - q or Ctrl-C leaves; other keys do nothing. */
void shell_top_input(struct shell *sh, char c)
{
	if (c == 'q' || c == 'Q' || c == SHELL_CTRL_C) {
		shell_finish(sh);
	}
}
