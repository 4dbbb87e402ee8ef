/*
 * shell.c - the operator's prompt: editing a line, requests and replies.
 *
 * A key goes to shell_key (LINE), to the job (JOB), to the console (RAW) or to
 * the figures (TOP). A
 * finished line is cut into words and its command begins; a command that needs
 * the server fills a request (shell_request, shell_send). The reply may come at
 * once or later: shell_on_message copies it, and shell_run hands it to the
 * command from the top level, so that send() never calls back into the server.
 *
 * Invariants
 *  1. At most one request is outstanding: wait_id, 0 for none.
 *  2. In mode LINE the screen shows the prompt and the line as edited.
 */
#include "shell.h"
#include "shell_internal.h"
#include <bh/string.h>

#define SHELL_PROMPT "bulkhead> "
#define KEY_CTRL(c)  ((c)&0x1f)
#define KEY_DELETE   0x7f
#define KEY_ESCAPE   0x1b

/** shell_put() - text for the terminal; LF becomes CR LF. */
void shell_put(struct shell *sh, const char *text, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			sh->write(sh->ctx, text + start, i - start);
			sh->write(sh->ctx, "\r\n", 2);
			start = i + 1;
		}
	}
	if (start < len) {
		sh->write(sh->ctx, text + start, len - start);
	}
	if (len > 0) {
		sh->at_line_start = text[len - 1] == '\n';
	}
}

/** shell_put_safe() - foreign text: control characters are shown as '?'. */
void shell_put_safe(struct shell *sh, const char *text, size_t len)
{
	char piece[128];
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\t') {
			piece[at++] = text[i];
		} else if (text[i] != '\r') {
			piece[at++] = text_visible(text[i]);
		}
		if (at == sizeof(piece) || i + 1 == len) {
			shell_put(sh, piece, at);
			at = 0;
		}
	}
}

/** shell_say() - formatted text, at most 511 bytes. */
void shell_say(struct shell *sh, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	shell_put(sh, text, len < sizeof(text) ? len : sizeof(text) - 1);
}

/** shell_usage() - the command was called wrongly: say why and how. */
void shell_usage(struct shell *sh, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	shell_say(sh, "%s: %s\nusage: %s %s\n", sh->command->name, text,
		  sh->command->name, sh->command->usage);
	shell_say(sh, "more: help %s\n", sh->command->name);
}

static bool shell_on_message(void *ctx, const char *text, size_t len);

static const struct rpc_session_ops shell_session_ops = {
	.send = shell_on_message,
};

/**
 * shell_init() - a shell that talks to @server and writes through @write.
 * Return: OK; ERR_LIMIT if the server has no session left.
 */
enum status shell_init(struct shell *sh, struct rpc_server *server,
		       shell_write_fn *write, void *ctx)
{
	memset(sh, 0, offsetof(struct shell, session));
	sh->write = write;
	sh->ctx = ctx;
	sh->next_id = 1;
	sh->at_line_start = true;
	json_doc_init(&sh->doc, sh->tokens, SHELL_TOKEN_MAX);
	return rpc_session_open(&sh->session, server, &shell_session_ops, sh);
}

static void shell_prompt(struct shell *sh)
{
	if (!sh->at_line_start) {
		shell_put(sh, "\n", 1);
	}
	shell_put(sh, SHELL_PROMPT, sizeof(SHELL_PROMPT) - 1);
	shell_put(sh, sh->line, sh->line_len);
}

/** shell_start() - greet and show the prompt. */
void shell_start(struct shell *sh)
{
	shell_say(sh, "Bulkhead shell; type help\n");
	sh->is_started = true;
	sh->mode = SHELL_LINE;
	shell_prompt(sh);
}

/* Take the prompt and the edited line off the screen. */
static void shell_wipe(struct shell *sh)
{
	size_t count = sizeof(SHELL_PROMPT) - 1 + sh->line_len;

	sh->write(sh->ctx, "\r", 1);
	for (size_t i = 0; i < count; i++) {
		sh->write(sh->ctx, " ", 1);
	}
	sh->write(sh->ctx, "\r", 1);
	sh->at_line_start = true;
}

/**
 * shell_print_async() - whole lines from elsewhere (log, first job) that must
 * not tear the line being edited.
 */
