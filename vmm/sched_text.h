/*
 * sched_text.h - the scheduler's settings and counters as cgroup v2's files.
 *
 * Names, formats, ranges and errors are those of the kernel's documentation
 * ("Control Group v2") and of Linux, with its error numbers as status:
 * EINVAL is ERR_INVALID, ERANGE is ERR_RANGE, ENOENT is ERR_NOENT, EACCES is
 * ERR_DENIED, EOPNOTSUPP is ERR_UNSUPPORTED.
 */
#ifndef VMM_SCHED_TEXT_H
#define VMM_SCHED_TEXT_H

#include "sched.h"

#define SCHED_TEXT_MAX 512u /* holds every file */

/**
 * sched_text_name() - the name of file @index of @g, for example "cpu.max".
 * Return: NULL: there are no more.
 */
const char *sched_text_name(const struct sched_group *g, uint32_t index);

/**
 * sched_text_read() - the content of a file of @g, with its last newline.
 * @dst: SCHED_TEXT_MAX bytes are enough; always terminated
 * Return: OK; ERR_NOENT: @g has no such file; ERR_TOO_BIG: @size is too small.
 */
must_check enum status sched_text_read(struct sched *s, struct sched_group *g,
				       const char *name, char *dst, size_t size,
				       uint64_t now);

/* A text to write; it need not be terminated. */
struct sched_text {
	const char *text;
	size_t len;
};

/**
 * sched_text_write() - write to a file of @g.
 *
 * White space around is allowed. Nothing changes unless OK is returned.
 * Return: OK; ERR_NOENT; ERR_DENIED: the file is read-only; ERR_INVALID,
 * ERR_RANGE: as the file's documentation says; ERR_UNSUPPORTED: triggers of
 * cpu.pressure.
 */
must_check enum status sched_text_write(struct sched *s, struct sched_group *g,
					const char *name, struct sched_text in,
					uint64_t now);

/**
 * sched_text_parse_cpus() - a list of CPUs: "0-4,6,8-10"; empty: 0.
 * Return: OK; ERR_INVALID: malformed, or a range that ends before it starts;
 * ERR_RANGE: a CPU from SCHED_CPU_MAX on.
 */
must_check enum status sched_text_parse_cpus(struct sched_text in,
					     uint64_t *mask);

/** sched_text_print_cpus() - the opposite; length of the text, as snprintf. */
size_t sched_text_print_cpus(uint64_t mask, char *dst, size_t size);

/**
 * sched_text_parse_max() - cpu.max: "QUOTA PERIOD" or "QUOTA", in us; QUOTA may
 * be "max".
 * @period_us: stays if there is none
 * Return: OK; ERR_INVALID.
 */
must_check enum status sched_text_parse_max(struct sched_text in,
					    uint64_t *quota_us,
					    uint64_t *period_us);

#endif
