/*
 * vmx_caps.h - from what a CPU reports to a plan, or to a refusal in words.
 *
 * Pure: capability MSRs and CPUID bits go in as numbers, control words come
 * out. The policy itself is the table of vmx_features.h. Capabilities are read
 * on every CPU and compared, because a plan is made once for all of them.
 *
 * Invariants of an accepted plan
 *  1. Each control word satisfies the allowed-0 and allowed-1 settings.
 *  2. No feature is used that the CPU lacks or that is switched off.
 *  3. A refusal names everything that is missing, not only the first thing.
 */
#ifndef VMX_CAPS_H
#define VMX_CAPS_H

#include "../feature_notes.h"
#include "vmx_features.h"
#include <bh/status.h>
#include <spec/x86_msr.h>
#include <stdbool.h>

/* clang-format off */
/* A row: X(member, MSR, condition): the MSR exists if condition holds. */
#define VMX_CAPS_MSR_LIST(X)                                                   \
	X(feature_control, MSR_IA32_FEATURE_CONTROL,         true)             \
	X(basic,           MSR_IA32_VMX_BASIC,               true)             \
	X(pin,             MSR_IA32_VMX_PINBASED_CTLS,       true)             \
	X(proc,            MSR_IA32_VMX_PROCBASED_CTLS,      true)             \
	X(exit,            MSR_IA32_VMX_EXIT_CTLS,           true)             \
	X(entry,           MSR_IA32_VMX_ENTRY_CTLS,          true)             \
	X(misc,            MSR_IA32_VMX_MISC,                true)             \
	X(cr0_fixed0,      MSR_IA32_VMX_CR0_FIXED0,          true)             \
	X(cr0_fixed1,      MSR_IA32_VMX_CR0_FIXED1,          true)             \
	X(cr4_fixed0,      MSR_IA32_VMX_CR4_FIXED0,          true)             \
	X(cr4_fixed1,      MSR_IA32_VMX_CR4_FIXED1,          true)             \
	X(vmcs_enum,       MSR_IA32_VMX_VMCS_ENUM,           true)             \
	X(true_pin,        MSR_IA32_VMX_TRUE_PINBASED_CTLS,  VMX_HAS_TRUE(c))  \
	X(true_proc,       MSR_IA32_VMX_TRUE_PROCBASED_CTLS, VMX_HAS_TRUE(c))  \
	X(true_exit,       MSR_IA32_VMX_TRUE_EXIT_CTLS,      VMX_HAS_TRUE(c))  \
	X(true_entry,      MSR_IA32_VMX_TRUE_ENTRY_CTLS,     VMX_HAS_TRUE(c))  \
	X(proc2,           MSR_IA32_VMX_PROCBASED_CTLS2,                       \
	  VMX_ALLOWED_1(c->proc) & PROC_ACTIVATE_SECONDARY_CONTROLS)           \
	X(ept_vpid,        MSR_IA32_VMX_EPT_VPID_CAP,                          \
	  VMX_ALLOWED_1(c->proc2) & (PROC2_ENABLE_EPT | PROC2_ENABLE_VPID))    \
	X(vmfunc,          MSR_IA32_VMX_VMFUNC,                                \
	  VMX_ALLOWED_1(c->proc2) & PROC2_ENABLE_VM_FUNCTIONS)
/* clang-format on */

/* A control MSR: what must be 1 in the low half, what may be in the high. */
#define VMX_ALLOWED_0(msr) ((uint32_t)(msr))
#define VMX_ALLOWED_1(msr) ((uint32_t)((msr) >> 32))

/* IA32_VMX_BASIC */
#define VMX_BASIC_REVISION(b)             ((uint32_t)(b)&0x7fffffffu)
#define VMX_BASIC_REGION_SIZE(b)          ((uint32_t)((b) >> 32) & 0x1fffu)
#define VMX_BASIC_32_BIT_ADDRESSES        BIT(48)
#define VMX_BASIC_MEMORY_TYPE(b)          ((uint32_t)((b) >> 50) & 0xfu)
#define VMX_BASIC_INS_OUTS_INFO           BIT(54)
#define VMX_BASIC_TRUE_CONTROLS           BIT(55)
#define VMX_BASIC_EXCEPTION_NO_ERROR_CODE BIT(56)

#define VMX_HAS_TRUE(c) (((c)->basic & VMX_BASIC_TRUE_CONTROLS) != 0)

/* IA32_VMX_MISC */
#define VMX_MISC_TIMER_SHIFT(m)     ((uint32_t)(m)&0x1fu)
#define VMX_MISC_STORE_LMA          BIT(5)
#define VMX_MISC_ACTIVITY_STATES(m) ((uint32_t)((m) >> 6) & 7u)
#define VMX_MISC_CR3_TARGETS(m)     ((uint32_t)((m) >> 16) & 0x1ffu)
#define VMX_MISC_MSR_LIST_MAX(m)    (512u * (((uint32_t)((m) >> 25) & 7u) + 1u))
#define VMX_MISC_INJECT_LENGTH_0    BIT(30)

