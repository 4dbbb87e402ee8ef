/*
 * test_entry_check.c - each VM-entry rule is broken alone and named alone.
 *
 * Four legal states (64-bit, real mode, 32-bit PAE without unrestricted guest,
 * virtual-8086) pass; then one row a rule changes a few fields and must give
 * exactly one finding: that rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx/entry_check.h"

enum state_kind { LONG, REAL, PROT, V86, STATE_COUNT };

static uint64_t fields[0x7000];
static struct vmx_caps caps;

static uint64_t read_field(void *ctx, uint32_t encoding)
{
	(void)ctx;
	assert_true(encoding < ARRAY_COUNT(fields));
	return fields[encoding];
}

static struct vmx_caps make_caps(void)
{
	return (struct vmx_caps){
		.has_vmx = true,
		.basic = 6ull << 50 | VMX_BASIC_TRUE_CONTROLS,
		.true_pin = 0x7fffffff00000016ull,
		.true_proc = 0xf7ffffff04006172ull,
		.true_exit = 0x7fffffff00036dfbull,
		.true_entry = 0x7fffffff000011fbull,
		.proc2 = 0x7fffffff00000000ull,
		.misc = 7 << 6 | 4 << 16,
		.cr0_fixed0 = 0x80000021,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = 0x2000,
		.cr4_fixed1 = 0xffffff,
		.ept_vpid = 0x00000f0106734141ull,
		.vmfunc = 1,
		.phys_bits = 39,
		.linear_bits = 48,
	};
}

#define SET(name, value) (fields[VMCS_##name] = (value))

static void set_segment(uint32_t s, uint64_t selector, uint64_t base,
			uint64_t limit, uint64_t rights)
{
	fields[VMCS_GUEST_SELECTOR(s)] = selector;
	fields[VMCS_GUEST_BASE(s)] = base;
	fields[VMCS_GUEST_LIMIT(s)] = limit;
	fields[VMCS_GUEST_ACCESS_RIGHTS(s)] = rights;
}

static void set_segments(uint64_t selector, uint64_t limit, uint64_t code,
			 uint64_t data)
{
	for (uint32_t s = VMCS_SEG_ES; s <= VMCS_SEG_GS; s++) {
		bool is_code = s == VMCS_SEG_CS;

		set_segment(s, is_code ? selector : selector + 8, 0, limit,
			    is_code ? code : data);
	}
	set_segment(VMCS_SEG_LDTR, 0, 0, 0, VMCS_AR_UNUSABLE);
	set_segment(VMCS_SEG_TR, 0, 0, 0x67, 0x8b);
}

static void set_controls(void)
{
	SET(PIN_BASED_VM_EXECUTION_CONTROLS,
	    0x16 | PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING |
		    PIN_VIRTUAL_NMIS | PIN_ACTIVATE_VMX_PREEMPTION_TIMER);
	SET(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
	    0x04006172 | PROC_HLT_EXITING | PROC_USE_TSC_OFFSETTING |
		    PROC_USE_MSR_BITMAPS | PROC_UNCONDITIONAL_IO_EXITING |
		    PROC_USE_TPR_SHADOW | PROC_ACTIVATE_SECONDARY_CONTROLS);
	SET(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
	    PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST | PROC2_ENABLE_VPID |
		    PROC2_VIRTUALIZE_X2APIC_MODE |
		    PROC2_APIC_REGISTER_VIRTUALIZATION |
		    PROC2_VIRTUAL_INTERRUPT_DELIVERY | PROC2_USE_TSC_SCALING);
	SET(VM_EXIT_CONTROLS,
	    0x36dfb | EXIT_SAVE_DEBUG_CONTROLS | EXIT_HOST_ADDRESS_SPACE_SIZE |
		    EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT | EXIT_SAVE_IA32_PAT |
		    EXIT_LOAD_IA32_PAT | EXIT_SAVE_IA32_EFER |
		    EXIT_LOAD_IA32_EFER | EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE);
	SET(VM_ENTRY_CONTROLS,
	    0x11fb | ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_IA32E_MODE_GUEST |
		    ENTRY_LOAD_IA32_PAT | ENTRY_LOAD_IA32_EFER);
	SET(ADDRESS_OF_MSR_BITMAPS, 0x1000);
	SET(VIRTUAL_APIC_ADDRESS, 0x2000);
	SET(EPT_POINTER, 0x305e);
	SET(VIRTUAL_PROCESSOR_IDENTIFIER, 1);
	SET(TSC_MULTIPLIER, BIT(48));
	SET(VMCS_LINK_POINTER, VMCS_LINK_POINTER_NONE);
}

static void set_host(void)
{
	SET(HOST_CR0, 0x80010033);
	SET(HOST_CR3, 0x5000);
	SET(HOST_CR4, 0x2020);
	SET(HOST_CS_SELECTOR, 8);
	SET(HOST_SS_SELECTOR, 0x10);
	SET(HOST_TR_SELECTOR, 0x28);
	SET(HOST_TR_BASE, 0xffffffff80001000);
	SET(HOST_GDTR_BASE, 0xffffffff80002000);
	SET(HOST_IDTR_BASE, 0xffffffff80003000);
	SET(HOST_IA32_PAT, PAT_RESET_VALUE);
	SET(HOST_IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
	SET(HOST_RIP, 0xffffffff80004000);
}

static void set_long(void)
{
	SET(GUEST_CR0, 0x80000031);
	SET(GUEST_CR3, 0x9000);
	SET(GUEST_CR4, 0x2020);
	SET(GUEST_IA32_EFER, EFER_LME | EFER_LMA);
	SET(GUEST_IA32_PAT, PAT_RESET_VALUE);
	SET(GUEST_DR7, 0x400);
	SET(GUEST_RFLAGS, 2);
	SET(GUEST_RIP, 0x100200);
	SET(GUEST_GDTR_LIMIT, 0x27);
	SET(GUEST_IDTR_LIMIT, 0xffff);
	set_segments(0x10, 0xffffffff, 0xa09b, 0xc093);
}

#define PROC2_FIELD VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS

static void set_state(enum state_kind kind)
{
	memset(fields, 0, sizeof(fields));
	caps = make_caps();
	set_controls();
	set_host();
	set_long();
	if (kind == LONG) {
		return;
	}
	fields[VMCS_VM_ENTRY_CONTROLS] &= ~(uint64_t)ENTRY_IA32E_MODE_GUEST;
	SET(GUEST_IA32_EFER, 0);
	if (kind == REAL) {
		SET(GUEST_CR0, 0x30);
		SET(GUEST_CR4, 0x2000);
		SET(GUEST_RIP, 0xfff0);
		set_segments(0, 0xffff, 0x9b, 0x93);
		set_segment(VMCS_SEG_CS, 0xf000, 0xf0000, 0xffff, 0x9b);
		return;
	}
	fields[PROC2_FIELD] &= ~(uint64_t)PROC2_UNRESTRICTED_GUEST;
	set_segments(0x10, 0xffffffff, 0xc09b, 0xc093);
	SET(GUEST_PDPTE0, 0x6001);
	if (kind == V86) {
		SET(GUEST_RFLAGS, 0x20002);
		set_segments(0, 0xffff, 0xf3, 0xf3);
		for (uint32_t s = VMCS_SEG_ES; s <= VMCS_SEG_GS; s++) {
			set_segment(s, 0x100 * s, 0x1000 * s, 0xffff, 0xf3);
		}
	}
}

static bool run(struct entry_report *out)
{
	struct entry_source src = { read_field, NULL, &caps };

	return entry_check(&src, out);
}

/* One change: new value = (old & ~clear) | set. */
struct change {
	uint32_t field;
	uint64_t clear;
	uint64_t set;
};

