/*
 * entry_rules.h - the SDM's rules for VM entries, one row a rule.
 *
 * SDM vol. 3, chapter "VM Entries", sections "Checks on VMX Controls and
 * Host-State Area" and "Checking and Loading Guest State", in their order.
 * A row is X(ID, field to show, "what must hold", condition). Conditions are
 * evaluated in entry_check.c with v = the view of one VMCS; F(field) reads,
 * and a field that only exists with a control is read behind that control.
 * Rows of the segment list have a mask of segments and see s = the segment.
 *
 * Not checked, since it takes more than the VMCS: memory contents (the virtual
 * TPR, PDPTEs without EPT, MSR areas, the linked VMCS), and features that are
 * never used here (SMM transfer, PASID, tertiary controls, FRED).
 */
#ifndef VMX_ENTRY_RULES_H
#define VMX_ENTRY_RULES_H

/* clang-format off */

/* "VM-Execution Control Fields" */
#define ENTRY_RULES_EXECUTION(X)                                               \
	X(PIN_MUST_1, PIN_BASED_VM_EXECUTION_CONTROLS,                         \
	  "pin-based controls: bits that must be 1 are 0",                     \
	  must_1(v->pin, v->pin_cap))                                          \
	X(PIN_MAY_1, PIN_BASED_VM_EXECUTION_CONTROLS,                          \
	  "pin-based controls: bits that must be 0 are 1",                     \
	  may_1(v->pin, v->pin_cap))                                           \
	X(PROC_MUST_1, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,          \
	  "primary controls: bits that must be 1 are 0",                       \
	  must_1(v->proc, v->proc_cap))                                        \
	X(PROC_MAY_1, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,           \
	  "primary controls: bits that must be 0 are 1",                       \
	  may_1(v->proc, v->proc_cap))                                         \
	X(PROC2_MAY_1, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,        \
	  "secondary controls: bits that must be 0 are 1",                     \
	  may_1(v->proc2, v->caps->proc2))                                     \
	X(CR3_TARGET_COUNT, CR3_TARGET_COUNT,                                  \
	  "no more CR3 targets than IA32_VMX_MISC allows",                     \
	  F(CR3_TARGET_COUNT) <= VMX_MISC_CR3_TARGETS(v->caps->misc))          \
	X(IO_BITMAP_A, ADDRESS_OF_IO_BITMAP_A,                                 \
	  "with I/O bitmaps: a page address within the physical width",        \
	  !PROC(USE_IO_BITMAPS) || is_page(v, F(ADDRESS_OF_IO_BITMAP_A)))      \
	X(IO_BITMAP_B, ADDRESS_OF_IO_BITMAP_B,                                 \
	  "with I/O bitmaps: a page address within the physical width",        \
	  !PROC(USE_IO_BITMAPS) || is_page(v, F(ADDRESS_OF_IO_BITMAP_B)))      \
	X(MSR_BITMAPS, ADDRESS_OF_MSR_BITMAPS,                                 \
	  "with MSR bitmaps: a page address within the physical width",        \
	  !PROC(USE_MSR_BITMAPS) || is_page(v, F(ADDRESS_OF_MSR_BITMAPS)))     \
	X(VIRTUAL_APIC_PAGE, VIRTUAL_APIC_ADDRESS,                             \
	  "with TPR shadow: a page address within the physical width",         \
	  !PROC(USE_TPR_SHADOW) || is_page(v, F(VIRTUAL_APIC_ADDRESS)))        \
	X(TPR_THRESHOLD, TPR_THRESHOLD,                                        \
	  "with TPR shadow, without virtual-interrupt delivery: at most 15",   \
	  !PROC(USE_TPR_SHADOW) || PROC2(VIRTUAL_INTERRUPT_DELIVERY) ||        \
	  F(TPR_THRESHOLD) <= 15)                                              \
	X(APICV_NEEDS_TPR_SHADOW,                                              \
	  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,                     \
	  "virtualize x2APIC mode, APIC-register virtualization and "          \
	  "virtual-interrupt delivery need the TPR shadow",                    \
	  PROC(USE_TPR_SHADOW) ||                                              \
	  !(PROC2(VIRTUALIZE_X2APIC_MODE) ||                                   \
	    PROC2(APIC_REGISTER_VIRTUALIZATION) ||                             \
	    PROC2(VIRTUAL_INTERRUPT_DELIVERY)))                                \
	X(VIRTUAL_NMIS, PIN_BASED_VM_EXECUTION_CONTROLS,                       \
	  "virtual NMIs need NMI exiting",                                     \
	  PIN(NMI_EXITING) || !PIN(VIRTUAL_NMIS))                              \
	X(NMI_WINDOW, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,           \
	  "NMI-window exiting needs virtual NMIs",                             \
	  PIN(VIRTUAL_NMIS) || !PROC(NMI_WINDOW_EXITING))                      \
	X(APIC_ACCESS_PAGE, APIC_ACCESS_ADDRESS,                               \
	  "with virtualize APIC accesses: a page address within the width",    \
	  !PROC2(VIRTUALIZE_APIC_ACCESSES) ||                                  \
	  is_page(v, F(APIC_ACCESS_ADDRESS)))                                  \
	X(X2APIC_OR_APIC_ACCESS,                                               \
	  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,                     \
	  "virtualize x2APIC mode excludes virtualize APIC accesses",          \
	  !(PROC2(VIRTUALIZE_X2APIC_MODE) &&                                   \
	    PROC2(VIRTUALIZE_APIC_ACCESSES)))                                  \
	X(VID_NEEDS_EXTERNAL_EXITING, PIN_BASED_VM_EXECUTION_CONTROLS,         \
	  "virtual-interrupt delivery needs external-interrupt exiting",       \
	  !PROC2(VIRTUAL_INTERRUPT_DELIVERY) ||                                \
	  PIN(EXTERNAL_INTERRUPT_EXITING))                                     \
	X(POSTED_INTERRUPTS, PIN_BASED_VM_EXECUTION_CONTROLS,                  \
	  "posted interrupts need virtual-interrupt delivery and "             \
	  "acknowledge interrupt on exit",                                     \
	  !PIN(PROCESS_POSTED_INTERRUPTS) ||                                   \
	  (PROC2(VIRTUAL_INTERRUPT_DELIVERY) &&                                \
	   EXIT(ACKNOWLEDGE_INTERRUPT_ON_EXIT)))                               \
	X(POSTED_INTERRUPT_VECTOR, POSTED_INTERRUPT_NOTIFICATION_VECTOR,       \
	  "with posted interrupts: a vector, 0 to 255",                        \
	  !PIN(PROCESS_POSTED_INTERRUPTS) ||                                   \
	  F(POSTED_INTERRUPT_NOTIFICATION_VECTOR) <= 255)                      \
	X(POSTED_INTERRUPT_DESCRIPTOR, POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,    \
	  "with posted interrupts: 64-byte aligned, within the width",         \
	  !PIN(PROCESS_POSTED_INTERRUPTS) ||                                   \
	  is_physical(v, F(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS), 64))          \
	X(VPID, VIRTUAL_PROCESSOR_IDENTIFIER,                                  \
	  "with VPID: not 0",                                                  \
	  !PROC2(ENABLE_VPID) || F(VIRTUAL_PROCESSOR_IDENTIFIER) != 0)         \
	X(EPTP_MEMORY_TYPE, EPT_POINTER,                                       \
	  "EPT memory type: 0 (UC) or 6 (WB), as the CPU supports",            \
	  !PROC2(ENABLE_EPT) || is_eptp_type(v, F(EPT_POINTER)))               \
	X(EPTP_WALK_LENGTH, EPT_POINTER,                                       \
	  "EPT page-walk length: 4 (or 5 where supported)",                    \
	  !PROC2(ENABLE_EPT) || is_eptp_walk(v, F(EPT_POINTER)))               \
	X(EPTP_AD_FLAGS, EPT_POINTER,                                          \
	  "EPT accessed and dirty flags are not supported here",               \
	  !PROC2(ENABLE_EPT) || !(F(EPT_POINTER) & EPTP_AD) ||                 \
	  (v->caps->ept_vpid & EPT_CAP_AD))                                    \
	X(EPTP_RESERVED, EPT_POINTER,                                          \
	  "EPT pointer: reserved bits, or beyond the physical width",          \
	  !PROC2(ENABLE_EPT) || is_eptp_clean(v, F(EPT_POINTER)))              \
	X(PML_NEEDS_EPT, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,      \
	  "PML needs EPT",                                                     \
	  !PROC2(ENABLE_PML) || PROC2(ENABLE_EPT))                             \
	X(PML_PAGE, PML_ADDRESS,                                               \
	  "with PML: a page address within the physical width",                \
	  !PROC2(ENABLE_PML) || is_page(v, F(PML_ADDRESS)))                    \
	X(UNRESTRICTED_NEEDS_EPT,                                              \
	  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,                     \
	  "unrestricted guest needs EPT",                                      \
	  !PROC2(UNRESTRICTED_GUEST) || PROC2(ENABLE_EPT))                     \
	X(MODE_BASED_NEEDS_EPT,                                                \
	  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,                     \
	  "mode-based execute control needs EPT",                              \
	  !PROC2(MODE_BASED_EXECUTE_CONTROL) || PROC2(ENABLE_EPT))             \
	X(VM_FUNCTIONS, VM_FUNCTION_CONTROLS,                                  \
	  "VM-function controls: bits that IA32_VMX_VMFUNC does not allow",    \
	  !PROC2(ENABLE_VM_FUNCTIONS) ||                                       \
	  (F(VM_FUNCTION_CONTROLS) & ~v->caps->vmfunc) == 0)                   \
	X(EPTP_SWITCHING, EPTP_LIST_ADDRESS,                                   \
	  "EPTP switching needs EPT and a page address",                       \
	  !PROC2(ENABLE_VM_FUNCTIONS) || !(F(VM_FUNCTION_CONTROLS) & 1) ||     \
	  (PROC2(ENABLE_EPT) && is_page(v, F(EPTP_LIST_ADDRESS))))             \
	X(VMREAD_BITMAP, VMREAD_BITMAP_ADDRESS,                                \
	  "with VMCS shadowing: a page address within the width",              \
	  !PROC2(VMCS_SHADOWING) || is_page(v, F(VMREAD_BITMAP_ADDRESS)))      \
	X(VMWRITE_BITMAP, VMWRITE_BITMAP_ADDRESS,                              \
	  "with VMCS shadowing: a page address within the width",              \
	  !PROC2(VMCS_SHADOWING) || is_page(v, F(VMWRITE_BITMAP_ADDRESS)))     \
	X(VE_PAGE, VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS,               \
	  "with EPT-violation #VE: a page address within the width",           \
	  !PROC2(EPT_VIOLATION_VE) ||                                          \
	  is_page(v, F(VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS)))         \
	X(TSC_MULTIPLIER, TSC_MULTIPLIER,                                      \
	  "with TSC scaling: not 0",                                           \
	  !PROC2(USE_TSC_SCALING) || F(TSC_MULTIPLIER) != 0)

