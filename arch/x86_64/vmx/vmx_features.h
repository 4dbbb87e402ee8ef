/*
 * vmx_features.h - the whole policy of what we want from VT-x, as one table.
 *
 * A row: X(NAME, need, switch, "title", "text", requirements...)
 *   need     VMX_REQUIRED: without it the machine is refused; text = remedy.
 *            VMX_OPTIONAL: used where it is; text = what its absence costs.
 *   switch   of hv/backend.h, to leave it unused; "" if there is none
 *   requirements: designators of struct vmx_requirement. A row is present if
 *            all of them hold; its control bits are then set in the plan.
 *
 * Rows stand after the rows they are based on. See hostile-input rule "a plan
 * never enables what is absent": test_vmx_caps.c proves it over combinations.
 */
#ifndef VMX_FEATURES_H
#define VMX_FEATURES_H

#include "ept_format.h"
#include "vmcs.h"

enum vmx_need { VMX_REQUIRED, VMX_OPTIONAL };

/* What one feature takes: each nonzero member has to be offered by the CPU. */
struct vmx_requirement {
	uint32_t pin; /* controls that can be 1 (and will be) */
	uint32_t proc;
	uint32_t proc2;
	uint32_t exit;
	uint32_t entry;
	uint32_t entry_allowed; /* can be 1; set per entry, not in the plan */
	uint32_t proc_clear;    /* primary controls that can be 0 */
	uint32_t pin_clear;     /* pin-based controls that can be 0 */
	uint64_t ept_vpid;      /* all of these bits in IA32_VMX_EPT_VPID_CAP */
	uint64_t ept_vpid_any;  /* at least one of these */
	uint64_t misc;          /* all of these bits in IA32_VMX_MISC */
	uint32_t cpuid;         /* enum vmx_cpuid_flag mask */
	uint64_t base;          /* VMX_FEATURE_MASK()s that must be present */
	uint64_t unless;        /* the row does not apply if this is present */
};

/* CPUID bits that belong to a control. */
enum vmx_cpuid_flag {
	VMX_CPUID_RDTSCP = 1u << 0,
	VMX_CPUID_INVPCID = 1u << 1,
	VMX_CPUID_XSAVES = 1u << 2,
	VMX_CPUID_X2APIC = 1u << 3,
};

#define VMX_FEATURE_MASK(name) BIT(VMX_FEATURE_##name)
#define VMX_MISC_HLT_STATE     BIT(6)

