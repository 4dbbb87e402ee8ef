/*
 * vmcs.h - the virtual-machine control structure in the SDM's words.
 *
 * Field encodings are grouped as SDM vol. 3, "Field Encoding in VMCS" groups
 * them: by width (16-bit, 64-bit, 32-bit, natural) and in each by area
 * (control, read-only, guest state, host state), so that a reader can check
 * one table against one table. A row is X(NAME, encoding); NAME is the field's
 * title in capitals, and the constant is VMCS_NAME. Fields of FRED are left
 * out: no control that would use them is ever set.
 *
 * Control bits follow, from "VM-Execution Control Fields", "VM-Exit Control
 * Fields" and "VM-Entry Control Fields"; a row is X(NAME, bit, "title").
 * What an exit reports (reasons, qualifications, event words) is in
 * vmx_exit.h, EPT's formats are in ept_format.h.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "vmx_exit.h"
#include <bh/attr.h>

/* clang-format off */

/* ---- 16-bit fields ---- */
#define VMCS_16_CONTROL_LIST(X)                                                \
	X(VIRTUAL_PROCESSOR_IDENTIFIER,                0x0000)                 \
	X(POSTED_INTERRUPT_NOTIFICATION_VECTOR,        0x0002)                 \
	X(EPTP_INDEX,                                  0x0004)                 \
	X(HLAT_PREFIX_SIZE,                            0x0006)                 \
	X(LAST_PID_POINTER_INDEX,                      0x0008)
#define VMCS_16_GUEST_LIST(X)                                                  \
	X(GUEST_ES_SELECTOR,                           0x0800)                 \
	X(GUEST_CS_SELECTOR,                           0x0802)                 \
	X(GUEST_SS_SELECTOR,                           0x0804)                 \
	X(GUEST_DS_SELECTOR,                           0x0806)                 \
	X(GUEST_FS_SELECTOR,                           0x0808)                 \
	X(GUEST_GS_SELECTOR,                           0x080a)                 \
	X(GUEST_LDTR_SELECTOR,                         0x080c)                 \
	X(GUEST_TR_SELECTOR,                           0x080e)                 \
	X(GUEST_INTERRUPT_STATUS,                      0x0810)                 \
	X(PML_INDEX,                                   0x0812)                 \
	X(GUEST_UINV,                                  0x0814)
#define VMCS_16_HOST_LIST(X)                                                   \
	X(HOST_ES_SELECTOR,                            0x0c00)                 \
	X(HOST_CS_SELECTOR,                            0x0c02)                 \
	X(HOST_SS_SELECTOR,                            0x0c04)                 \
	X(HOST_DS_SELECTOR,                            0x0c06)                 \
	X(HOST_FS_SELECTOR,                            0x0c08)                 \
	X(HOST_GS_SELECTOR,                            0x0c0a)                 \
	X(HOST_TR_SELECTOR,                            0x0c0c)

