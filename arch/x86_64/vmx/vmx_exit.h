/*
 * vmx_exit.h - what VT-x tells about an exit, and what it takes for an entry.
 *
 * Basic exit reasons (SDM vol. 3, "VMX Basic Exit Reasons"), the exit
 * qualifications that we decode ("Basic VM-Exit Information"), the event words
 * ("Information for VM Exits Due to Vectored Events", "VM-Entry Controls for
 * Event Injection") and the VM-instruction error numbers ("VM Instruction
 * Error Numbers"). Names are the manual's.
 */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include <hv/event_word.h>

/* clang-format off */
#define VMX_EXIT_REASON_LIST(X)                                                \
	X(EXCEPTION_OR_NMI,              0, "exception or NMI")                \
	X(EXTERNAL_INTERRUPT,            1, "external interrupt")              \
	X(TRIPLE_FAULT,                  2, "triple fault")                    \
	X(INIT_SIGNAL,                   3, "INIT signal")                     \
	X(SIPI,                          4, "start-up IPI")                    \
	X(IO_SMI,                        5, "I/O SMI")                         \
	X(OTHER_SMI,                     6, "other SMI")                       \
	X(INTERRUPT_WINDOW,              7, "interrupt window")                \
	X(NMI_WINDOW,                    8, "NMI window")                      \
	X(TASK_SWITCH,                   9, "task switch")                     \
	X(CPUID,                        10, "CPUID")                           \
	X(GETSEC,                       11, "GETSEC")                          \
	X(HLT,                          12, "HLT")                             \
	X(INVD,                         13, "INVD")                            \
	X(INVLPG,                       14, "INVLPG")                          \
	X(RDPMC,                        15, "RDPMC")                           \
	X(RDTSC,                        16, "RDTSC")                           \
	X(RSM,                          17, "RSM")                             \
	X(VMCALL,                       18, "VMCALL")                          \
	X(VMCLEAR,                      19, "VMCLEAR")                         \
	X(VMLAUNCH,                     20, "VMLAUNCH")                        \
	X(VMPTRLD,                      21, "VMPTRLD")                         \
	X(VMPTRST,                      22, "VMPTRST")                         \
	X(VMREAD,                       23, "VMREAD")                          \
	X(VMRESUME,                     24, "VMRESUME")                        \
	X(VMWRITE,                      25, "VMWRITE")                         \
	X(VMXOFF,                       26, "VMXOFF")                          \
	X(VMXON,                        27, "VMXON")                           \
	X(CONTROL_REGISTER_ACCESSES,    28, "control-register accesses")       \
	X(MOV_DR,                       29, "MOV DR")                          \
	X(IO_INSTRUCTION,               30, "I/O instruction")                 \
	X(RDMSR,                        31, "RDMSR")                           \
	X(WRMSR,                        32, "WRMSR")                           \
	X(ENTRY_FAILURE_GUEST_STATE,    33, "VM-entry failure: invalid guest state") \
	X(ENTRY_FAILURE_MSR_LOADING,    34, "VM-entry failure: MSR loading")   \
	X(MWAIT,                        36, "MWAIT")                           \
	X(MONITOR_TRAP_FLAG,            37, "monitor trap flag")               \
	X(MONITOR,                      39, "MONITOR")                         \
	X(PAUSE,                        40, "PAUSE")                           \
	X(ENTRY_FAILURE_MACHINE_CHECK,  41, "VM-entry failure: machine-check event") \
	X(TPR_BELOW_THRESHOLD,          43, "TPR below threshold")             \
	X(APIC_ACCESS,                  44, "APIC access")                     \
	X(VIRTUALIZED_EOI,              45, "virtualized EOI")                 \
	X(ACCESS_TO_GDTR_OR_IDTR,       46, "access to GDTR or IDTR")          \
	X(ACCESS_TO_LDTR_OR_TR,         47, "access to LDTR or TR")            \
	X(EPT_VIOLATION,                48, "EPT violation")                   \
	X(EPT_MISCONFIGURATION,         49, "EPT misconfiguration")            \
	X(INVEPT,                       50, "INVEPT")                          \
	X(RDTSCP,                       51, "RDTSCP")                          \
	X(VMX_PREEMPTION_TIMER_EXPIRED, 52, "VMX-preemption timer expired")    \
	X(INVVPID,                      53, "INVVPID")                         \
	X(WBINVD_OR_WBNOINVD,           54, "WBINVD or WBNOINVD")              \
	X(XSETBV,                       55, "XSETBV")                          \
	X(APIC_WRITE,                   56, "APIC write")                      \
	X(RDRAND,                       57, "RDRAND")                          \
	X(INVPCID,                      58, "INVPCID")                         \
	X(VMFUNC,                       59, "VMFUNC")                          \
	X(ENCLS,                        60, "ENCLS")                           \
	X(RDSEED,                       61, "RDSEED")                          \
	X(PAGE_MODIFICATION_LOG_FULL,   62, "page-modification log full")      \
	X(XSAVES,                       63, "XSAVES")                          \
	X(XRSTORS,                      64, "XRSTORS")                         \
	X(PCONFIG,                      65, "PCONFIG")                         \
	X(SPP_RELATED_EVENT,            66, "SPP-related event")               \
	X(UMWAIT,                       67, "UMWAIT")                          \
	X(TPAUSE,                       68, "TPAUSE")                          \
	X(LOADIWKEY,                    69, "LOADIWKEY")                       \
	X(ENCLV,                        70, "ENCLV")                           \
	X(ENQCMD_PASID_TRANSLATION_FAILURE,  72, "ENQCMD PASID translation failure") \
	X(ENQCMDS_PASID_TRANSLATION_FAILURE, 73, "ENQCMDS PASID translation failure") \
	X(BUS_LOCK,                     74, "bus lock")                        \
	X(INSTRUCTION_TIMEOUT,          75, "instruction timeout")             \
	X(SEAMCALL,                     76, "SEAMCALL")                        \
	X(TDCALL,                       77, "TDCALL")                          \
	X(RDMSRLIST,                    78, "RDMSRLIST")                       \
	X(WRMSRLIST,                    79, "WRMSRLIST")