void shell_print_async(struct shell *sh, const char *text, size_t len)
{
	if (sh->is_started && sh->mode == SHELL_LINE) {
		shell_wipe(sh);
		shell_put(sh, text, len);
		shell_prompt(sh);
		return;
	}
	if (sh->mode != SHELL_RAW && !sh->at_line_start) {
		shell_put(sh, "\n", 1);
	}
	shell_put(sh, text, len);
}

/** shell_finish() - the command is done: back to the prompt. */
void shell_finish(struct shell *sh)
{
	sh->command = NULL;
	sh->wait_id = 0;
	sh->has_reply = false;
	sh->line_len = 0;
	sh->mode = SHELL_LINE;
	shell_prompt(sh);
}

/** shell_begin() - begin a request: the writer is in its params object. */
void shell_begin(struct shell *sh, struct json_writer *w, const char *method)
{
	sh->wait_id = sh->next_id++;
	if (sh->next_id == 0) {
		sh->next_id = 1;
	}
	json_write_init(w, sh->session.line, sizeof(sh->session.line));
	json_print(w, "{'jsonrpc':'2.0','id':%u,'method':'%s','params':{",
		   sh->wait_id, method);
	if (sh->partition[0] != '\0') {
		json_print(w, "'partition':'%s'", sh->partition);
	}
}

/** shell_send() - close the request and hand it to the server. */
void shell_send(struct shell *sh, struct json_writer *w)
{
	json_print(w, "}}");
	if (w->overflow) {
		shell_say(sh, "the request is too long\n");
		sh->wait_id = 0;
		return;
	}
	if (sh->mode == SHELL_LINE) {
		sh->mode = SHELL_WAIT;
	}
	sh->has_reply = false;
	rpc_session_line(&sh->session, w->buf, w->len);
}

/** shell_call() - a whole request; @fmt writes its params (json_print). */
void shell_call(struct shell *sh, const char *method, const char *fmt, ...)
{
	struct json_writer w;
	va_list ap;

	shell_begin(sh, &w, method);
	va_start(ap, fmt);
	json_vprint(&w, fmt, ap);
	va_end(ap);
	shell_send(sh, &w);
}

static bool shell_parse(struct shell *sh, const char *text, size_t len)
{
	struct json_error err;

	return json_parse(&sh->doc, text, len, &err) == OK;
}

/* The id of a reply that our own server wrote; 0 for a notification. */
static uint64_t shell_reply_id(const char *text, size_t len)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	size_t at = sizeof(head) - 1, end = at;
	uint64_t id = 0;

	if (len <= at || memcmp(text, head, at) != 0) {
		return 0;
	}
	while (end < len && text[end] != ',') {
		end++;
	}
	return str_to_u64(text + at, end - at, &id) ? id : UINT64_MAX;
}

/* From the server: copy, note what has to be noted at once, no more. */
static bool shell_on_message(void *ctx, const char *text, size_t len)
{
	struct shell *sh = ctx;
	uint64_t id = shell_reply_id(text, len);

	if (id == 0) {
		if (sh->mode == SHELL_JOB && shell_parse(sh, text, len)) {
			shell_job_notify(sh, json_member(&sh->doc, 0, "method"),
					 json_member(&sh->doc, 0, "params"));
		}
		return true;
	}
	if (id != sh->wait_id || sh->command == NULL ||
	    len > sizeof(sh->reply)) {
		return true; /* nobody waits for it any more */
	}
	memcpy(sh->reply, text, len);
	sh->reply_len = (uint32_t)len;
	sh->has_reply = true;
	if (sh->mode == SHELL_JOB && shell_parse(sh, text, len)) {
		shell_job_peek(sh, json_member(&sh->doc, 0, "result"));
	}
	return true;
}

/** shell_text() - show string @r as it is, control characters apart. */
void shell_text(struct shell *sh, json_ref r)
{
	struct json_text t;
	char piece[128];
	size_t n;

	if (!json_text_open(&sh->doc, r, &t)) {
		return;
	}
	while ((n = json_text_read(&t, piece, sizeof(piece))) > 0) {
		shell_put_safe(sh, piece, n);
	}
}

/* The server refused: say so, unless the raw reply did. */
static void shell_error(struct shell *sh, json_ref error)
{
	json_ref data = json_member(&sh->doc, error, "data");
	json_ref path = json_member(&sh->doc, data, "path");

	if (!sh->want_json) {
		shell_say(sh, "%s: ", sh->command->name);
		shell_text(sh, json_member(&sh->doc, error, "message"));
		if (path != JSON_NONE) {
			shell_put(sh, " at ", 4);
			shell_text(sh, path);
		}
		shell_put(sh, "\n", 1);
	}
	if (sh->mode == SHELL_JOB) {
		shell_job_error(sh);
	}
}