/* "VM-Exit Control Fields" */
#define ENTRY_RULES_EXIT(X)                                                    \
	X(EXIT_MUST_1, VM_EXIT_CONTROLS,                                       \
	  "exit controls: bits that must be 1 are 0",                          \
	  must_1(v->exit, v->exit_cap))                                        \
	X(EXIT_MAY_1, VM_EXIT_CONTROLS,                                        \
	  "exit controls: bits that must be 0 are 1",                          \
	  may_1(v->exit, v->exit_cap))                                         \
	X(SAVE_TIMER, VM_EXIT_CONTROLS,                                        \
	  "save VMX-preemption timer value needs the timer activated",         \
	  PIN(ACTIVATE_VMX_PREEMPTION_TIMER) ||                                \
	  !EXIT(SAVE_VMX_PREEMPTION_TIMER_VALUE))                              \
	X(EXIT_MSR_STORE, VM_EXIT_MSR_STORE_ADDRESS,                           \
	  "MSR-store area: 16-byte aligned, within the physical width",        \
	  is_msr_area(v, F(VM_EXIT_MSR_STORE_COUNT),                           \
		      F(VM_EXIT_MSR_STORE_ADDRESS)))                           \
	X(EXIT_MSR_LOAD, VM_EXIT_MSR_LOAD_ADDRESS,                             \
	  "MSR-load area: 16-byte aligned, within the physical width",         \
	  is_msr_area(v, F(VM_EXIT_MSR_LOAD_COUNT),                            \
		      F(VM_EXIT_MSR_LOAD_ADDRESS)))