/* clang-format off */
#define VMX_FEATURE_LIST(X)                                                    \
	X(EXTERNAL_INTERRUPT_EXITING, VMX_REQUIRED, "",                        \
	  "external-interrupt exiting",                                        \
	  "without it a guest takes the machine's interrupts",                 \
	  .pin = PIN_EXTERNAL_INTERRUPT_EXITING)                               \
	X(NMI_EXITING, VMX_REQUIRED, "", "NMI exiting",                        \
	  "without it a guest takes the machine's NMIs",                       \
	  .pin = PIN_NMI_EXITING)                                              \
	X(VIRTUAL_NMIS, VMX_REQUIRED, "", "virtual NMIs",                      \
	  "needed to inject NMIs: Core 2 or newer",                            \
	  .pin = PIN_VIRTUAL_NMIS)                                             \
	X(HLT_EXITING, VMX_REQUIRED, "", "HLT exiting",                        \
	  "without it an idle guest keeps the CPU",                            \
	  .proc = PROC_HLT_EXITING)                                            \
	X(TSC_OFFSETTING, VMX_REQUIRED, "", "use TSC offsetting",              \
	  "without it guests see the machine's own clock",                     \
	  .proc = PROC_USE_TSC_OFFSETTING)                                     \
	X(MSR_BITMAPS, VMX_REQUIRED, "", "use MSR bitmaps",                    \
	  "without it each MSR access exits: not supported",                   \
	  .proc = PROC_USE_MSR_BITMAPS)                                        \
	X(IO_EXITING, VMX_REQUIRED, "", "unconditional I/O exiting",           \
	  "without it a guest reaches the machine's ports",                    \
	  .proc = PROC_UNCONDITIONAL_IO_EXITING)                               \
	X(MWAIT_EXITING, VMX_REQUIRED, "", "MWAIT and MONITOR exiting",        \
	  "without it an idle guest keeps the CPU",                            \
	  .proc = PROC_MWAIT_EXITING | PROC_MONITOR_EXITING)                   \
	X(RDPMC_EXITING, VMX_REQUIRED, "", "RDPMC exiting",                    \
	  "without it guests read the machine's counters",                     \
	  .proc = PROC_RDPMC_EXITING)                                          \
	X(CR3_EXITING_OFF, VMX_REQUIRED, "",                                   \
	  "CR3-load, CR3-store and INVLPG exiting can be off",                 \
	  "needs the TRUE capability MSRs: Nehalem or newer",                  \
	  .proc_clear = PROC_CR3_LOAD_EXITING | PROC_CR3_STORE_EXITING |       \
			PROC_INVLPG_EXITING)                                   \
	X(SECONDARY_CONTROLS, VMX_REQUIRED, "",                                \
	  "activate secondary controls",                                       \
	  "needs EPT: Nehalem or newer (nested: let the outer one offer it)",  \
	  .proc = PROC_ACTIVATE_SECONDARY_CONTROLS)                            \
	X(EPT, VMX_REQUIRED, "", "enable EPT",                                 \
	  "needs EPT: Nehalem or newer (nested: let the outer one offer it)",  \
	  .proc2 = PROC2_ENABLE_EPT,                                           \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))                        \
	X(EPT_WALK_4, VMX_REQUIRED, "", "EPT page walks of length 4",          \
	  "needs EPT with four levels: Nehalem or newer",                      \
	  .ept_vpid = EPT_CAP_WALK_4)                                          \
	X(EPT_WB, VMX_REQUIRED, "", "write-back EPT structures",               \
	  "needs EPT tables in write-back memory: Nehalem or newer",           \
	  .ept_vpid = EPT_CAP_WB)                                              \
	X(INVEPT, VMX_REQUIRED, "", "INVEPT",                                  \
	  "needs INVEPT, single-context or all-contexts: Nehalem or newer",    \
	  .ept_vpid = EPT_CAP_INVEPT,                                          \
	  .ept_vpid_any = EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL)          \
	X(UNRESTRICTED_GUEST, VMX_REQUIRED, "", "unrestricted guest",          \
	  "needs unrestricted guest: Westmere or newer",                       \
	  .proc2 = PROC2_UNRESTRICTED_GUEST, .base = VMX_FEATURE_MASK(EPT))    \
	X(WBINVD_EXITING, VMX_REQUIRED, "", "WBINVD exiting",                  \
	  "without it a guest flushes the caches of all",                      \
	  .proc2 = PROC2_WBINVD_EXITING,                                       \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))                        \
	X(HOST_64, VMX_REQUIRED, "", "host address-space size",                \
	  "needs a 64-bit CPU",                                                \
	  .exit = EXIT_HOST_ADDRESS_SPACE_SIZE)                                \
	X(ACKNOWLEDGE_INTERRUPT, VMX_REQUIRED, "",                             \
	  "acknowledge interrupt on exit",                                     \
	  "without it interrupts cannot be told apart on exit",                \
	  .exit = EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT)                          \
	X(SWITCH_EFER, VMX_REQUIRED, "",                                       \
	  "save and load IA32_EFER on exit and entry",                         \
	  "needs Nehalem or newer",                                            \
	  .exit = EXIT_SAVE_IA32_EFER | EXIT_LOAD_IA32_EFER,                   \
	  .entry = ENTRY_LOAD_IA32_EFER)                                       \
	X(SWITCH_PAT, VMX_REQUIRED, "",                                        \
	  "save and load IA32_PAT on exit and entry",                          \
	  "needs Nehalem or newer",                                            \
	  .exit = EXIT_SAVE_IA32_PAT | EXIT_LOAD_IA32_PAT,                     \
	  .entry = ENTRY_LOAD_IA32_PAT)                                        \
	X(DEBUG_CONTROLS, VMX_REQUIRED, "",                                    \
	  "save and load debug controls",                                      \
	  "the CPU reports contradictory capabilities: update its microcode",  \
	  .exit = EXIT_SAVE_DEBUG_CONTROLS,                                    \
	  .entry = ENTRY_LOAD_DEBUG_CONTROLS)                                  \
	X(IA32E_GUEST, VMX_REQUIRED, "", "IA-32e mode guest",                  \
	  "needs a 64-bit CPU",                                                \
	  .entry_allowed = ENTRY_IA32E_MODE_GUEST)                             \
	X(PREEMPTION_TIMER, VMX_OPTIONAL, "preemption_timer",                  \
	  "activate VMX-preemption timer",                                     \
	  "a guest with interrupts off is preempted by the host timer only",   \
	  .pin = PIN_ACTIVATE_VMX_PREEMPTION_TIMER)                            \
	X(SAVE_PREEMPTION_TIMER, VMX_OPTIONAL, "preemption_timer",             \
	  "save VMX-preemption timer value",                                   \
	  "the slice's rest is written at each entry",                         \
	  .exit = EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE,                        \
	  .base = VMX_FEATURE_MASK(PREEMPTION_TIMER))                          \
	X(VPID, VMX_OPTIONAL, "vpid", "enable VPID",                           \
	  "the TLB is flushed at each entry and exit",                         \
	  .proc2 = PROC2_ENABLE_VPID, .ept_vpid = VPID_CAP_INVVPID,            \
	  .ept_vpid_any = VPID_CAP_SINGLE | VPID_CAP_ALL,                      \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))                        \
	X(EPT_2M, VMX_OPTIONAL, "ept_2m", "EPT pages of 2 MiB",                \
	  "guest memory is mapped in 4 KiB pages: more memory, more misses",   \
	  .ept_vpid = EPT_CAP_2M)                                              \
	X(EPT_1G, VMX_OPTIONAL, "ept_1g", "EPT pages of 1 GiB",                \
	  "guest memory is mapped in 2 MiB pages at most",                     \
	  .ept_vpid = EPT_CAP_1G)                                              \
	X(EPT_AD, VMX_OPTIONAL, "ept_ad", "EPT accessed and dirty flags",      \
	  "the VMM cannot see which pages a guest uses",                       \
	  .ept_vpid = EPT_CAP_AD)                                              \
	X(TPR_SHADOW, VMX_OPTIONAL, "tpr_shadow", "use TPR shadow",            \
	  "MOV CR8 exits",                                                     \
	  .proc = PROC_USE_TPR_SHADOW)                                         \
	X(CR8_EXITING, VMX_REQUIRED, "", "CR8-load and CR8-store exiting",     \
	  "without it and the TPR shadow a guest moves the machine's TPR",     \
	  .proc = PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING,              \
	  .unless = VMX_FEATURE_MASK(TPR_SHADOW))                              \
	X(APICV, VMX_OPTIONAL, "apicv",                                        \
	  "APICv (virtualize x2APIC mode, APIC-register virtualization, "      \
	  "virtual-interrupt delivery)",                                       \
	  "EOI, self-IPI and interrupt delivery exit",                         \
	  .proc2 = PROC2_VIRTUALIZE_X2APIC_MODE |                              \
		   PROC2_APIC_REGISTER_VIRTUALIZATION |                        \
		   PROC2_VIRTUAL_INTERRUPT_DELIVERY,                           \
	  .cpuid = VMX_CPUID_X2APIC,                                           \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS) |                       \
		  VMX_FEATURE_MASK(EXTERNAL_INTERRUPT_EXITING) |               \
		  VMX_FEATURE_MASK(TPR_SHADOW))                                \
	X(DIRECT_APIC, VMX_OPTIONAL, "direct_apic",                            \
	  "the CPU's own local APIC for a vCPU that is alone on it",           \
	  "a guest's timer costs two exits a tick",                            \
	  .pin_clear = PIN_EXTERNAL_INTERRUPT_EXITING,                         \
	  .proc_clear = PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING,        \
	  .cpuid = VMX_CPUID_X2APIC,                                           \
	  .base = VMX_FEATURE_MASK(SAVE_PREEMPTION_TIMER))                     \
	X(TSC_SCALING, VMX_OPTIONAL, "tsc_scaling", "use TSC scaling",         \
	  "guests see the machine's own TSC frequency",                        \
	  .proc2 = PROC2_USE_TSC_SCALING,                                      \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS) |                       \
		  VMX_FEATURE_MASK(TSC_OFFSETTING))                            \
	X(RDTSCP, VMX_OPTIONAL, "rdtscp", "enable RDTSCP",                     \
	  "RDTSCP is hidden from guests",                                      \
	  .proc2 = PROC2_ENABLE_RDTSCP, .cpuid = VMX_CPUID_RDTSCP,             \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))                        \
	X(INVPCID, VMX_OPTIONAL, "invpcid", "enable INVPCID",                  \
	  "INVPCID is hidden from guests",                                     \
	  .proc2 = PROC2_ENABLE_INVPCID, .cpuid = VMX_CPUID_INVPCID,           \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))                        \
	X(XSAVES, VMX_OPTIONAL, "xsaves", "enable XSAVES/XRSTORS",             \
	  "XSAVES is hidden from guests",                                      \
	  .proc2 = PROC2_ENABLE_XSAVES, .cpuid = VMX_CPUID_XSAVES,             \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))                        \
	X(HLT_STATE, VMX_OPTIONAL, "", "HLT activity state",                   \
	  "halted vCPUs are parked by the scheduler only",                     \
	  .misc = VMX_MISC_HLT_STATE)                                          \
	X(PLE, VMX_OPTIONAL, "ple", "PAUSE-loop exiting",                    \
	  "spinning vCPUs use up their slice",                                 \
	  .proc2 = PROC2_PAUSE_LOOP_EXITING,                                   \
	  .base = VMX_FEATURE_MASK(SECONDARY_CONTROLS))

/* clang-format on */

enum vmx_feature {
#define X(name, ...) VMX_FEATURE_##name,
	VMX_FEATURE_LIST(X)
#undef X
		VMX_FEATURE_COUNT
};

#endif