/* ---- 64-bit fields ---- */
#define VMCS_64_CONTROL_LIST(X)                                                \
	X(ADDRESS_OF_IO_BITMAP_A,                      0x2000)                 \
	X(ADDRESS_OF_IO_BITMAP_B,                      0x2002)                 \
	X(ADDRESS_OF_MSR_BITMAPS,                      0x2004)                 \
	X(VM_EXIT_MSR_STORE_ADDRESS,                   0x2006)                 \
	X(VM_EXIT_MSR_LOAD_ADDRESS,                    0x2008)                 \
	X(VM_ENTRY_MSR_LOAD_ADDRESS,                   0x200a)                 \
	X(EXECUTIVE_VMCS_POINTER,                      0x200c)                 \
	X(PML_ADDRESS,                                 0x200e)                 \
	X(TSC_OFFSET,                                  0x2010)                 \
	X(VIRTUAL_APIC_ADDRESS,                        0x2012)                 \
	X(APIC_ACCESS_ADDRESS,                         0x2014)                 \
	X(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,         0x2016)                 \
	X(VM_FUNCTION_CONTROLS,                        0x2018)                 \
	X(EPT_POINTER,                                 0x201a)                 \
	X(EOI_EXIT_BITMAP_0,                           0x201c)                 \
	X(EOI_EXIT_BITMAP_1,                           0x201e)                 \
	X(EOI_EXIT_BITMAP_2,                           0x2020)                 \
	X(EOI_EXIT_BITMAP_3,                           0x2022)                 \
	X(EPTP_LIST_ADDRESS,                           0x2024)                 \
	X(VMREAD_BITMAP_ADDRESS,                       0x2026)                 \
	X(VMWRITE_BITMAP_ADDRESS,                      0x2028)                 \
	X(VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS, 0x202a)                \
	X(XSS_EXITING_BITMAP,                          0x202c)                 \
	X(ENCLS_EXITING_BITMAP,                        0x202e)                 \
	X(SUB_PAGE_PERMISSION_TABLE_POINTER,           0x2030)                 \
	X(TSC_MULTIPLIER,                              0x2032)                 \
	X(TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, 0x2034)              \
	X(ENCLV_EXITING_BITMAP,                        0x2036)                 \
	X(LOW_PASID_DIRECTORY_ADDRESS,                 0x2038)                 \
	X(HIGH_PASID_DIRECTORY_ADDRESS,                0x203a)                 \
	X(SHARED_EPT_POINTER,                          0x203c)                 \
	X(PCONFIG_EXITING_BITMAP,                      0x203e)                 \
	X(HLAT_POINTER,                                0x2040)                 \
	X(PID_POINTER_TABLE_ADDRESS,                   0x2042)                 \
	X(SECONDARY_VM_EXIT_CONTROLS,                  0x2044)                 \
	X(IA32_SPEC_CTRL_MASK,                         0x204a)                 \
	X(IA32_SPEC_CTRL_SHADOW,                       0x204c)
#define VMCS_64_READ_ONLY_LIST(X)                                              \
	X(GUEST_PHYSICAL_ADDRESS,                      0x2400)
#define VMCS_64_GUEST_LIST(X)                                                  \
	X(VMCS_LINK_POINTER,                           0x2800)                 \
	X(GUEST_IA32_DEBUGCTL,                         0x2802)                 \
	X(GUEST_IA32_PAT,                              0x2804)                 \
	X(GUEST_IA32_EFER,                             0x2806)                 \
	X(GUEST_IA32_PERF_GLOBAL_CTRL,                 0x2808)                 \
	X(GUEST_PDPTE0,                                0x280a)                 \
	X(GUEST_PDPTE1,                                0x280c)                 \
	X(GUEST_PDPTE2,                                0x280e)                 \
	X(GUEST_PDPTE3,                                0x2810)                 \
	X(GUEST_IA32_BNDCFGS,                          0x2812)                 \
	X(GUEST_IA32_RTIT_CTL,                         0x2814)                 \
	X(GUEST_IA32_LBR_CTL,                          0x2816)                 \
	X(GUEST_IA32_PKRS,                             0x2818)
#define VMCS_64_HOST_LIST(X)                                                   \
	X(HOST_IA32_PAT,                               0x2c00)                 \
	X(HOST_IA32_EFER,                              0x2c02)                 \
	X(HOST_IA32_PERF_GLOBAL_CTRL,                  0x2c04)                 \
	X(HOST_IA32_PKRS,                              0x2c06)