enum vmx_exit_reason {
#define X(name, number, text) EXIT_REASON_##name = (number),
	VMX_EXIT_REASON_LIST(X)
#undef X
	EXIT_REASON_COUNT = 80
};

/* VMCS_EXIT_REASON: the basic reason and what is beside it. */
#define EXIT_REASON_BASIC(r)            ((r) & 0xffffu)
#define EXIT_REASON_BUS_LOCK_FLAG       BIT(26)
#define EXIT_REASON_ENCLAVE_MODE        BIT(27)
#define EXIT_REASON_PENDING_MTF         BIT(28)
#define EXIT_REASON_FROM_ROOT           BIT(29)
#define EXIT_REASON_ENTRY_FAILURE       BIT(31)

/* Exit qualification of a control-register access. */
#define CR_ACCESS_NUMBER(q)             ((uint32_t)(q) & 0xf)
#define CR_ACCESS_TYPE(q)               ((uint32_t)((q) >> 4) & 3)
#define CR_ACCESS_LMSW_MEMORY(q)        (((q) >> 6) & 1)
#define CR_ACCESS_REGISTER(q)           ((uint32_t)((q) >> 8) & 0xf)
#define CR_ACCESS_LMSW_SOURCE(q)        ((uint32_t)((q) >> 16) & 0xffff)
enum cr_access_type { CR_ACCESS_MOV_TO_CR, CR_ACCESS_MOV_FROM_CR,
		      CR_ACCESS_CLTS, CR_ACCESS_LMSW };

/* Exit qualification of MOV DR. */
#define MOV_DR_NUMBER(q)                ((uint32_t)(q) & 7)
#define MOV_DR_FROM(q)                  (((q) >> 4) & 1) /* 1: MOV from DR */
#define MOV_DR_REGISTER(q)              ((uint32_t)((q) >> 8) & 0xf)

/* Exit qualification of an I/O instruction. */
#define IO_SIZE(q)                      (((uint32_t)(q) & 7) + 1) /* 1, 2, 4 */
#define IO_IS_IN(q)                     (((q) >> 3) & 1)
#define IO_IS_STRING(q)                 (((q) >> 4) & 1)
#define IO_IS_REP(q)                    (((q) >> 5) & 1)
#define IO_IS_IMMEDIATE(q)              (((q) >> 6) & 1)
#define IO_PORT(q)                      ((uint32_t)((q) >> 16) & 0xffff)

/* Instruction information of INS and OUTS. */
#define STRING_ADDRESS_SIZE(i)          (2u << (((i) >> 7) & 3)) /* bytes */
#define STRING_SEGMENT(i)               (((i) >> 15) & 7) /* OUTS only */

