/*
 * config_notes.c - the annotations io.bulkhead.*: what a partition may use.
 *
 * One row an annotation, with its default in the annotation's own syntax, so
 * that it takes the same way as a value that was written. What concerns more
 * than one annotation is checked when all were read (config_check_*).
 */
#include "config_internal.h"
#include "nearest.h"

#include <bh/string.h>

#define CONFIG_NOTE_PREFIX "io.bulkhead."

struct config_note;
typedef bool config_note_fn(const struct config_note *note, const char *v,
			    size_t len, struct partition_config *out);

/* Values are strings, as OCI wants it. */
struct config_note {
	const char *name;
	const char *dflt;
	const char *form; /* told to people whose value was refused */
	config_note_fn *read;
	size_t at, size;      /* config_note_choice: the member */
	const char *words[6]; /* NULL at the end */
	uint32_t limit;       /* config_note_limit: which */
	uint32_t max;         /* config_note_or_word */
};

/* ---- readers ---- */

static bool config_note_limit(const struct config_note *note, const char *v,
			      size_t len, struct partition_config *out)
{
	return limits_set(&out->limits, (enum limit_key)note->limit, v, len) ==
	       OK;
}

static bool config_note_memory(const struct config_note *note, const char *v,
			       size_t len, struct partition_config *out)
{
	uint64_t bytes = 0;

	(void)note;
	if (!str_to_size(v, len, &bytes) || !config_is_memory(bytes)) {
		return false;
	}
	out->limits.memory_max = bytes;
	return true;
}

static bool config_note_vcpus(const struct config_note *note, const char *v,
			      size_t len, struct partition_config *out)
{
	uint64_t n = 0;
	bool good = str_to_u64(v, len, &n) && n >= 1 && n <= CONFIG_VCPU_MAX;

	(void)note;
	out->vcpu_count = good ? (uint32_t)n : 1;
	return good;
}

/*
 * "0=1,1=2-3,5": vCPU 0 on CPU 1, vCPU 1 on CPUs 2, 3 and 5. A piece between
 * commas begins a vCPU's list if it has a '=', else it goes on with the last.
 */
static bool config_note_affinity(const struct config_note *note, const char *v,
				 size_t len, struct partition_config *out)
{
	uint64_t vcpu = CONFIG_VCPU_MAX;
	size_t end;

	(void)note;
	for (size_t at = 0; at < len; at = end + 1) {
		size_t cpus = at;
		uint64_t mask = 0;

		for (end = at; end < len && v[end] != ','; end++) {
			cpus = v[end] == '=' ? end + 1 : cpus;
		}
		if (cpus > at &&
		    (!str_to_u64(v + at, cpus - 1 - at, &vcpu) ||
		     vcpu >= CONFIG_VCPU_MAX || out->vcpu_cpus[vcpu] != 0)) {
			return false;
		}
		if (vcpu == CONFIG_VCPU_MAX || end == cpus || end + 1 == len ||
		    limits_cpus(v + cpus, end - cpus, &mask) != OK) {
			return false;
		}
		out->vcpu_cpus[vcpu] |= mask;
	}
	return true;
}

static bool config_note_group(const struct config_note *note, const char *v,
			      size_t len, struct partition_config *out)
{
	(void)note;
	return (len == 0 || config_is_group(v, len)) &&
	       str_copy(out->group, sizeof(out->group), v);
}

/* One of the row's words: its number. */
static bool config_note_choice(const struct config_note *note, const char *v,
			       size_t len, struct partition_config *out)
{
	(void)len;
	return nearest_set(v, note->words, (char *)out + note->at, note->size);
}

/* A number from 0 to the row's max; the row's word, if it has one, is 0. */
static bool config_note_or_word(const struct config_note *note, const char *v,
				size_t len, struct partition_config *out)
{
	uint64_t n = 0;
	bool is_word = note->words[0] != NULL && strcmp(v, note->words[0]) == 0;
	bool good = is_word || (str_to_u64(v, len, &n) && n <= note->max);

	memcpy((char *)out + note->at, &n, note->size);
	return good;
}

/* "CS:IP", two numbers of 16 bits, or the row's word. */
static bool config_note_entry(const struct config_note *note, const char *v,
			      size_t len, struct partition_config *out)
{
	uint64_t cs = 0;
	uint64_t ip = 0;
	size_t colon = 0;

	out->boot_entry = CONFIG_ENTRY_AT_ADDRESS;
	if (strcmp(v, note->words[0]) == 0) {
		return true;
	}
	while (colon < len && v[colon] != ':') {
		colon++;
	}
	if (colon == len || !str_to_u64(v, colon, &cs) ||
	    !str_to_u64(v + colon + 1, len - colon - 1, &ip) ||
	    cs > UINT16_MAX || ip > UINT16_MAX) {
		return false;
	}
	out->boot_entry = (uint32_t)(cs << 16 | ip);
	return true;
}

