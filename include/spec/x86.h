/*
 * x86.h - control registers, flags, vectors, XCR0 and CPUID bits.
 *
 * Names are those of SDM vol. 2 ("CPUID") and vol. 3 ("Control Registers").
 * MSR numbers live in x86_msr.h.
 */
#ifndef SPEC_X86_H
#define SPEC_X86_H

/* clang-format off */

/* CR0 */
#define CR0_PE              (1ull << 0)
#define CR0_ET              (1ull << 4)
#define CR0_NE              (1ull << 5)
#define CR0_WP              (1ull << 16)
#define CR0_NW              (1ull << 29)
#define CR0_CD              (1ull << 30)
#define CR0_PG              (1ull << 31)

/* CR4 */
#define CR4_VME             (1ull << 0)
#define CR4_PVI             (1ull << 1)
#define CR4_TSD             (1ull << 2)
#define CR4_DE              (1ull << 3)
#define CR4_PSE             (1ull << 4)
#define CR4_PAE             (1ull << 5)
#define CR4_MCE             (1ull << 6)
#define CR4_PGE             (1ull << 7)
#define CR4_PCE             (1ull << 8)
#define CR4_OSFXSR          (1ull << 9)
#define CR4_OSXMMEXCPT      (1ull << 10)
#define CR4_UMIP            (1ull << 11)
#define CR4_LA57            (1ull << 12)
#define CR4_VMXE            (1ull << 13)
#define CR4_SMXE            (1ull << 14)
#define CR4_FSGSBASE        (1ull << 16)
#define CR4_PCIDE           (1ull << 17)
#define CR4_OSXSAVE         (1ull << 18)
#define CR4_SMEP            (1ull << 20)
#define CR4_SMAP            (1ull << 21)
#define CR4_PKE             (1ull << 22)
#define CR4_CET             (1ull << 23)
#define CR4_PKS             (1ull << 24)

/* RFLAGS */
#define RFLAGS_CF           (1ull << 0)
#define RFLAGS_FIXED1       (1ull << 1)
#define RFLAGS_PF           (1ull << 2)
#define RFLAGS_AF           (1ull << 4)
#define RFLAGS_ZF           (1ull << 6)
#define RFLAGS_SF           (1ull << 7)
#define RFLAGS_TF           (1ull << 8)
#define RFLAGS_IF           (1ull << 9)
#define RFLAGS_DF           (1ull << 10)
#define RFLAGS_OF           (1ull << 11)
#define RFLAGS_VM           (1ull << 17)
#define RFLAGS_AC           (1ull << 18)

/* Exception vectors */
#define VECTOR_DB           1
#define VECTOR_NMI          2
#define VECTOR_BR           5
#define VECTOR_UD           6
#define VECTOR_SS           12
#define VECTOR_GP           13
#define VECTOR_PF           14
#define VECTOR_AC           17
#define VECTOR_MC           18

/* DR6 and DR7 */

/* XCR0 and IA32_XSS components */
#define XCR0_X87            (1ull << 0)
#define XCR0_SSE            (1ull << 1)
#define XCR0_AVX            (1ull << 2)
#define XCR0_BNDREGS        (1ull << 3)
#define XCR0_BNDCSR         (1ull << 4)
#define XCR0_OPMASK         (1ull << 5)
#define XCR0_ZMM_HI256      (1ull << 6)
#define XCR0_HI16_ZMM       (1ull << 7)
#define XCR0_PKRU           (1ull << 9)
#define XCR0_AVX512         (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

