/*
 * vmx_caps.c - control negotiation: see vmx_caps.h for the contract and
 * vmx_features.h for the policy.
 *
 * Steps: (1) VMX present at all, and allowed by the firmware; (2) the format
 * of the VMCS region; (3) CR0 and CR4 bits; (4) each feature of the table in
 * order; (5) what the CPU forces to 1 is added, and must be harmless.
 * SDM vol. 3, "VMX Capability Reporting Facility".
 */
#include "vmx_caps.h"
#include <bh/string.h>

#define MEMORY_TYPE_WB 6u

/* CR bits that our own host state always has, and those that VMX may force. */
#define CR0_PE          BIT(0)
#define CR0_ET          BIT(4)
#define CR0_NE          BIT(5)
#define CR0_WP          BIT(16)
#define CR0_PG          BIT(31)
#define CR4_PAE         BIT(5)
#define CR4_VMXE        BIT(13)
#define HOST_CR0_NEEDED (CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define HOST_CR4_NEEDED (CR4_PAE | CR4_VMXE)

/* The timer's count and the TSC need not agree to the tick: rather a little
 * late than a second exit. */
#define TIMER_SLACK 16u

/* Bits that read as 1 in the control MSRs of every CPU and mean nothing bad. */
#define PIN_DEFAULT_1   0x00000016u
#define PROC_DEFAULT_1  0x0401e172u
#define EXIT_DEFAULT_1  0x00036dffu
#define ENTRY_DEFAULT_1 0x000011ffu

struct feature_row {
	enum vmx_need need;
	const char *option;
	const char *title;
	const char *text;
	struct vmx_requirement take;
};

static const struct feature_row feature_rows[VMX_FEATURE_COUNT] = {
#define X(name, need, option, title, text, ...) \
	[VMX_FEATURE_##name] = { need, option, title, text, { __VA_ARGS__ } },
	VMX_FEATURE_LIST(X)
#undef X
};

/* The capability MSRs that count: the TRUE ones where they exist. */
struct effective {
	uint64_t pin, proc, proc2, exit, entry;
};

void vmx_caps_read(struct vmx_caps *c, uint64_t (*rdmsr)(uint32_t msr))
{
#define X(member, msr, condition) c->member = 0;
	VMX_CAPS_MSR_LIST(X)
#undef X
	if (!c->has_vmx) {
		return;
	}
#define X(member, msr, condition)       \
	if (condition) {                \
		c->member = rdmsr(msr); \
	}
	VMX_CAPS_MSR_LIST(X)
#undef X
}

const char *vmx_caps_difference(const struct vmx_caps *a,
				const struct vmx_caps *b)
{
#define X(member, msr, condition)                                        \
	if (a->member != b->member && msr != MSR_IA32_FEATURE_CONTROL) { \
		return #member;                                          \
	}
	VMX_CAPS_MSR_LIST(X)
#undef X
	if (a->has_vmx != b->has_vmx) {
		return "has_vmx";
	}
	if (a->cpuid != b->cpuid) {
		return "cpuid";
	}
	if (a->phys_bits != b->phys_bits) {
		return "phys_bits";
	}
	return a->linear_bits != b->linear_bits ? "linear_bits" : NULL;
}

enum status vmx_switches_set(struct vmx_switches *s, const char *name,
			     size_t len, bool is_on)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < VMX_FEATURE_COUNT; i++) {
		const char *option = feature_rows[i].option;

		if (len != 0 && strlen(option) == len &&
		    memcmp(option, name, len) == 0) {
			mask |= BIT(i);
		}
	}
	if (mask == 0) {
		return ERR_NOENT;
	}
	s->off = is_on ? s->off & ~mask : s->off | mask;
	return OK;
}

static void refuse(struct vmx_refusal *why, const char *name, const char *text,
		   uint64_t bits)
{
	feature_note_add(&why->notes,
			 (struct feature_note){ FEATURE_NOTE_MISSING, name,
						text, bits });
}

uint64_t vmx_feature_control(uint64_t v)
{
	return (v & FEATURE_CONTROL_LOCK) != 0
		       ? v
		       : v | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
}

static void check_feature_control(const struct vmx_caps *c,
				  struct vmx_refusal *why)
{
	uint64_t v = vmx_feature_control(c->feature_control);

	if (v & FEATURE_CONTROL_VMX) {
		return;
	}
	if (v & FEATURE_CONTROL_VMX_IN_SMX) {
		refuse(why, "IA32_FEATURE_CONTROL",
		       "VT-x is enabled only under SMX/TXT: turn off TXT in "
		       "the firmware setup, or enable VT-x outside SMX",
		       v);
		return;
	}
	refuse(why, "IA32_FEATURE_CONTROL",
	       "VT-x is disabled and locked by the firmware: turn on 'Intel "
	       "Virtualization Technology' in its setup, then power-cycle",
	       v);
}

static void check_basic(const struct vmx_caps *c, struct vmx_plan *plan,
			struct vmx_refusal *why)
{
	uint32_t size = VMX_BASIC_REGION_SIZE(c->basic);

