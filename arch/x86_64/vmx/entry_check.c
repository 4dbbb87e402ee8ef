/*
 * entry_check.c - the machinery behind entry_rules.h: a view of one VMCS, the
 * words the rules are written in, and the loop over the rules.
 *
 * Each row of the table becomes one small function that returns whether the
 * rule holds. SDM vol. 3, chapter "VM Entries".
 */
#include "entry_check.h"
#include <bh/string.h>

#define CR0_PE          BIT(0)
#define CR0_WP          BIT(16)
#define CR0_NW          BIT(29)
#define CR0_CD          BIT(30)
#define CR0_PG          BIT(31)
#define CR0_UNCHECKED   (CR0_NW | CR0_CD) /* never checked on entry */
#define CR4_PAE         BIT(5)
#define CR4_PCIDE       BIT(17)
#define CR4_CET         BIT(23)
#define CR3_LAM         (BIT(61) | BIT(62))
#define EFER_LONG       (EFER_LME | EFER_LMA)
#define EFER_KNOWN      (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define DEBUGCTL_KNOWN  0xffc7ull
#define RFLAGS_TF       BIT(8)
#define RFLAGS_IF       BIT(9)
#define RFLAGS_VM       BIT(17)
#define RFLAGS_RESERVED 0xffffffffffc08028ull
#define BLOCKING_STI_MOV_SS \
	(GUEST_INTERRUPTIBILITY_STI | GUEST_INTERRUPTIBILITY_MOV_SS)
#define PENDING_KNOWN                                          \
	(PENDING_DEBUG_B_MASK | PENDING_DEBUG_BUS_LOCK |       \
	 PENDING_DEBUG_ENABLED_BREAKPOINT | PENDING_DEBUG_BS | \
	 PENDING_DEBUG_RTM)
#define VECTOR_DB 1
#define VECTOR_MC 18
/* #DF #TS #NP #SS #GP #PF #AC push an error code */
#define VECTORS_WITH_ERROR_CODE 0x00027d00u

/* What the rules look at again and again. */
struct view {
	const struct entry_source *src;
	const struct vmx_caps *caps;
	uint64_t pin_cap, proc_cap, exit_cap, entry_cap;
	uint32_t pin, proc, proc2, exit, entry;
	uint32_t event, event_type;
	uint64_t cr0, cr4, rflags;
	uint64_t blocking, activity;
	bool has_event, is_ia32e, is_v86, is_unrestricted;
};

/* ---- the words of the rules ---- */

static uint64_t field(const struct view *v, uint32_t encoding)
{
	return v->src->read(v->src->ctx, encoding);
}

#define F(name)     field(v, VMCS_##name)
#define PIN(name)   ((v->pin & PIN_##name) != 0)
#define PROC(name)  ((v->proc & PROC_##name) != 0)
#define PROC2(name) ((v->proc2 & PROC2_##name) != 0)
#define EXIT(name)  ((v->exit & EXIT_##name) != 0)
#define ENTRY(name) ((v->entry & ENTRY_##name) != 0)

#define SEG(name)      (1u << VMCS_SEG_##name)
#define SEGS_DATA      (SEG(DS) | SEG(ES) | SEG(FS) | SEG(GS))
#define SEGS_CODE_DATA (SEGS_DATA | SEG(CS) | SEG(SS))
#define SEGS_SYSTEM    (SEG(TR) | SEG(LDTR))

static bool must_1(uint32_t word, uint64_t cap)
{
	return (VMX_ALLOWED_0(cap) & ~word) == 0;
}

static bool may_1(uint32_t word, uint64_t cap)
{
	return (word & ~VMX_ALLOWED_1(cap)) == 0;
}

/* Aligned to @align (a power of two) and within the physical width? */
static bool is_physical(const struct view *v, uint64_t a, uint64_t align)
{
	uint32_t bits = v->caps->phys_bits ? v->caps->phys_bits : 36;

	return (a & (align - 1)) == 0 && (bits >= 64 || a >> bits == 0);
}