/* "VM-Entry Control Fields" */
#define ENTRY_RULES_ENTRY(X)                                                   \
	X(ENTRY_MUST_1, VM_ENTRY_CONTROLS,                                     \
	  "entry controls: bits that must be 1 are 0",                         \
	  must_1(v->entry, v->entry_cap))                                      \
	X(ENTRY_MAY_1, VM_ENTRY_CONTROLS,                                      \
	  "entry controls: bits that must be 0 are 1",                         \
	  may_1(v->entry, v->entry_cap))                                       \
	X(ENTRY_SMM, VM_ENTRY_CONTROLS,                                        \
	  "entry to SMM and deactivate dual-monitor treatment are for SMM",    \
	  !ENTRY(TO_SMM) && !ENTRY(DEACTIVATE_DUAL_MONITOR))                   \
	X(EVENT_TYPE, VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,                 \
	  "injected event: type 1 is reserved",                                \
	  !v->has_event || v->event_type != EVENT_RESERVED_TYPE)               \
	X(EVENT_VECTOR, VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,               \
	  "injected event: an NMI has vector 2, an exception at most 31, "     \
	  "other events 0",                                                    \
	  !v->has_event || is_event_vector(v))                                 \
	X(EVENT_ERROR_CODE_BIT, VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,       \
	  "injected event: an error code exactly with the exceptions that "    \
	  "have one, in protected mode",                                       \
	  !v->has_event || is_event_error_code(v))                             \
	X(EVENT_RESERVED, VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,             \
	  "injected event: bits 30:12 must be 0",                              \
	  !v->has_event || (v->event & EVENT_ENTRY_RESERVED) == 0)             \
	X(EVENT_ERROR_CODE, VM_ENTRY_EXCEPTION_ERROR_CODE,                     \
	  "injected event: bits 31:16 of the error code must be 0",            \
	  !v->has_event || !(v->event & EVENT_ERROR_CODE_VALID) ||             \
	  F(VM_ENTRY_EXCEPTION_ERROR_CODE) <= 0xffff)                          \
	X(EVENT_LENGTH, VM_ENTRY_INSTRUCTION_LENGTH,                           \
	  "injected software event: instruction length 1 to 15 (0 where "      \
	  "IA32_VMX_MISC allows)",                                             \
	  !v->has_event || is_event_length(v, F(VM_ENTRY_INSTRUCTION_LENGTH))) \
	X(ENTRY_MSR_LOAD, VM_ENTRY_MSR_LOAD_ADDRESS,                           \
	  "MSR-load area: 16-byte aligned, within the physical width",         \
	  is_msr_area(v, F(VM_ENTRY_MSR_LOAD_COUNT),                           \
		      F(VM_ENTRY_MSR_LOAD_ADDRESS)))