	plan->vmcs_revision = VMX_BASIC_REVISION(c->basic);
	if (VMX_BASIC_MEMORY_TYPE(c->basic) != MEMORY_TYPE_WB) {
		refuse(why, "VMCS memory type",
		       "the VMCS must be in write-back memory: this CPU is "
		       "not supported",
		       VMX_BASIC_MEMORY_TYPE(c->basic));
	}
	if (size == 0 || size > PAGE_SIZE) {
		refuse(why, "VMCS region size",
		       "a VMCS must fit a page of 4 KiB: this CPU is not "
		       "supported",
		       size);
	}
	if (c->basic & VMX_BASIC_32_BIT_ADDRESSES) {
		refuse(why, "VMCS address width",
		       "VMX structures are limited to 32-bit addresses: "
		       "needs a 64-bit CPU",
		       VMX_BASIC_32_BIT_ADDRESSES);
	}
}

static void check_fixed_bits(const struct vmx_caps *c, struct vmx_plan *plan,
			     struct vmx_refusal *why)
{
	uint64_t bad;

	plan->cr0_must_1 = c->cr0_fixed0;
	plan->cr0_may_1 = c->cr0_fixed1;
	plan->cr4_must_1 = c->cr4_fixed0;
	plan->cr4_may_1 = c->cr4_fixed1;
	plan->guest_cr0_must_1 = c->cr0_fixed0 & ~(CR0_PE | CR0_PG);

	bad = c->cr0_fixed0 & ~HOST_CR0_NEEDED;
	if (bad) {
		refuse(why, "CR0 bits forced to 1",
		       "VMX operation forces CR0 bits that are unknown here: "
		       "this CPU is not supported",
		       bad);
	}
	bad = HOST_CR0_NEEDED & ~c->cr0_fixed1;
	if (bad) {
		refuse(why, "CR0 bits forced to 0",
		       "VMX operation forbids CR0 bits that the VMM needs",
		       bad);
	}
	bad = c->cr4_fixed0 & ~HOST_CR4_NEEDED;
	if (bad) {
		refuse(why, "CR4 bits forced to 1",
		       "VMX operation forces CR4 bits that are unknown here: "
		       "this CPU is not supported",
		       bad);
	}
	bad = HOST_CR4_NEEDED & ~c->cr4_fixed1;
	if (bad) {
		refuse(why, "CR4 bits forced to 0",
		       "VMX operation forbids CR4 bits that the VMM needs",
		       bad);
	}
}

static struct effective effective_controls(const struct vmx_caps *c)
{
	bool is_true = VMX_HAS_TRUE(c);

	return (struct effective){
		.pin = is_true ? c->true_pin : c->pin,
		.proc = is_true ? c->true_proc : c->proc,
		.exit = is_true ? c->true_exit : c->exit,
		.entry = is_true ? c->true_entry : c->entry,
		.proc2 = c->proc2,
	};
}

/* Does the CPU, together with the features found before, offer all of @t? */
static bool is_offered(const struct vmx_requirement *t,
		       const struct effective *e, const struct vmx_caps *c,
		       uint64_t present)
{
	uint32_t entry = t->entry | t->entry_allowed;

	return (t->pin & ~VMX_ALLOWED_1(e->pin)) == 0 &&
	       (t->proc & ~VMX_ALLOWED_1(e->proc)) == 0 &&
	       (t->proc2 & ~VMX_ALLOWED_1(e->proc2)) == 0 &&
	       (t->exit & ~VMX_ALLOWED_1(e->exit)) == 0 &&
	       (entry & ~VMX_ALLOWED_1(e->entry)) == 0 &&
	       (t->proc_clear & VMX_ALLOWED_0(e->proc)) == 0 &&
	       (t->pin_clear & VMX_ALLOWED_0(e->pin)) == 0 &&
	       (t->ept_vpid & ~c->ept_vpid) == 0 &&
	       (t->ept_vpid_any == 0 || (t->ept_vpid_any & c->ept_vpid)) &&
	       (t->misc & ~c->misc) == 0 && (t->cpuid & ~c->cpuid) == 0 &&
	       (t->base & ~present) == 0;
}

static void use_feature(const struct vmx_requirement *t, uint32_t feature,
			struct vmx_plan *plan)
{
	plan->pin |= t->pin;
	plan->proc |= t->proc;
	plan->proc2 |= t->proc2;
	plan->exit |= t->exit;
	plan->entry |= t->entry;
	plan->features |= BIT(feature);
}

static void note(struct vmx_plan *plan, enum feature_note_kind kind,
		 const struct feature_row *row)
{
	feature_note_add(&plan->notes, (struct feature_note){ kind, row->title,
							      row->text, 0 });
}

