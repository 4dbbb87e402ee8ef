/*
 * backend.h - what a processor's virtualization extension must offer.
 *
 * One const table, chosen at boot by CPUID: VT-x (arch/x86_64/vmx) or AMD-V
 * (arch/x86_64/svm). The backend decodes exits and moves RIP; it decides
 * nothing.
 */
#ifndef HV_BACKEND_H
#define HV_BACKEND_H

#include <hv/partition_ops.h>
#include <hv/vcpu.h>

/* Features an operator may switch off: X(member, boot option). */
/* clang-format off */
#define BACKEND_SWITCH_LIST(X)                                                 \
	X(vpid,             "vpid")                                            \
	X(apicv,            "apicv")                                           \
	X(direct_apic,      "direct-apic")                                     \
	X(preemption_timer, "preemption-timer")                                \
	X(tsc_scaling,      "tsc-scaling")                                     \
	X(ept_1g,           "ept-1g")                                          \
	X(ept_2m,           "ept-2m")                                          \
	X(ept_ad,           "ept-ad")                                          \
	X(ple,              "ple")                                             \
	X(nrips,            "nrips")                                           \
	X(decode_assists,   "decode-assists")                                  \
	X(flush_by_asid,    "flush-by-asid")                                   \
	X(vmcb_clean,       "vmcb-clean")                                      \
	X(pause_filter,     "pause-filter")
/* clang-format on */

struct backend_switches {
#define X(member, option) bool no_##member;
	BACKEND_SWITCH_LIST(X)
#undef X
};

/* Registers that exit handlers read and write, beside vcpu.gpr. */
enum vreg {
	VREG_RIP,
	VREG_RSP,
	VREG_RFLAGS,
	VREG_CR0, /* as the guest sees it */
	VREG_CR2,
	VREG_CR3,
	VREG_CR4, /* as the guest sees it */
	VREG_EFER,
	VREG_PAT,
	VREG_CS_BASE,
	VREG_DS_BASE,
	VREG_ES_BASE,
	VREG_SS_BASE,
	VREG_FS_BASE,
	VREG_GS_BASE,
	VREG_CS_SELECTOR,
	VREG_SS_SELECTOR,
	VREG_CS_RIGHTS, /* access rights as a VMCS has them */
	VREG_SS_RIGHTS, /* their DPL is the CPL */
	VREG_TR_RIGHTS,
	VREG_PDPTE0, /* and three more: set where PAE paging loads them */
	VREG_PDPTE1,
	VREG_PDPTE2,
	VREG_PDPTE3,
	VREG_COUNT
};

/* The mode of a vCPU at its first instruction; interrupts are off. */
enum vcpu_entry_mode {
	VCPU_ENTRY_LONG64, /* flat segments, 4-level paging by cr3 */
	VCPU_ENTRY_PROT32, /* flat segments of 4 GiB, paging off */
	VCPU_ENTRY_REAL,   /* segment bases are selectors * 16 */
};

/*
 * State of a vCPU at its first instruction. What does not stand here is as the
 * mode has it, or as after a reset. An AP that a SIPI starts: VCPU_ENTRY_REAL,
 * cs = vector << 8, the rest 0 (GPR_RDX as the processor's reset has it).
 */
struct vcpu_entry {
	enum vcpu_entry_mode mode;
	uint64_t rip;
	uint64_t cr3;      /* LONG64 */
	uint64_t gdt_base; /* LONG64, PROT32 */
	uint16_t gdt_limit;
	uint16_t cs, ds; /* selectors; DS serves ES, FS, GS and SS too */
	uint64_t gpr[GPR_COUNT]; /* with RSP */
};

/* What guests get from the backend, for their CPUID. */
struct backend_offers {
	bool has_rdtscp;
	bool has_invpcid;
	bool has_pdptes; /* PAE paging: MOV to CR loads CR3's four entries */
	bool has_apicv;  /* EOI and self-IPI need no exit */
	bool has_direct_apic; /* a vCPU alone on its CPU gets its local APIC */
};

struct hv_backend {
	const char *name;  /* "vmx", "svm" */
	const char *title; /* "VT-x", "AMD-V" */
	/* The nested page-table format, valid after init. */
	const struct pt_format *npt_format;

	/* Can this CPU do it? Logs a refusal in words. Once, before all else.
	 */
	enum status (*init)(const struct backend_switches *off);
	/* Let the calling CPU run guests. */
	enum status (*cpu_on)(void);
	/* What is used, switched off, absent: for machine.info. */
	uint32_t (*features)(struct machine_feature *rows, uint32_t max);

	enum status (*vcpu_create)(struct vcpu *v);
	/* No other CPU may have it loaded. Whatever a processor remembers of
	 * its nested page table is forgotten before another vCPU is entered
	 * there: the table may go when all vCPUs have gone. */
	void (*vcpu_destroy)(struct vcpu *v);
	/* Registers for a first (or, after a reset, another) start.
	 * ERR_UNSUPPORTED: the processor runs no guest in that mode. */
	enum status (*vcpu_reset)(struct vcpu *v, const struct vcpu_entry *e);
	/* Make it the one this CPU holds; saves the one it held before. */
	void (*vcpu_load)(struct vcpu *v);
	/* Save the one that this CPU holds, if any: another CPU may load it. */
	void (*vcpu_unload)(void);

	/* Run the loaded vCPU until a handler or a request says otherwise. */
	enum vm_verdict (*run)(struct vcpu *v);

	/* v->deadline changed, or its local APIC has a new interrupt, @vector
	 * (0: look at all): act now if this CPU holds @v, else before its next
	 * entry. timer_changed: false if the deadline is known to have passed.
	 */
	bool (*timer_changed)(struct vcpu *v);
	void (*irq_changed)(struct vcpu *v, uint8_t vector);

	/* The calling CPU's local APIC is the VMM's again: before anything is
	 * asked of the virtual one, and before the CPU waits (irq_wait()). */
	void (*apic_take_back)(void);
	/* From an NMI: make @v, loaded here, come out of the guest at once, so
	 * that its requests are looked at, and, if @wants_loop, go back to its
	 * CPU's loop. */
	void (*kick)(struct vcpu *v, bool wants_loop);

	uint64_t (*reg_get)(struct vcpu *v, enum vreg r);
	void (*reg_set)(struct vcpu *v, enum vreg r, uint64_t value);
	/* A #DB that is reflected: DR6 and DR7.GD as delivery would have it. */
	void (*debug_reflect)(struct vcpu *v, uint64_t dr6);
	/* The register page of its local APIC, in the virtual-APIC layout. */
	uint32_t *(*apic_page)(struct vcpu *v);
	/* Load a validated XCR0 at once. */
	void (*xcr0_set)(struct vcpu *v, uint64_t xcr0);
	/* The sentence of the rule that a failed entry broke, into @dst. */
	void (*explain)(struct vcpu *v, char *dst, size_t size);
	const char *(*exit_name)(uint32_t reason);
	void (*offers)(struct backend_offers *out);
};

extern const struct hv_backend vmx_backend;
extern const struct hv_backend svm_backend;

extern const struct hv_backend *backend_chosen;

/** backend() - the one chosen at boot. */
static inline const struct hv_backend *backend(void)
{
	return backend_chosen;
}

#endif
