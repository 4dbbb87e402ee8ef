/*
 * mitigations.h - which flaws of the processor concern this VMM, which of them
 * the machine has, and what is done about each. Pure.
 *
 * mitigations_read() gathers facts from CPUID and MSRs; the table of
 * mitigations.c judges them, flaw by flaw; the actions that come of it go to
 * arch/ (hv/mitigation.h), the rows to the operator.
 */
#ifndef VMM_MITIGATIONS_H
#define VMM_MITIGATIONS_H

#include <hv/mitigation.h>
#include <hv/partition_ops.h>
#include <stdbool.h>

enum cpu_vendor { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD };

/* What the boot CPU says of itself. */
struct cpu_facts {
	enum cpu_vendor vendor;
	uint32_t family, model;
	uint32_t leaf7_ebx, leaf7_edx, leaf7_2_edx;
	uint32_t leaf88_ebx, leaf821_eax, leaf821_ecx; /* AMD's */
	uint64_t arch_cap; /* IA32_ARCH_CAPABILITIES; 0 if there is none */
	bool has_smt;      /* two threads share a core */
};

/* Boot option mitigations: all that is needed; nothing; all there is. */
enum mitigations_mode { MITIGATIONS_AUTO, MITIGATIONS_OFF, MITIGATIONS_FULL };

void mitigations_read(struct cpu_facts *f);
uint32_t mitigations_actions(const struct cpu_facts *f,
			     enum mitigations_mode mode);
bool mitigations_row(const struct cpu_facts *f, enum mitigations_mode mode,
		     uint32_t n, struct mitigation_row *out);
const char *mitigations_mode_word(enum mitigations_mode mode);
const char *mitigation_state_word(enum mitigation_state state);

#endif