static void choose_features(const struct vmx_caps *c,
			    const struct vmx_switches *s,
			    const struct effective *e, struct vmx_plan *plan,
			    struct vmx_refusal *why)
{
	for (uint32_t i = 0; i < VMX_FEATURE_COUNT; i++) {
		const struct feature_row *row = &feature_rows[i];
		bool is_wanted =
			row->need == VMX_REQUIRED || (s->off & BIT(i)) == 0;

		if (row->take.unless & plan->features) {
			continue;
		}
		if (!is_wanted) {
			note(plan, FEATURE_NOTE_SWITCHED_OFF, row);
		} else if (is_offered(&row->take, e, c, plan->features)) {
			use_feature(&row->take, i, plan);
		} else if (row->need == VMX_REQUIRED) {
			refuse(why, row->title, row->text, 0);
		} else {
			note(plan, FEATURE_NOTE_ABSENT, row);
		}
	}
}

/* Add what the CPU forces to 1; anything beyond @harmless is a refusal. */
static void add_forced(uint32_t *word, uint64_t msr, uint32_t harmless,
		       const char *name, struct vmx_refusal *why)
{
	uint32_t forced = VMX_ALLOWED_0(msr) & ~*word;

	if (forced & ~harmless) {
		refuse(why, name,
		       "the CPU forces controls that are not wanted: it is "
		       "not supported (nested: change the outer one's "
		       "settings)",
		       forced & ~harmless);
	}
	*word |= forced;
}

static void add_forced_controls(const struct effective *e,
				struct vmx_plan *plan, struct vmx_refusal *why)
{
	add_forced(&plan->pin, e->pin, PIN_DEFAULT_1,
		   "pin-based controls forced to 1", why);
	/* CR3_EXITING_OFF has its own row and its own words */
	add_forced(&plan->proc, e->proc, PROC_DEFAULT_1 | PROC_INVLPG_EXITING,
		   "processor-based controls forced to 1", why);
	add_forced(&plan->proc2, e->proc2, 0, "secondary controls forced to 1",
		   why);
	add_forced(&plan->exit, e->exit, EXIT_DEFAULT_1,
		   "VM-exit controls forced to 1", why);
	add_forced(&plan->entry, e->entry, ENTRY_DEFAULT_1,
		   "VM-entry controls forced to 1", why);
}

static void fill_flags(const struct vmx_caps *c, struct vmx_plan *plan)
{
#define HAS(name) ((plan->features & VMX_FEATURE_MASK(name)) != 0)
	plan->has_vpid = HAS(VPID);
	plan->has_tpr_shadow = HAS(TPR_SHADOW);
	plan->has_apicv = HAS(APICV);
	plan->has_direct_apic = HAS(DIRECT_APIC);
	plan->has_preemption_timer = HAS(PREEMPTION_TIMER);
	plan->has_save_preemption_timer = HAS(SAVE_PREEMPTION_TIMER);
	plan->has_tsc_scaling = HAS(TSC_SCALING);
	plan->has_ept_1g = HAS(EPT_1G);
	plan->has_ept_2m = HAS(EPT_2M);
	plan->has_ept_ad = HAS(EPT_AD);
	plan->has_unrestricted_guest = HAS(UNRESTRICTED_GUEST);
	plan->has_rdtscp = HAS(RDTSCP);
	plan->has_invpcid = HAS(INVPCID);
	plan->has_xsaves = HAS(XSAVES);
	plan->has_hlt_state = HAS(HLT_STATE);
	plan->has_ple = HAS(PLE);
#undef HAS
	plan->preemption_timer_shift = (uint8_t)VMX_MISC_TIMER_SHIFT(c->misc);
	plan->preemption_timer_slack =
		TIMER_SLACK + (1u << plan->preemption_timer_shift);
	plan->invept_type = (c->ept_vpid & EPT_CAP_INVEPT_SINGLE)
				    ? INVEPT_SINGLE_CONTEXT
				    : INVEPT_ALL_CONTEXTS;
	plan->invvpid_type = (c->ept_vpid & VPID_CAP_SINGLE)
				     ? INVVPID_SINGLE_CONTEXT
				     : INVVPID_ALL_CONTEXTS;
	plan->eptp_low = EPTP_MEMTYPE(EPT_TYPE_WB) | EPTP_WALK_4 |
			 (plan->has_ept_ad ? EPTP_AD : 0);
}

enum status vmx_plan_make(const struct vmx_caps *c,
			  const struct vmx_switches *s, struct vmx_plan *out,
			  struct vmx_refusal *why)
{
	struct effective e = effective_controls(c);

	memset(out, 0, sizeof(*out));
	why->notes.count = 0;
	if (!c->has_vmx) {
		/* without VMX there are no other capabilities to speak of */
		refuse(why, "VT-x (CPUID.1:ECX.VMX)",
		       "this CPU has no VT-x: needs an Intel CPU with VT-x and "
		       "EPT (in a virtual machine: nested virtualization on)",
		       0);
		return ERR_UNSUPPORTED;
	}
	check_feature_control(c, why);
	check_basic(c, out, why);
	check_fixed_bits(c, out, why);
	choose_features(c, s, &e, out, why);
	add_forced_controls(&e, out, why);
	fill_flags(c, out);
	return why->notes.count == 0 ? OK : ERR_UNSUPPORTED;
}
