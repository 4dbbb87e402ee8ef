/*
 * svm_exit.h - what AMD-V tells about an exit.
 *
 * Exit codes: APM vol. 2, appendix "SVM Intercept Exit Codes"; EXITINFO1 and 2:
 * the sections on each intercept. Names are the manual's without VMEXIT_.
 *
 * Codes are sparse. Where exits are counted and reported they are numbered
 * densely (svm_reason()), and the words name them.
 */
#ifndef SVM_SVM_EXIT_H
#define SVM_SVM_EXIT_H

#include <bh/attr.h>

/* clang-format off */
#define SVM_EXIT_LIST(X)                                                       \
	X(CR0_READ,       0x000, "read of CR0")                                \
	X(CR4_READ,       0x004, "read of CR4")                                \
	X(CR8_READ,       0x008, "read of CR8")                                \
	X(CR0_WRITE,      0x010, "write of CR0")                               \
	X(CR4_WRITE,      0x014, "write of CR4")                               \
	X(CR8_WRITE,      0x018, "write of CR8")                               \
	X(EXCP_DB,        0x041, "exception #DB")                              \
	X(EXCP_AC,        0x051, "exception #AC")                              \
	X(EXCP_MC,        0x052, "exception #MC")                              \
	X(INTR,           0x060, "physical interrupt")                         \
	X(NMI,            0x061, "NMI")                                        \
	X(SMI,            0x062, "SMI")                                        \
	X(INIT,           0x063, "INIT")                                       \
	X(VINTR,          0x064, "virtual interrupt")                          \
	X(RDPMC,          0x06f, "RDPMC")                                      \
	X(CPUID,          0x072, "CPUID")                                      \
	X(RSM,            0x073, "RSM")                                        \
	X(IRET,           0x074, "IRET")                                       \
	X(INVD,           0x076, "INVD")                                       \
	X(PAUSE,          0x077, "PAUSE")                                      \
	X(HLT,            0x078, "HLT")                                        \
	X(INVLPGA,        0x07a, "INVLPGA")                                    \
	X(IOIO,           0x07b, "I/O instruction")                            \
	X(MSR,            0x07c, "RDMSR or WRMSR")                             \
	X(TASK_SWITCH,    0x07d, "task switch")                                \
	X(SHUTDOWN,       0x07f, "shutdown")                                   \
	X(VMRUN,          0x080, "VMRUN")                                      \
	X(VMMCALL,        0x081, "VMMCALL")                                    \
	X(VMLOAD,         0x082, "VMLOAD")                                     \
	X(VMSAVE,         0x083, "VMSAVE")                                     \
	X(STGI,           0x084, "STGI")                                       \
	X(CLGI,           0x085, "CLGI")                                       \
	X(SKINIT,         0x086, "SKINIT")                                     \
	X(ICEBP,          0x088, "INT1")                                       \
	X(WBINVD,         0x089, "WBINVD")                                     \
	X(MONITOR,        0x08a, "MONITOR")                                    \
	X(MWAIT,          0x08b, "MWAIT")                                      \
	X(MWAIT_ARMED,    0x08c, "MWAIT, armed")                               \
	X(XSETBV,         0x08d, "XSETBV")                                     \
	X(RDPRU,          0x08e, "RDPRU")

/* The reasons beyond the first 9fH, with their dense numbers. */
#define SVM_EXIT_SPARSE_LIST(X)                                                \
	X(NPF,            0x400, 0x0a0, "nested page fault")                   \
	X(INVALID,        ~0ull, 0x0a1, "VMRUN refused the guest's state")
/* clang-format on */

enum svm_exit_code {
#define X(name, code, text) SVM_EXIT_##name = (code),
	SVM_EXIT_LIST(X)
#undef X
#define X(name, code, reason, text) SVM_REASON_##name = (reason),
		SVM_EXIT_SPARSE_LIST(X)
#undef X
			SVM_REASON_OTHER = 0x0a2, /* a code that no row has */
	SVM_REASON_COUNT,
};

#define SVM_EXITCODE_NPF     0x400ull
#define SVM_EXITCODE_INVALID (~0ull)

/** svm_reason() - the dense number of an exit code. */
static inline uint32_t svm_reason(uint64_t code)
{
	if (likely(code < SVM_REASON_NPF)) {
		return (uint32_t)code;
	}
	/* of VMEXIT_INVALID QEMU's TCG writes the low half */
	return code == SVM_EXITCODE_NPF ? SVM_REASON_NPF
	       : (uint32_t)code == (uint32_t)SVM_EXITCODE_INVALID
		       ? SVM_REASON_INVALID
		       : SVM_REASON_OTHER;
}

/** svm_exit_name() - words for a dense number; "?" if there is none. */
const char *svm_exit_name(uint32_t reason);

/* clang-format off */

/* EXITINFO1 of IOIO; EXITINFO2 is the RIP behind the instruction. */
#define IOIO_IS_IN(i)           ((i) & 1)
#define IOIO_IS_STRING(i)       (((i) >> 2) & 1)
#define IOIO_IS_REP(i)          (((i) >> 3) & 1)
#define IOIO_SIZE(i)            ((uint32_t)((i) >> 4) & 7)     /* bytes */
#define IOIO_ADDRESS_SIZE(i)    (((uint32_t)((i) >> 7) & 7) * 2) /* bytes */
#define IOIO_SEGMENT(i)         ((uint32_t)((i) >> 10) & 7) /* with decode assists */
#define IOIO_PORT(i)            ((uint32_t)((i) >> 16) & 0xffff)

/* EXITINFO1 of a MOV to or from CR, with decode assists. */
#define CR_INFO_IS_MOV(i)       (((i) >> 63) & 1) /* else LMSW, CLTS, SMSW */
#define CR_INFO_GPR(i)          ((uint32_t)(i) & 0xf)

/* EXITINFO1 of a nested page fault; EXITINFO2 is the address. */
#define NPF_PRESENT             BIT(0)
#define NPF_WRITE               BIT(1)
#define NPF_RESERVED            BIT(3)
#define NPF_FETCH               BIT(4)
#define NPF_WALK                BIT(33) /* in the guest's own tables */

/* clang-format on */

#endif