/* ---- 32-bit fields ---- */
#define VMCS_32_CONTROL_LIST(X)                                                \
	X(PIN_BASED_VM_EXECUTION_CONTROLS,             0x4000)                 \
	X(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, 0x4002)               \
	X(EXCEPTION_BITMAP,                            0x4004)                 \
	X(PAGE_FAULT_ERROR_CODE_MASK,                  0x4006)                 \
	X(PAGE_FAULT_ERROR_CODE_MATCH,                 0x4008)                 \
	X(CR3_TARGET_COUNT,                            0x400a)                 \
	X(VM_EXIT_CONTROLS,                            0x400c)                 \
	X(VM_EXIT_MSR_STORE_COUNT,                     0x400e)                 \
	X(VM_EXIT_MSR_LOAD_COUNT,                      0x4010)                 \
	X(VM_ENTRY_CONTROLS,                           0x4012)                 \
	X(VM_ENTRY_MSR_LOAD_COUNT,                     0x4014)                 \
	X(VM_ENTRY_INTERRUPTION_INFORMATION_FIELD,     0x4016)                 \
	X(VM_ENTRY_EXCEPTION_ERROR_CODE,               0x4018)                 \
	X(VM_ENTRY_INSTRUCTION_LENGTH,                 0x401a)                 \
	X(TPR_THRESHOLD,                               0x401c)                 \
	X(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, 0x401e)             \
	X(PLE_GAP,                                     0x4020)                 \
	X(PLE_WINDOW,                                  0x4022)                 \
	X(INSTRUCTION_TIMEOUT_CONTROL,                 0x4024)
#define VMCS_32_READ_ONLY_LIST(X)                                              \
	X(VM_INSTRUCTION_ERROR,                        0x4400)                 \
	X(EXIT_REASON,                                 0x4402)                 \
	X(VM_EXIT_INTERRUPTION_INFORMATION,            0x4404)                 \
	X(VM_EXIT_INTERRUPTION_ERROR_CODE,             0x4406)                 \
	X(IDT_VECTORING_INFORMATION_FIELD,             0x4408)                 \
	X(IDT_VECTORING_ERROR_CODE,                    0x440a)                 \
	X(VM_EXIT_INSTRUCTION_LENGTH,                  0x440c)                 \
	X(VM_EXIT_INSTRUCTION_INFORMATION,             0x440e)
#define VMCS_32_GUEST_LIST(X)                                                  \
	X(GUEST_ES_LIMIT,                              0x4800)                 \
	X(GUEST_CS_LIMIT,                              0x4802)                 \
	X(GUEST_SS_LIMIT,                              0x4804)                 \
	X(GUEST_DS_LIMIT,                              0x4806)                 \
	X(GUEST_FS_LIMIT,                              0x4808)                 \
	X(GUEST_GS_LIMIT,                              0x480a)                 \
	X(GUEST_LDTR_LIMIT,                            0x480c)                 \
	X(GUEST_TR_LIMIT,                              0x480e)                 \
	X(GUEST_GDTR_LIMIT,                            0x4810)                 \
	X(GUEST_IDTR_LIMIT,                            0x4812)                 \
	X(GUEST_ES_ACCESS_RIGHTS,                      0x4814)                 \
	X(GUEST_CS_ACCESS_RIGHTS,                      0x4816)                 \
	X(GUEST_SS_ACCESS_RIGHTS,                      0x4818)                 \
	X(GUEST_DS_ACCESS_RIGHTS,                      0x481a)                 \
	X(GUEST_FS_ACCESS_RIGHTS,                      0x481c)                 \
	X(GUEST_GS_ACCESS_RIGHTS,                      0x481e)                 \
	X(GUEST_LDTR_ACCESS_RIGHTS,                    0x4820)                 \
	X(GUEST_TR_ACCESS_RIGHTS,                      0x4822)                 \
	X(GUEST_INTERRUPTIBILITY_STATE,                0x4824)                 \
	X(GUEST_ACTIVITY_STATE,                        0x4826)                 \
	X(GUEST_SMBASE,                                0x4828)                 \
	X(GUEST_IA32_SYSENTER_CS,                      0x482a)                 \
	X(VMX_PREEMPTION_TIMER_VALUE,                  0x482e)
#define VMCS_32_HOST_LIST(X)                                                   \
	X(HOST_IA32_SYSENTER_CS,                       0x4c00)