/* "Checks on Host Control Registers, MSRs, and SSP" */
#define ENTRY_RULES_HOST_REGISTERS(X)                                          \
	X(HOST_CR0_MUST_1, HOST_CR0,                                           \
	  "host CR0: bits that VMX operation forces to 1 are 0",               \
	  (v->caps->cr0_fixed0 & ~F(HOST_CR0)) == 0)                           \
	X(HOST_CR0_MAY_1, HOST_CR0,                                            \
	  "host CR0: bits that VMX operation forces to 0 are 1",               \
	  (F(HOST_CR0) & ~v->caps->cr0_fixed1) == 0)                           \
	X(HOST_CR4_MUST_1, HOST_CR4,                                           \
	  "host CR4: bits that VMX operation forces to 1 are 0",               \
	  (v->caps->cr4_fixed0 & ~F(HOST_CR4)) == 0)                           \
	X(HOST_CR4_MAY_1, HOST_CR4,                                            \
	  "host CR4: bits that VMX operation forces to 0 are 1",               \
	  (F(HOST_CR4) & ~v->caps->cr4_fixed1) == 0)                           \
	X(HOST_CET_WP, HOST_CR4,                                               \
	  "host CR4.CET needs CR0.WP",                                         \
	  !(F(HOST_CR4) & CR4_CET) || (F(HOST_CR0) & CR0_WP))                  \
	X(HOST_CR3_WIDTH, HOST_CR3,                                            \
	  "host CR3: bits beyond the physical width",                          \
	  is_physical(v, F(HOST_CR3), 1))                                      \
	X(HOST_SYSENTER_ESP, HOST_IA32_SYSENTER_ESP,                           \
	  "host SYSENTER_ESP must be canonical",                               \
	  is_canonical(v, F(HOST_IA32_SYSENTER_ESP)))                          \
	X(HOST_SYSENTER_EIP, HOST_IA32_SYSENTER_EIP,                           \
	  "host SYSENTER_EIP must be canonical",                               \
	  is_canonical(v, F(HOST_IA32_SYSENTER_EIP)))                          \
	X(HOST_PAT, HOST_IA32_PAT,                                             \
	  "host PAT: each byte 0, 1, 4, 5, 6 or 7",                            \
	  !EXIT(LOAD_IA32_PAT) || is_pat(F(HOST_IA32_PAT)))                    \
	X(HOST_EFER_RESERVED, HOST_IA32_EFER,                                  \
	  "host EFER: reserved bits",                                          \
	  !EXIT(LOAD_IA32_EFER) ||                                             \
	  (F(HOST_IA32_EFER) & ~EFER_KNOWN) == 0)                              \
	X(HOST_EFER_MODE, HOST_IA32_EFER,                                      \
	  "host EFER: LMA and LME equal host address-space size",              \
	  !EXIT(LOAD_IA32_EFER) ||                                             \
	  (F(HOST_IA32_EFER) & EFER_LONG) ==                                   \
	  (EXIT(HOST_ADDRESS_SPACE_SIZE) ? EFER_LONG : 0))

/* "Checks on Host Segment and Descriptor-Table Registers" and
 * "Checks Related to Address-Space Size" */
#define ENTRY_RULES_HOST_SEGMENTS(X)                                           \
	X(HOST_ES, HOST_ES_SELECTOR, "host ES: RPL and TI must be 0",          \
	  (F(HOST_ES_SELECTOR) & 7) == 0)                                      \
	X(HOST_CS, HOST_CS_SELECTOR, "host CS: RPL and TI must be 0",          \
	  (F(HOST_CS_SELECTOR) & 7) == 0)                                      \
	X(HOST_SS, HOST_SS_SELECTOR, "host SS: RPL and TI must be 0",          \
	  (F(HOST_SS_SELECTOR) & 7) == 0)                                      \
	X(HOST_DS, HOST_DS_SELECTOR, "host DS: RPL and TI must be 0",          \
	  (F(HOST_DS_SELECTOR) & 7) == 0)                                      \
	X(HOST_FS, HOST_FS_SELECTOR, "host FS: RPL and TI must be 0",          \
	  (F(HOST_FS_SELECTOR) & 7) == 0)                                      \
	X(HOST_GS, HOST_GS_SELECTOR, "host GS: RPL and TI must be 0",          \
	  (F(HOST_GS_SELECTOR) & 7) == 0)                                      \
	X(HOST_TR, HOST_TR_SELECTOR, "host TR: RPL and TI must be 0",          \
	  (F(HOST_TR_SELECTOR) & 7) == 0)                                      \
	X(HOST_CS_NULL, HOST_CS_SELECTOR, "host CS must not be 0",             \
	  F(HOST_CS_SELECTOR) != 0)                                            \
	X(HOST_TR_NULL, HOST_TR_SELECTOR, "host TR must not be 0",             \
	  F(HOST_TR_SELECTOR) != 0)                                            \
	X(HOST_FS_BASE, HOST_FS_BASE, "host FS base must be canonical",        \
	  is_canonical(v, F(HOST_FS_BASE)))                                    \
	X(HOST_GS_BASE, HOST_GS_BASE, "host GS base must be canonical",        \
	  is_canonical(v, F(HOST_GS_BASE)))                                    \
	X(HOST_TR_BASE, HOST_TR_BASE, "host TR base must be canonical",        \
	  is_canonical(v, F(HOST_TR_BASE)))                                    \
	X(HOST_GDTR_BASE, HOST_GDTR_BASE, "host GDTR base must be canonical",  \
	  is_canonical(v, F(HOST_GDTR_BASE)))                                  \
	X(HOST_IDTR_BASE, HOST_IDTR_BASE, "host IDTR base must be canonical",  \
	  is_canonical(v, F(HOST_IDTR_BASE)))                                  \
	X(HOST_64, VM_EXIT_CONTROLS,                                           \
	  "a 64-bit host needs host address-space size",                       \
	  EXIT(HOST_ADDRESS_SPACE_SIZE))                                       \
	X(HOST_PAE, HOST_CR4, "a 64-bit host needs CR4.PAE",                   \
	  !EXIT(HOST_ADDRESS_SPACE_SIZE) || (F(HOST_CR4) & CR4_PAE))           \
	X(HOST_RIP, HOST_RIP, "host RIP must be canonical",                    \
	  !EXIT(HOST_ADDRESS_SPACE_SIZE) || is_canonical(v, F(HOST_RIP)))