/* CPUID.01H:ECX */
#define CPUID_1_ECX_SSE3           (1u << 0)
#define CPUID_1_ECX_PCLMULQDQ      (1u << 1)
#define CPUID_1_ECX_DTES64         (1u << 2)
#define CPUID_1_ECX_MONITOR        (1u << 3)
#define CPUID_1_ECX_DS_CPL         (1u << 4)
#define CPUID_1_ECX_VMX            (1u << 5)
#define CPUID_1_ECX_SMX            (1u << 6)
#define CPUID_1_ECX_EIST           (1u << 7)
#define CPUID_1_ECX_TM2            (1u << 8)
#define CPUID_1_ECX_SSSE3          (1u << 9)
#define CPUID_1_ECX_FMA            (1u << 12)
#define CPUID_1_ECX_CMPXCHG16B     (1u << 13)
#define CPUID_1_ECX_PDCM           (1u << 15)
#define CPUID_1_ECX_PCID           (1u << 17)
#define CPUID_1_ECX_SSE4_1         (1u << 19)
#define CPUID_1_ECX_SSE4_2         (1u << 20)
#define CPUID_1_ECX_X2APIC         (1u << 21)
#define CPUID_1_ECX_MOVBE          (1u << 22)
#define CPUID_1_ECX_POPCNT         (1u << 23)
#define CPUID_1_ECX_TSC_DEADLINE   (1u << 24)
#define CPUID_1_ECX_AESNI          (1u << 25)
#define CPUID_1_ECX_XSAVE          (1u << 26)
#define CPUID_1_ECX_OSXSAVE        (1u << 27)
#define CPUID_1_ECX_AVX            (1u << 28)
#define CPUID_1_ECX_F16C           (1u << 29)
#define CPUID_1_ECX_RDRAND         (1u << 30)
#define CPUID_1_ECX_HYPERVISOR     (1u << 31)

/* CPUID.01H:EDX */
#define CPUID_1_EDX_FPU            (1u << 0)
#define CPUID_1_EDX_VME            (1u << 1)
#define CPUID_1_EDX_DE             (1u << 2)
#define CPUID_1_EDX_PSE            (1u << 3)
#define CPUID_1_EDX_TSC            (1u << 4)
#define CPUID_1_EDX_MSR            (1u << 5)
#define CPUID_1_EDX_PAE            (1u << 6)
#define CPUID_1_EDX_MCE            (1u << 7)
#define CPUID_1_EDX_CX8            (1u << 8)
#define CPUID_1_EDX_APIC           (1u << 9)
#define CPUID_1_EDX_SEP            (1u << 11)
#define CPUID_1_EDX_MTRR           (1u << 12)
#define CPUID_1_EDX_PGE            (1u << 13)
#define CPUID_1_EDX_MCA            (1u << 14)
#define CPUID_1_EDX_CMOV           (1u << 15)
#define CPUID_1_EDX_PAT            (1u << 16)
#define CPUID_1_EDX_PSE36          (1u << 17)
#define CPUID_1_EDX_CLFSH          (1u << 19)
#define CPUID_1_EDX_MMX            (1u << 23)
#define CPUID_1_EDX_FXSR           (1u << 24)
#define CPUID_1_EDX_SSE            (1u << 25)
#define CPUID_1_EDX_SSE2           (1u << 26)
#define CPUID_1_EDX_SS             (1u << 27)
#define CPUID_1_EDX_HTT            (1u << 28)

/* CPUID.06H:EAX */
#define CPUID_6_EAX_ARAT           (1u << 2)

/* CPUID.07H.0:EBX */
#define CPUID_7_EBX_FSGSBASE       (1u << 0)
#define CPUID_7_EBX_TSC_ADJUST     (1u << 1)
#define CPUID_7_EBX_SGX            (1u << 2)
#define CPUID_7_EBX_BMI1           (1u << 3)
#define CPUID_7_EBX_HLE            (1u << 4)
#define CPUID_7_EBX_AVX2           (1u << 5)
#define CPUID_7_EBX_FDP_EXCPTN     (1u << 6)
#define CPUID_7_EBX_SMEP           (1u << 7)
#define CPUID_7_EBX_BMI2           (1u << 8)
#define CPUID_7_EBX_ERMS           (1u << 9)
#define CPUID_7_EBX_INVPCID        (1u << 10)
#define CPUID_7_EBX_RTM            (1u << 11)
#define CPUID_7_EBX_MPX            (1u << 14)
#define CPUID_7_EBX_FPU_CSDS       (1u << 13)
#define CPUID_7_EBX_AVX512F        (1u << 16)
#define CPUID_7_EBX_AVX512DQ       (1u << 17)
#define CPUID_7_EBX_RDSEED         (1u << 18)
#define CPUID_7_EBX_ADX            (1u << 19)
#define CPUID_7_EBX_SMAP           (1u << 20)
#define CPUID_7_EBX_AVX512_IFMA    (1u << 21)
#define CPUID_7_EBX_CLFLUSHOPT     (1u << 23)
#define CPUID_7_EBX_CLWB           (1u << 24)
#define CPUID_7_EBX_PT             (1u << 25)
#define CPUID_7_EBX_AVX512CD       (1u << 28)
#define CPUID_7_EBX_SHA            (1u << 29)
#define CPUID_7_EBX_AVX512BW       (1u << 30)
#define CPUID_7_EBX_AVX512VL       (1u << 31)