/* Hand a reply to its command; end the command if it asks no more. */
static void shell_take_reply(struct shell *sh)
{
	json_ref error;

	sh->has_reply = false;
	sh->wait_id = 0;
	if (!shell_parse(sh, sh->reply, sh->reply_len)) {
		shell_say(sh,
			  "%s: the reply has more values than fit; use bhk\n",
			  sh->command->name);
		shell_finish(sh);
		return;
	}
	if (sh->want_json) {
		shell_put(sh, sh->reply, sh->reply_len);
	}
	error = json_member(&sh->doc, 0, "error");
	if (error != JSON_NONE) {
		shell_error(sh, error);
	} else if (!sh->want_json || sh->command->is_long) {
		sh->command->reply(sh, json_member(&sh->doc, 0, "result"));
	}
	if (sh->command != NULL && sh->wait_id == 0 && sh->mode == SHELL_WAIT) {
		shell_finish(sh);
	}
}

static void shell_run(struct shell *sh)
{
	/* each round is a request of one command; logs need the most */
	for (uint32_t i = 0; i < 64 && sh->has_reply; i++) {
		shell_take_reply(sh);
	}
}

/** shell_poll() - act on replies that came; read an attached console. */
void shell_poll(struct shell *sh)
{
	shell_run(sh);
	if (sh->mode == SHELL_RAW && sh->wait_id == 0) {
		shell_console_poll(sh);
		shell_run(sh);
	}
	if (sh->mode == SHELL_TOP && sh->wait_id == 0) {
		shell_top_poll(sh);
		shell_run(sh);
	}
}

/* Cut the line into words; "..." and '...' keep blanks. */
static bool shell_split(struct shell *sh)
{
	char *dst = sh->args_text, quote = 0;
	bool in_word = false;

	sh->arg_count = 0;
	for (uint32_t i = 0; i < sh->line_len; i++) {
		char c = sh->line[i];

		if (c == ' ' && quote == 0) {
			*dst = '\0';
			dst += in_word;
			in_word = false;
			continue;
		}
		if (!in_word && sh->arg_count == SHELL_ARG_MAX) {
			shell_say(sh, "more than %d words\n", SHELL_ARG_MAX);
			return false;
		}
		if (!in_word) {
			sh->args[sh->arg_count++] = dst;
			in_word = true;
		}
		if (quote == 0 && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == quote) {
			quote = 0;
		} else {
			*dst++ = c;
		}
	}
	*dst = '\0';
	if (quote != 0) {
		shell_say(sh, "the quote %c is not closed\n", quote);
	}
	return quote == 0;
}

/* Take --json out of the words before "--". */
static void shell_take_json(struct shell *sh)
{
	uint32_t to = 0;
	bool is_over = false;

	sh->want_json = false;
	for (uint32_t i = 0; i < sh->arg_count; i++) {
		is_over = is_over || strcmp(sh->args[i], "--") == 0;
		if (!is_over && strcmp(sh->args[i], "--json") == 0) {
			sh->want_json = true;
		} else {
			sh->args[to++] = sh->args[i];
		}
	}
	sh->arg_count = to;
}

static void shell_remember(struct shell *sh)
{
	char *last = sh->history[0];

	sh->history_at = 0;
	if (sh->line_len == 0 ||
	    (sh->history_count > 0 && strlen(last) == sh->line_len &&
	     memcmp(last, sh->line, sh->line_len) == 0)) {
		return;
	}
	memmove(sh->history[1], sh->history[0],
		sizeof(sh->history) - sizeof(sh->history[0]));
	memcpy(last, sh->line, sh->line_len);
	last[sh->line_len] = '\0';
	if (sh->history_count < SHELL_HISTORY_MAX) {
		sh->history_count++;
	}
}

