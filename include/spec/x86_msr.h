/*
 * x86_msr.h - model-specific registers by the names of SDM vol. 4.
 *
 * Numbers only, so that device models, policy tables and arch/ share one list.
 * Bits of a register stand right below its number.
 */
#ifndef SPEC_X86_MSR_H
#define SPEC_X86_MSR_H

/* clang-format off */

/* Architectural, low range */
#define MSR_IA32_TIME_STAMP_COUNTER      0x010u
#define MSR_IA32_PLATFORM_ID             0x017u
#define MSR_IA32_APIC_BASE               0x01Bu
#define   APIC_BASE_BSP                  (1ull << 8)
#define   APIC_BASE_X2APIC               (1ull << 10)
#define   APIC_BASE_ENABLE               (1ull << 11)
#define MSR_IA32_FEATURE_CONTROL         0x03Au
#define   FEATURE_CONTROL_LOCK           (1ull << 0)
#define   FEATURE_CONTROL_VMX_IN_SMX     (1ull << 1)
#define   FEATURE_CONTROL_VMX            (1ull << 2)
#define MSR_IA32_TSC_ADJUST              0x03Bu
#define MSR_IA32_SPEC_CTRL               0x048u
#define   SPEC_CTRL_IBRS                 (1ull << 0)
#define   SPEC_CTRL_STIBP                (1ull << 1)
#define   SPEC_CTRL_SSBD                 (1ull << 2)
#define   SPEC_CTRL_BHI_DIS_S            (1ull << 10)
#define MSR_IA32_PRED_CMD                0x049u
#define   PRED_CMD_IBPB                  (1ull << 0)
#define MSR_IA32_BIOS_UPDT_TRIG          0x079u
#define MSR_IA32_BIOS_SIGN_ID            0x08Bu
#define MSR_PLATFORM_INFO                0x0CEu
#define MSR_IA32_MTRRCAP                 0x0FEu
#define MSR_IA32_ARCH_CAPABILITIES       0x10Au
#define   ARCH_CAP_RDCL_NO               (1ull << 0)
#define   ARCH_CAP_IBRS_ALL              (1ull << 1)
#define   ARCH_CAP_SKIP_L1DFL            (1ull << 3)
#define   ARCH_CAP_SSB_NO                (1ull << 4)
#define   ARCH_CAP_MDS_NO                (1ull << 5)
#define   ARCH_CAP_IF_PSCHANGE_MC_NO     (1ull << 6)
#define   ARCH_CAP_TSX_CTRL              (1ull << 7)
#define   ARCH_CAP_TAA_NO                (1ull << 8)
#define   ARCH_CAP_SBDR_SSDP_NO          (1ull << 13)
#define   ARCH_CAP_FBSDP_NO              (1ull << 14)
#define   ARCH_CAP_PSDP_NO               (1ull << 15)
#define   ARCH_CAP_FB_CLEAR              (1ull << 17)
#define   ARCH_CAP_BHI_NO                (1ull << 20)
#define   ARCH_CAP_PBRSB_NO              (1ull << 24)
#define   ARCH_CAP_GDS_CTRL              (1ull << 25)
#define   ARCH_CAP_GDS_NO                (1ull << 26)
#define   ARCH_CAP_RFDS_NO               (1ull << 27)
#define   ARCH_CAP_RFDS_CLEAR            (1ull << 28)
#define MSR_IA32_FLUSH_CMD               0x10Bu
#define   FLUSH_CMD_L1D                  (1ull << 0)
#define MSR_IA32_TSX_CTRL                0x122u
#define   TSX_CTRL_RTM_DISABLE           (1ull << 0)
#define   TSX_CTRL_CPUID_CLEAR           (1ull << 1)
#define MSR_IA32_SYSENTER_CS             0x174u
#define MSR_IA32_SYSENTER_ESP            0x175u
#define MSR_IA32_SYSENTER_EIP            0x176u
#define MSR_IA32_MCG_CAP                 0x179u
#define MSR_IA32_PERFEVTSEL0             0x186u
#define MSR_IA32_CLOCK_MODULATION        0x19Au
#define MSR_IA32_MISC_ENABLE             0x1A0u
#define   MISC_ENABLE_FAST_STRINGS       (1ull << 0)
#define   MISC_ENABLE_BTS_UNAVAILABLE    (1ull << 11)
#define   MISC_ENABLE_PEBS_UNAVAILABLE   (1ull << 12)
#define MSR_IA32_XFD                     0x1C4u
#define MSR_IA32_DEBUGCTL                0x1D9u
#define   DEBUGCTL_LBR                   (1ull << 0)
#define   DEBUGCTL_BTF                   (1ull << 1)
#define MSR_IA32_SMRR_PHYSBASE           0x1F2u
#define MSR_IA32_MTRR_PHYSBASE0          0x200u
#define MSR_IA32_MTRR_PHYSMASK7          0x20Fu
#define MSR_IA32_MTRR_FIX64K_00000       0x250u
#define MSR_IA32_MTRR_FIX16K_80000       0x258u
#define MSR_IA32_MTRR_FIX16K_A0000       0x259u
#define MSR_IA32_MTRR_FIX4K_C0000        0x268u
#define MSR_IA32_MTRR_FIX4K_F8000        0x26Fu
#define MSR_IA32_PAT                     0x277u
#define   PAT_RESET_VALUE                0x0007040600070406ull
#define MSR_IA32_MTRR_DEF_TYPE           0x2FFu
#define MSR_IA32_PERF_GLOBAL_CTRL        0x38Fu
#define MSR_IA32_PEBS_ENABLE             0x3F1u
#define MSR_IA32_MC0_CTL                 0x400u
#define MSR_IA32_MC0_STATUS              0x401u