/* "Checks on Guest Control Registers, Debug Registers, and MSRs" */
#define ENTRY_RULES_GUEST_REGISTERS(X)                                         \
	X(GUEST_CR0_MUST_1, GUEST_CR0,                                         \
	  "guest CR0: bits that VMX operation forces to 1 are 0",              \
	  (guest_cr0_must_1(v) & ~v->cr0) == 0)                                \
	X(GUEST_CR0_MAY_1, GUEST_CR0,                                          \
	  "guest CR0: bits that VMX operation forces to 0 are 1",              \
	  (v->cr0 & ~v->caps->cr0_fixed1 & ~CR0_UNCHECKED) == 0)               \
	X(GUEST_CR0_PG_PE, GUEST_CR0, "guest CR0.PG needs CR0.PE",             \
	  !(v->cr0 & CR0_PG) || (v->cr0 & CR0_PE))                             \
	X(GUEST_CR4_MUST_1, GUEST_CR4,                                         \
	  "guest CR4: bits that VMX operation forces to 1 are 0",              \
	  (v->caps->cr4_fixed0 & ~v->cr4) == 0)                                \
	X(GUEST_CR4_MAY_1, GUEST_CR4,                                          \
	  "guest CR4: bits that VMX operation forces to 0 are 1",              \
	  (v->cr4 & ~v->caps->cr4_fixed1) == 0)                                \
	X(GUEST_CET_WP, GUEST_CR4, "guest CR4.CET needs CR0.WP",               \
	  !(v->cr4 & CR4_CET) || (v->cr0 & CR0_WP))                            \
	X(GUEST_DEBUGCTL, GUEST_IA32_DEBUGCTL,                                 \
	  "guest DEBUGCTL: reserved bits",                                     \
	  !ENTRY(LOAD_DEBUG_CONTROLS) ||                                       \
	  (F(GUEST_IA32_DEBUGCTL) & ~DEBUGCTL_KNOWN) == 0)                     \
	X(GUEST_DR7, GUEST_DR7, "guest DR7: bits 63:32 must be 0",             \
	  !ENTRY(LOAD_DEBUG_CONTROLS) || (F(GUEST_DR7) >> 32) == 0)            \
	X(GUEST_LONG_PG, GUEST_CR0, "an IA-32e mode guest needs CR0.PG",       \
	  !v->is_ia32e || (v->cr0 & CR0_PG))                                   \
	X(GUEST_LONG_PAE, GUEST_CR4, "an IA-32e mode guest needs CR4.PAE",     \
	  !v->is_ia32e || (v->cr4 & CR4_PAE))                                  \
	X(GUEST_PCIDE, GUEST_CR4,                                              \
	  "guest CR4.PCIDE needs an IA-32e mode guest",                        \
	  v->is_ia32e || !(v->cr4 & CR4_PCIDE))                                \
	X(GUEST_CR3_WIDTH, GUEST_CR3,                                          \
	  "guest CR3: bits beyond the physical width",                         \
	  is_physical(v, F(GUEST_CR3) & ~CR3_LAM, 1))                          \
	X(GUEST_SYSENTER_ESP, GUEST_IA32_SYSENTER_ESP,                         \
	  "guest SYSENTER_ESP must be canonical",                              \
	  is_canonical(v, F(GUEST_IA32_SYSENTER_ESP)))                         \
	X(GUEST_SYSENTER_EIP, GUEST_IA32_SYSENTER_EIP,                         \
	  "guest SYSENTER_EIP must be canonical",                              \
	  is_canonical(v, F(GUEST_IA32_SYSENTER_EIP)))                         \
	X(GUEST_PAT, GUEST_IA32_PAT,                                           \
	  "guest PAT: each byte 0, 1, 4, 5, 6 or 7",                           \
	  !ENTRY(LOAD_IA32_PAT) || is_pat(F(GUEST_IA32_PAT)))                  \
	X(GUEST_EFER_RESERVED, GUEST_IA32_EFER, "guest EFER: reserved bits",   \
	  !ENTRY(LOAD_IA32_EFER) ||                                            \
	  (F(GUEST_IA32_EFER) & ~EFER_KNOWN) == 0)                             \
	X(GUEST_EFER_LMA, GUEST_IA32_EFER,                                     \
	  "guest EFER.LMA must equal the IA-32e mode guest control",           \
	  !ENTRY(LOAD_IA32_EFER) ||                                            \
	  ((F(GUEST_IA32_EFER) & EFER_LMA) != 0) == v->is_ia32e)               \
	X(GUEST_EFER_LME, GUEST_IA32_EFER,                                     \
	  "guest EFER: with CR0.PG, LME must equal LMA",                       \
	  !ENTRY(LOAD_IA32_EFER) || !(v->cr0 & CR0_PG) ||                      \
	  ((F(GUEST_IA32_EFER) & EFER_LMA) != 0) ==                            \
	  ((F(GUEST_IA32_EFER) & EFER_LME) != 0))                              \
	X(GUEST_BNDCFGS, GUEST_IA32_BNDCFGS,                                   \
	  "guest BNDCFGS: bits 11:2 must be 0, the base canonical",            \
	  !ENTRY(LOAD_IA32_BNDCFGS) ||                                         \
	  ((F(GUEST_IA32_BNDCFGS) & 0xffc) == 0 &&                             \
	   is_canonical(v, F(GUEST_IA32_BNDCFGS))))