/* "no", "always", "on-failure" or "on-failure:N". */
static bool config_note_restart(const struct config_note *note, const char *v,
				size_t len, struct partition_config *out)
{
	static const char counted[] = "on-failure:";
	const size_t head = sizeof(counted) - 1;
	uint64_t n = 0;

	out->restart_limit = 0;
	if (strncmp(v, counted, head) != 0) {
		return config_note_choice(note, v, len, out);
	}
	if (!str_to_u64(v + head, len - head, &n) || n < 1 ||
	    n > CONFIG_RESTART_MAX) {
		return false;
	}
	out->restart = CONFIG_RESTART_ON_FAILURE;
	out->restart_limit = (uint32_t)n;
	return true;
}

/* "250ms", "10s", "1m" as milliseconds; 0 if it is none. */
static uint64_t config_duration(const char *v, size_t len)
{
	static const struct {
		const char *unit;
		uint32_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 } };
	size_t digits = 0;
	uint64_t n = 0;

	while (digits < len && v[digits] >= '0' && v[digits] <= '9') {
		digits++;
	}
	if (digits > 7 || !str_to_u64(v, digits, &n)) {
		return 0;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(units); i++) {
		if (strlen(units[i].unit) == len - digits &&
		    memcmp(units[i].unit, v + digits, len - digits) == 0) {
			n *= units[i].ms;
			return n <= CONFIG_DELAY_MAX_MS ? n : 0;
		}
	}
	return 0;
}

/* "FIRST LONGEST", or one for both. */
static bool config_note_delay(const struct config_note *note, const char *v,
			      size_t len, struct partition_config *out)
{
	size_t blank = 0;
	uint64_t first, longest;

	(void)note;
	while (blank < len && v[blank] != ' ') {
		blank++;
	}
	first = config_duration(v, blank);
	longest = blank < len ? config_duration(v + blank + 1, len - blank - 1)
			      : first;
	out->restart_delay_ms = (uint32_t)first;
	out->restart_delay_max_ms = (uint32_t)longest;
	return first > 0 && longest >= first;
}

/* ---- the table ---- */

#define CONFIG_FIELD(field)                             \
	.at = offsetof(struct partition_config, field), \
	.size = sizeof(((struct partition_config *)0)->field)

enum {
	NOTE_MEMORY_MAX,
	NOTE_VCPUS,
	NOTE_CPU_WEIGHT,
	NOTE_CPU_MAX,
	NOTE_CPU_MAX_BURST,
	NOTE_CPUSET_CPUS,
	NOTE_AFFINITY,
	NOTE_GROUP,
	NOTE_AUTOSTART,
	NOTE_RESTART,
	NOTE_RESTART_DELAY,
	NOTE_CONSOLE,
	NOTE_APIC,
	NOTE_PLATFORM,
	NOTE_BOOT,
	NOTE_BOOT_ADDRESS,
	NOTE_BOOT_ENTRY,
	NOTE_BOOT_DRIVE,
	NOTE_EXIT_PORT,
	NOTE_COUNT
};