/* ---- natural-width fields ---- */
#define VMCS_NATURAL_CONTROL_LIST(X)                                           \
	X(CR0_GUEST_HOST_MASK,                         0x6000)                 \
	X(CR4_GUEST_HOST_MASK,                         0x6002)                 \
	X(CR0_READ_SHADOW,                             0x6004)                 \
	X(CR4_READ_SHADOW,                             0x6006)                 \
	X(CR3_TARGET_VALUE_0,                          0x6008)                 \
	X(CR3_TARGET_VALUE_1,                          0x600a)                 \
	X(CR3_TARGET_VALUE_2,                          0x600c)                 \
	X(CR3_TARGET_VALUE_3,                          0x600e)
#define VMCS_NATURAL_READ_ONLY_LIST(X)                                         \
	X(EXIT_QUALIFICATION,                          0x6400)                 \
	X(IO_RCX,                                      0x6402)                 \
	X(IO_RSI,                                      0x6404)                 \
	X(IO_RDI,                                      0x6406)                 \
	X(IO_RIP,                                      0x6408)                 \
	X(GUEST_LINEAR_ADDRESS,                        0x640a)
#define VMCS_NATURAL_GUEST_LIST(X)                                             \
	X(GUEST_CR0,                                   0x6800)                 \
	X(GUEST_CR3,                                   0x6802)                 \
	X(GUEST_CR4,                                   0x6804)                 \
	X(GUEST_ES_BASE,                               0x6806)                 \
	X(GUEST_CS_BASE,                               0x6808)                 \
	X(GUEST_SS_BASE,                               0x680a)                 \
	X(GUEST_DS_BASE,                               0x680c)                 \
	X(GUEST_FS_BASE,                               0x680e)                 \
	X(GUEST_GS_BASE,                               0x6810)                 \
	X(GUEST_LDTR_BASE,                             0x6812)                 \
	X(GUEST_TR_BASE,                               0x6814)                 \
	X(GUEST_GDTR_BASE,                             0x6816)                 \
	X(GUEST_IDTR_BASE,                             0x6818)                 \
	X(GUEST_DR7,                                   0x681a)                 \
	X(GUEST_RSP,                                   0x681c)                 \
	X(GUEST_RIP,                                   0x681e)                 \
	X(GUEST_RFLAGS,                                0x6820)                 \
	X(GUEST_PENDING_DEBUG_EXCEPTIONS,              0x6822)                 \
	X(GUEST_IA32_SYSENTER_ESP,                     0x6824)                 \
	X(GUEST_IA32_SYSENTER_EIP,                     0x6826)                 \
	X(GUEST_IA32_S_CET,                            0x6828)                 \
	X(GUEST_SSP,                                   0x682a)                 \
	X(GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR,         0x682c)
#define VMCS_NATURAL_HOST_LIST(X)                                              \
	X(HOST_CR0,                                    0x6c00)                 \
	X(HOST_CR3,                                    0x6c02)                 \
	X(HOST_CR4,                                    0x6c04)                 \
	X(HOST_FS_BASE,                                0x6c06)                 \
	X(HOST_GS_BASE,                                0x6c08)                 \
	X(HOST_TR_BASE,                                0x6c0a)                 \
	X(HOST_GDTR_BASE,                              0x6c0c)                 \
	X(HOST_IDTR_BASE,                              0x6c0e)                 \
	X(HOST_IA32_SYSENTER_ESP,                      0x6c10)                 \
	X(HOST_IA32_SYSENTER_EIP,                      0x6c12)                 \
	X(HOST_RSP,                                    0x6c14)                 \
	X(HOST_RIP,                                    0x6c16)                 \
	X(HOST_IA32_S_CET,                             0x6c18)                 \
	X(HOST_SSP,                                    0x6c1a)                 \
	X(HOST_IA32_INTERRUPT_SSP_TABLE_ADDR,          0x6c1c)

/* Areas over all widths, and everything. */
#define VMCS_CONTROL_LIST(X)                                                   \
	VMCS_16_CONTROL_LIST(X)                                                \
	VMCS_64_CONTROL_LIST(X)                                                \
	VMCS_32_CONTROL_LIST(X)                                                \
	VMCS_NATURAL_CONTROL_LIST(X)
