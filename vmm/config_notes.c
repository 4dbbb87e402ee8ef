/*
 * config_notes.c - the annotations io.bulkhead.*: what a partition may use.
 *
 * One row an annotation: its name, its default (in the annotation's own
 * syntax, so that the default takes the same way as a typed value), its reader
 * and the form people are told. Values are strings, as OCI wants it.
 */
#include "config_internal.h"
#include "nearest.h"
#include <bh/string.h>

#define CONFIG_NOTE_PREFIX "io.bulkhead."

/* clang-format off */
/* X(reader, name, default, form) */
#define CONFIG_NOTE_LIST(X)                                                    \
	X(memory,    "memory.max", "256M",                                     \
	  "a multiple of 2M from 32M on, such as \"256M\" or \"1G\"")          \
	X(vcpus,     "vcpus",      "1",                                        \
	  "a number from 1 to 16")                                             \
	X(weight,    "cpu.weight", "100",                                      \
	  "a number from 1 to 10000")                                          \
	X(quota,     "cpu.max",    "max 100000",                               \
	  "\"max\", or microseconds of CPU and of period: \"50000 100000\"")   \
	X(autostart, "autostart",  "true",                                     \
	  "\"true\" or \"false\"")                                             \
	X(restart,   "restart",    "no",                                       \
	  "\"no\", \"on-failure\" or \"always\"")                              \
	X(console,   "console",    "hvc0",                                     \
	  "\"hvc0\" (virtio) or \"ttyS0\" (16550)")
/* clang-format on */

typedef bool config_note_fn(struct partition_config *o, const char *v,
			    size_t len);

static bool config_note_memory(struct partition_config *o, const char *v,
			       size_t len)
{
	return str_to_size(v, len, &o->memory_max) &&
	       o->memory_max >= CONFIG_MEMORY_MIN &&
	       o->memory_max % CONFIG_MEMORY_STEP == 0;
}

/* A number from 1 to @max. */
static bool config_note_number(const char *v, size_t len, uint64_t max,
			       uint32_t *out)
{
	uint64_t n;

	if (!str_to_u64(v, len, &n) || n < 1 || n > max) {
		return false;
	}
	*out = (uint32_t)n;
	return true;
}

static bool config_note_vcpus(struct partition_config *o, const char *v,
			      size_t len)
{
	return config_note_number(v, len, CONFIG_VCPU_MAX, &o->vcpu_count);
}

static bool config_note_weight(struct partition_config *o, const char *v,
			       size_t len)
{
	return config_note_number(v, len, 10000, &o->cpu_weight);
}

/* cgroup v2's cpu.max: "$MAX $PERIOD", the period may be left out. */
static bool config_note_quota(struct partition_config *o, const char *v,
			      size_t len)
{
	size_t blank = 0;

	while (blank < len && v[blank] != ' ') {
		blank++;
	}
	o->cpu_period_us = 100000;
	if (blank < len &&
	    (!str_to_u64(v + blank + 1, len - blank - 1, &o->cpu_period_us) ||
	     o->cpu_period_us < 1000 || o->cpu_period_us > 1000000)) {
		return false;
	}
	if (blank == 3 && memcmp(v, "max", 3) == 0) {
		o->cpu_quota_us = 0;
		return true;
	}
	return str_to_u64(v, blank, &o->cpu_quota_us) &&
	       o->cpu_quota_us >= 1000 &&
	       o->cpu_quota_us <= o->cpu_period_us * CONFIG_VCPU_MAX;
}

/* Which of @words is the value? @count if none. */
static uint32_t config_note_choice(const char *v, const char *const *words,
				   uint32_t count)
{
	uint32_t i = 0;

	while (i < count && strcmp(v, words[i]) != 0) {
		i++;
	}
	return i;
}

static bool config_note_autostart(struct partition_config *o, const char *v,
				  size_t len)
{
	static const char *const words[] = { "false", "true" };
	uint32_t choice = config_note_choice(v, words, ARRAY_COUNT(words));

	(void)len;
	o->autostart = choice == 1;
	return choice < ARRAY_COUNT(words);
}

static bool config_note_restart(struct partition_config *o, const char *v,
				size_t len)
{
	static const char *const words[] = { "no", "on-failure", "always" };
	uint32_t choice = config_note_choice(v, words, ARRAY_COUNT(words));

	(void)len;
	o->restart = (enum config_restart)choice;
	return choice < ARRAY_COUNT(words);
}