/* "Checks on Guest Segment Registers": X(ID, segments, part, text, cond) */
#define ENTRY_RULES_SEGMENTS(X)                                                \
	X(SEG_TI, SEGS_SYSTEM, SELECTOR, "selector must be in the GDT (TI=0)", \
	  !is_usable(v, s) || !(selector(v, s) & 4))                           \
	X(SEG_SS_RPL, SEG(SS), SELECTOR,                                       \
	  "RPL must equal that of CS (without unrestricted guest)",            \
	  v->is_v86 || v->is_unrestricted ||                                   \
	  (selector(v, s) & 3) == (selector(v, VMCS_SEG_CS) & 3))              \
	X(SEG_V86_BASE, SEGS_CODE_DATA, BASE,                                  \
	  "virtual-8086: base must be selector * 16",                          \
	  !v->is_v86 || base(v, s) == (uint64_t)selector(v, s) << 4)           \
	X(SEG_BASE_CANONICAL, SEG(TR) | SEG(FS) | SEG(GS) | SEG(LDTR), BASE,   \
	  "base must be canonical",                                            \
	  (s == VMCS_SEG_LDTR && !is_usable(v, s)) ||                          \
	  is_canonical(v, base(v, s)))                                         \
	X(SEG_BASE_32, SEG(CS) | SEG(SS) | SEG(DS) | SEG(ES), BASE,            \
	  "base: bits 63:32 must be 0",                                        \
	  (s != VMCS_SEG_CS && !is_usable(v, s)) || (base(v, s) >> 32) == 0)   \
	X(SEG_V86_LIMIT, SEGS_CODE_DATA, LIMIT,                                \
	  "virtual-8086: limit must be 0xffff",                                \
	  !v->is_v86 || limit(v, s) == 0xffff)                                 \
	X(SEG_V86_RIGHTS, SEGS_CODE_DATA, ACCESS_RIGHTS,                       \
	  "virtual-8086: access rights must be 0xf3",                          \
	  !v->is_v86 || rights(v, s) == 0xf3)                                  \
	X(SEG_CS_TYPE, SEG(CS), ACCESS_RIGHTS,                                 \
	  "type must be 9, 11, 13 or 15 (code, accessed), or 3 with "          \
	  "unrestricted guest",                                                \
	  v->is_v86 || is_cs_type(v))                                          \
	X(SEG_SS_TYPE, SEG(SS), ACCESS_RIGHTS,                                 \
	  "type must be 3 or 7 (data, writable, accessed)",                    \
	  v->is_v86 || !is_usable(v, s) || type(v, s) == 3 ||                  \
	  type(v, s) == 7)                                                     \
	X(SEG_DATA_ACCESSED, SEGS_DATA, ACCESS_RIGHTS,                         \
	  "type must have the accessed bit",                                   \
	  v->is_v86 || !is_usable(v, s) || (type(v, s) & 1))                   \
	X(SEG_DATA_READABLE, SEGS_DATA, ACCESS_RIGHTS,                         \
	  "type: a code segment must be readable",                             \
	  v->is_v86 || !is_usable(v, s) || !(type(v, s) & 8) ||                \
	  (type(v, s) & 2))                                                    \
	X(SEG_S, SEGS_CODE_DATA, ACCESS_RIGHTS,                                \
	  "S must be 1 (code or data)",                                        \
	  v->is_v86 || !is_checked(v, s) || (rights(v, s) & VMCS_AR_S))        \
	X(SEG_CS_DPL, SEG(CS), ACCESS_RIGHTS,                                  \
	  "DPL: 0 for type 3, that of SS for 9 and 11, at most that of SS "    \
	  "for 13 and 15",                                                     \
	  v->is_v86 || is_cs_dpl(v))                                           \
	X(SEG_SS_DPL_RPL, SEG(SS), ACCESS_RIGHTS,                              \
	  "DPL must equal RPL (without unrestricted guest)",                   \
	  v->is_v86 || v->is_unrestricted ||                                   \
	  dpl(v, s) == (selector(v, s) & 3))                                   \
	X(SEG_SS_DPL_REAL, SEG(SS), ACCESS_RIGHTS,                             \
	  "DPL must be 0 in real mode and with CS of type 3",                  \
	  v->is_v86 || dpl(v, s) == 0 ||                                       \
	  ((v->cr0 & CR0_PE) && type(v, VMCS_SEG_CS) != 3))                    \
	X(SEG_DATA_DPL, SEGS_DATA, ACCESS_RIGHTS,                              \
	  "DPL must not be below RPL (without unrestricted guest)",            \
	  v->is_v86 || v->is_unrestricted || !is_usable(v, s) ||               \
	  type(v, s) > 11 || dpl(v, s) >= (selector(v, s) & 3))                \
	X(SEG_P, SEGS_CODE_DATA, ACCESS_RIGHTS, "P must be 1 (present)",       \
	  v->is_v86 || !is_checked(v, s) || (rights(v, s) & VMCS_AR_P))        \
	X(SEG_RESERVED, SEGS_CODE_DATA, ACCESS_RIGHTS,                         \
	  "access rights: bits 11:8 and 31:17 must be 0",                      \
	  v->is_v86 || !is_checked(v, s) ||                                    \
	  (rights(v, s) & VMCS_AR_RESERVED) == 0)                              \
	X(SEG_CS_DB, SEG(CS), ACCESS_RIGHTS,                                   \
	  "D/B must be 0 in 64-bit mode (L=1)",                                \
	  v->is_v86 || !v->is_ia32e || !(rights(v, s) & VMCS_AR_L) ||          \
	  !(rights(v, s) & VMCS_AR_DB))                                        \
	X(SEG_G, SEGS_CODE_DATA, ACCESS_RIGHTS,                                \
	  "G must be 0 unless limit ends in 0xfff, and 1 if it exceeds 20 bits", \
	  v->is_v86 || !is_checked(v, s) || is_granular(v, s))                 \
	X(SEG_TR_TYPE, SEG(TR), ACCESS_RIGHTS,                                 \
	  "type must be 11 (busy TSS), or 3 outside IA-32e mode",              \
	  type(v, s) == 11 || (!v->is_ia32e && type(v, s) == 3))               \
	X(SEG_TR_USABLE, SEG(TR), ACCESS_RIGHTS, "must be usable",             \
	  is_usable(v, s))                                                     \
	X(SEG_LDTR_TYPE, SEG(LDTR), ACCESS_RIGHTS, "type must be 2 (LDT)",     \
	  !is_usable(v, s) || type(v, s) == 2)                                 \
	X(SEG_SYSTEM_S, SEGS_SYSTEM, ACCESS_RIGHTS, "S must be 0 (system)",    \
	  !is_checked(v, s) || !(rights(v, s) & VMCS_AR_S))                    \
	X(SEG_SYSTEM_P, SEGS_SYSTEM, ACCESS_RIGHTS, "P must be 1 (present)",   \
	  !is_checked(v, s) || (rights(v, s) & VMCS_AR_P))                     \
	X(SEG_SYSTEM_RESERVED, SEGS_SYSTEM, ACCESS_RIGHTS,                     \
	  "access rights: bits 11:8 and 31:17 must be 0",                      \
	  !is_checked(v, s) || (rights(v, s) & VMCS_AR_RESERVED) == 0)         \
	X(SEG_SYSTEM_G, SEGS_SYSTEM, ACCESS_RIGHTS,                            \
	  "G must be 0 unless limit ends in 0xfff, and 1 if it exceeds 20 bits", \
	  !is_checked(v, s) || is_granular(v, s))

