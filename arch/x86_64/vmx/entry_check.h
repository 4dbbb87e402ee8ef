/*
 * entry_check.h - says in words which SDM rule a VMCS breaks.
 *
 * The processor only says "invalid control field" or "invalid guest state", and
 * emulators check less than silicon does. This reads a VMCS through a function
 * and tries each rule of entry_rules.h: run after a failed VM entry, and before
 * the first entry of each vCPU. Pure: tests feed it arrays.
 */
#ifndef VMX_ENTRY_CHECK_H
#define VMX_ENTRY_CHECK_H

#include "entry_rules.h"
#include "vmx_caps.h"

/* clang-format off */
enum entry_rule {
#define X(id, ...) ENTRY_RULE_##id,
	ENTRY_RULES_EXECUTION(X)
	ENTRY_RULES_EXIT(X)
	ENTRY_RULES_ENTRY(X)
	ENTRY_RULES_HOST_REGISTERS(X)
	ENTRY_RULES_HOST_SEGMENTS(X)
	ENTRY_RULES_GUEST_REGISTERS(X)
	ENTRY_RULES_SEGMENTS(X)
	ENTRY_RULES_TABLES(X)
	ENTRY_RULES_RIP(X)
	ENTRY_RULES_STATE(X)
	ENTRY_RULES_PDPTES(X)
#undef X
	ENTRY_RULE_COUNT
};
/* clang-format on */

/* Where the fields come from. */
struct entry_source {
	/* value of a field, zero-extended; 0 for one the CPU does not have */
	uint64_t (*read)(void *ctx, uint32_t field);
	void *ctx;
	const struct vmx_caps *caps; /* of the CPU that is to enter */
};

struct entry_finding {
	enum entry_rule rule;
	const char *name;    /* the rule's identifier */
	const char *section; /* the SDM section's title */
	const char *segment; /* "CS" for a rule on a segment, else "" */
	const char *text;    /* what must hold */
	uint32_t field;      /* enum vmcs_field */
	uint64_t value;      /* what it holds */
};

#define ENTRY_FINDING_MAX 24

struct entry_report {
	uint32_t count; /* rules broken; may exceed what rows[] holds */
	struct entry_finding rows[ENTRY_FINDING_MAX];
};

/**
 * entry_check() - try every rule.
 * @out: one row a broken rule, in the manual's order
 * Return: true if no rule is broken.
 */
bool entry_check(const struct entry_source *src, struct entry_report *out);

/** entry_finding_print() - one finding as a line; length as fmt_print(). */
size_t entry_finding_print(const struct entry_finding *f, char *dst,
			   size_t size);

#endif
