/*
 * sched_text.c - cgroup v2's files of the cpu and cpuset controllers.
 *
 * A row a file: its name, whether the root has it, how it is read and written.
 * A write is parsed completely before anything is set.
 */
#include "sched_text.h"

#include "sched_internal.h"

#include <bh/string.h>

/* ---- text ---- */

static bool text_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Without the white space around. */
static struct sched_text text_strip(struct sched_text in)
{
	while (in.len > 0 && text_is_space(in.text[0])) {
		in.text++;
		in.len--;
	}
	while (in.len > 0 && text_is_space(in.text[in.len - 1])) {
		in.len--;
	}
	return in;
}

/* What comes before the first byte that @is_end says yes to; *@in is after. */
static struct sched_text text_until(struct sched_text *in,
				    bool (*is_end)(char c))
{
	struct sched_text first = { in->text, 0 };

	while (first.len < in->len && !is_end(in->text[first.len])) {
		first.len++;
	}
	in->text += first.len;
	in->len -= first.len;
	return first;
}

static bool text_is(struct sched_text in, const char *word)
{
	return in.len == strlen(word) && memcmp(in.text, word, in.len) == 0;
}

static bool text_is_comma(char c)
{
	return c == ',' || c == '\n';
}

static bool text_is_dash(char c)
{
	return c == '-';
}

/* A number, decimal or hexadecimal, as the kernel's kstrtoull(). */
static enum status text_number(struct sched_text in, uint64_t *out)
{
	return str_to_u64(in.text, in.len, out) ? OK : ERR_INVALID;
}

/* Digits only. */
static enum status text_decimal(struct sched_text in, uint64_t *out)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.text[i] < '0' || in.text[i] > '9') {
			return ERR_INVALID;
		}
	}
	return text_number(in, out);
}

/* ---- lists of CPUs ---- */

/* "4" or "0-3" */
static enum status text_parse_range(struct sched_text in, uint64_t *mask)
{
	struct sched_text low = text_until(&in, text_is_dash);
	uint64_t first = 0, last;
	enum status st = text_decimal(low, &first);

	last = first;
	if (st == OK && in.len > 0) {
		st = text_decimal(
			(struct sched_text){ in.text + 1, in.len - 1 }, &last);
	}
	if (st != OK || last < first) {
		return ERR_INVALID;
	}
	if (last >= SCHED_CPU_MAX) {
		return ERR_RANGE;
	}
	*mask |= (UINT64_MAX >> (63 - (last - first))) << first;
	return OK;
}

enum status sched_text_parse_cpus(struct sched_text in, uint64_t *mask)
{
	uint64_t found = 0;
	enum status st = OK;

	in = text_strip(in);
	while (st == OK && in.len > 0) {
		struct sched_text range = text_until(&in, text_is_comma);

		st = text_parse_range(text_strip(range), &found);
		if (in.len > 0) {
			/* a comma; something has to follow */
			in.text++;
			in.len--;
			st = st == OK && in.len == 0 ? ERR_INVALID : st;
		}
	}
	if (st == OK) {
		*mask = found;
	}
	return st;
}

size_t sched_text_print_cpus(uint64_t mask, char *dst, size_t size)
{
	size_t len = 0;

	if (size > 0) {
		dst[0] = '\0';
	}
	for (uint32_t i = 0; i < SCHED_CPU_MAX; i++) {
		uint32_t first = i;

		if ((mask & BIT(i)) == 0) {
			continue;
		}
		while (i + 1 < SCHED_CPU_MAX && (mask & BIT(i + 1)) != 0) {
			i++;
		}
		len += fmt_print(len < size ? dst + len : NULL,
				 len < size ? size - len : 0,
				 first == i ? "%s%u" : "%s%u-%u",
				 len == 0 ? "" : ",", first, i);
	}
	return len;
}

/* ---- cpu.max ---- */

enum status sched_text_parse_max(struct sched_text in, uint64_t *quota_us,
				 uint64_t *period_us)
{
	struct sched_text rest = text_strip(in);
	struct sched_text word = text_until(&rest, text_is_space);
	uint64_t quota = SCHED_QUOTA_NONE;
	uint64_t period = *period_us;
	enum status st = OK;

	if (!text_is(word, "max")) {
		st = text_decimal(word, &quota);
		/* "max" is the only way to say this */
		st = quota == SCHED_QUOTA_NONE ? ERR_INVALID : st;
	}
	rest = text_strip(rest);
	if (st == OK && rest.len > 0) {
		st = text_decimal(rest, &period);
	}
	if (st == OK) {
		*quota_us = quota;
		*period_us = period;
	}
	return st;
}

