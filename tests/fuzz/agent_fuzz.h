/*
 * agent_fuzz.h - what the fuzzers of the agent share: no connection, no log,
 * and the rules for an error that leaves the agent.
 */
#ifndef AGENT_FUZZ_H
#define AGENT_FUZZ_H

#include "guest/agent/conn.h"
#include "guest/agent/error.h"
#include "guest/agent/log.h"
#include "guest/agent/util.h"
#include <stdlib.h>
#include <string.h>

#define FUZZ_JSON (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)
#define REQUIRE(condition)          \
	do {                        \
		if (!(condition)) { \
			abort();    \
		}                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* A refusal has a code, says something, and can be sent. */
static inline void fuzz_check_error(const struct agent_error *e)
{
	REQUIRE(e->code < 0 && e->message[0] != '\0');
	REQUIRE(e->path[0] == '\0' || e->path[0] == '/');
	auto_json json_t *o = error_json(e);
	REQUIRE(o != NULL);
	REQUIRE(json_is_string(json_object_get(o, "message")));
	json_t *data = json_object_get(o, "data");
	REQUIRE(e->path[0] == '\0' ||
		json_is_string(json_object_get(data, "path")));
}

#endif
