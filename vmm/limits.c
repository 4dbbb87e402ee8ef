/*
 * limits.c - reads and prints limits as cgroup v2's interface files.
 *
 * One row a limit: its word, and the functions that read and print it. Which
 * error a value gets follows the kernel: EINVAL (ERR_INVALID) for what cannot
 * be read and for cpu.max and cpu.max.burst out of range, ERANGE (ERR_RANGE)
 * for a cpu.weight out of range and for a CPU that no mask has.
 */
#include <bh/string.h>
#include <hv/limits.h>

void limits_default(struct limits *l)
{
	*l = (struct limits){
		.memory_max = LIMITS_NO_MEMORY,
		.cpu_period_us = 100000,
		.cpu_weight = 100,
	};
}

static bool limits_is_max(const char *v, size_t len)
{
	return len == 3 && memcmp(v, "max", 3) == 0;
}

/* ---- lists of CPUs ---- */

/* "3" or "0-3" into @mask. */
static enum status limits_cpu_range(const char *v, size_t len, uint64_t *mask)
{
	uint64_t first, last;
	size_t dash = 0;

	while (dash < len && v[dash] != '-') {
		dash++;
	}
	if (!str_to_u64(v, dash, &first)) {
		return ERR_INVALID;
	}
	last = first;
	if (dash < len && !str_to_u64(v + dash + 1, len - dash - 1, &last)) {
		return ERR_INVALID;
	}
	if (first > last) {
		return ERR_INVALID;
	}
	if (last >= LIMITS_CPU_MAX) {
		return ERR_RANGE;
	}
	for (uint64_t i = first; i <= last; i++) {
		*mask |= BIT(i);
	}
	return OK;
}

enum status limits_cpus(const char *v, size_t len, uint64_t *mask)
{
	uint64_t all = 0;
	size_t at = 0;

	while (at < len) {
		size_t end = at;
		enum status s;

		while (end < len && v[end] != ',') {
			end++;
		}
		s = limits_cpu_range(v + at, end - at, &all);
		if (s != OK || end + 1 == len) {
			return s != OK ? s : ERR_INVALID; /* "1," */
		}
		at = end + 1;
	}
	*mask = all;
	return OK;
}

size_t limits_cpus_print(uint64_t mask, char *dst, size_t size)
{
	size_t len = 0;

	if (size > 0) {
		dst[0] = '\0';
	}
	for (uint32_t i = 0; i < LIMITS_CPU_MAX; i++) {
		uint32_t last = i;

		if ((mask & BIT(i)) == 0) {
			continue;
		}
		while (last + 1 < LIMITS_CPU_MAX && (mask & BIT(last + 1))) {
			last++;
		}
		len += fmt_print(len < size ? dst + len : NULL,
				 len < size ? size - len : 0,
				 last > i ? "%s%u-%u" : "%s%u",
				 len > 0 ? "," : "", i, last);
		i = last;
	}
	return len;
}

/* ---- one reader and one printer a limit ---- */

static enum status limits_read_weight(struct limits *l, const char *v,
				      size_t len)
{
	uint64_t n;

	if (!str_to_u64(v, len, &n)) {
		return ERR_INVALID;
	}
	if (n < 1 || n > LIMITS_WEIGHT_MAX) {
		return ERR_RANGE;
	}
	l->cpu_weight = (uint32_t)n;
	return OK;
}

/* "$MAX $PERIOD", the period may be left out. */
static enum status limits_read_cpu_max(struct limits *l, const char *v,
				       size_t len)
{
	uint64_t quota = 0, period = l->cpu_period_us;
	size_t blank = 0;

	while (blank < len && v[blank] != ' ') {
		blank++;
	}
	if (blank < len &&
	    !str_to_u64(v + blank + 1, len - blank - 1, &period)) {
		return ERR_INVALID;
	}
	if (period < LIMITS_US_MIN || period > LIMITS_PERIOD_MAX) {
		return ERR_INVALID;
	}
	if (!limits_is_max(v, blank) &&
	    (!str_to_u64(v, blank, &quota) || quota < LIMITS_US_MIN ||
	     quota > LIMITS_QUOTA_MAX)) {
		return ERR_INVALID;
	}
	l->cpu_quota_us = quota;
	l->cpu_period_us = period;
	return OK;
}

static enum status limits_read_burst(struct limits *l, const char *v,
				     size_t len)
{
	uint64_t n;

	if (!str_to_u64(v, len, &n) || n > LIMITS_QUOTA_MAX) {
		return ERR_INVALID;
	}
	l->cpu_burst_us = n;
	return OK;
}

static enum status limits_read_cpus(struct limits *l, const char *v, size_t len)
{
	return limits_cpus(v, len, &l->cpus);
}

/* As the kernel does it, rounded down to whole pages. */
static enum status limits_read_memory(struct limits *l, const char *v,
				      size_t len)
{
	uint64_t n = LIMITS_NO_MEMORY;

	if (!limits_is_max(v, len)) {
		if (!str_to_size(v, len, &n)) {
			return ERR_INVALID;
		}
		n = align_down(n, PAGE_SIZE);
	}
	l->memory_max = n;
	return OK;
}