static bool is_page(const struct view *v, uint64_t a)
{
	return is_physical(v, a, PAGE_SIZE);
}

static uint32_t linear_bits(const struct view *v)
{
	return v->caps->linear_bits ? v->caps->linear_bits : 48;
}

static bool is_canonical(const struct view *v, uint64_t a)
{
	uint64_t top = a >> (linear_bits(v) - 1);

	return top == 0 || top == ~0ull >> (linear_bits(v) - 1);
}

/* RIP: bits beyond the width identical, but not necessarily to the last one. */
static bool is_rip(const struct view *v, uint64_t a)
{
	uint64_t top = a >> linear_bits(v);

	return top == 0 || top == ~0ull >> linear_bits(v);
}

static bool is_msr_area(const struct view *v, uint64_t count, uint64_t a)
{
	uint64_t last = a + count * 16 - 1;

	return count == 0 ||
	       (is_physical(v, a, 16) && last > a && is_physical(v, last, 1));
}

static bool is_pat(uint64_t pat)
{
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t type = (uint32_t)(pat >> (8 * i)) & 0xff;

		if (type > 7 || type == 2 || type == 3) {
			return false;
		}
	}
	return true;
}

static bool is_eptp_type(const struct view *v, uint64_t eptp)
{
	uint64_t type = eptp & EPTP_MEMTYPE_MASK;

	return (type == EPT_TYPE_UC && (v->caps->ept_vpid & EPT_CAP_UC)) ||
	       (type == EPT_TYPE_WB && (v->caps->ept_vpid & EPT_CAP_WB));
}

static bool is_eptp_walk(const struct view *v, uint64_t eptp)
{
	uint64_t walk = eptp & EPTP_WALK_MASK;

	return (walk == EPTP_WALK_4 && (v->caps->ept_vpid & EPT_CAP_WALK_4)) ||
	       (walk == EPTP_WALK_5 && (v->caps->ept_vpid & EPT_CAP_WALK_5));
}

static bool is_eptp_clean(const struct view *v, uint64_t eptp)
{
	uint64_t reserved = EPTP_RESERVED_LOW;

	if ((v->caps->ept_vpid & EPT_CAP_SHADOW_STACK) == 0) {
		reserved |= EPTP_SHADOW_STACK;
	}
	return (eptp & reserved) == 0 && is_physical(v, eptp, 1);
}

static bool is_event(const struct view *v, uint32_t type)
{
	return v->has_event && v->event_type == type;
}

static bool is_event_vector(const struct view *v)
{
	uint32_t vector = EVENT_VECTOR(v->event);

	switch (v->event_type) {
	case EVENT_NMI:
		return vector == 2;
	case EVENT_HARDWARE_EXCEPTION:
		return vector <= 31;
	case EVENT_OTHER:
		return vector == 0;
	default:
		return true;
	}
}

static bool is_event_error_code(const struct view *v)
{
	uint32_t vector = EVENT_VECTOR(v->event);
	bool has_code = (v->event & EVENT_ERROR_CODE_VALID) != 0;
	bool can_have = v->event_type == EVENT_HARDWARE_EXCEPTION &&
			(!v->is_unrestricted || (v->cr0 & CR0_PE));

	if (!can_have) {
		return !has_code;
	}
	if (v->caps->basic & VMX_BASIC_EXCEPTION_NO_ERROR_CODE) {
		return true;
	}
	return has_code ==
	       (vector <= 31 && ((VECTORS_WITH_ERROR_CODE >> vector) & 1));
}

static bool is_event_length(const struct view *v, uint64_t length)
{
	uint64_t least = (v->caps->misc & VMX_MISC_INJECT_LENGTH_0) ? 0 : 1;

	if (v->event_type < EVENT_SOFTWARE_INTERRUPT ||
	    v->event_type > EVENT_SOFTWARE_EXCEPTION) {
		return true;
	}
	return length >= least && length <= 15;
}