#define VMCS_READ_ONLY_LIST(X)                                                 \
	VMCS_64_READ_ONLY_LIST(X)                                              \
	VMCS_32_READ_ONLY_LIST(X)                                              \
	VMCS_NATURAL_READ_ONLY_LIST(X)
#define VMCS_GUEST_LIST(X)                                                     \
	VMCS_16_GUEST_LIST(X)                                                  \
	VMCS_64_GUEST_LIST(X)                                                  \
	VMCS_32_GUEST_LIST(X)                                                  \
	VMCS_NATURAL_GUEST_LIST(X)
#define VMCS_HOST_LIST(X)                                                      \
	VMCS_16_HOST_LIST(X)                                                   \
	VMCS_64_HOST_LIST(X)                                                   \
	VMCS_32_HOST_LIST(X)                                                   \
	VMCS_NATURAL_HOST_LIST(X)
#define VMCS_FIELD_LIST(X)                                                     \
	VMCS_CONTROL_LIST(X)                                                   \
	VMCS_READ_ONLY_LIST(X)                                                 \
	VMCS_GUEST_LIST(X)                                                     \
	VMCS_HOST_LIST(X)

enum vmcs_field {
#define X(name, encoding) VMCS_##name = (encoding),
	VMCS_FIELD_LIST(X)
#undef X
};

/* Structure of an encoding: bit 0 = high half of a 64-bit field. */
#define VMCS_FIELD_HIGH           BIT(0)
#define VMCS_FIELD_INDEX(f)       (((f) >> 1) & 0x1ff)
#define VMCS_FIELD_TYPE(f)        (((f) >> 10) & 3) /* enum vmcs_area */
#define VMCS_FIELD_WIDTH(f)       (((f) >> 13) & 3) /* enum vmcs_width */
enum vmcs_area { VMCS_AREA_CONTROL, VMCS_AREA_READ_ONLY, VMCS_AREA_GUEST,
		 VMCS_AREA_HOST };
enum vmcs_width { VMCS_WIDTH_16, VMCS_WIDTH_64, VMCS_WIDTH_32,
		  VMCS_WIDTH_NATURAL };

/* Segment fields are regular: the next segment's is two further on. */
enum vmcs_segment { VMCS_SEG_ES, VMCS_SEG_CS, VMCS_SEG_SS, VMCS_SEG_DS,
		    VMCS_SEG_FS, VMCS_SEG_GS, VMCS_SEG_LDTR, VMCS_SEG_TR,
		    VMCS_SEG_COUNT };
#define VMCS_GUEST_SELECTOR(seg)       (VMCS_GUEST_ES_SELECTOR + 2u * (seg))
#define VMCS_GUEST_LIMIT(seg)          (VMCS_GUEST_ES_LIMIT + 2u * (seg))
#define VMCS_GUEST_ACCESS_RIGHTS(seg)  (VMCS_GUEST_ES_ACCESS_RIGHTS + 2u * (seg))
#define VMCS_GUEST_BASE(seg)           (VMCS_GUEST_ES_BASE + 2u * (seg))

/* ---- control bits ---- */
#define PIN_CONTROL_LIST(X)                                                    \
	X(PIN_EXTERNAL_INTERRUPT_EXITING,     0, "external-interrupt exiting") \
	X(PIN_NMI_EXITING,                    3, "NMI exiting")                \
	X(PIN_VIRTUAL_NMIS,                   5, "virtual NMIs")               \
	X(PIN_ACTIVATE_VMX_PREEMPTION_TIMER,  6, "activate VMX-preemption timer") \
	X(PIN_PROCESS_POSTED_INTERRUPTS,      7, "process posted interrupts")