struct breakage {
	enum entry_rule rule;
	enum state_kind state;
	struct change changes[4];
	uint64_t ept_vpid_off; /* capability bits taken away */
	uint64_t misc_off;
};

#define ALL (~0ull)
#define BAD BIT(50) /* neither canonical nor within the physical width */
/* clang-format off */
#define TO(f, value)    { VMCS_##f, ALL, value }
#define ON(f, bits)     { VMCS_##f, 0, bits }
#define OFF(f, bits)    { VMCS_##f, bits, 0 }
#define PIN_ON(b)       ON(PIN_BASED_VM_EXECUTION_CONTROLS, PIN_##b)
#define PIN_OFF(b)      OFF(PIN_BASED_VM_EXECUTION_CONTROLS, PIN_##b)
#define PROC_F          PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS
#define PROC_ON(b)      ON(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, PROC_##b)
#define PROC_OFF(b)     OFF(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, PROC_##b)
#define PROC2_ON(b)     { PROC2_FIELD, 0, PROC2_##b }
#define PROC2_OFF(b)    { PROC2_FIELD, PROC2_##b, 0 }
#define NO_EPT          { PROC2_FIELD, PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST, 0 }
#define EVENT(v)        TO(VM_ENTRY_INTERRUPTION_INFORMATION_FIELD, EVENT_VALID | (v))
#define TYPE(t)         ((uint64_t)EVENT_##t << EVENT_TYPE_SHIFT)
#define AR(seg, v)      TO(GUEST_##seg##_ACCESS_RIGHTS, v)
#define ROW(id, state, ...) { ENTRY_RULE_##id, state, { __VA_ARGS__ }, 0, 0 },