static uint64_t guest_cr0_must_1(const struct view *v)
{
	uint64_t must = v->caps->cr0_fixed0 & ~CR0_UNCHECKED;

	return v->is_unrestricted ? must & ~(CR0_PE | CR0_PG) : must;
}

static uint32_t selector(const struct view *v, uint32_t s)
{
	return (uint32_t)field(v, VMCS_GUEST_SELECTOR(s));
}

static uint64_t base(const struct view *v, uint32_t s)
{
	return field(v, VMCS_GUEST_BASE(s));
}

static uint32_t limit(const struct view *v, uint32_t s)
{
	return (uint32_t)field(v, VMCS_GUEST_LIMIT(s));
}

static uint32_t rights(const struct view *v, uint32_t s)
{
	return (uint32_t)field(v, VMCS_GUEST_ACCESS_RIGHTS(s));
}

static uint32_t type(const struct view *v, uint32_t s)
{
	return rights(v, s) & VMCS_AR_TYPE_MASK;
}

static uint32_t dpl(const struct view *v, uint32_t s)
{
	return VMCS_AR_DPL(rights(v, s));
}

static bool is_usable(const struct view *v, uint32_t s)
{
	return (rights(v, s) & VMCS_AR_UNUSABLE) == 0;
}

/* CS and TR are checked whether marked usable or not. */
static bool is_checked(const struct view *v, uint32_t s)
{
	return s == VMCS_SEG_CS || s == VMCS_SEG_TR || is_usable(v, s);
}

static bool is_cs_type(const struct view *v)
{
	uint32_t t = type(v, VMCS_SEG_CS);

	return (t & 9) == 9 || (t == 3 && v->is_unrestricted);
}

static bool is_cs_dpl(const struct view *v)
{
	uint32_t t = type(v, VMCS_SEG_CS);
	uint32_t cs_dpl = dpl(v, VMCS_SEG_CS);
	uint32_t ss_dpl = dpl(v, VMCS_SEG_SS);

	switch (t) {
	case 3:
		return cs_dpl == 0;
	case 9:
	case 11:
		return cs_dpl == ss_dpl;
	case 13:
	case 15:
		return cs_dpl <= ss_dpl;
	default:
		return true; /* another rule's case */
	}
}

static bool is_granular(const struct view *v, uint32_t s)
{
	uint32_t l = limit(v, s);
	bool is_g = (rights(v, s) & VMCS_AR_G) != 0;

	return is_g ? (l & 0xfff) == 0xfff : l >> 20 == 0;
}

static bool is_64_bit(const struct view *v)
{
	return v->is_ia32e && (rights(v, VMCS_SEG_CS) & VMCS_AR_L);
}

static bool is_activity_offered(const struct view *v)
{
	uint64_t a = v->activity;

	return a == GUEST_ACTIVITY_ACTIVE || a > GUEST_ACTIVITY_WAIT_FOR_SIPI ||
	       ((VMX_MISC_ACTIVITY_STATES(v->caps->misc) >> (a - 1)) & 1);
}

static bool is_activity_event(const struct view *v)
{
	uint32_t vector = EVENT_VECTOR(v->event);
	bool is_exception = v->event_type == EVENT_HARDWARE_EXCEPTION;

	if (!v->has_event) {
		return true;
	}
	switch (v->activity) {
	case GUEST_ACTIVITY_HLT:
		return v->event_type == EVENT_EXTERNAL_INTERRUPT ||
		       v->event_type == EVENT_NMI ||
		       (is_exception &&
			(vector == VECTOR_DB || vector == VECTOR_MC)) ||
		       (v->event_type == EVENT_OTHER && vector == 0);
	case GUEST_ACTIVITY_SHUTDOWN:
		return v->event_type == EVENT_NMI ||
		       (is_exception && vector == VECTOR_MC);
	case GUEST_ACTIVITY_WAIT_FOR_SIPI:
		return false;
	default:
		return true;
	}
}