static size_t limits_print_weight(const struct limits *l, char *dst,
				  size_t size)
{
	return fmt_print(dst, size, "%u", l->cpu_weight);
}

static size_t limits_print_cpu_max(const struct limits *l, char *dst,
				   size_t size)
{
	if (l->cpu_quota_us == 0) {
		return fmt_print(dst, size, "max %lu", l->cpu_period_us);
	}
	return fmt_print(dst, size, "%lu %lu", l->cpu_quota_us,
			 l->cpu_period_us);
}

static size_t limits_print_burst(const struct limits *l, char *dst, size_t size)
{
	return fmt_print(dst, size, "%lu", l->cpu_burst_us);
}

static size_t limits_print_cpus(const struct limits *l, char *dst, size_t size)
{
	return limits_cpus_print(l->cpus, dst, size);
}

static size_t limits_print_memory(const struct limits *l, char *dst,
				  size_t size)
{
	if (l->memory_max == LIMITS_NO_MEMORY) {
		return fmt_print(dst, size, "max");
	}
	return fmt_print(dst, size, "%lu", l->memory_max);
}

/* clang-format off */
static const struct {
	enum status (*read)(struct limits *l, const char *v, size_t len);
	size_t (*print)(const struct limits *l, char *dst, size_t size);
} limits_rows[] = {
	[LIMIT_CPU_WEIGHT]    = { .read = limits_read_weight,
				  .print = limits_print_weight },
	[LIMIT_CPU_MAX]       = { .read = limits_read_cpu_max,
				  .print = limits_print_cpu_max },
	[LIMIT_CPU_MAX_BURST] = { .read = limits_read_burst,
				  .print = limits_print_burst },
	[LIMIT_CPUSET_CPUS]   = { .read = limits_read_cpus,
				  .print = limits_print_cpus },
	[LIMIT_MEMORY_MAX]    = { .read = limits_read_memory,
				  .print = limits_print_memory },
};
/* clang-format on */

_Static_assert(ARRAY_COUNT(limits_rows) == LIMIT_COUNT, "a row a limit");

static const struct {
	const char *word, *form;
} limits_words[] = {
#define X(code, word, form) { word, form },
	LIMIT_LIST(X)
#undef X
};

enum limit_key limits_find(const char *word)
{
	uint32_t i = 0;

	while (i < LIMIT_COUNT && strcmp(limits_words[i].word, word) != 0) {
		i++;
	}
	return (enum limit_key)i;
}

const char *limits_word(enum limit_key key)
{
	return limits_words[key].word;
}

const char *limits_form(enum limit_key key)
{
	return limits_words[key].form;
}

enum status limits_set(struct limits *l, enum limit_key key, const char *v,
		       size_t len)
{
	return limits_rows[key].read(l, v, len);
}

enum status limits_check(const struct limits *l)
{
	/* Both at once must be countable, as for the kernel. */
	if (l->cpu_quota_us != 0 &&
	    (l->cpu_burst_us > l->cpu_quota_us ||
	     l->cpu_burst_us > LIMITS_QUOTA_MAX - l->cpu_quota_us)) {
		return ERR_INVALID;
	}
	return OK;
}

enum status limits_apply(struct limits *l, const struct limit_change *c,
			 enum limit_key *bad)
{
	struct limits next = *l;
	enum status s;

	for (uint32_t i = 0; i < LIMIT_COUNT; i++) {
		if ((c->keys & BIT(i)) == 0) {
			continue;
		}
		*bad = (enum limit_key)i;
		s = limits_set(&next, *bad, c->values[i].text,
			       strlen(c->values[i].text));
		if (s != OK) {
			return s;
		}
	}
	*bad = LIMIT_CPU_MAX_BURST;
	s = limits_check(&next);
	if (s == OK) {
		*l = next;
	}
	return s;
}

size_t limits_print(const struct limits *l, enum limit_key key, char *dst,
		    size_t size)
{
	return limits_rows[key].print(l, dst, size);
}

const char *limits_errno(enum status s)
{
	static const char *const names[STATUS_COUNT] = {
		[ERR_INVALID] = "EINVAL",    [ERR_RANGE] = "ERANGE",
		[ERR_NOMEM] = "ENOMEM",      [ERR_NOENT] = "ENOENT",
		[ERR_EXIST] = "EEXIST",      [ERR_BUSY] = "EBUSY",
		[ERR_LIMIT] = "ENOSPC",      [ERR_UNSUPPORTED] = "EOPNOTSUPP",
		[ERR_TOO_BIG] = "E2BIG",     [ERR_DENIED] = "EPERM",
		[ERR_TIMEOUT] = "ETIMEDOUT",
	};

	return (uint32_t)s < STATUS_COUNT && names[s] != NULL ? names[s] : "";
}