/* VMX capability reporting: SDM vol. 3, "VMX Capability Reporting Facility" */
#define MSR_IA32_VMX_BASIC               0x480u
#define MSR_IA32_VMX_PINBASED_CTLS       0x481u
#define MSR_IA32_VMX_PROCBASED_CTLS      0x482u
#define MSR_IA32_VMX_EXIT_CTLS           0x483u
#define MSR_IA32_VMX_ENTRY_CTLS          0x484u
#define MSR_IA32_VMX_MISC                0x485u
#define MSR_IA32_VMX_CR0_FIXED0          0x486u
#define MSR_IA32_VMX_CR0_FIXED1          0x487u
#define MSR_IA32_VMX_CR4_FIXED0          0x488u
#define MSR_IA32_VMX_CR4_FIXED1          0x489u
#define MSR_IA32_VMX_VMCS_ENUM           0x48Au
#define MSR_IA32_VMX_PROCBASED_CTLS2     0x48Bu
#define MSR_IA32_VMX_EPT_VPID_CAP        0x48Cu
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS  0x48Du
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x48Eu
#define MSR_IA32_VMX_TRUE_EXIT_CTLS      0x48Fu
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS     0x490u
#define MSR_IA32_VMX_VMFUNC              0x491u
#define MSR_IA32_VMX_EXIT_CTLS2          0x493u

#define MSR_IA32_RTIT_CTL                0x570u
#define MSR_IA32_DS_AREA                 0x600u
#define MSR_RAPL_POWER_UNIT              0x606u
#define MSR_PKG_POWER_LIMIT              0x610u
#define MSR_IA32_TSC_DEADLINE            0x6E0u
#define MSR_IA32_PM_ENABLE               0x770u

/* x2APIC: MSR = 0x800 + (offset in the register page >> 4) */
#define MSR_IA32_X2APIC_BASE             0x800u
#define MSR_IA32_X2APIC_APICID           0x802u
#define MSR_IA32_X2APIC_VERSION          0x803u
#define MSR_IA32_X2APIC_TPR              0x808u
#define MSR_IA32_X2APIC_PPR              0x80Au
#define MSR_IA32_X2APIC_EOI              0x80Bu
#define MSR_IA32_X2APIC_LDR              0x80Du
#define MSR_IA32_X2APIC_SIVR             0x80Fu
#define MSR_IA32_X2APIC_ISR0             0x810u
#define MSR_IA32_X2APIC_IRR0             0x820u
#define MSR_IA32_X2APIC_ESR              0x828u
#define MSR_IA32_X2APIC_LVT_CMCI         0x82Fu
#define MSR_IA32_X2APIC_ICR              0x830u
#define MSR_IA32_X2APIC_LVT_TIMER        0x832u
#define MSR_IA32_X2APIC_LVT_THERMAL      0x833u
#define MSR_IA32_X2APIC_LVT_PMI          0x834u
#define MSR_IA32_X2APIC_LVT_LINT0        0x835u
#define MSR_IA32_X2APIC_LVT_LINT1        0x836u
#define MSR_IA32_X2APIC_LVT_ERROR        0x837u
#define MSR_IA32_X2APIC_INIT_COUNT       0x838u
#define MSR_IA32_X2APIC_CUR_COUNT        0x839u
#define MSR_IA32_X2APIC_DIV_CONF         0x83Eu
#define MSR_IA32_X2APIC_SELF_IPI         0x83Fu
#define MSR_IA32_X2APIC_LAST             0x8FFu

#define MSR_IA32_XSS                     0xDA0u

/* High range */
#define MSR_IA32_EFER                    0xC0000080u
#define   EFER_SCE                       (1ull << 0)
#define   EFER_LME                       (1ull << 8)
#define   EFER_LMA                       (1ull << 10)
#define   EFER_NXE                       (1ull << 11)
#define   EFER_SVME                      (1ull << 12) /* AMD */
#define   EFER_AIBRSE                    (1ull << 21) /* AMD */
#define MSR_IA32_STAR                    0xC0000081u
#define MSR_IA32_LSTAR                   0xC0000082u
#define MSR_IA32_CSTAR                   0xC0000083u
#define MSR_IA32_FMASK                   0xC0000084u
#define MSR_IA32_FS_BASE                 0xC0000100u
#define MSR_IA32_GS_BASE                 0xC0000101u
#define MSR_IA32_KERNEL_GS_BASE          0xC0000102u
#define MSR_IA32_TSC_AUX                 0xC0000103u

/* AMD (APM vol. 2), met by kernels that run on AMD models */
#define MSR_AMD_PERF_EVT_SEL_0           0xC0010000u
#define MSR_AMD_PERF_CTR_3               0xC0010007u
#define MSR_AMD_SYSCFG                   0xC0010010u
#define MSR_AMD_HWCR                     0xC0010015u
#define   HWCR_TSC_FREQ_SEL              (1ull << 24)
#define MSR_AMD_NB_CFG                   0xC001001Fu
#define MSR_AMD_INTERRUPT_PENDING        0xC0010055u
#define MSR_AMD_VM_CR                    0xC0010114u
#define MSR_AMD_VM_HSAVE_PA              0xC0010117u

/* clang-format on */

#endif