/* CPUID.07H.0:ECX */
#define CPUID_7_ECX_AVX512_VBMI    (1u << 1)
#define CPUID_7_ECX_UMIP           (1u << 2)
#define CPUID_7_ECX_PKU            (1u << 3)
#define CPUID_7_ECX_OSPKE          (1u << 4)
#define CPUID_7_ECX_WAITPKG        (1u << 5)
#define CPUID_7_ECX_AVX512_VBMI2   (1u << 6)
#define CPUID_7_ECX_CET_SS         (1u << 7)
#define CPUID_7_ECX_GFNI           (1u << 8)
#define CPUID_7_ECX_VAES           (1u << 9)
#define CPUID_7_ECX_VPCLMULQDQ     (1u << 10)
#define CPUID_7_ECX_AVX512_VNNI    (1u << 11)
#define CPUID_7_ECX_AVX512_BITALG  (1u << 12)
#define CPUID_7_ECX_VPOPCNTDQ      (1u << 14)
#define CPUID_7_ECX_LA57           (1u << 16)
#define CPUID_7_ECX_RDPID          (1u << 22)
#define CPUID_7_ECX_PKS            (1u << 31)

/* CPUID.07H.0:EDX */
#define CPUID_7_EDX_FSRM           (1u << 4)
#define CPUID_7_EDX_SRBDS_CTRL     (1u << 9)
#define CPUID_7_EDX_MD_CLEAR       (1u << 10)
#define CPUID_7_EDX_IBRS_IBPB      (1u << 26)
#define CPUID_7_EDX_STIBP          (1u << 27)
#define CPUID_7_EDX_L1D_FLUSH      (1u << 28)
#define CPUID_7_EDX_ARCH_CAP       (1u << 29)
#define CPUID_7_EDX_SSBD           (1u << 31)

/* CPUID.07H.2:EDX */
#define CPUID_72_EDX_BHI_CTRL      (1u << 4)

/* CPUID.0DH.1:EAX */
#define CPUID_D1_EAX_XSAVEOPT      (1u << 0)
#define CPUID_D1_EAX_XSAVEC        (1u << 1)
#define CPUID_D1_EAX_XGETBV1       (1u << 2)
#define CPUID_D1_EAX_XSAVES        (1u << 3)

/* CPUID.80000001H */
#define CPUID_81_ECX_LAHF          (1u << 0)
#define CPUID_81_ECX_CMP_LEGACY    (1u << 1)
#define CPUID_81_ECX_SVM           (1u << 2)
#define CPUID_81_ECX_ABM           (1u << 5)
#define CPUID_81_ECX_SSE4A         (1u << 6)
#define CPUID_81_ECX_MISALIGNSSE   (1u << 7)
#define CPUID_81_ECX_PREFETCHW     (1u << 8)
#define CPUID_81_ECX_TOPOEXT       (1u << 22)
#define CPUID_81_EDX_SYSCALL       (1u << 11)
#define CPUID_81_EDX_NX            (1u << 20)
#define CPUID_81_EDX_PAGE1GB       (1u << 26)
#define CPUID_81_EDX_RDTSCP        (1u << 27)
#define CPUID_81_EDX_LM            (1u << 29)

/* CPUID.80000007H:EDX */
#define CPUID_87_EDX_INVARIANT_TSC (1u << 8)

/* CPUID.80000008H:EBX (AMD) */
#define CPUID_88_EBX_IBPB          (1u << 12)
#define CPUID_88_EBX_SSB_NO        (1u << 26)

/* CPUID.80000021H (AMD) */
#define CPUID_821_EAX_VERW_CLEAR   (1u << 5)
#define CPUID_821_EAX_AUTO_IBRS    (1u << 8)
#define CPUID_821_EAX_SRSO_NO      (1u << 29)
#define CPUID_821_ECX_TSA_SQ_NO    (1u << 1)
#define CPUID_821_ECX_TSA_L1_NO    (1u << 2)

/* clang-format on */

#endif