#define PROC_CONTROL_LIST(X)                                                   \
	X(PROC_INTERRUPT_WINDOW_EXITING,      2, "interrupt-window exiting")   \
	X(PROC_USE_TSC_OFFSETTING,            3, "use TSC offsetting")         \
	X(PROC_HLT_EXITING,                   7, "HLT exiting")                \
	X(PROC_INVLPG_EXITING,                9, "INVLPG exiting")             \
	X(PROC_MWAIT_EXITING,                10, "MWAIT exiting")              \
	X(PROC_RDPMC_EXITING,                11, "RDPMC exiting")              \
	X(PROC_RDTSC_EXITING,                12, "RDTSC exiting")              \
	X(PROC_CR3_LOAD_EXITING,             15, "CR3-load exiting")           \
	X(PROC_CR3_STORE_EXITING,            16, "CR3-store exiting")          \
	X(PROC_ACTIVATE_TERTIARY_CONTROLS,   17, "activate tertiary controls") \
	X(PROC_CR8_LOAD_EXITING,             19, "CR8-load exiting")           \
	X(PROC_CR8_STORE_EXITING,            20, "CR8-store exiting")          \
	X(PROC_USE_TPR_SHADOW,               21, "use TPR shadow")             \
	X(PROC_NMI_WINDOW_EXITING,           22, "NMI-window exiting")         \
	X(PROC_MOV_DR_EXITING,               23, "MOV-DR exiting")             \
	X(PROC_UNCONDITIONAL_IO_EXITING,     24, "unconditional I/O exiting")  \
	X(PROC_USE_IO_BITMAPS,               25, "use I/O bitmaps")            \
	X(PROC_MONITOR_TRAP_FLAG,            27, "monitor trap flag")          \
	X(PROC_USE_MSR_BITMAPS,              28, "use MSR bitmaps")            \
	X(PROC_MONITOR_EXITING,              29, "MONITOR exiting")            \
	X(PROC_PAUSE_EXITING,                30, "PAUSE exiting")              \
	X(PROC_ACTIVATE_SECONDARY_CONTROLS,  31, "activate secondary controls")

#define PROC2_CONTROL_LIST(X)                                                  \
	X(PROC2_VIRTUALIZE_APIC_ACCESSES,     0, "virtualize APIC accesses")   \
	X(PROC2_ENABLE_EPT,                   1, "enable EPT")                 \
	X(PROC2_DESCRIPTOR_TABLE_EXITING,     2, "descriptor-table exiting")   \
	X(PROC2_ENABLE_RDTSCP,                3, "enable RDTSCP")              \
	X(PROC2_VIRTUALIZE_X2APIC_MODE,       4, "virtualize x2APIC mode")     \
	X(PROC2_ENABLE_VPID,                  5, "enable VPID")                \
	X(PROC2_WBINVD_EXITING,               6, "WBINVD exiting")             \
	X(PROC2_UNRESTRICTED_GUEST,           7, "unrestricted guest")         \
	X(PROC2_APIC_REGISTER_VIRTUALIZATION, 8, "APIC-register virtualization") \
	X(PROC2_VIRTUAL_INTERRUPT_DELIVERY,   9, "virtual-interrupt delivery") \
	X(PROC2_PAUSE_LOOP_EXITING,          10, "PAUSE-loop exiting")         \
	X(PROC2_RDRAND_EXITING,              11, "RDRAND exiting")             \
	X(PROC2_ENABLE_INVPCID,              12, "enable INVPCID")             \
	X(PROC2_ENABLE_VM_FUNCTIONS,         13, "enable VM functions")        \
	X(PROC2_VMCS_SHADOWING,              14, "VMCS shadowing")             \
	X(PROC2_ENABLE_ENCLS_EXITING,        15, "enable ENCLS exiting")       \
	X(PROC2_RDSEED_EXITING,              16, "RDSEED exiting")             \
	X(PROC2_ENABLE_PML,                  17, "enable PML")                 \
	X(PROC2_EPT_VIOLATION_VE,            18, "EPT-violation #VE")          \
	X(PROC2_CONCEAL_VMX_FROM_PT,         19, "conceal VMX from PT")        \
	X(PROC2_ENABLE_XSAVES,               20, "enable XSAVES/XRSTORS")      \
	X(PROC2_ENABLE_PASID_TRANSLATION,    21, "PASID translation")          \
	X(PROC2_MODE_BASED_EXECUTE_CONTROL,  22, "mode-based execute control for EPT") \
	X(PROC2_SUB_PAGE_WRITE_PERMISSIONS,  23, "sub-page write permissions for EPT") \
	X(PROC2_PT_USES_GUEST_PHYSICAL,      24, "Intel PT uses guest physical addresses") \
	X(PROC2_USE_TSC_SCALING,             25, "use TSC scaling")            \
	X(PROC2_ENABLE_USER_WAIT_AND_PAUSE,  26, "enable user wait and pause") \
	X(PROC2_ENABLE_PCONFIG,              27, "enable PCONFIG")             \
	X(PROC2_ENABLE_ENCLV_EXITING,        28, "enable ENCLV exiting")       \
	X(PROC2_VMM_BUS_LOCK_DETECTION,      30, "VMM bus-lock detection")     \
	X(PROC2_INSTRUCTION_TIMEOUT,         31, "instruction timeout")

