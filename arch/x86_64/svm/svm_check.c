/*
 * svm_check.c - says in words which rule of VMRUN a VMCB breaks.
 *
 * APM vol. 2, "Canonicalization and Consistency Checks"; with nested paging
 * "VMRUN and #VMEXIT" of its section; "Event Injection". Rules that depend on
 * the processor's other features are as of one that has them all.
 */
#include "svm_check.h"
#include <bh/string.h>
#include <hv/event_word.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>
#include <stdbool.h>

#define IOPM_SIZE  0x3000u
#define MSRPM_SIZE 0x2000u

#define HIGH_HALF 0xffffffff00000000ull

/* AMD's CR4 has neither VMXE nor SMXE; beyond CET nothing is defined. */
#define CR4_RESERVED (~0xffffffull | BIT(13) | BIT(14) | BIT(15) | BIT(19))

/* SCE LME LMA NXE SVME LMSLE FFXSR TCE, MCOMMIT INTWB UAIE AIBRSE */
#define EFER_RESERVED (~(BIT(0) | 0xfd00ull | 0x360000ull))

/*
 * What the rules look at: the VMCB as @b and what follows from it. A row:
 * X(field, holds, "what must hold").
 */
struct view {
	const union vmcb *b;
	uint64_t too_high; /* address bits that the processor lacks */
	bool is_paging_long;
	bool is_64;
	uint32_t event; /* its type; EVENT_NONE */
};

#define EVENT_NONE 8u

/* clang-format off */
#define SVM_RULE_LIST(X)                                                       \
	X(efer, b->efer & EFER_SVME, "SVME must be 1")                         \
	X(efer, (b->efer & EFER_RESERVED) == 0, "reserved bits must be 0")     \
	X(cr0, (b->cr0 & HIGH_HALF) == 0, "bits 63:32 must be 0")              \
	X(cr0, (b->cr0 & CR0_CD) || !(b->cr0 & CR0_NW),                        \
	  "NW must be 0 if CD is 0")                                           \
	X(cr0, !v.is_paging_long || (b->cr0 & CR0_PE),                         \
	  "PE must be 1 if PG and EFER.LME are 1")                             \
	X(cr3, (b->cr3 & v.too_high) == 0,                                     \
	  "must be a physical address that the processor has")                 \
	X(cr4, (b->cr4 & CR4_RESERVED) == 0, "reserved bits must be 0")        \
	X(cr4, !v.is_paging_long || (b->cr4 & CR4_PAE),                        \
	  "PAE must be 1 if CR0.PG and EFER.LME are 1")                        \
	X(cr4, !(b->cr4 & CR4_CET) || (b->cr0 & CR0_WP),                       \
	  "CET must be 0 if CR0.WP is 0")                                      \
	X(cs.attributes, !v.is_64 || !(b->cs.attributes & VMCB_ATTR_DB),       \
	  "D must be 0 if L is 1 in long mode")                                \
	X(dr6, (b->dr6 & HIGH_HALF) == 0, "bits 63:32 must be 0")              \
	X(dr7, (b->dr7 & HIGH_HALF) == 0, "bits 63:32 must be 0")              \
	X(intercept_misc2, b->intercept_misc2 & INTERCEPT2_VMRUN,              \
	  "VMRUN must be intercepted")                                         \
	X(iopm_base_pa, is_within(&v, b->iopm_base_pa, IOPM_SIZE),             \
	  "12 KiB must lie in memory that the processor has")                  \
	X(msrpm_base_pa, is_within(&v, b->msrpm_base_pa, MSRPM_SIZE),          \
	  "8 KiB must lie in memory that the processor has")                   \
	X(guest_asid, b->guest_asid != 0, "0 is the host's")                   \
	X(eventinj, is_event_type(&v), "type must be 0, 2, 3 or 4")            \
	X(eventinj, is_event_vector(&v), "vector must be an exception's")      \
	X(n_cr3, !(b->np_enable & NP_ENABLE) || (b->n_cr3 & v.too_high) == 0,  \
	  "must be a physical address that the processor has")                 \
	X(g_pat, !(b->np_enable & NP_ENABLE) || is_pat(b->g_pat),              \
	  "types must be 0, 1, 4, 5, 6 or 7")
/* clang-format on */

/* The low 12 bits of a map's address are ignored. */
static bool is_within(const struct view *v, uint64_t base, uint32_t size)
{
	base &= ~0xfffull;
	return ((base | (base + size - 1)) & v->too_high) == 0;
}

static bool is_event_type(const struct view *v)
{
	return v->event == EVENT_NONE || (1u << v->event & 0x1d) != 0;
}

/* 2 is the NMI's; BOUND does not exist in 64-bit code. */
static bool is_event_vector(const struct view *v)
{
	uint32_t vector = EVENT_VECTOR(v->b->eventinj);

	return v->event != EVENT_HARDWARE_EXCEPTION ||
	       (vector <= 31 && vector != VECTOR_NMI &&
		!(vector == VECTOR_BR && v->is_64));
}

static bool is_pat(uint64_t pat)
{
	for (uint32_t i = 0; i < 8; i++) {
		uint64_t type = pat >> (8 * i) & 0xff;

		if (type > 7 || type == 2 || type == 3) {
			return false;
		}
	}
	return true;
}

static struct view view_make(const union vmcb *b, uint8_t phys_bits)
{
	bool is_long = (b->efer & EFER_LME) && (b->cr0 & CR0_PG);

	return (struct view){
		.b = b,
		.too_high = phys_bits < 64 ? ~0ull << phys_bits : 0,
		.is_paging_long = is_long,
		.is_64 = is_long && (b->cr4 & CR4_PAE) &&
			 (b->cs.attributes & VMCB_ATTR_L),
		.event = (b->eventinj & EVENT_VALID) ? EVENT_TYPE(b->eventinj)
						     : EVENT_NONE,
	};
}

uint32_t svm_check(const union vmcb *b, uint8_t phys_bits, char *dst,
		   size_t size)
{
	const struct view v = view_make(b, phys_bits);
	const struct {
		bool is_broken;
		const char *field;
		uint64_t value;
		const char *text;
	} rules[] = {
#define X(field, holds, text) { !(holds), #field, b->field, text },
		SVM_RULE_LIST(X)
#undef X
	};
	uint32_t count = 0;
	size_t at = 0;

	if (size != 0) {
		dst[0] = 0;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(rules); i++) {
		if (!rules[i].is_broken) {
			continue;
		}
		at += fmt_print(dst + at, size - at, "%s%s = 0x%llx: %s",
				count++ == 0 ? "" : "; ", rules[i].field,
				(unsigned long long)rules[i].value,
				rules[i].text);
		at = at < size ? at : size;
	}
	return count;
}