/* "Checks on Guest Descriptor-Table Registers" */
#define ENTRY_RULES_TABLES(X)                                                  \
	X(GUEST_GDTR_BASE, GUEST_GDTR_BASE,                                    \
	  "guest GDTR base must be canonical",                                 \
	  is_canonical(v, F(GUEST_GDTR_BASE)))                                 \
	X(GUEST_IDTR_BASE, GUEST_IDTR_BASE,                                    \
	  "guest IDTR base must be canonical",                                 \
	  is_canonical(v, F(GUEST_IDTR_BASE)))                                 \
	X(GUEST_GDTR_LIMIT, GUEST_GDTR_LIMIT,                                  \
	  "guest GDTR limit: bits 31:16 must be 0",                            \
	  F(GUEST_GDTR_LIMIT) <= 0xffff)                                       \
	X(GUEST_IDTR_LIMIT, GUEST_IDTR_LIMIT,                                  \
	  "guest IDTR limit: bits 31:16 must be 0",                            \
	  F(GUEST_IDTR_LIMIT) <= 0xffff)

/* "Checks on Guest RIP, RFLAGS, and SSP" */
#define ENTRY_RULES_RIP(X)                                                     \
	X(GUEST_RIP_32, GUEST_RIP,                                             \
	  "guest RIP: bits 63:32 must be 0 outside 64-bit mode",               \
	  is_64_bit(v) || (F(GUEST_RIP) >> 32) == 0)                           \
	X(GUEST_RIP_64, GUEST_RIP,                                             \
	  "guest RIP: the bits beyond the linear width must be identical",     \
	  !is_64_bit(v) || is_rip(v, F(GUEST_RIP)))                            \
	X(GUEST_RFLAGS_RESERVED, GUEST_RFLAGS,                                 \
	  "guest RFLAGS: bits 63:22, 15, 5 and 3 must be 0",                   \
	  (v->rflags & RFLAGS_RESERVED) == 0)                                  \
	X(GUEST_RFLAGS_1, GUEST_RFLAGS, "guest RFLAGS: bit 1 must be 1",       \
	  v->rflags & 2)                                                       \
	X(GUEST_RFLAGS_VM, GUEST_RFLAGS,                                       \
	  "guest RFLAGS.VM must be 0 in IA-32e mode and in real mode",         \
	  !(v->rflags & RFLAGS_VM) || (!v->is_ia32e && (v->cr0 & CR0_PE)))     \
	X(GUEST_RFLAGS_IF, GUEST_RFLAGS,                                       \
	  "guest RFLAGS.IF must be 1 to inject an external interrupt",         \
	  !is_event(v, EVENT_EXTERNAL_INTERRUPT) || (v->rflags & RFLAGS_IF))

