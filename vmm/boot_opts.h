/*
 * boot_opts.h - the switches of boot.cfg: one `key=value` a line.
 */
#ifndef VMM_BOOT_OPTS_H
#define VMM_BOOT_OPTS_H

#include <bh/log.h>
#include <bh/status.h>
#include <stdbool.h>

#include "mitigations.h"

/* clang-format off */
/* X(field, key, default, what it switches) */
#define BOOT_OPTS_SWITCH_LIST(X)                                               \
	X(vpid,              "vpid",              true,                        \
	  "tag TLB entries with a virtual-processor identifier")               \
	X(apicv,             "apicv",             true,                        \
	  "APIC-register virtualization and virtual-interrupt delivery")       \
	X(direct_apic,       "direct-apic",       true,                        \
	  "lend the local APIC to a vCPU that is alone on its CPU")            \
	X(preemption_timer,  "preemption-timer",  true,                        \
	  "VMX-preemption timer for time slices")                              \
	X(tsc_scaling,       "tsc-scaling",       true,                        \
	  "TSC multiplier for guests")                                         \
	X(ept_1g,            "ept-1g",            true,                        \
	  "1 GiB leaves in nested page tables")                                \
	X(ept_2m,            "ept-2m",            true,                        \
	  "2 MiB leaves in nested page tables")                                \
	X(ept_ad,            "ept-ad",            true,                        \
	  "accessed and dirty bits in nested page tables")                     \
	X(ple,               "ple",               true,                        \
	  "VT-x: give the CPU to a sibling while spinning")                    \
	X(nrips,             "nrips",             true,                        \
	  "AMD-V: next RIP, else instructions are fetched again")              \
	X(decode_assists,    "decode-assists",    true,                        \
	  "AMD-V: decode assists, else instructions are fetched again")        \
	X(flush_by_asid,     "flush-by-asid",     true,                        \
	  "AMD-V: flush one vCPU's TLB entries, else all")                     \
	X(vmcb_clean,        "vmcb-clean",        true,                        \
	  "AMD-V: let the processor keep what did not change")                 \
	X(pause_filter,      "pause-filter",      true,                        \
	  "AMD-V: a vCPU that spins gives the CPU away")                       \
	X(selftest,          "selftest",          false,                       \
	  "run the tests inside the VMM and power off")                        \
	X(shell,             "shell",             true,                        \
	  "the operator's shell on COM1 and the screen")                       \
	X(rpc,               "rpc",               true,                        \
	  "JSON-RPC on COM2")                                                  \
	X(console_echo,      "console-echo",      false,                       \
	  "copy the partitions' consoles to the operator's console")           \
	X(autostart,         "autostart",         true,                        \
	  "start the partitions that say so")                                  \
	X(exit_times,        "exit-times",        false,                       \
	  "measure the root ticks of each exit reason (costs a tenth)")        \
	X(first_job,         "first-job",         true,                        \
	  "run a partition's first container when its agent is ready")         \
	X(poweroff_at_end,   "poweroff-at-end",   false,                       \
	  "power the machine off when the last partition has ended")           \
	X(fault_injection,   "fault-injection",   false,                       \
	  "the command fault, which has the VMM fail: for tests")
/* clang-format on */

enum boot_populate { BOOT_POPULATE_EAGER, BOOT_POPULATE_LAZY };
enum boot_panic { BOOT_PANIC_STOP, BOOT_PANIC_REBOOT };

#define BOOT_PANIC_SECONDS_MAX 3600u

struct boot_opts {
#define X(field, key, dflt, text) bool field;
	BOOT_OPTS_SWITCH_LIST(X)
#undef X
	enum boot_populate populate;
	enum log_level log;
	enum mitigations_mode mitigations;
	enum boot_panic panic;
	uint32_t panic_seconds; /* before it begins anew */
};

#define BOOT_OPTS_ERROR_MAX 8

struct boot_opts_error {
	uint32_t line, column; /* from 1 */
	char text[240];        /* what is wrong; what to do */
};

struct boot_opts_report {
	uint32_t count; /* entries below */
	uint32_t total; /* errors found */
	struct boot_opts_error errors[BOOT_OPTS_ERROR_MAX];
};

void boot_opts_default(struct boot_opts *o);
must_check enum status boot_opts_parse(struct boot_opts *o, const char *text,
				       size_t len,
				       struct boot_opts_report *report);
size_t boot_opts_error_print(const struct boot_opts_error *e, const char *file,
			     char *dst, size_t size);

#endif