static const struct breakage breakages[] = {
	ROW(PIN_MUST_1, LONG, OFF(PIN_BASED_VM_EXECUTION_CONTROLS, 2))
	ROW(PIN_MAY_1, LONG, ON(PIN_BASED_VM_EXECUTION_CONTROLS, BIT(31)))
	ROW(PROC_MUST_1, LONG, OFF(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, 2))
	ROW(PROC_MAY_1, LONG, PROC_ON(MONITOR_TRAP_FLAG))
	ROW(PROC2_MAY_1, LONG, PROC2_ON(INSTRUCTION_TIMEOUT))
	ROW(CR3_TARGET_COUNT, LONG, TO(CR3_TARGET_COUNT, 5))
	ROW(IO_BITMAP_A, LONG, PROC_ON(USE_IO_BITMAPS), TO(ADDRESS_OF_IO_BITMAP_A, 1))
	ROW(IO_BITMAP_B, LONG, PROC_ON(USE_IO_BITMAPS), TO(ADDRESS_OF_IO_BITMAP_B, BAD))
	ROW(MSR_BITMAPS, LONG, TO(ADDRESS_OF_MSR_BITMAPS, 0x800))
	ROW(VIRTUAL_APIC_PAGE, LONG, TO(VIRTUAL_APIC_ADDRESS, BIT(39)))
	ROW(TPR_THRESHOLD, LONG, PROC2_OFF(VIRTUAL_INTERRUPT_DELIVERY), TO(TPR_THRESHOLD, 16))
	ROW(APICV_NEEDS_TPR_SHADOW, LONG, PROC_OFF(USE_TPR_SHADOW))
	ROW(VIRTUAL_NMIS, LONG, PIN_OFF(NMI_EXITING))
	ROW(NMI_WINDOW, LONG, PIN_OFF(VIRTUAL_NMIS), PROC_ON(NMI_WINDOW_EXITING))
	ROW(APIC_ACCESS_PAGE, LONG, PROC2_OFF(VIRTUALIZE_X2APIC_MODE), PROC2_ON(VIRTUALIZE_APIC_ACCESSES), TO(APIC_ACCESS_ADDRESS, 4))
	ROW(X2APIC_OR_APIC_ACCESS, LONG, PROC2_ON(VIRTUALIZE_APIC_ACCESSES))
	ROW(VID_NEEDS_EXTERNAL_EXITING, LONG, PIN_OFF(EXTERNAL_INTERRUPT_EXITING))
	ROW(POSTED_INTERRUPTS, LONG, PIN_ON(PROCESS_POSTED_INTERRUPTS), OFF(VM_EXIT_CONTROLS, EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT))
	ROW(POSTED_INTERRUPT_VECTOR, LONG, PIN_ON(PROCESS_POSTED_INTERRUPTS), TO(POSTED_INTERRUPT_NOTIFICATION_VECTOR, 256))
	ROW(POSTED_INTERRUPT_DESCRIPTOR, LONG, PIN_ON(PROCESS_POSTED_INTERRUPTS), TO(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS, 32))
	ROW(VPID, LONG, TO(VIRTUAL_PROCESSOR_IDENTIFIER, 0))
	ROW(EPTP_MEMORY_TYPE, LONG, TO(EPT_POINTER, 0x305c))
	ROW(EPTP_WALK_LENGTH, LONG, TO(EPT_POINTER, 0x3056))
	{ ENTRY_RULE_EPTP_AD_FLAGS, LONG, { { 0 } }, EPT_CAP_AD, 0 },
	ROW(EPTP_RESERVED, LONG, TO(EPT_POINTER, 0x315e))
	ROW(PML_NEEDS_EPT, LONG, NO_EPT, PROC2_ON(ENABLE_PML))
	ROW(PML_PAGE, LONG, PROC2_ON(ENABLE_PML), TO(PML_ADDRESS, 0x10))
	ROW(UNRESTRICTED_NEEDS_EPT, LONG, PROC2_OFF(ENABLE_EPT))
	ROW(MODE_BASED_NEEDS_EPT, LONG, NO_EPT, PROC2_ON(MODE_BASED_EXECUTE_CONTROL))
	ROW(VM_FUNCTIONS, LONG, PROC2_ON(ENABLE_VM_FUNCTIONS), TO(VM_FUNCTION_CONTROLS, 2))
	ROW(EPTP_SWITCHING, LONG, PROC2_ON(ENABLE_VM_FUNCTIONS), TO(VM_FUNCTION_CONTROLS, 1), TO(EPTP_LIST_ADDRESS, 8))
	ROW(VMREAD_BITMAP, LONG, PROC2_ON(VMCS_SHADOWING), TO(VMREAD_BITMAP_ADDRESS, 1))
	ROW(VMWRITE_BITMAP, LONG, PROC2_ON(VMCS_SHADOWING), TO(VMWRITE_BITMAP_ADDRESS, 1))
	ROW(VE_PAGE, LONG, PROC2_ON(EPT_VIOLATION_VE), TO(VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS, 1))
	ROW(TSC_MULTIPLIER, LONG, TO(TSC_MULTIPLIER, 0))

	ROW(EXIT_MUST_1, LONG, OFF(VM_EXIT_CONTROLS, 1))
	ROW(EXIT_MAY_1, LONG, ON(VM_EXIT_CONTROLS, BIT(31)))
	ROW(SAVE_TIMER, LONG, PIN_OFF(ACTIVATE_VMX_PREEMPTION_TIMER))
	ROW(EXIT_MSR_STORE, LONG, TO(VM_EXIT_MSR_STORE_COUNT, 1), TO(VM_EXIT_MSR_STORE_ADDRESS, 8))
	ROW(EXIT_MSR_LOAD, LONG, TO(VM_EXIT_MSR_LOAD_COUNT, 2), TO(VM_EXIT_MSR_LOAD_ADDRESS, BIT(39) - 16))
	ROW(ENTRY_MUST_1, LONG, OFF(VM_ENTRY_CONTROLS, 1))
	ROW(ENTRY_MAY_1, LONG, ON(VM_ENTRY_CONTROLS, BIT(31)))
	ROW(ENTRY_SMM, LONG, ON(VM_ENTRY_CONTROLS, ENTRY_TO_SMM))
	ROW(EVENT_TYPE, LONG, EVENT(TYPE(RESERVED_TYPE)))
	ROW(EVENT_VECTOR, LONG, EVENT(TYPE(NMI) | 3))
	ROW(EVENT_ERROR_CODE_BIT, LONG, EVENT(TYPE(HARDWARE_EXCEPTION) | 13))
	ROW(EVENT_RESERVED, LONG, EVENT(TYPE(NMI) | 2 | BIT(13)))
	ROW(EVENT_ERROR_CODE, LONG, EVENT(TYPE(HARDWARE_EXCEPTION) | 13 | EVENT_ERROR_CODE_VALID), TO(VM_ENTRY_EXCEPTION_ERROR_CODE, 0x10000))
	ROW(EVENT_LENGTH, LONG, EVENT(TYPE(SOFTWARE_INTERRUPT) | 0x80))
	ROW(ENTRY_MSR_LOAD, LONG, TO(VM_ENTRY_MSR_LOAD_COUNT, 1), TO(VM_ENTRY_MSR_LOAD_ADDRESS, 4))

	ROW(HOST_CR0_MUST_1, LONG, OFF(HOST_CR0, 0x20))
	ROW(HOST_CR0_MAY_1, LONG, ON(HOST_CR0, BIT(32)))
	ROW(HOST_CR4_MUST_1, LONG, OFF(HOST_CR4, 0x2000))
	ROW(HOST_CR4_MAY_1, LONG, ON(HOST_CR4, BIT(40)))
	ROW(HOST_CET_WP, LONG, ON(HOST_CR4, BIT(23)), OFF(HOST_CR0, BIT(16)))
	ROW(HOST_CR3_WIDTH, LONG, TO(HOST_CR3, BIT(39)))
	ROW(HOST_SYSENTER_ESP, LONG, TO(HOST_IA32_SYSENTER_ESP, BAD))
	ROW(HOST_SYSENTER_EIP, LONG, TO(HOST_IA32_SYSENTER_EIP, BAD))
	ROW(HOST_PAT, LONG, TO(HOST_IA32_PAT, 2))
	ROW(HOST_EFER_RESERVED, LONG, ON(HOST_IA32_EFER, 2))
	ROW(HOST_EFER_MODE, LONG, OFF(HOST_IA32_EFER, EFER_LMA))
	ROW(HOST_ES, LONG, TO(HOST_ES_SELECTOR, 0x13))
	ROW(HOST_CS, LONG, TO(HOST_CS_SELECTOR, 0xc))
	ROW(HOST_SS, LONG, TO(HOST_SS_SELECTOR, 0x11))
	ROW(HOST_DS, LONG, TO(HOST_DS_SELECTOR, 3))
	ROW(HOST_FS, LONG, TO(HOST_FS_SELECTOR, 3))
	ROW(HOST_GS, LONG, TO(HOST_GS_SELECTOR, 3))
	ROW(HOST_TR, LONG, TO(HOST_TR_SELECTOR, 0x2c))
	ROW(HOST_CS_NULL, LONG, TO(HOST_CS_SELECTOR, 0))
	ROW(HOST_TR_NULL, LONG, TO(HOST_TR_SELECTOR, 0))
	ROW(HOST_FS_BASE, LONG, TO(HOST_FS_BASE, BAD))
	ROW(HOST_GS_BASE, LONG, TO(HOST_GS_BASE, BAD))
	ROW(HOST_TR_BASE, LONG, TO(HOST_TR_BASE, BAD))
	ROW(HOST_GDTR_BASE, LONG, TO(HOST_GDTR_BASE, BAD))
	ROW(HOST_IDTR_BASE, LONG, TO(HOST_IDTR_BASE, BAD))
	ROW(HOST_64, LONG, OFF(VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE), TO(HOST_IA32_EFER, 0))
	ROW(HOST_PAE, LONG, OFF(HOST_CR4, 0x20))
	ROW(HOST_RIP, LONG, TO(HOST_RIP, BIT(47)))

	ROW(GUEST_CR0_MUST_1, LONG, OFF(GUEST_CR0, 0x20))
	ROW(GUEST_CR0_MAY_1, LONG, ON(GUEST_CR0, BIT(32)))
	ROW(GUEST_CR0_PG_PE, REAL, ON(GUEST_CR0, BIT(31)))
	ROW(GUEST_CR4_MUST_1, LONG, OFF(GUEST_CR4, 0x2000))
	ROW(GUEST_CR4_MAY_1, LONG, ON(GUEST_CR4, BIT(40)))
	ROW(GUEST_CET_WP, LONG, ON(GUEST_CR4, BIT(23)))
	ROW(GUEST_DEBUGCTL, LONG, TO(GUEST_IA32_DEBUGCTL, 8))
	ROW(GUEST_DR7, LONG, ON(GUEST_DR7, BIT(32)))
	ROW(GUEST_LONG_PG, LONG, OFF(GUEST_CR0, BIT(31)))
	ROW(GUEST_LONG_PAE, LONG, OFF(GUEST_CR4, 0x20))
	ROW(GUEST_PCIDE, PROT, ON(GUEST_CR4, BIT(17)))
	ROW(GUEST_CR3_WIDTH, LONG, TO(GUEST_CR3, BIT(39)))
	ROW(GUEST_SYSENTER_ESP, LONG, TO(GUEST_IA32_SYSENTER_ESP, BAD))
	ROW(GUEST_SYSENTER_EIP, LONG, TO(GUEST_IA32_SYSENTER_EIP, BAD))
	ROW(GUEST_PAT, LONG, TO(GUEST_IA32_PAT, 0x0300))
	ROW(GUEST_EFER_RESERVED, LONG, ON(GUEST_IA32_EFER, BIT(12)))
	ROW(GUEST_EFER_LMA, LONG, TO(GUEST_IA32_EFER, 0))
	ROW(GUEST_EFER_LME, LONG, OFF(GUEST_IA32_EFER, EFER_LME))
	ROW(GUEST_BNDCFGS, LONG, ON(VM_ENTRY_CONTROLS, ENTRY_LOAD_IA32_BNDCFGS), TO(GUEST_IA32_BNDCFGS, 4))

	ROW(SEG_TI, LONG, TO(GUEST_TR_SELECTOR, 4))
	ROW(SEG_SS_RPL, PROT, TO(GUEST_CS_SELECTOR, 0x11))
	ROW(SEG_V86_BASE, V86, TO(GUEST_ES_BASE, 0x10))
	ROW(SEG_BASE_CANONICAL, LONG, TO(GUEST_FS_BASE, BAD))
	ROW(SEG_BASE_32, LONG, TO(GUEST_CS_BASE, BIT(32)))
	ROW(SEG_V86_LIMIT, V86, TO(GUEST_DS_LIMIT, 0xfffe))
	ROW(SEG_V86_RIGHTS, V86, AR(DS, 0x93))
	ROW(SEG_CS_TYPE, LONG, AR(CS, 0xa09a))
	ROW(SEG_CS_TYPE, PROT, AR(CS, 0xc093))
	ROW(SEG_SS_TYPE, LONG, AR(SS, 0xc091))
	ROW(SEG_DATA_ACCESSED, LONG, AR(DS, 0xc092))
	ROW(SEG_DATA_READABLE, LONG, AR(GS, 0xc099))
	ROW(SEG_S, LONG, AR(ES, 0xc083))
	ROW(SEG_CS_DPL, LONG, AR(CS, 0xa0fb))
	ROW(SEG_SS_DPL_RPL, PROT, AR(SS, 0xc0b3), AR(CS, 0xc09f))
	ROW(SEG_SS_DPL_REAL, REAL, AR(SS, 0xb3), AR(CS, 0x9f))
	ROW(SEG_DATA_DPL, PROT, TO(GUEST_DS_SELECTOR, 0x1b))
	ROW(SEG_P, LONG, AR(FS, 0xc013))
	ROW(SEG_RESERVED, LONG, AR(DS, 0xc193))
	ROW(SEG_CS_DB, LONG, AR(CS, 0xe09b))
	ROW(SEG_G, LONG, TO(GUEST_DS_LIMIT, 0xfffff000))
	ROW(SEG_G, LONG, AR(DS, 0x4093))
	ROW(SEG_TR_TYPE, LONG, AR(TR, 0x83))
	ROW(SEG_TR_USABLE, LONG, AR(TR, 0x1008b))
	ROW(SEG_LDTR_TYPE, LONG, AR(LDTR, 0x83))
	ROW(SEG_SYSTEM_S, LONG, AR(TR, 0x9b))
	ROW(SEG_SYSTEM_P, LONG, AR(TR, 0x0b))
	ROW(SEG_SYSTEM_RESERVED, LONG, AR(TR, 0x18b))
	ROW(SEG_SYSTEM_G, LONG, TO(GUEST_TR_LIMIT, 0x100000))

	ROW(GUEST_GDTR_BASE, LONG, TO(GUEST_GDTR_BASE, BAD))
	ROW(GUEST_IDTR_BASE, LONG, TO(GUEST_IDTR_BASE, BAD))
	ROW(GUEST_GDTR_LIMIT, LONG, TO(GUEST_GDTR_LIMIT, 0x10000))
	ROW(GUEST_IDTR_LIMIT, LONG, TO(GUEST_IDTR_LIMIT, 0x10000))
	ROW(GUEST_RIP_32, PROT, TO(GUEST_RIP, BIT(33)))
	ROW(GUEST_RIP_64, LONG, TO(GUEST_RIP, BAD))
	ROW(GUEST_RFLAGS_RESERVED, LONG, ON(GUEST_RFLAGS, 8))
	ROW(GUEST_RFLAGS_1, LONG, TO(GUEST_RFLAGS, 0))
	ROW(GUEST_RFLAGS_VM, V86, TO(GUEST_CR0, 0x30), PROC2_ON(UNRESTRICTED_GUEST))
	ROW(GUEST_RFLAGS_IF, LONG, EVENT(TYPE(EXTERNAL_INTERRUPT) | 0x30))

	ROW(ACTIVITY_RANGE, LONG, TO(GUEST_ACTIVITY_STATE, 4))
	{ ENTRY_RULE_ACTIVITY_SUPPORTED, LONG, { TO(GUEST_ACTIVITY_STATE, 1) }, 0, BIT(6) },
	ROW(ACTIVITY_HLT_DPL, LONG, TO(GUEST_ACTIVITY_STATE, 1), AR(SS, 0xc0f3), AR(CS, 0xa0fb))
	ROW(ACTIVITY_BLOCKING, LONG, TO(GUEST_ACTIVITY_STATE, 1), TO(GUEST_INTERRUPTIBILITY_STATE, 2))
	ROW(ACTIVITY_EVENT, LONG, TO(GUEST_ACTIVITY_STATE, 3), EVENT(TYPE(NMI) | 2))
	ROW(ACTIVITY_EVENT, LONG, TO(GUEST_ACTIVITY_STATE, 1), EVENT(TYPE(HARDWARE_EXCEPTION) | 6))
	ROW(ACTIVITY_EVENT, LONG, TO(GUEST_ACTIVITY_STATE, 2), EVENT(TYPE(EXTERNAL_INTERRUPT) | 0x40), ON(GUEST_RFLAGS, 0x200))
	ROW(BLOCKING_RESERVED, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, BIT(5)))
	ROW(BLOCKING_BOTH, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 3), ON(GUEST_RFLAGS, 0x200))
	ROW(BLOCKING_STI_IF, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 1))
	ROW(BLOCKING_INTERRUPT, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 1), ON(GUEST_RFLAGS, 0x200), EVENT(TYPE(EXTERNAL_INTERRUPT) | 0x40))
	ROW(BLOCKING_NMI, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 2), EVENT(TYPE(NMI) | 2))
	ROW(BLOCKING_VIRTUAL_NMI, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 8), EVENT(TYPE(NMI) | 2))
	ROW(BLOCKING_SMI, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 4))
	ROW(BLOCKING_ENCLAVE, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 0x12))
	ROW(PENDING_RESERVED, LONG, TO(GUEST_PENDING_DEBUG_EXCEPTIONS, BIT(5)))
	ROW(PENDING_BS, LONG, TO(GUEST_INTERRUPTIBILITY_STATE, 2), ON(GUEST_RFLAGS, 0x100))
	ROW(PENDING_BS, LONG, TO(GUEST_ACTIVITY_STATE, 1), TO(GUEST_PENDING_DEBUG_EXCEPTIONS, BIT(14)))
	ROW(LINK_POINTER, LONG, TO(VMCS_LINK_POINTER, 0x10))
	ROW(PDPTE0, PROT, TO(GUEST_PDPTE0, 0x6003))
	ROW(PDPTE1, PROT, TO(GUEST_PDPTE1, BIT(39) | 1))
	ROW(PDPTE2, PROT, TO(GUEST_PDPTE2, 0x6101))
	ROW(PDPTE3, PROT, TO(GUEST_PDPTE3, 0x6021))
};
/* clang-format on */