/* The line is complete: begin its command. */
static void shell_enter(struct shell *sh)
{
	bool good;

	shell_put(sh, "\n", 1);
	shell_remember(sh);
	good = shell_split(sh);
	sh->line_len = 0;
	shell_take_json(sh);
	if (!good || sh->arg_count == 0) {
		shell_prompt(sh);
		return;
	}
	sh->step = 0;
	sh->offset = 0;
	sh->partition[0] = '\0';
	sh->container[0] = '\0';
	sh->command = shell_command_find(sh, sh->args[0]);
	if (sh->command != NULL) {
		sh->command->begin(sh);
	}
	if (sh->mode == SHELL_LINE) {
		shell_finish(sh);
	}
}

/** shell_type() - append a key to the line, if @is_good and there is room. */
void shell_type(struct shell *sh, char c, bool is_good)
{
	if (is_good && sh->line_len < SHELL_LINE_MAX - 1) {
		sh->line[sh->line_len++] = c;
		shell_put(sh, &c, 1);
	}
}

/** shell_erase() - take the last keys off the line and the screen. */
void shell_erase(struct shell *sh, uint32_t count)
{
	while (count-- > 0 && sh->line_len > 0) {
		sh->line_len--;
		sh->write(sh->ctx, "\b \b", 3);
	}
}

/* Show an earlier line (+1) or a later one (-1). */
static void shell_recall(struct shell *sh, int step)
{
	uint32_t at = sh->history_at + (uint32_t)step;

	if (at > sh->history_count) { /* also below 0 */
		return;
	}
	shell_erase(sh, sh->line_len);
	sh->history_at = at;
	if (at > 0) {
		sh->line_len = (uint32_t)strlen(sh->history[at - 1]);
		memcpy(sh->line, sh->history[at - 1], sh->line_len);
		shell_put(sh, sh->line, sh->line_len);
	}
}

static uint32_t shell_last_word(const struct shell *sh)
{
	uint32_t at = sh->line_len;

	while (at > 0 && sh->line[at - 1] == ' ') {
		at--;
	}
	while (at > 0 && sh->line[at - 1] != ' ') {
		at--;
	}
	return sh->line_len - at;
}

/* ESC [ A and ESC [ B are up and down; other sequences are swallowed. */
static bool shell_escape(struct shell *sh, char c)
{
	if (sh->escape == 0) {
		sh->escape = c == KEY_ESCAPE ? 1 : 0;
		return sh->escape != 0;
	}
	if (sh->escape == 1) {
		sh->escape = c == '[' || c == 'O' ? 2 : 0;
		return true;
	}
	if (c >= '@' && c <= '~') {
		sh->escape = 0;
		if (c == 'A' || c == 'B') {
			shell_recall(sh, c == 'A' ? 1 : -1);
		}
	}
	return true;
}

static void shell_key(struct shell *sh, char c)
{
	if (shell_escape(sh, c)) {
		return;
	}
	switch (c) {
	case '\r':
	case '\n':
		shell_enter(sh);
		break;
	case '\b':
	case KEY_DELETE:
		shell_erase(sh, 1);
		break;
	case KEY_CTRL('U'):
		shell_erase(sh, sh->line_len);
		break;
	case KEY_CTRL('W'):
		shell_erase(sh, shell_last_word(sh));
		break;
	case KEY_CTRL('P'):
	case KEY_CTRL('N'):
		shell_recall(sh, c == KEY_CTRL('P') ? 1 : -1);
		break;
	case KEY_CTRL('C'):
		shell_put(sh, "^C\n", 3);
		sh->line_len = 0;
		sh->history_at = 0;
		shell_prompt(sh);
		break;
	default:
		shell_type(sh, c, (uint8_t)c >= 0x20 && (uint8_t)c < 0x80);
		break;
	}
}

/** shell_input() - keys that the operator typed. */
void shell_input(struct shell *sh, const void *src, size_t len)
{
	const char *p = src;

	if (!sh->is_started) {
		return;
	}
	for (size_t i = 0; i < len; i++) {
		char c = p[i];

		if (c == '\n' && i > 0 && p[i - 1] == '\r') {
			continue; /* CR LF is one Enter */
		}
		if (sh->mode == SHELL_RAW) {
			shell_console_input(sh, c);
		} else if (sh->mode == SHELL_JOB) {
			shell_job_input(sh, c);
		} else if (sh->mode == SHELL_TOP) {
			shell_top_input(sh, c);
		} else if (sh->mode == SHELL_LINE) {
			shell_key(sh, c);
		} else if (c == KEY_CTRL('C')) {
			shell_say(sh, "^C: no longer waiting for the answer\n");
			shell_finish(sh);
		}
		shell_run(sh);
	}
}