/* ---- the files ---- */

struct text_file {
	const char *name;
	bool is_in_root;
	/* The length of the text, as snprintf. */
	size_t (*read)(struct sched *s, struct sched_group *g,
		       const struct sched_stat *stat, char *dst, size_t size);
	/* NULL: read-only */
	enum status (*write)(struct sched *s, struct sched_group *g,
			     struct sched_text in, uint64_t now);
};

static size_t text_read_events(struct sched *s, struct sched_group *g,
			       const struct sched_stat *stat, char *dst,
			       size_t size)
{
	(void)s;
	(void)g;
	return fmt_print(dst, size, "populated %u\nfrozen %u\n",
			 stat->vcpu_count > 0, stat->is_frozen);
}

static size_t text_read_freeze(struct sched *s, struct sched_group *g,
			       const struct sched_stat *stat, char *dst,
			       size_t size)
{
	(void)s;
	(void)stat;
	return fmt_print(dst, size, "%u\n", g->is_freeze_set);
}

static enum status text_write_freeze(struct sched *s, struct sched_group *g,
				     struct sched_text in, uint64_t now)
{
	uint64_t value;

	if (text_number(in, &value) != OK) {
		return ERR_INVALID;
	}
	if (value > 1) {
		return ERR_RANGE;
	}
	sched_set_freeze(s, g, value == 1, now);
	return OK;
}

static size_t text_read_max(struct sched *s, struct sched_group *g,
			    const struct sched_stat *stat, char *dst,
			    size_t size)
{
	(void)s;
	(void)stat;
	if (g->q.quota_us == SCHED_QUOTA_NONE) {
		return fmt_print(dst, size, "max %llu\n",
				 (unsigned long long)g->q.period_us);
	}
	return fmt_print(dst, size, "%llu %llu\n",
			 (unsigned long long)g->q.quota_us,
			 (unsigned long long)g->q.period_us);
}

static enum status text_write_max(struct sched *s, struct sched_group *g,
				  struct sched_text in, uint64_t now)
{
	uint64_t period_us = g->q.period_us;
	uint64_t quota_us;
	enum status st = sched_text_parse_max(in, &quota_us, &period_us);

	return st == OK ? sched_set_max(s, g, quota_us, period_us, now) : st;
}

static size_t text_read_burst(struct sched *s, struct sched_group *g,
			      const struct sched_stat *stat, char *dst,
			      size_t size)
{
	(void)s;
	(void)stat;
	return fmt_print(dst, size, "%llu\n",
			 (unsigned long long)g->q.burst_us);
}

static enum status text_write_burst(struct sched *s, struct sched_group *g,
				    struct sched_text in, uint64_t now)
{
	uint64_t value;
	enum status st = text_number(in, &value);

	return st == OK ? sched_set_burst(s, g, value, now) : st;
}

static size_t text_read_pressure(struct sched *s, struct sched_group *g,
				 const struct sched_stat *stat, char *dst,
				 size_t size)
{
	static const char *const kinds[SCHED_PSI_KINDS] = {
		[SCHED_PSI_SOME] = "some",
		[SCHED_PSI_FULL] = "full",
	};
	size_t len = 0;

	(void)s;
	(void)g;
	for (uint32_t k = 0; k < SCHED_PSI_KINDS; k++) {
		const uint32_t *avg = stat->psi_avg[k];

		len += fmt_print(
			len < size ? dst + len : NULL,
			len < size ? size - len : 0,
			"%s avg10=%u.%02u avg60=%u.%02u avg300=%u.%02u "
			"total=%llu\n",
			kinds[k], avg[SCHED_PSI_10] / 100,
			avg[SCHED_PSI_10] % 100, avg[SCHED_PSI_60] / 100,
			avg[SCHED_PSI_60] % 100, avg[SCHED_PSI_300] / 100,
			avg[SCHED_PSI_300] % 100,
			(unsigned long long)stat->psi_total[k]);
	}
	return len;
}

static enum status text_write_pressure(struct sched *s, struct sched_group *g,
				       struct sched_text in, uint64_t now)
{
	(void)s;
	(void)g;
	(void)in;
	(void)now;
	return ERR_UNSUPPORTED;
}