static void test_legal_states_pass(void **state)
{
	struct entry_report report;

	(void)state;
	for (enum state_kind kind = LONG; kind < STATE_COUNT; kind++) {
		set_state(kind);
		if (!run(&report)) {
			fail_msg("state %d: %s", kind, report.rows[0].name);
		}
	}
}

static void apply(const struct breakage *b)
{
	set_state(b->state);
	for (size_t i = 0; i < ARRAY_COUNT(b->changes); i++) {
		const struct change *c = &b->changes[i];

		if (c->clear != 0 || c->set != 0) {
			fields[c->field] =
				(fields[c->field] & ~c->clear) | c->set;
		}
	}
	caps.ept_vpid &= ~b->ept_vpid_off;
	caps.misc &= ~b->misc_off;
}

static void test_each_rule_alone(void **state)
{
	struct entry_report report;
	uint32_t bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(breakages); i++) {
		apply(&breakages[i]);
		run(&report);
		if (report.count == 1 &&
		    report.rows[0].rule == breakages[i].rule) {
			continue;
		}
		print_error("row %zu (rule %d): %u findings\n", i,
			    breakages[i].rule, report.count);
		for (uint32_t j = 0; j < report.count && j < 8; j++) {
			print_error("  %s %s\n", report.rows[j].segment,
				    report.rows[j].name);
		}
		bad++;
	}
	assert_int_equal(bad, 0);
}

