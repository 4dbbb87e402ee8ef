/*
 * reason.h - the closed vocabulary of how a partition ends.
 *
 * One row a reason: its code, the word that people and programs see (`why`,
 * partition.list, the log), whether it counts as a failure, what it means, and
 * what to do about it. Nothing else may ever be given as a reason: code that
 * ends a partition names one of these rows.
 */
#ifndef HV_REASON_H
#define HV_REASON_H

#include <bh/attr.h>
#include <stdbool.h>

/* clang-format off */
#define END_REASON_LIST(X)                                                     \
	X(NONE, "none", false,                                                 \
	  "the partition has not ended",                                       \
	  "nothing to do")                                                     \
	X(POWEROFF, "poweroff", false,                                         \
	  "the guest powered itself off",                                      \
	  "start it again with: start NAME")                                   \
	X(REBOOT, "reboot", false,                                             \
	  "the guest asked for a reset",                                       \
	  "set io.bulkhead.restart to always to have it started again")        \
	X(STOPPED, "stopped", false,                                           \
	  "the operator asked for an orderly stop and the guest complied",     \
	  "start it again with: start NAME")                                   \
	X(KILLED, "killed", false,                                             \
	  "the operator took its CPUs away without asking the guest",          \
	  "start it again with: start NAME")                                   \
	X(GUEST_PANIC, "guest-panic", true,                                    \
	  "the guest's kernel reported a panic of its own",                    \
	  "read the last console lines below; the fault is in the guest")      \
	X(TRIPLE_FAULT, "triple-fault", true,                                  \
	  "the guest faulted while delivering a double fault",                 \
	  "look at RIP and the last exits: its IDT, stack or page tables are " \
	  "not usable")                                                        \
	X(ENTRY_FAILED, "entry-failed", true,                                  \
	  "the processor refused the VM entry: the guest state breaks a rule", \
	  "the text names the rule; report it with this page")                 \
	X(EPT_VIOLATION, "ept-violation", true,                                \
	  "the guest's code or page tables are where there is no RAM",         \
	  "compare GPA with the memory map; give it more memory.max or fix "   \
	  "the guest")                                                         \
	X(EPT_MISCONFIG, "ept-misconfig", true,                                \
	  "the processor met an invalid EPT entry",                            \
	  "a bug of the VMM or bad RAM: report it with this page")             \
	X(UNHANDLED_EXIT, "unhandled-exit", true,                              \
	  "the guest did something that the VMM has no answer to",             \
	  "the exit's name is below; report it with this page")                \
	X(MMIO_UNSUPPORTED, "mmio-unsupported", true,                          \
	  "the guest used an instruction on device memory that is not "        \
	  "emulated",                                                          \
	  "the instruction bytes are below; report them")                      \
	X(EVENT_DELIVERY, "event-delivery", true,                              \
	  "an exception could not be delivered to the guest",                  \
	  "its IDT or stack is broken: see RIP and the last exits")            \
	X(NO_PROGRESS, "no-progress", true,                                    \
	  "one instruction exits again and again, and nothing changes",        \
	  "a bug of the VMM: report it with this page")                        \
	X(OUT_OF_MEMORY, "out-of-memory", true,                                \
	  "the machine has no frame left for the partition",                   \
	  "lower memory.max of some partition, or boot with populate=eager "   \
	  "to see it at start")                                                \
	X(LOAD_FAILED, "load-failed", true,                                    \
	  "its kernel, initrd or image could not be loaded",                   \
	  "the text names the file and what is wrong with it")                 \
	X(CONFIG_ERROR, "config-error", true,                                  \
	  "its configuration file was refused",                                \
	  "correct the places named in the log (type: log)")                   \
	X(VMM_BUG, "vmm-bug", true,                                            \
	  "the VMM found a mistake of its own and gave this partition up",     \
	  "report it with this page")
/* clang-format on */

enum end_reason {
#define X(code, word, failure, text, remedy) END_REASON_##code,
	END_REASON_LIST(X)
#undef X
		END_REASON_COUNT
};

/** end_reason_word() - the word of the vocabulary; "?" if out of range. */
const char *end_reason_word(enum end_reason reason);
/** end_reason_text() - what it means, one sentence. */
const char *end_reason_text(enum end_reason reason);
/** end_reason_remedy() - what the operator can do about it. */
const char *end_reason_remedy(enum end_reason reason);
/** end_reason_is_failure() - does it count as a failure (restart, colour)? */
bool end_reason_is_failure(enum end_reason reason);

#endif
