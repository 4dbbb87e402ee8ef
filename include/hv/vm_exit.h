/*
 * vm_exit.h - a VM exit, decoded into words that both vendors share.
 *
 * The backend (arch/x86_64/vmx, svm) fills struct vm_exit once and reads
 * nothing else later; vmm/ acts on it and answers with a verdict. One place,
 * the backend's loop, moves RIP.
 */
#ifndef HV_VM_EXIT_H
#define HV_VM_EXIT_H

#include <bh/addr.h>
#include <stdbool.h>

/* X(KIND, handler): a kind without a handler does not link. */
/* clang-format off */
#define VM_EXIT_LIST(X)                                                        \
	X(CPUID,          cpuid)          /* CPUID */                          \
	X(HLT,            hlt)            /* HLT */                            \
	X(PIO,            pio)            /* IN, OUT */                        \
	X(STRING_PIO,     string_pio)     /* INS, OUTS */                      \
	X(MSR_READ,       msr_read)       /* RDMSR not open in the bitmap */   \
	X(MSR_WRITE,      msr_write)      /* WRMSR not open in the bitmap */   \
	X(CR_WRITE,       cr_write)       /* MOV to CR0, CR4, CR8; LMSW; CLTS */ \
	X(CR_READ,        cr_read)        /* MOV from CR0, CR8 */              \
	X(XSETBV,         xsetbv)         /* XSETBV */                         \
	X(VMCALL,         vmcall)         /* VMCALL or VMMCALL */              \
	X(HYPERCALL,      hypercall)      /* ... of a number that exists */    \
	X(PAUSE,          pause)          /* PAUSE, many times */              \
	X(NESTED_FAULT,   nested_fault)   /* EPT violation, NPT fault */       \
	X(HIDDEN,         hidden)         /* instruction not offered: #UD */   \
	X(PRIVILEGED,     privileged)     /* instruction refused: #GP(0) */    \
	X(CACHE,          cache)          /* INVD, WBINVD: nothing to do */    \
	X(EXCEPTION,      exception)      /* #DB, #AC: reflected */            \
	X(INTERRUPT,      interrupt)      /* the machine's own, served already */ \
	X(DEADLINE,       deadline)       /* slice over or guest timer due */  \
	X(APIC_WRITE,     apic_write)     /* after a write to the APIC page */ \
	X(APIC_EOI,       apic_eoi)       /* EOI of a level interrupt */       \
	X(TRIPLE_FAULT,   triple_fault)                                        \
	X(INIT,           init)                                                \
	X(TASK_SWITCH,    task_switch)                                         \
	X(ENTRY_FAILED,   entry_failed)   /* our bug: VMCS or VMCB breaks a rule */ \
	X(NPT_MISCONFIG,  npt_misconfig)  /* our bug: a bad EPT or NPT entry */       \
	X(UNKNOWN,        unknown)        /* never skipped */
/* clang-format on */

enum vm_exit_kind {
#define X(kind, fn) VM_EXIT_##kind,
	VM_EXIT_LIST(X)
#undef X
		VM_EXIT_COUNT
};

/* What a handler answers. */
enum vm_verdict {
	VM_ADVANCE, /* done: go on behind the instruction */
	VM_RETRY,   /* go on at the same RIP */
	VM_YIELD,   /* as RETRY, but let the CPU's loop look around first */
	VM_BLOCK,   /* HLT: behind the instruction, when an interrupt comes */
	VM_STOP,    /* the partition ends; the reason is recorded */
	VM_AGAIN,   /* ask exit.kind's handler, with all registers in v->gpr */
};

struct vm_exit_pio {
	uint16_t port;
	uint8_t size; /* 1, 2 or 4 bytes */
	bool is_in;
	/* STRING_PIO only */
	bool is_rep;
	bool is_stack;        /* by SS: an address that is none raises #SS */
	uint8_t address_size; /* of RCX, RSI, RDI: 2, 4 or 8 bytes */
	uint64_t base;        /* linear address of the segment's offset 0 */
};

struct vm_exit_cr {
	uint8_t number;
	uint64_t value; /* what the guest wants there (MOV to CR) */
	uint8_t gpr;    /* destination of MOV from CR */
};

struct vm_exit_nested_fault {
	gpa_t gpa;
	gva_t gva;
	bool is_read;
	bool is_write;
	bool is_fetch;
	bool in_walk;     /* while the guest's page tables were walked */
	bool in_delivery; /* while an event was delivered */
	bool has_gva;
	bool is_mapped; /* an entry is there but does not permit it */
};

struct vm_exit_exception {
	uint8_t vector;
	bool has_error_code;
	uint32_t error_code;
	uint64_t dr6;    /* #DB: bits to set in DR6 */
	bool is_by_int1; /* #DB behind an instruction: VT-x only */
};

struct vm_exit_head {
	uint32_t kind;   /* enum vm_exit_kind */
	uint32_t reason; /* the vendor's number, for trace and reports */
};

struct vm_exit {
	union {
		struct vm_exit_head head;
		struct {
			uint32_t kind; /* enum vm_exit_kind */
			uint32_t reason;
		};
	};
	uint32_t insn_length;
	uint64_t rip;
	uint64_t qualification;
	union {
		struct vm_exit_pio pio;
		struct vm_exit_cr cr;
		struct vm_exit_nested_fault nested_fault;
		struct vm_exit_exception exception;
		uint32_t apic_offset; /* APIC_WRITE */
		uint8_t eoi_vector;   /* APIC_EOI */
	};
};

#endif