static void test_every_rule_has_a_breakage(void **state)
{
	bool seen[ENTRY_RULE_COUNT] = { false };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(breakages); i++) {
		seen[breakages[i].rule] = true;
	}
	for (uint32_t i = 0; i < ENTRY_RULE_COUNT; i++) {
		if (!seen[i]) {
			fail_msg("rule %u is never broken", i);
		}
	}
}

static void test_legal_corners(void **state)
{
	struct entry_report report;

	(void)state;
	/* a halted vCPU gets an interrupt; a real-mode exception has no code */
	set_state(LONG);
	SET(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_HLT);
	SET(GUEST_RFLAGS, 0x202);
	SET(VM_ENTRY_INTERRUPTION_INFORMATION_FIELD, EVENT_VALID | 0xec);
	assert_true(run(&report));
	set_state(REAL);
	SET(VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,
	    EVENT_VALID | EVENT_HARDWARE_EXCEPTION << EVENT_TYPE_SHIFT | 13);
	assert_true(run(&report));
	/* CR0.CD and NW are never checked; unusable data segments are free */
	set_state(LONG);
	fields[VMCS_GUEST_CR0] |= BIT(29) | BIT(30);
	SET(GUEST_DS_ACCESS_RIGHTS, VMCS_AR_UNUSABLE);
	SET(GUEST_DS_SELECTOR, 3);
	assert_true(run(&report));
	/* RIP may end at the last canonical byte plus one */
	SET(GUEST_RIP, 0x0000800000000000ull);
	assert_true(run(&report));
	/* a zero-length software interrupt where the CPU takes it */
	caps.misc |= VMX_MISC_INJECT_LENGTH_0;
	SET(VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,
	    EVENT_VALID | EVENT_SOFTWARE_INTERRUPT << EVENT_TYPE_SHIFT | 3);
	assert_true(run(&report));
}

