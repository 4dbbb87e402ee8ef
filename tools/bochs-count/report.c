/* SPDX-License-Identifier: MIT */
/*
 * The report: one JSON text with the events and the exits (its format is in
 * README.md), rewritten at each event, now and then, and at the end, so that
 * a run that is killed leaves what it had. It replaces the old one by
 * rename: a reader never sees half of it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bochs_count.h"

static const char *report_path;
static FILE *trace_file;
static uint64_t trace_left;

static void write_totals(FILE *f, const struct totals *t)
{
	fprintf(f,
		"\"insn\":{\"root_kernel\":%" PRIu64 ",\"root_user\":%" PRIu64
		",\"guest_kernel\":%" PRIu64 ",\"guest_user\":%" PRIu64 "},",
		t->insn[CONTEXT_ROOT_KERNEL], t->insn[CONTEXT_ROOT_USER],
		t->insn[CONTEXT_GUEST_KERNEL], t->insn[CONTEXT_GUEST_USER]);
	fprintf(f,
		"\"entries\":%" PRIu64 ",\"exits\":%" PRIu64
		",\"interrupts\":[%" PRIu64 ",%" PRIu64
		"],\"exceptions\":[%" PRIu64 ",%" PRIu64 "]",
		t->entries, t->exits, t->interrupts[0], t->interrupts[1],
		t->exceptions[0], t->exceptions[1]);
	for (unsigned int guest = 0; guest < 2; guest++) {
		fprintf(f, ",\"%s\":{", guest == 0 ? "root_ops" : "guest_ops");
		for (unsigned int op = OP_NONE + 1; op < OP_COUNT; op++) {
			fprintf(f, "%s\"%s\":%" PRIu64,
				op == OP_NONE + 1 ? "" : ",",
				count_op_names[op], t->op[guest][op]);
		}
		fputc('}', f);
	}
}

static void write_event(FILE *f, const struct event *e)
{
	fprintf(f,
		"{\"name\":\"%s\",\"value\":%" PRIu64 ",\"cpu\":%u"
		",\"in_guest\":%s,\"ticks\":%" PRIu64 ",",
		e->name, e->value, e->cpu, e->in_guest ? "true" : "false",
		e->ticks);
	write_totals(f, &e->totals);
	fputs(",\"sums\":[", f);
	const char *comma = "";
	for (uint32_t i = 0; i < e->kinds; i++) {
		const struct exit_sum *s = &e->sums[i];
		fprintf(f,
			"%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
			comma, s->count, s->root, s->vmcs, s->msr);
		comma = ",";
	}
	fputs("]}", f);
}

static void write_kinds(FILE *f)
{
	for (uint32_t i = 0; i < count_kinds_used; i++) {
		const struct exit_kind *k = &count_kinds[count_order[i]];
		bool is_settled = k->root_min != UINT64_MAX;
		fprintf(f,
			"%s{\"vendor\":\"%s\",\"reason\":%u,\"detail\":%" PRIu64
			",\"root_min\":%" PRIu64 ",\"root_max\":%" PRIu64 "}",
			i == 0 ? "" : ",\n", k->is_svm ? "svm" : "vmx",
			k->reason, k->detail, is_settled ? k->root_min : 0,
			k->root_max);
	}
}

/** report_write() - replace the report by one of this moment. */
void report_write(void)
{
	if (report_path == NULL) {
		return;
	}
	char *temporary;
	if (asprintf(&temporary, "%s.new", report_path) < 0) {
		return;
	}
	FILE *f = fopen(temporary, "w");
	if (f == NULL) {
		perror(temporary);
		free(temporary);
		return;
	}
	fprintf(f,
		"{\"format\":1,\"bochs\":\"%s\",\"lost_events\":%" PRIu64
		",\n\"kinds\":[",
		BOCHS_PACKAGE, count_events_lost);
	write_kinds(f);
	fputs("],\n\"events\":[", f);
	for (uint32_t i = 0; i < count_events_used; i++) {
		write_event(f, &count_events[i]);
		fputs(",\n", f);
	}
	struct event now = { .name = "now" };
	uint32_t used = count_events_used;
	if (used < EVENT_MAX) {
		count_event("now", 0, 0); /* the end, until there is a later */
		now = count_events[used];
		count_events_used = used;
	}
	write_event(f, &now);
	free(now.sums);
	fputs("],\n\"cpus\":[", f);
	const char *comma = "";
	for (unsigned int i = 0; i < CPU_MAX; i++) {
		if (count_cpus[i].state == NULL) {
			continue;
		}
		fprintf(f, "%s{\"cpu\":%u,", comma, i);
		write_totals(f, &count_cpus[i].totals);
		fputc('}', f);
		comma = ",\n";
	}
	fputs("]}\n", f);
	bool is_bad = ferror(f) != 0;
	if (fclose(f) != 0 || is_bad || rename(temporary, report_path) != 0) {
		perror(report_path);
	}
	free(temporary);
	if (trace_file != NULL) {
		fflush(trace_file);
	}
}

/**
 * report_trace() - write the line of one exit, if traces are wanted.
 * @cpu:  that had the exit
 * @kind: of exit
 * @one:  what it took
 */
void report_trace(const struct cpu *cpu, const struct exit_kind *kind,
		  const struct exit_sum *one)
{
	if (trace_left == 0) {
		return;
	}
	trace_left--;
	fprintf(trace_file,
		"%" PRIu64 " cpu %td rip %" PRIx64 " reason %u detail %" PRIx64
		" guest %" PRIu64 " root %" PRIu64 " vmcs %" PRIu64
		" msr %" PRIu64 "\n",
		count_ticks(), cpu - count_cpus, cpu->rip_at_exit, kind->reason,
		kind->detail,
		cpu->totals.insn[CONTEXT_GUEST_KERNEL] +
			cpu->totals.insn[CONTEXT_GUEST_USER] -
			cpu->guest_at_entry,
		one->root, one->vmcs, one->msr);
}

/**
 * report_open() - a file beside the report, for writing.
 * @suffix: what its name has after that of the report
 *
 * Return: NULL without a report, or if it cannot be (which is said).
 */
FILE *report_open(const char *suffix)
{
	char *path;
	if (report_path == NULL ||
	    asprintf(&path, "%s.%s", report_path, suffix) < 0) {
		return NULL;
	}
	FILE *f = fopen(path, "w");
	if (f == NULL) {
		perror(path);
	}
	free(path);
	return f;
}

__attribute__((destructor)) static void report_end(void)
{
	rips_end();
	report_write();
}

/** report_start() - read the settings. */
void report_start(void)
{
	report_path = getenv("BHCOUNT_OUT");
	const char *lines = getenv("BHCOUNT_TRACE");
	if (report_path == NULL || lines == NULL) {
		return;
	}
	trace_left = strtoull(lines, NULL, 0);
	if (trace_left == 0) {
		return;
	}
	trace_file = report_open("trace");
	if (trace_file == NULL) {
		trace_left = 0;
	}
}