static bool config_note_console(struct partition_config *o, const char *v,
				size_t len)
{
	static const char *const words[] = { "hvc0", "ttyS0" };
	uint32_t choice = config_note_choice(v, words, ARRAY_COUNT(words));

	(void)len;
	o->console = (enum config_console)choice;
	return choice < ARRAY_COUNT(words);
}

struct config_note {
	const char *name;
	const char *dflt;
	const char *form;
	config_note_fn *read;
};

static const struct config_note config_note_rows[] = {
#define X(reader, name, dflt, form) \
	{ CONFIG_NOTE_PREFIX name, dflt, form, config_note_##reader },
	CONFIG_NOTE_LIST(X)
#undef X
};

static const char *const config_note_names[] = {
#define X(reader, name, dflt, form) name,
	CONFIG_NOTE_LIST(X)
#undef X
};

static void config_note_unknown(struct config_parse *c, json_ref key,
				const char *name)
{
	const char *near = nearest_word(
		name + strlen(CONFIG_NOTE_PREFIX), config_note_names,
		ARRAY_COUNT(config_note_names), sizeof(config_note_names[0]));
	struct config_error *e = config_fail(c, key, "unknown annotation");

	if (near != NULL) {
		config_remedy(e, "did you mean \"" CONFIG_NOTE_PREFIX "%s\"?",
			      near);
	} else {
		config_remedy(e, "docs/config.md lists the annotations "
				 "io.bulkhead.*");
	}
}

static void config_note(struct config_parse *c, json_ref key, uint64_t *seen)
{
	json_ref v = json_value(c->doc, key);
	char name[NEAREST_WORD_MAX], value[64];
	enum status st = json_string(c->doc, key, name, sizeof(name), NULL);
	size_t len;
	uint32_t i = 0;

	if (strncmp(name, CONFIG_NOTE_PREFIX, strlen(CONFIG_NOTE_PREFIX)) !=
	    0) {
		return; /* somebody else's annotation */
	}
	while (i < ARRAY_COUNT(config_note_rows) &&
	       (st != OK || strcmp(name, config_note_rows[i].name) != 0)) {
		i++;
	}
	if (i == ARRAY_COUNT(config_note_rows)) {
		config_note_unknown(c, key, name);
		return;
	}
	if (*seen & BIT(i)) {
		config_remedy(config_fail(c, key, "stands twice"),
			      "keep one of the two");
		return;
	}
	*seen |= BIT(i);
	if (!config_want(c, v, JSON_STRING)) {
		return;
	}
	st = json_string(c->doc, v, value, sizeof(value), &len);
	if (st != OK || !config_note_rows[i].read(&c->out, value, len)) {
		config_remedy(config_fail(c, v, "\"%s\" is not a value of %s",
					  value, name),
			      "write %s", config_note_rows[i].form);
	} else if (i == 0 && c->checks->memory_left != NULL &&
		   c->out.memory_max > c->checks->memory_left(c->checks->ctx)) {
		uint64_t left = c->checks->memory_left(c->checks->ctx);

		config_remedy(config_fail(c, v,
					  "the machine has not that "
					  "much memory left"),
			      "ask for at most %luM",
			      align_down(left, CONFIG_MEMORY_STEP) >> 20);
	}
}

/**
 * config_notes() - read annotations io.bulkhead.*, defaults for the others.
 * @notes: the object, or JSON_NONE
 */
void config_notes(struct config_parse *c, json_ref notes)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < ARRAY_COUNT(config_note_rows); i++) {
		const struct config_note *row = &config_note_rows[i];

		if (!row->read(&c->out, row->dflt, strlen(row->dflt))) {
			config_fail(c, notes, "default of %s", row->name);
		}
	}
	for (json_ref k = json_first(c->doc, notes); k >= 0;
	     k = json_next(c->doc, k)) {
		config_note(c, k, &seen);
	}
	if (!(seen & BIT(0)) && c->checks->memory_left != NULL &&
	    c->out.memory_max > c->checks->memory_left(c->checks->ctx)) {
		config_remedy(config_fail(c, notes,
					  "the machine has not the default "
					  "of 256M left"),
			      "set io.bulkhead.memory.max to less");
	}
}