/* What one CPU reports. MSRs that do not exist there are 0. */
struct vmx_caps {
#define X(member, msr, condition) uint64_t member;
	VMX_CAPS_MSR_LIST(X)
#undef X
	bool has_vmx;        /* CPUID.1:ECX.VMX */
	uint32_t cpuid;      /* enum vmx_cpuid_flag */
	uint8_t phys_bits;   /* CPUID.80000008h:EAX[7:0]; 0 counts as 36 */
	uint8_t linear_bits; /* 48 or 57; 0 counts as 48 */
};

/* Features switched off by the operator: VMX_FEATURE_MASK()s. */
struct vmx_switches {
	uint64_t off; /* optional features not to be used */
};

_Static_assert(VMX_FEATURE_COUNT + 20 <= FEATURE_NOTE_MAX, "notes may not fit");

/* Why a machine is refused: kinds are all FEATURE_NOTE_MISSING. */
struct vmx_refusal {
	struct feature_notes notes;
};

struct vmx_plan {
	/* control words, ready for the VMCS; ENTRY_IA32E_MODE_GUEST, the
	 * interrupt window and the NMI window are added per entry */
	uint32_t pin;
	uint32_t proc;
	uint32_t proc2;
	uint32_t exit;
	uint32_t entry;

	uint64_t features; /* VMX_FEATURE_MASK()s in use */
	bool has_vpid;
	bool has_tpr_shadow;  /* else CR8 accesses exit */
	bool has_apicv;       /* x2APIC, register virt., interrupt delivery */
	bool has_direct_apic; /* see vmx_direct.c */
	bool has_preemption_timer;
	bool has_save_preemption_timer;
	bool has_tsc_scaling;
	bool has_ept_1g;
	bool has_ept_2m;
	bool has_ept_ad;
	bool has_unrestricted_guest;
	bool has_rdtscp;
	bool has_invpcid;
	bool has_xsaves;
	bool has_hlt_state;
	bool has_ple;

	uint8_t preemption_timer_shift;  /* one count each 2^shift TSC ticks */
	uint32_t preemption_timer_slack; /* TSC ticks to add to each wait */
	enum invept_type invept_type;
	enum invvpid_type invvpid_type; /* of a whole VPID; with has_vpid */
	uint64_t eptp_low;              /* low 12 bits of an EPT pointer */

	uint32_t vmcs_revision; /* first word of VMXON region and VMCS */
	uint64_t cr0_must_1;    /* host; bits that VMX operation forces on */
	uint64_t cr0_may_1;     /* host; all others are forced off */
	uint64_t cr4_must_1;    /* host and guest */
	uint64_t cr4_may_1;
	uint64_t guest_cr0_must_1; /* without PE and PG: unrestricted */

	struct feature_notes notes; /* optional features not in use */
};

/**
 * vmx_caps_read() - read the capability MSRs that exist, in dependency order.
 * @rdmsr: reads one MSR that is known to exist
 * Sets the MSR members of *@c only, and none if !@c->has_vmx.
 */
void vmx_caps_read(struct vmx_caps *c, uint64_t (*rdmsr)(uint32_t msr));

/**
 * vmx_caps_difference() - compare two CPUs.
 * Return: the name of the first member that differs ("proc2"); NULL if none.
 * feature_control is not compared.
 */
const char *vmx_caps_difference(const struct vmx_caps *a,
				const struct vmx_caps *b);

/**
 * vmx_switches_set() - apply the boot option vmx.@name=@is_on.
 * @len: length of @name, which need not be NUL-terminated
 * Return: OK; ERR_NOENT if no feature has such a switch.
 */
must_check enum status vmx_switches_set(struct vmx_switches *s,
					const char *name, size_t len,
					bool is_on);

/**
 * vmx_plan_make() - negotiate with one CPU's capabilities.
 * @out: the plan, on OK; its notes tell which optional features are not used
 * @why: on a refusal, everything that is missing, each with its remedy
 * Return: OK; ERR_UNSUPPORTED.
 */
must_check enum status vmx_plan_make(const struct vmx_caps *c,
				     const struct vmx_switches *s,
				     struct vmx_plan *out,
				     struct vmx_refusal *why);

/**
 * vmx_feature_control() - what IA32_FEATURE_CONTROL is to have where it has @v:
 * ours to set while it is not locked; firmware that leaves it open has no
 * opinion.
 */
uint64_t vmx_feature_control(uint64_t v);

#endif