static size_t text_read_stat(struct sched *s, struct sched_group *g,
			     const struct sched_stat *stat, char *dst,
			     size_t size)
{
	size_t len = fmt_print(dst, size,
			       "usage_usec %llu\n"
			       "user_usec %llu\n"
			       "system_usec %llu\n",
			       (unsigned long long)stat->usage_usec,
			       (unsigned long long)stat->user_usec,
			       (unsigned long long)stat->system_usec);

	(void)s;
	if (sched_is_root(g)) {
		return len;
	}
	return len + fmt_print(len < size ? dst + len : NULL,
			       len < size ? size - len : 0,
			       "nr_periods %llu\n"
			       "nr_throttled %llu\n"
			       "throttled_usec %llu\n"
			       "nr_bursts %llu\n"
			       "burst_usec %llu\n",
			       (unsigned long long)stat->nr_periods,
			       (unsigned long long)stat->nr_throttled,
			       (unsigned long long)stat->throttled_usec,
			       (unsigned long long)stat->nr_bursts,
			       (unsigned long long)stat->burst_usec);
}

static size_t text_read_weight(struct sched *s, struct sched_group *g,
			       const struct sched_stat *stat, char *dst,
			       size_t size)
{
	(void)s;
	(void)stat;
	return fmt_print(dst, size, "%u\n", g->se.weight);
}

static enum status text_write_weight(struct sched *s, struct sched_group *g,
				     struct sched_text in, uint64_t now)
{
	uint64_t value;
	enum status st = text_number(in, &value);

	return st == OK ? sched_set_weight(s, g, value, now) : st;
}

static size_t text_cpus_line(uint64_t mask, char *dst, size_t size)
{
	size_t len = sched_text_print_cpus(mask, dst, size);

	return len + fmt_print(len < size ? dst + len : NULL,
			       len < size ? size - len : 0, "\n");
}

static size_t text_read_cpus(struct sched *s, struct sched_group *g,
			     const struct sched_stat *stat, char *dst,
			     size_t size)
{
	(void)s;
	(void)stat;
	return text_cpus_line(g->cpus, dst, size);
}

static enum status text_write_cpus(struct sched *s, struct sched_group *g,
				   struct sched_text in, uint64_t now)
{
	uint64_t mask;
	enum status st = sched_text_parse_cpus(in, &mask);

	if (st == OK) {
		sched_set_cpus(s, g, mask, now);
	}
	return st;
}

static size_t text_read_effective(struct sched *s, struct sched_group *g,
				  const struct sched_stat *stat, char *dst,
				  size_t size)
{
	(void)s;
	(void)stat;
	return text_cpus_line(g->se.node.mask, dst, size);
}

/* clang-format off */
static const struct text_file text_files[] = {
	/* name                     root   read                 write */
	{ "cgroup.events",          false, text_read_events,    NULL },
	{ "cgroup.freeze",          false, text_read_freeze,    text_write_freeze },
	{ "cpu.max",                false, text_read_max,       text_write_max },
	{ "cpu.max.burst",          false, text_read_burst,     text_write_burst },
	{ "cpu.pressure",           true,  text_read_pressure,  text_write_pressure },
	{ "cpu.stat",               true,  text_read_stat,      NULL },
	{ "cpu.weight",             false, text_read_weight,    text_write_weight },
	{ "cpuset.cpus",            false, text_read_cpus,      text_write_cpus },
	{ "cpuset.cpus.effective",  true,  text_read_effective, NULL },
};
/* clang-format on */

static const struct text_file *text_find(const struct sched_group *g,
					 const char *name)
{
	for (uint32_t i = 0; i < ARRAY_COUNT(text_files); i++) {
		const struct text_file *f = &text_files[i];

		if (strcmp(f->name, name) == 0) {
			return f->is_in_root || !sched_is_root(g) ? f : NULL;
		}
	}
	return NULL;
}

const char *sched_text_name(const struct sched_group *g, uint32_t index)
{
	for (uint32_t i = 0; i < ARRAY_COUNT(text_files); i++) {
		const struct text_file *f = &text_files[i];

		if ((f->is_in_root || !sched_is_root(g)) && index-- == 0) {
			return f->name;
		}
	}
	return NULL;
}

enum status sched_text_read(struct sched *s, struct sched_group *g,
			    const char *name, char *dst, size_t size,
			    uint64_t now)
{
	const struct text_file *f = text_find(g, name);
	struct sched_stat stat;

	if (size > 0) {
		dst[0] = '\0';
	}
	if (f == NULL) {
		return ERR_NOENT;
	}
	sched_read_stat(s, g, now, &stat);
	return f->read(s, g, &stat, dst, size) < size ? OK : ERR_TOO_BIG;
}

enum status sched_text_write(struct sched *s, struct sched_group *g,
			     const char *name, struct sched_text in,
			     uint64_t now)
{
	const struct text_file *f = text_find(g, name);

	if (f == NULL) {
		return ERR_NOENT;
	}
	return f->write == NULL ? ERR_DENIED
				: f->write(s, g, text_strip(in), now);
}