#define EXIT_CONTROL_LIST(X)                                                   \
	X(EXIT_SAVE_DEBUG_CONTROLS,           2, "save debug controls")        \
	X(EXIT_HOST_ADDRESS_SPACE_SIZE,       9, "host address-space size")    \
	X(EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,   12, "load IA32_PERF_GLOBAL_CTRL (exit)") \
	X(EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT, 15, "acknowledge interrupt on exit") \
	X(EXIT_SAVE_IA32_PAT,                18, "save IA32_PAT")              \
	X(EXIT_LOAD_IA32_PAT,                19, "load IA32_PAT (exit)")       \
	X(EXIT_SAVE_IA32_EFER,               20, "save IA32_EFER")             \
	X(EXIT_LOAD_IA32_EFER,               21, "load IA32_EFER (exit)")      \
	X(EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE, 22, "save VMX-preemption timer value") \
	X(EXIT_CLEAR_IA32_BNDCFGS,           23, "clear IA32_BNDCFGS")         \
	X(EXIT_CONCEAL_VMX_FROM_PT,          24, "conceal VMX from PT (exit)") \
	X(EXIT_CLEAR_IA32_RTIT_CTL,          25, "clear IA32_RTIT_CTL")        \
	X(EXIT_CLEAR_IA32_LBR_CTL,           26, "clear IA32_LBR_CTL")         \
	X(EXIT_CLEAR_UINV,                   27, "clear UINV")                 \
	X(EXIT_LOAD_CET_STATE,               28, "load CET state (exit)")      \
	X(EXIT_LOAD_PKRS,                    29, "load PKRS (exit)")           \
	X(EXIT_SAVE_IA32_PERF_GLOBAL_CTRL,   30, "save IA32_PERF_GLOBAL_CTRL") \
	X(EXIT_ACTIVATE_SECONDARY_CONTROLS,  31, "activate secondary controls (exit)")

#define ENTRY_CONTROL_LIST(X)                                                  \
	X(ENTRY_LOAD_DEBUG_CONTROLS,          2, "load debug controls")        \
	X(ENTRY_IA32E_MODE_GUEST,             9, "IA-32e mode guest")          \
	X(ENTRY_TO_SMM,                      10, "entry to SMM")               \
	X(ENTRY_DEACTIVATE_DUAL_MONITOR,     11, "deactivate dual-monitor treatment") \
	X(ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,  13, "load IA32_PERF_GLOBAL_CTRL") \
	X(ENTRY_LOAD_IA32_PAT,               14, "load IA32_PAT")              \
	X(ENTRY_LOAD_IA32_EFER,              15, "load IA32_EFER")             \
	X(ENTRY_LOAD_IA32_BNDCFGS,           16, "load IA32_BNDCFGS")          \
	X(ENTRY_CONCEAL_VMX_FROM_PT,         17, "conceal VMX from PT (entry)") \
	X(ENTRY_LOAD_IA32_RTIT_CTL,          18, "load IA32_RTIT_CTL")         \
	X(ENTRY_LOAD_UINV,                   19, "load UINV")                  \
	X(ENTRY_LOAD_CET_STATE,              20, "load CET state")             \
	X(ENTRY_LOAD_IA32_LBR_CTL,           21, "load guest IA32_LBR_CTL")    \
	X(ENTRY_LOAD_PKRS,                   22, "load PKRS")