static bool is_pending_bs(const struct view *v)
{
	bool has_bs =
		(F(GUEST_PENDING_DEBUG_EXCEPTIONS) & PENDING_DEBUG_BS) != 0;
	bool is_stepping = (v->rflags & RFLAGS_TF) &&
			   !(F(GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF);

	if (!(v->blocking & BLOCKING_STI_MOV_SS) &&
	    v->activity != GUEST_ACTIVITY_HLT) {
		return true;
	}
	return has_bs == is_stepping;
}

static bool is_pdpte(const struct view *v, uint64_t e)
{
	bool is_pae = (v->cr0 & CR0_PG) && (v->cr4 & CR4_PAE) && !v->is_ia32e;

	if (!is_pae || !PROC2(ENABLE_EPT) || !(e & 1)) {
		return true;
	}
	return (e & 0x1e6) == 0 && is_physical(v, e, 1);
}

/* ---- one function a rule ---- */

#define X(id, field_name, text, ...)                \
	static bool rule_##id(const struct view *v) \
	{                                           \
		return (__VA_ARGS__) != 0;          \
	}
ENTRY_RULES_EXECUTION(X)
ENTRY_RULES_EXIT(X)
ENTRY_RULES_ENTRY(X)
ENTRY_RULES_HOST_REGISTERS(X)
ENTRY_RULES_HOST_SEGMENTS(X)
ENTRY_RULES_GUEST_REGISTERS(X)
ENTRY_RULES_TABLES(X)
ENTRY_RULES_RIP(X)
ENTRY_RULES_STATE(X)
ENTRY_RULES_PDPTES(X)
#undef X
#define X(id, segments, part, text, ...)                        \
	static bool rule_##id(const struct view *v, uint32_t s) \
	{                                                       \
		(void)s;                                        \
		return (__VA_ARGS__) != 0;                      \
	}
ENTRY_RULES_SEGMENTS(X)
#undef X

struct rule_row {
	enum entry_rule rule;
	uint32_t field;    /* of ES for a rule on segments */
	uint32_t segments; /* 0: not a rule on segments */
	bool (*holds)(const struct view *v);
	bool (*holds_for)(const struct view *v, uint32_t s);
	const char *name;
	const char *text;
	const char *section;
};

/* clang-format off */
#define ROW(id, field_name, text) \
	{ ENTRY_RULE_##id, VMCS_##field_name, 0, rule_##id, NULL, #id, text,
static const struct rule_row rule_rows[] = {
#define X(id, f, text, ...) ROW(id, f, text) "VM-Execution Control Fields" },
	ENTRY_RULES_EXECUTION(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) "VM-Exit Control Fields" },
	ENTRY_RULES_EXIT(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) "VM-Entry Control Fields" },
	ENTRY_RULES_ENTRY(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Host Control Registers, MSRs, and SSP" },
	ENTRY_RULES_HOST_REGISTERS(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Host Segment and Descriptor-Table Registers" },
	ENTRY_RULES_HOST_SEGMENTS(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Guest Control Registers, Debug Registers, and MSRs" },
	ENTRY_RULES_GUEST_REGISTERS(X)
#undef X
#define X(id, segments, part, text, ...) \
	{ ENTRY_RULE_##id, VMCS_GUEST_ES_##part, segments, NULL, rule_##id, \
	  #id, text, "Checks on Guest Segment Registers" },
	ENTRY_RULES_SEGMENTS(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Guest Descriptor-Table Registers" },
	ENTRY_RULES_TABLES(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Guest RIP, RFLAGS, and SSP" },
	ENTRY_RULES_RIP(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Guest Non-Register State" },
	ENTRY_RULES_STATE(X)
#undef X
#define X(id, f, text, ...) ROW(id, f, text) \
	"Checks on Guest Page-Directory-Pointer-Table Entries" },
	ENTRY_RULES_PDPTES(X)
#undef X
};
/* clang-format on */

_Static_assert(ARRAY_COUNT(rule_rows) == ENTRY_RULE_COUNT, "a rule is missing");

static const char *const segment_names[VMCS_SEG_COUNT] = {
	"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
};

/* ---- the check ---- */

static struct view view_make(const struct entry_source *src)
{
	struct view view = { .src = src, .caps = src->caps };
	struct view *v = &view;
	bool is_true = VMX_HAS_TRUE(v->caps);

	v->pin_cap = is_true ? v->caps->true_pin : v->caps->pin;
	v->proc_cap = is_true ? v->caps->true_proc : v->caps->proc;
	v->exit_cap = is_true ? v->caps->true_exit : v->caps->exit;
	v->entry_cap = is_true ? v->caps->true_entry : v->caps->entry;
	v->pin = (uint32_t)F(PIN_BASED_VM_EXECUTION_CONTROLS);
	v->proc = (uint32_t)F(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS);
	if (v->proc & PROC_ACTIVATE_SECONDARY_CONTROLS) {
		v->proc2 = (uint32_t)F(
			SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS);
	}
	v->exit = (uint32_t)F(VM_EXIT_CONTROLS);
	v->entry = (uint32_t)F(VM_ENTRY_CONTROLS);
	v->event = (uint32_t)F(VM_ENTRY_INTERRUPTION_INFORMATION_FIELD);
	v->event_type = EVENT_TYPE(v->event);
	v->has_event = (v->event & EVENT_VALID) != 0;
	v->cr0 = F(GUEST_CR0);
	v->cr4 = F(GUEST_CR4);
	v->rflags = F(GUEST_RFLAGS);
	v->blocking = F(GUEST_INTERRUPTIBILITY_STATE);
	v->activity = F(GUEST_ACTIVITY_STATE);
	v->is_ia32e = (v->entry & ENTRY_IA32E_MODE_GUEST) != 0;
	v->is_v86 = (v->rflags & RFLAGS_VM) != 0;
	v->is_unrestricted = (v->proc2 & PROC2_UNRESTRICTED_GUEST) != 0;
	return view;
}

static void report(const struct view *v, const struct rule_row *row,
		   uint32_t encoding, const char *segment,
		   struct entry_report *out)
{
	if (out->count < ENTRY_FINDING_MAX) {
		out->rows[out->count] = (struct entry_finding){
			.rule = row->rule,
			.name = row->name,
			.section = row->section,
			.segment = segment,
			.text = row->text,
			.field = encoding,
			.value = field(v, encoding),
		};
	}
	out->count++;
}

static void check_segments(const struct view *v, const struct rule_row *row,
			   struct entry_report *out)
{
	for (uint32_t s = 0; s < VMCS_SEG_COUNT; s++) {
		if ((row->segments & (1u << s)) && !row->holds_for(v, s)) {
			report(v, row, row->field + 2 * s, segment_names[s],
			       out);
		}
	}
}

bool entry_check(const struct entry_source *src, struct entry_report *out)
{
	struct view v = view_make(src);

	out->count = 0;
	for (uint32_t i = 0; i < ARRAY_COUNT(rule_rows); i++) {
		const struct rule_row *row = &rule_rows[i];

		if (row->segments != 0) {
			check_segments(&v, row, out);
		} else if (!row->holds(&v)) {
			report(&v, row, row->field, "", out);
		}
	}
	return out->count == 0;
}

size_t entry_finding_print(const struct entry_finding *f, char *dst,
			   size_t size)
{
	return fmt_print(dst, size, "%s%s%s%s (%s = 0x%llx) - SDM vol. 3, '%s'",
			 f->segment[0] ? "guest " : "", f->segment,
			 f->segment[0] ? ": " : "", f->text,
			 vmcs_field_name(f->field),
			 (unsigned long long)f->value, f->section);
}