/* clang-format off */
static const struct config_note config_notes[NOTE_COUNT] = {
	[NOTE_MEMORY_MAX] = { "memory.max", "256M",
	  "a multiple of 2M from 32M on, such as \"256M\" or \"1G\"",
	  .read = config_note_memory },
	[NOTE_VCPUS] = { "vcpus", "1", "a number from 1 to 16",
	  .read = config_note_vcpus },
	[NOTE_CPU_WEIGHT] = { "cpu.weight", "100", "a number from 1 to 10000",
	  config_note_limit, .limit = LIMIT_CPU_WEIGHT },
	[NOTE_CPU_MAX] = { "cpu.max", "max 100000",
	  "\"max\", or microseconds of CPU and of period: \"50000 100000\"",
	  config_note_limit, .limit = LIMIT_CPU_MAX },
	[NOTE_CPU_MAX_BURST] = { "cpu.max.burst", "0",
	  "microseconds from 0 to the quota of cpu.max",
	  config_note_limit, .limit = LIMIT_CPU_MAX_BURST },
	[NOTE_CPUSET_CPUS] = { "cpuset.cpus", "",
	  "numbers of CPUs below 64 such as \"0-3,5\"",
	  config_note_limit, .limit = LIMIT_CPUSET_CPUS },
	[NOTE_AFFINITY] = { "vcpu.affinity", "",
	  "vCPUs and the CPUs of each such as \"0=1,1=2-3\"",
	  .read = config_note_affinity },
	[NOTE_GROUP] = { "group", "",
	  "the path of a group of groups.json such as \"tenants/a\"",
	  .read = config_note_group },
	[NOTE_AUTOSTART] = { "autostart", "true", "\"true\" or \"false\"",
	  config_note_choice, CONFIG_FIELD(autostart),
	  .words = { "false", "true" } },
	[NOTE_RESTART] = { "restart", "no",
	  "\"no\", \"on-failure\", \"on-failure:N\" or \"always\"",
	  config_note_restart, CONFIG_FIELD(restart),
	  .words = { "no", "on-failure", "always" } },
	[NOTE_RESTART_DELAY] = { "restart.delay", "100ms 1m",
	  "the first and the longest delay, at most an hour: \"100ms 1m\"",
	  .read = config_note_delay },
	[NOTE_CONSOLE] = { "console", "hvc0",
	  "\"hvc0\" (virtio) or \"ttyS0\" (16550)",
	  config_note_choice, CONFIG_FIELD(console),
	  .words = { "hvc0", "ttyS0" } },
	[NOTE_APIC] = { "apic", "x2apic", "\"x2apic\" or \"xapic\"",
	  config_note_choice, CONFIG_FIELD(apic),
	  .words = { "x2apic", "xapic" } },
	[NOTE_PLATFORM] = { "platform", "minimal", "\"minimal\" or \"pc\"",
	  config_note_choice, CONFIG_FIELD(platform),
	  .words = { "minimal", "pc" } },
	[NOTE_BOOT] = { "boot", "auto",
	  "\"auto\", \"linux\", \"pvh\", \"multiboot\" or \"flat\"",
	  config_note_choice, CONFIG_FIELD(boot),
	  .words = { "auto", "linux", "pvh", "multiboot", "flat" } },
	[NOTE_BOOT_ADDRESS] = { "boot.address", "0x7c00",
	  "an address below 0xa0000: \"0x7c00\"",
	  config_note_or_word, CONFIG_FIELD(boot_address), .max = 0x9ffff },
	[NOTE_BOOT_ENTRY] = { "boot.entry", "address",
	  "\"address\", or segment and offset: \"0x7c0:0x0\"",
	  config_note_entry, .words = { "address" } },
	[NOTE_BOOT_DRIVE] = { "boot.drive", "0x80",
	  "a BIOS drive: \"0x80\", \"0\"",
	  config_note_or_word, CONFIG_FIELD(boot_drive), .max = 0xff },
	[NOTE_EXIT_PORT] = { "exit-port", "none",
	  "\"none\" or an I/O port: \"0xf4\"",
	  config_note_or_word, CONFIG_FIELD(exit_port), .max = 0xffff,
	  .words = { "none" } },
};
/* clang-format on */

/* Where each value stands; JSON_NONE: it is the default. */
struct config_places {
	json_ref notes; /* the object of all */
	json_ref values[NOTE_COUNT];
};

/* The value of @note, or the object where it could be. */
static json_ref config_place(const struct config_places *p, uint32_t note)
{
	return p->values[note] != JSON_NONE ? p->values[note] : p->notes;
}

static void config_note_unknown(struct config_parse *c, json_ref key,
				const char *name)
{
	const char *near = nearest_word(name, &config_notes[0].name, NOTE_COUNT,
					sizeof(config_notes[0]));

	if (near != NULL) {
		config_mistake(c->doc, c->report, key,
			       "unknown annotation; did you mean "
			       "\"" CONFIG_NOTE_PREFIX "%s\"?",
			       near);
	} else {
		config_mistake(c->doc, c->report, key,
			       "unknown annotation; docs/config.md lists the "
			       "annotations io.bulkhead.*");
	}
}

/* Read the annotation at @key. */
static void config_note(struct config_parse *c, json_ref key,
			struct config_places *p)
{
	json_ref v = json_value(c->doc, key);
	char full[NEAREST_WORD_MAX], value[LIMITS_TEXT_MAX];
	enum status st = json_string(c->doc, key, full, sizeof(full), NULL);
	const char *name = full + strlen(CONFIG_NOTE_PREFIX);
	size_t len;
	uint32_t i;