/* "Checks on Guest Non-Register State" */
#define ENTRY_RULES_STATE(X)                                                   \
	X(ACTIVITY_RANGE, GUEST_ACTIVITY_STATE, "activity state: 0 to 3",      \
	  v->activity <= GUEST_ACTIVITY_WAIT_FOR_SIPI)                         \
	X(ACTIVITY_SUPPORTED, GUEST_ACTIVITY_STATE,                            \
	  "activity state: not one that IA32_VMX_MISC offers",                 \
	  is_activity_offered(v))                                              \
	X(ACTIVITY_HLT_DPL, GUEST_ACTIVITY_STATE,                              \
	  "HLT state needs SS.DPL 0",                                          \
	  v->activity != GUEST_ACTIVITY_HLT || dpl(v, VMCS_SEG_SS) == 0)       \
	X(ACTIVITY_BLOCKING, GUEST_ACTIVITY_STATE,                             \
	  "blocking by STI or MOV SS needs the active state",                  \
	  v->activity == GUEST_ACTIVITY_ACTIVE ||                              \
	  !(v->blocking & BLOCKING_STI_MOV_SS))                                \
	X(ACTIVITY_EVENT, VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,             \
	  "this event cannot be injected in this activity state",              \
	  is_activity_event(v))                                                \
	X(BLOCKING_RESERVED, GUEST_INTERRUPTIBILITY_STATE,                     \
	  "interruptibility: bits 31:5 must be 0",                             \
	  (v->blocking & GUEST_INTERRUPTIBILITY_RESERVED) == 0)                \
	X(BLOCKING_BOTH, GUEST_INTERRUPTIBILITY_STATE,                         \
	  "interruptibility: not both by STI and by MOV SS",                   \
	  (v->blocking & BLOCKING_STI_MOV_SS) != BLOCKING_STI_MOV_SS)          \
	X(BLOCKING_STI_IF, GUEST_INTERRUPTIBILITY_STATE,                       \
	  "interruptibility: by STI only with RFLAGS.IF",                      \
	  !(v->blocking & GUEST_INTERRUPTIBILITY_STI) ||                       \
	  (v->rflags & RFLAGS_IF))                                             \
	X(BLOCKING_INTERRUPT, GUEST_INTERRUPTIBILITY_STATE,                    \
	  "an external interrupt is injected while blocked by STI or MOV SS: " \
	  "open an interrupt window instead",                                  \
	  !is_event(v, EVENT_EXTERNAL_INTERRUPT) ||                            \
	  !(v->blocking & BLOCKING_STI_MOV_SS))                                \
	X(BLOCKING_NMI, GUEST_INTERRUPTIBILITY_STATE,                          \
	  "an NMI is injected while blocked by STI or MOV SS",                 \
	  !is_event(v, EVENT_NMI) || !(v->blocking & BLOCKING_STI_MOV_SS))     \
	X(BLOCKING_VIRTUAL_NMI, GUEST_INTERRUPTIBILITY_STATE,                  \
	  "an NMI is injected while NMIs are blocked",                         \
	  !is_event(v, EVENT_NMI) || !PIN(VIRTUAL_NMIS) ||                     \
	  !(v->blocking & GUEST_INTERRUPTIBILITY_NMI))                         \
	X(BLOCKING_SMI, GUEST_INTERRUPTIBILITY_STATE,                          \
	  "interruptibility: by SMI only in SMM",                              \
	  !(v->blocking & GUEST_INTERRUPTIBILITY_SMI))                         \
	X(BLOCKING_ENCLAVE, GUEST_INTERRUPTIBILITY_STATE,                      \
	  "interruptibility: enclave interruption excludes MOV SS",            \
	  !(v->blocking & GUEST_INTERRUPTIBILITY_ENCLAVE) ||                   \
	  !(v->blocking & GUEST_INTERRUPTIBILITY_MOV_SS))                      \
	X(PENDING_RESERVED, GUEST_PENDING_DEBUG_EXCEPTIONS,                    \
	  "pending debug exceptions: reserved bits",                           \
	  (F(GUEST_PENDING_DEBUG_EXCEPTIONS) & ~PENDING_KNOWN) == 0)           \
	X(PENDING_BS, GUEST_PENDING_DEBUG_EXCEPTIONS,                          \
	  "pending debug exceptions: BS must follow RFLAGS.TF while blocked "  \
	  "or halted (set with TF and without BTF, else clear)",               \
	  is_pending_bs(v))                                                    \
	X(LINK_POINTER, VMCS_LINK_POINTER,                                     \
	  "VMCS link pointer: all ones, or a page address within the width",   \
	  F(VMCS_LINK_POINTER) == VMCS_LINK_POINTER_NONE ||                    \
	  is_page(v, F(VMCS_LINK_POINTER)))

/* "Checks on Guest Page-Directory-Pointer-Table Entries" */
#define ENTRY_RULES_PDPTES(X)                                                  \
	X(PDPTE0, GUEST_PDPTE0, "guest PDPTE 0: reserved bits",                \
	  is_pdpte(v, F(GUEST_PDPTE0)))                                        \
	X(PDPTE1, GUEST_PDPTE1, "guest PDPTE 1: reserved bits",                \
	  is_pdpte(v, F(GUEST_PDPTE1)))                                        \
	X(PDPTE2, GUEST_PDPTE2, "guest PDPTE 2: reserved bits",                \
	  is_pdpte(v, F(GUEST_PDPTE2)))                                        \
	X(PDPTE3, GUEST_PDPTE3, "guest PDPTE 3: reserved bits",                \
	  is_pdpte(v, F(GUEST_PDPTE3)))

/* clang-format on */

#endif