/* The constants are masks: uint32_t values of the 32-bit control fields. */
#define X(name, bit, title) name = 1u << (bit),
enum vmx_pin_control { PIN_CONTROL_LIST(X) };
enum vmx_proc_control { PROC_CONTROL_LIST(X) };
enum vmx_proc2_control { PROC2_CONTROL_LIST(X) };
enum vmx_exit_control { EXIT_CONTROL_LIST(X) };
enum vmx_entry_control { ENTRY_CONTROL_LIST(X) };
#undef X

/* clang-format on */

/* Segment access rights as the VMCS holds them. */
#define VMCS_AR_TYPE_MASK     0xfu
#define VMCS_AR_TYPE_ACCESSED BIT(0)
#define VMCS_AR_TYPE_WRITABLE BIT(1) /* data; readable for code */
#define VMCS_AR_TYPE_CODE     BIT(3)
#define VMCS_AR_S             BIT(4) /* code or data; clear: system */
#define VMCS_AR_DPL(ar)       (((ar) >> 5) & 3)
#define VMCS_AR_DPL_SHIFT     5
#define VMCS_AR_P             BIT(7)
#define VMCS_AR_AVL           BIT(12)
#define VMCS_AR_L             BIT(13)
#define VMCS_AR_DB            BIT(14)
#define VMCS_AR_G             BIT(15)
#define VMCS_AR_UNUSABLE      BIT(16)
#define VMCS_AR_RESERVED      0xfffe0f00u

/* GUEST_INTERRUPTIBILITY_STATE */
#define GUEST_INTERRUPTIBILITY_STI      BIT(0)
#define GUEST_INTERRUPTIBILITY_MOV_SS   BIT(1)
#define GUEST_INTERRUPTIBILITY_SMI      BIT(2)
#define GUEST_INTERRUPTIBILITY_NMI      BIT(3)
#define GUEST_INTERRUPTIBILITY_ENCLAVE  BIT(4)
#define GUEST_INTERRUPTIBILITY_RESERVED 0xffffffe0u

/* GUEST_ACTIVITY_STATE */
enum guest_activity_state {
	GUEST_ACTIVITY_ACTIVE = 0,
	GUEST_ACTIVITY_HLT = 1,
	GUEST_ACTIVITY_SHUTDOWN = 2,
	GUEST_ACTIVITY_WAIT_FOR_SIPI = 3,
};

/* GUEST_PENDING_DEBUG_EXCEPTIONS */
#define PENDING_DEBUG_B_MASK             0xfull
#define PENDING_DEBUG_BUS_LOCK           BIT(11)
#define PENDING_DEBUG_ENABLED_BREAKPOINT BIT(12)
#define PENDING_DEBUG_BS                 BIT(14)
#define PENDING_DEBUG_RTM                BIT(16)

/* GUEST_INTERRUPT_STATUS: RVI in the low byte, SVI in the high one. */
#define GUEST_INTERRUPT_STATUS_RVI(s) ((s)&0xffu)
#define GUEST_INTERRUPT_STATUS_SVI(s) (((s) >> 8) & 0xffu)

/* VMCS_LINK_POINTER when there is no linked VMCS. */
#define VMCS_LINK_POINTER_NONE (~0ull)

/** vmcs_field_name() - "GUEST_CS_SELECTOR" of an encoding; "?" if unknown. */
const char *vmcs_field_name(uint32_t encoding);

/* All fields in the order of the tables above, for dumps. */
struct vmcs_field_row {
	uint32_t encoding;
	const char *name;
};
extern const struct vmcs_field_row vmcs_field_table[];
extern const uint32_t vmcs_field_count;

#endif