	if (strncmp(full, CONFIG_NOTE_PREFIX, strlen(CONFIG_NOTE_PREFIX)) !=
	    0) {
		return; /* somebody else's annotation */
	}
	i = nearest_index(name, &config_notes[0].name, NOTE_COUNT,
			  sizeof(config_notes[0]));
	if (st != OK || i == NOTE_COUNT) {
		config_note_unknown(c, key, name);
		return;
	}
	if (p->values[i] != JSON_NONE) {
		config_mistake(c->doc, c->report, key,
			       "stands twice; keep one of the two");
		return;
	}
	p->values[i] = v;
	if (!config_want(c, v, JSON_STRING)) {
		return;
	}
	st = json_string(c->doc, v, value, sizeof(value), &len);
	if (st != OK ||
	    !config_notes[i].read(&config_notes[i], value, len, &c->out)) {
		config_mistake(c->doc, c->report, v,
			       "\"%s\" is not a value of %s; write %s", value,
			       full, config_notes[i].form);
	}
}

/* ---- what concerns several ---- */

static void config_check_cpus(struct config_parse *c,
			      const struct config_places *p)
{
	const struct partition_config *o = &c->out;
	uint64_t cpus = o->limits.cpus != 0 ? o->limits.cpus : UINT64_MAX;

	if (c->checks->cpus != 0) {
		cpus &= c->checks->cpus;
	}
	if (limits_check(&o->limits) != OK) {
		config_mistake(c->doc, c->report,
			       config_place(p, NOTE_CPU_MAX_BURST),
			       "cpu.max.burst is larger than the quota of "
			       "cpu.max; write at most %lu",
			       o->limits.cpu_quota_us);
	}
	if (cpus == 0) {
		config_mistake(c->doc, c->report,
			       config_place(p, NOTE_CPUSET_CPUS),
			       "the machine has none of these CPUs; version "
			       "tells how many there are");
		return;
	}
	for (uint32_t i = 0; i < CONFIG_VCPU_MAX; i++) {
		json_ref at = config_place(p, NOTE_AFFINITY);

		if (o->vcpu_cpus[i] != 0 && i >= o->vcpu_count) {
			config_mistake(c->doc, c->report, at,
				       "there is no vCPU %u; set "
				       "io.bulkhead.vcpus to more or leave it "
				       "out",
				       i);
		} else if (o->vcpu_cpus[i] != 0 &&
			   (o->vcpu_cpus[i] & cpus) == 0) {
			config_mistake(c->doc, c->report, at,
				       "vCPU %u may use none of its CPUs; name "
				       "one that the machine and cpuset.cpus "
				       "have",
				       i);
		}
	}
}

static void config_check_memory(struct config_parse *c,
				const struct config_places *p)
{
	struct config_room room = { .who = "the machine" };
	uint64_t want = c->out.limits.memory_max;

	if (c->checks->memory_left == NULL) {
		return;
	}
	if (!c->checks->memory_left(c->checks->ctx, c->out.group, &room)) {
		config_mistake(c->doc, c->report, config_place(p, NOTE_GROUP),
			       "there is no group \"%s\"; describe it in "
			       "groups.json, or create it first",
			       c->out.group);
	} else if (want > room.left && p->values[NOTE_MEMORY_MAX] >= 0) {
		config_mistake(c->doc, c->report, p->values[NOTE_MEMORY_MAX],
			       "%s has not that much memory left: %luM needed, "
			       "%luM free; ask for at most %luM",
			       room.who, want >> 20, room.left >> 20,
			       align_down(room.left, CONFIG_MEMORY_STEP) >> 20);
	} else if (want > room.left) {
		config_mistake(c->doc, c->report, p->notes,
			       "%s has not the default of 256M left: %luM "
			       "free; set io.bulkhead.memory.max to less",
			       room.who, room.left >> 20);
	}
}

void config_read_notes(struct config_parse *c, json_ref notes)
{
	struct config_places places = { .notes = notes };
	uint32_t before = c->report->total;

	limits_default(&c->out.limits);
	for (uint32_t i = 0; i < NOTE_COUNT; i++) {
		const struct config_note *n = &config_notes[i];

		places.values[i] = JSON_NONE;
		(void)n->read(n, n->dflt, strlen(n->dflt), &c->out);
	}
	for (json_ref k = json_first(c->doc, notes); k >= 0;
	     k = json_next(c->doc, k)) {
		config_note(c, k, &places);
	}
	if (c->report->total == before) { /* else it would mislead */
		config_check_cpus(c, &places);
		config_check_memory(c, &places);
	}
}
