/*
 * svm.h - the AMD-V backend's own pieces, shared by the files of this folder.
 */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include "../guest_state.h"
#include "svm_caps.h"
#include "svm_exit.h"
#include "vmcb.h"

#include <hv/backend.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

/* CR0 bits that the guest sees and the processor does not: caching is not the
 * guest's to stop. */
#define SVM_CR0_SHADOWED (CR0_NW | CR0_CD)

/* The backend's part of a vCPU; one page, beside its VMCB. */
struct svm_vcpu {
	union vmcb *vmcb;
	hpa_t apic_page; /* registers of its local APIC */
	uint32_t asid;
	uint32_t last_cpu; /* that had it loaded, + 1; 0: none */
	/* An interrupt that the processor is to deliver (V_IRQ), and has not
	 * been seen to; its vector is in the VMCB. */
	bool has_virq;
	bool has_nmi_mask; /* an NMI was delivered: until its IRET */
	bool awaits_iret;  /* ... which was reached, at the two below */
	uint64_t iret_rip, iret_rsp;
	/* QEMU's TCG: an interrupt shadow that VMRUN forgets, and how often the
	 * guest was entered without an interrupt for it. */
	uint64_t shadow_rip;
	uint32_t shadow_entries;
	/* Exits in a row, at this RIP, whose bytes were not what they tell. */
	uint64_t odd_rip;
	uint32_t odd_count;
	uint64_t cr0_shadow;      /* of SVM_CR0_SHADOWED */
	struct guest_state state; /* while it is not loaded */
};

/* One negotiated plan for the machine (svm_cpu.c). */
extern struct svm_caps svm_caps;
extern struct svm_plan svm_plan;
extern struct pt_format svm_npt_format;

static inline struct svm_vcpu *svm_of(const struct vcpu *v)
{
	return v->arch;
}

static inline union vmcb *svm_vmcb(const struct vcpu *v)
{
	return svm_of(v)->vmcb;
}

/** svm_is_long_mode() - EFER.LMA, which Bochs 2.7 does not save in
 * compatibility mode. */
static inline bool svm_is_long_mode(const union vmcb *b)
{
	return (b->efer & EFER_LME) != 0 && (b->cr0 & CR0_PG) != 0;
}

/** svm_load_cr2() - VMRUN should, and does not on Bochs 2.7. */
static inline void svm_load_cr2(const union vmcb *b)
{
	__asm__ volatile("mov %0, %%cr2" : : "r"(b->cr2));
}

/* svm_cpu.c */
enum status svm_init(const struct backend_switches *off);
enum status svm_cpu_on(void);
uint32_t svm_features(struct machine_feature *rows, uint32_t max);
/** svm_write_maps() - the I/O and MSR permission maps, the same for all. */
void svm_write_maps(union vmcb *b);

/* svm_vcpu.c */
enum status svm_vcpu_create(struct vcpu *v);
void svm_vcpu_destroy(struct vcpu *v);
enum status svm_vcpu_reset(struct vcpu *v, const struct vcpu_entry *e);
void svm_vcpu_load(struct vcpu *v);
void svm_vcpu_unload(void);

/* svm_regs.c */
uint64_t svm_reg_get(struct vcpu *v, enum vreg r);
void svm_reg_set(struct vcpu *v, enum vreg r, uint64_t value);

/* svm_event.c */
/** svm_debug_reflect() - a #DB that exited has set DR6 already. */
void svm_debug_reflect(struct vcpu *v, uint64_t dr6);
/** svm_event_requeue() - an exit interrupted a delivery: deliver again.
 * Return: true if it did. */
bool svm_event_requeue(struct vcpu *v);
/** svm_virq_taken() - has the processor delivered what V_IRQ announced? */
void svm_virq_taken(struct vcpu *v);
bool svm_timer_changed(struct vcpu *v);
void svm_irq_changed(struct vcpu *v, uint8_t vector);
void svm_kick(struct vcpu *v, bool wants_loop);
/** svm_iret() - the guest is about to leave an NMI handler. */
void svm_iret(struct vcpu *v);
/**
 * svm_go_on() - after @verdict: into the guest, or out of it?
 * Return: EXIT_RESUME: all is prepared, VMRUN has to follow; or EXIT_LEAVE().
 */
uint32_t svm_go_on(struct vcpu *v, enum vm_verdict verdict);
/** svm_advance() - to the end of the instruction of @length at @rip: under TF
 * a single-step trap follows. */
void svm_advance(struct vcpu *v, uint64_t rip, uint32_t length);

/** svm_advance_rip() - as above, for a guest that does not single-step. */
static inline void svm_advance_rip(union vmcb *b, uint64_t rip, uint32_t length)
{
	uint64_t next = rip + length;

	if (unlikely((b->cs.attributes & VMCB_ATTR_L) == 0)) {
		next = (uint32_t)next; /* IP wraps at 4 GiB */
	}
	b->rip = next;
	b->interrupt_shadow = 0;
}

/* svm_dispatch.c */
/** svm_exit_init() - choose the hot exits, after negotiation. */
void svm_exit_init(void);
uint32_t svm_exit_hot(struct vcpu *v);
uint32_t svm_exit_rest(struct vcpu *v, uint32_t what);

/* svm_run.c */
enum vm_verdict svm_run_loop(struct vcpu *v);
void svm_explain(struct vcpu *v, char *dst, size_t size);

/* svm_run.asm */
uint32_t svm_run(struct vcpu *v, hpa_t vmcb, hpa_t host_vmcb,
		 union vmcb *vmcb_bytes);
uint32_t svm_run_guarded(struct vcpu *v, hpa_t vmcb, hpa_t host_vmcb,
			 union vmcb *vmcb_bytes);
/** svm_irq_window() - let in what interrupts and NMIs are pending. */
void svm_irq_window(void);

#endif