/* Exit qualification of an EPT violation. */
#define EPT_VIOLATION_READ              BIT(0)
#define EPT_VIOLATION_WRITE             BIT(1)
#define EPT_VIOLATION_FETCH             BIT(2)
#define EPT_VIOLATION_READABLE          BIT(3)
#define EPT_VIOLATION_WRITABLE          BIT(4)
#define EPT_VIOLATION_EXECUTABLE        BIT(5)
#define EPT_VIOLATION_USER_EXECUTABLE   BIT(6)
#define EPT_VIOLATION_LINEAR_VALID      BIT(7)
#define EPT_VIOLATION_TRANSLATION       BIT(8) /* clear: in the page walk */
#define EPT_VIOLATION_USER              BIT(9)
#define EPT_VIOLATION_READ_WRITE_PAGE   BIT(10)
#define EPT_VIOLATION_XD                BIT(11)
#define EPT_VIOLATION_NMI_UNBLOCKING    BIT(12)
#define EPT_VIOLATION_SHADOW_STACK      BIT(13)

/* Exit qualification of a #DB (as DR6, "set" meaning "happened"). */
#define DEBUG_QUALIFICATION_B_MASK      0xfull
#define DEBUG_QUALIFICATION_BUS_LOCK    BIT(11)
#define DEBUG_QUALIFICATION_BD          BIT(13)
#define DEBUG_QUALIFICATION_BS          BIT(14)
#define DEBUG_QUALIFICATION_RTM         BIT(16)

/* Exit qualification of a task switch. */
#define TASK_SWITCH_SELECTOR(q)         ((uint32_t)(q) & 0xffff)
#define TASK_SWITCH_SOURCE(q)           ((uint32_t)((q) >> 30) & 3)

/* Exit qualification of an APIC access. */
#define APIC_ACCESS_OFFSET(q)           ((uint32_t)(q) & 0xfff)
#define APIC_ACCESS_TYPE(q)             ((uint32_t)((q) >> 12) & 0xf)

/* Exit qualification of an entry failure for invalid guest state. */
#define ENTRY_FAIL_PDPTE                2
#define ENTRY_FAIL_NMI                  3
#define ENTRY_FAIL_VMCS_LINK_POINTER    4

/*
 * Event words: VM-entry interruption information, VM-exit interruption
 * information and IDT-vectoring information share the format of event_word.h.
 */
#define EVENT_NMI_UNBLOCKING            BIT(12) /* exits only */
#define EVENT_ENTRY_RESERVED            0x7ffff000u

/* VM-instruction error numbers. */
#define VMX_INSTRUCTION_ERROR_LIST(X)                                          \
	X( 1, "VMCALL executed in VMX root operation")                         \
	X( 2, "VMCLEAR with invalid physical address")                         \
	X( 3, "VMCLEAR with VMXON pointer")                                    \
	X( 4, "VMLAUNCH with non-clear VMCS")                                  \
	X( 5, "VMRESUME with non-launched VMCS")                               \
	X( 6, "VMRESUME after VMXOFF (VMXOFF and VMXON between VMLAUNCH and VMRESUME)") \
	X( 7, "VM entry with invalid control field(s)")                        \
	X( 8, "VM entry with invalid host-state field(s)")                     \
	X( 9, "VMPTRLD with invalid physical address")                         \
	X(10, "VMPTRLD with VMXON pointer")                                    \
	X(11, "VMPTRLD with incorrect VMCS revision identifier")               \
	X(12, "VMREAD/VMWRITE from/to unsupported VMCS component")             \
	X(13, "VMWRITE to read-only VMCS component")                           \
	X(15, "VMXON executed in VMX root operation")                          \
	X(16, "VM entry with invalid executive-VMCS pointer")                  \
	X(17, "VM entry with non-launched executive VMCS")                     \
	X(18, "VM entry with executive-VMCS pointer not VMXON pointer")        \
	X(19, "VMCALL with non-clear VMCS")                                    \
	X(20, "VMCALL with invalid VM-exit control fields")                    \
	X(22, "VMCALL with incorrect MSEG revision identifier")                \
	X(23, "VMXOFF under dual-monitor treatment of SMIs and SMM")           \
	X(24, "VMCALL with invalid SMM-monitor features")                      \
	X(25, "VM entry with invalid VM-execution control fields in executive VMCS") \
	X(26, "VM entry with events blocked by MOV SS")                        \
	X(28, "invalid operand to INVEPT/INVVPID")

/* clang-format on */

/** vmx_exit_reason_name() - "EPT violation"; "?" for an unknown number. */
const char *vmx_exit_reason_name(uint32_t basic_reason);
/** vmx_instruction_error_text() - a VM-instruction error in words. */
const char *vmx_instruction_error_text(uint32_t error);

#endif