static void test_empty_vmcs_overflows_the_report(void **state)
{
	struct entry_report report;

	(void)state;
	set_state(LONG);
	memset(fields, 0xff, sizeof(fields));
	assert_false(run(&report));
	assert_true(report.count > ENTRY_FINDING_MAX);
}

static void test_print(void **state)
{
	struct entry_report report;
	char line[256];

	(void)state;
	set_state(LONG);
	SET(GUEST_CS_ACCESS_RIGHTS, 0xa09a);
	assert_false(run(&report));
	entry_finding_print(&report.rows[0], line, sizeof(line));
	assert_string_equal(
		line,
		"guest CS: type must be 9, 11, 13 or 15 (code, accessed), or 3 "
		"with unrestricted guest (GUEST_CS_ACCESS_RIGHTS = 0xa09a) - "
		"SDM vol. 3, 'Checks on Guest Segment Registers'");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(vmcs_field_name(0x681e), "GUEST_RIP");
	assert_string_equal(vmcs_field_name(0x7ffe), "?");
	assert_string_equal(vmx_exit_reason_name(48), "EPT violation");
	assert_string_equal(vmx_exit_reason_name(35), "?");
	assert_string_equal(vmx_exit_reason_name(~0u), "?");
	assert_non_null(strstr(vmx_instruction_error_text(7), "control"));
	assert_non_null(strstr(vmx_instruction_error_text(99), "unknown"));
	for (uint32_t i = 0; i < vmcs_field_count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			assert_int_not_equal(vmcs_field_table[i].encoding,
					     vmcs_field_table[j].encoding);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legal_states_pass),
		cmocka_unit_test(test_each_rule_alone),
		cmocka_unit_test(test_every_rule_has_a_breakage),
		cmocka_unit_test(test_legal_corners),
		cmocka_unit_test(test_empty_vmcs_overflows_the_report),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
