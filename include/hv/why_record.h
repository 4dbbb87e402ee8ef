/*
 * why_record.h - everything that is kept of a partition that ended.
 *
 * The partition core fills one record when it ends a partition; vmm/why.c
 * renders it as text for the shell and as JSON for partition.why. The record
 * holds copies only: it stays readable after the partition's memory is gone.
 */
#ifndef HV_WHY_RECORD_H
#define HV_WHY_RECORD_H

#include <bh/attr.h>
#include <hv/reason.h>
#include <stdbool.h>

#define WHY_TRACE_MAX   32
#define WHY_TEXT_MAX    192
#define WHY_CONSOLE_MAX 1536
#define WHY_INSN_MAX    15

/* One VM exit of the past. */
struct exit_trace_entry {
	uint64_t tsc; /* when it was taken */
	uint64_t rip;
	uint64_t qualification;
	uint32_t reason; /* the backend's number; partition_ops.exit_name */
	uint32_t vcpu;
};

/* The guest's registers in the order of their encoding (RAX = 0 ... R15). */
struct why_regs {
	uint64_t gpr[16];
	uint64_t rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t cs_base, fs_base, gs_base;
	uint16_t cs, ss;
};

struct why_record {
	enum end_reason reason;  /* NONE: this record is not filled */
	char text[WHY_TEXT_MAX]; /* the particular case in words, or "" */
	uint32_t vcpu;           /* which vCPU it happened on */
	uint64_t tsc;            /* when */
	uint64_t tsc_khz;        /* to turn TSC into times; 0: unknown */
	uint64_t uptime_us;      /* how long the partition had run */
	bool has_regs;
	struct why_regs regs;
	bool has_exit; /* the three below are valid */
	uint32_t exit_reason;
	uint64_t qualification;
	uint64_t exit_count; /* exits ever taken */
	bool has_gpa;
	uint64_t gpa;
	uint8_t insn_len; /* 0: bytes unknown */
	uint8_t insn[WHY_INSN_MAX];
	uint32_t trace_count; /* valid entries, oldest first */
	struct exit_trace_entry trace[WHY_TRACE_MAX];
	uint32_t console_len; /* bytes of the console's tail */
	char console[WHY_CONSOLE_MAX];
};

#endif
