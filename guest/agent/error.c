/* error.c - filling and rendering the agent's one error type; see error.h. */
#define _GNU_SOURCE
#include "error.h"
#include "utf8.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_vset(struct agent_error *e, int code, const char *fmt,
		       va_list ap)
{
	memset(e, 0, sizeof(*e));
	e->code = code;
	(void)vsnprintf(e->message, sizeof(e->message), fmt, ap);
}

int error_set(struct agent_error *e, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	error_vset(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

int error_path(struct agent_error *e, int code, const char *path,
	       const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	error_vset(e, code, fmt, ap);
	va_end(ap);
	(void)snprintf(e->path, sizeof(e->path), "%s", path);
	return -1;
}

int error_sys(struct agent_error *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	va_start(ap, fmt);
	error_vset(e, RPC_ERR_SYSTEM, fmt, ap);
	va_end(ap);
	e->sys_errno = saved;
	size_t len = strlen(e->message);
	const char *why = strerrordesc_np(saved);
	(void)snprintf(e->message + len, sizeof(e->message) - len, ": %s",
		       why != NULL ? why : "unknown error");
	return -1;
}

/* What was quoted may have been cut inside a character. */
static json_t *error_text(const char *text)
{
	char clean[3 * ERROR_MESSAGE_MAX];
	size_t len = utf8_clean(text, strlen(text), clean, NULL);
	return json_stringn(clean, len);
}

json_t *error_json(const struct agent_error *e)
{
	json_t *o = json_pack("{s:i, s:o}", "code", e->code, "message",
			      error_text(e->message));
	if (o == NULL) {
		return NULL;
	}
	if (e->path[0] == '\0' && e->sys_errno == 0) {
		return o;
	}
	json_t *data = json_object();
	if (e->path[0] != '\0') {
		json_object_set_new(data, "path", error_text(e->path));
	}
	const char *name = strerrorname_np(e->sys_errno);
	if (e->sys_errno != 0 && name != NULL) {
		json_object_set_new(data, "errno", json_string(name));
	}
	json_object_set_new(o, "data", data);
	return o;
}
