/*
 * exits.c - what happens on each kind of VM exit.
 *
 * One short function a kind, in a table made by the list itself: a kind without
 * a handler does not link. A handler answers with a verdict; the backend moves
 * RIP. The guest erred -> it gets the exception the architecture names. An exit
 * that we have no answer to stops the partition with a report.
 */
#include "guest_pv.h"
#include "mmio.h"
#include "partition.h"
#include "platform.h"
#include "pv_call.h"

#include <arch/time.h>
#include <bh/log.h>
#include <drivers/virt/vlapic_lend.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

#define X(kind, fn) static vm_exit_fn exit_##fn;
VM_EXIT_LIST(X)
#undef X

vm_exit_fn *const vm_exit_handlers[VM_EXIT_COUNT] = {
#define X(kind, fn) [VM_EXIT_##kind] = exit_##fn,
	VM_EXIT_LIST(X)
#undef X
};

/* Bits 2:1 and 8:5; those beyond the address width as well. */
#define PDPTE_RESERVED 0x1e6ull

bool vm_exit_times;

static enum vm_verdict exit_gp(struct vcpu *v)
{
	vcpu_inject(v, VECTOR_GP, true, 0);
	return VM_RETRY;
}

/* ---- the hot ones ---- */

static enum vm_verdict exit_cpuid(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	uint64_t *r = v->gpr;
	const struct cpuid_regs *a = cpuid_lookup(
		&g->cpuid, (uint32_t)r[GPR_RAX], (uint32_t)r[GPR_RCX]);

	r[GPR_RAX] = a->eax;
	r[GPR_RBX] = a->ebx;
	r[GPR_RCX] = a->ecx;
	r[GPR_RDX] = a->edx;
	return VM_ADVANCE;
}

/* Is something to be seen to before the virtual local APIC is asked? */
static inline bool apic_is_apart(const struct guest_cpu *g)
{
	return g->v.wants_apic | g->eoi.is_armed;
}

/* The virtual local APIC, fit for an access to @msr. */
static inline struct vlapic *apic_for(struct guest_cpu *g, uint32_t msr)
{
	if (unlikely(apic_is_apart(g)) &&
	    (g->eoi.is_armed || vlapic_is_lent_msr(msr))) {
		return guest_cpu_apic(g);
	}
	return &g->lapic;
}

static enum vm_verdict exit_msr_read(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	uint64_t *r = v->gpr;
	uint32_t msr = (uint32_t)r[GPR_RCX];
	uint64_t value;
	enum status s;

	s = msr_is_apic(msr) ? vlapic_msr_read(apic_for(g, msr), msr, &value)
			     : guest_msr_read(&g->msrs, msr, &value);
	if (unlikely(s != OK)) {
		return exit_gp(v);
	}
	r[GPR_RAX] = (uint32_t)value;
	r[GPR_RDX] = value >> 32;
	return VM_ADVANCE;
}

/* Out of line: what is kept over the call would cost every exit. */
static __attribute__((noinline)) enum status
apic_write_apart(struct guest_cpu *g, uint32_t msr, uint64_t value)
{
	return vlapic_msr_write(apic_for(g, msr), msr, value);
}

static enum vm_verdict exit_msr_write(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	const uint64_t *r = v->gpr;
	uint64_t value = r[GPR_RDX] << 32 | (uint32_t)r[GPR_RAX];
	uint32_t msr = (uint32_t)r[GPR_RCX];
	enum status s;

	if (likely(msr == MSR_IA32_TSC_DEADLINE && !apic_is_apart(g))) {
		vlapic_write_deadline(&g->lapic, value);
		return VM_ADVANCE;
	}
	if (!msr_is_apic(msr)) {
		s = guest_msr_write(&g->msrs, msr, value);
	} else if (unlikely(apic_is_apart(g))) {
		s = apic_write_apart(g, msr, value);
	} else {
		s = vlapic_msr_write(&g->lapic, msr, value);
	}
	if (unlikely(s != OK)) {
		return exit_gp(v);
	}
	return VM_ADVANCE;
}

static enum vm_verdict exit_pio(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);
	struct partition *p = g->partition;
	struct io_space *pio = &p->dev.bus.pio;
	uint64_t *rax = &v->gpr[GPR_RAX];
	uint64_t value;

	partition_lock_take_on(&p->lock, v->cpu);
	if (!e->pio.is_in) {
		io_space_write(pio, e->pio.port, e->pio.size,
			       *rax & (BIT(8 * e->pio.size) - 1));
		partition_lock_drop(&p->lock);
		return unlikely(v->state == VCPU_STOPPED) ? VM_STOP
							  : VM_ADVANCE;
	}
	value = io_space_read(pio, e->pio.port, e->pio.size);
	partition_lock_drop(&p->lock);
	switch (e->pio.size) {
	case 1:
		*rax = (*rax & ~0xffull) | (value & 0xff);
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | (value & 0xffff);
		break;
	default: /* a 32-bit result clears the upper half */
		*rax = (uint32_t)value;
		break;
	}
	return VM_ADVANCE;
}

static enum vm_verdict exit_string_pio(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	enum vm_verdict verdict;

	partition_lock_take(&g->partition->lock);
	verdict = string_pio(g, &v->exit);
	partition_lock_drop(&g->partition->lock);
	return verdict;
}

static enum vm_verdict exit_hlt(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);

	uint64_t rflags = backend()->reg_get(v, VREG_RFLAGS);

	(void)guest_cpu_apic(g);
	guest_cpu_poll_timer(g);
	v->has_if = (rflags & RFLAGS_IF) != 0;
	/* What is posted from here on is asked for again. */
	__atomic_fetch_and(&v->requests, ~(uint32_t)VCPU_REQ_EVENT,
			   __ATOMIC_SEQ_CST);
	if (guest_cpu_ends_halt(g) || (rflags & RFLAGS_TF) != 0) {
		vcpu_request(v, VCPU_REQ_EVENT);
		return VM_ADVANCE; /* a single step's trap ends it, too */
	}
	g->is_waiting = true;
	return VM_BLOCK;
}

static enum vm_verdict exit_vmcall(struct vcpu *v)
{
	/* SDM vol. 3: VMCALL exits at any CPL; hypercalls are the kernel's. */
	if (guest_cpu_cpl(guest_cpu_of(v)) != 0) {
		vcpu_inject(v, VECTOR_UD, false, 0);
		return VM_RETRY;
	}
	if (unlikely(pv_call_may_exist(v->gpr[GPR_RAX]))) {
		v->exit.kind = VM_EXIT_HYPERCALL;
		return VM_AGAIN;
	}
	v->gpr[GPR_RAX] = (uint64_t)KVM_HYPERCALL_ENOSYS;
	return VM_ADVANCE;
}

static enum vm_verdict exit_hypercall(struct vcpu *v)
{
	guest_pv_call(guest_cpu_of(v));
	return VM_ADVANCE;
}

static enum vm_verdict exit_pause(struct vcpu *v)
{
	return guest_pv_spins(guest_cpu_of(v)) ? VM_YIELD : VM_RETRY;
}

static enum vm_verdict exit_deadline(struct vcpu *v)
{
	uint64_t now = vcpu_exit_tsc(v);

	if (now >= v->slice_end) {
		return VM_YIELD;
	}
	if (now >= v->deadline) {
		vlapic_timer_expire(&guest_cpu_of(v)->lapic,
				    now + v->vm->tsc_offset);
	} else {
		(void)backend()->timer_changed(
			v); /* early by its granularity */
	}
	return VM_RETRY;
}

static enum vm_verdict exit_interrupt(struct vcpu *v)
{
	/* Without a preemption timer this may be the guest's own deadline. */
	guest_cpu_poll_timer(guest_cpu_of(v));
	/* Windows and NMIs have no vector here; a device's interrupt may have
	 * brought bytes for the management: look at them. */
	return v->exit.qualification >= 32 ? VM_YIELD : VM_RETRY;
}

/* ---- instructions that are not offered ---- */

static enum vm_verdict exit_hidden(struct vcpu *v)
{
	vcpu_inject(v, VECTOR_UD, false, 0);
	return VM_RETRY;
}

static enum vm_verdict exit_privileged(struct vcpu *v)
{
	return exit_gp(v);
}

static enum vm_verdict exit_cache(struct vcpu *v)
{
	/* No device does DMA behind the caches' back, so there is nothing to
	 * write back; and nobody may drop lines that others wrote. */
	(void)v;
	return VM_ADVANCE;
}

/* ---- control registers ---- */

static bool is_cs_64(struct vcpu *v)
{
	return (backend()->reg_get(v, VREG_CS_RIGHTS) & BIT(13)) != 0;
}

/* SDM vol. 2, "MOV-Move to/from Control Registers": neither with CS.L nor with
 * a 16-bit TSS. */
static bool may_enter_long_mode(struct vcpu *v)
{
	/* type 11, busy; QEMU's TCG keeps the 9 that LTR has read */
	bool is_tss_16 = (backend()->reg_get(v, VREG_TR_RIGHTS) & BIT(3)) == 0;

	return !is_cs_64(v) && !is_tss_16;
}

static bool cr0_is_valid(struct vcpu *v, uint64_t cr0)
{
	uint64_t cr4 = backend()->reg_get(v, VREG_CR4);
	uint64_t efer = backend()->reg_get(v, VREG_EFER);

	if (cr0 >> 32 != 0 || ((cr0 & CR0_PG) != 0 && (cr0 & CR0_PE) == 0) ||
	    ((cr0 & CR0_NW) != 0 && (cr0 & CR0_CD) == 0)) {
		return false;
	}
	/* Paging cannot be turned on for long mode without PAE, nor off in
	 * it by 64-bit code. */
	if ((cr0 & CR0_PG) != 0) {
		return (efer & EFER_LME) == 0 || (efer & EFER_LMA) != 0 ||
		       ((cr4 & CR4_PAE) != 0 && may_enter_long_mode(v));
	}
	return (cr4 & CR4_PCIDE) == 0 &&
	       ((efer & EFER_LMA) == 0 || !is_cs_64(v));
}

static bool cr4_is_valid(struct vcpu *v, uint64_t cr4)
{
	uint64_t efer = backend()->reg_get(v, VREG_EFER);
	uint64_t old = backend()->reg_get(v, VREG_CR4);

	if ((cr4 & ~v->vm->cr4_allowed) != 0) {
		return false;
	}
	if ((efer & EFER_LMA) != 0 && (cr4 & CR4_PAE) == 0) {
		return false;
	}
	if ((cr4 & ~old & CR4_PCIDE) != 0) {
		return (efer & EFER_LMA) != 0 &&
		       (backend()->reg_get(v, VREG_CR3) & 0xfff) == 0;
	}
	return true;
}

/* SDM vol. 3, "PDPTE Registers": does a MOV that makes them @cr0 and @cr4 turn
 * PAE paging on, or change how it caches? */
static bool loads_pdptes(struct vcpu *v, uint64_t cr0, uint64_t cr4)
{
	uint64_t changed0;
	uint64_t changed4;

	if ((cr0 & CR0_PG) == 0 || (cr4 & CR4_PAE) == 0 ||
	    (backend()->reg_get(v, VREG_EFER) & EFER_LME) != 0) {
		return false;
	}
	changed0 = cr0 ^ backend()->reg_get(v, VREG_CR0);
	changed4 = cr4 ^ backend()->reg_get(v, VREG_CR4);
	return (changed0 & (CR0_PG | CR0_CD | CR0_NW)) != 0 ||
	       (changed4 & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) != 0;
}

/* Load them, if that MOV does; false: reserved bits, a #GP. */
static bool load_pdptes(struct vcpu *v, uint64_t cr0, uint64_t cr4)
{
	struct guest_cpu *g = guest_cpu_of(v);
	uint64_t reserved = PDPTE_RESERVED;
	struct backend_offers offers;
	uint64_t pdptes[4];
	uint64_t table;

	if (likely(!loads_pdptes(v, cr0, cr4))) {
		return true;
	}
	backend()->offers(&offers);
	if (!offers.has_pdptes) {
		return true; /* read, and judged, with each walk */
	}
	reserved |=
		~(BIT(cpuid_lookup(&g->cpuid, 0x80000008, 0)->eax & 0x3f) - 1);
	table = backend()->reg_get(v, VREG_CR3) & 0xffffffe0;
	if (gmem_read(&g->partition->vm.gmem, gpa(table), pdptes,
		      sizeof(pdptes)) != OK) {
		return false;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(pdptes); i++) {
		if ((pdptes[i] & 1) != 0 && (pdptes[i] & reserved) != 0) {
			return false;
		}
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(pdptes); i++) {
		backend()->reg_set(v, VREG_PDPTE0 + i, pdptes[i]);
	}
	return true;
}

static enum vm_verdict exit_cr_write(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);

	switch (e->cr.number) {
	case 0:
		if (!cr0_is_valid(v, e->cr.value) ||
		    !load_pdptes(v, e->cr.value,
				 backend()->reg_get(v, VREG_CR4))) {
			return exit_gp(v);
		}
		backend()->reg_set(v, VREG_CR0, e->cr.value | CR0_ET);
		return VM_ADVANCE;
	case 4:
		if (!cr4_is_valid(v, e->cr.value) ||
		    !load_pdptes(v, backend()->reg_get(v, VREG_CR0),
				 e->cr.value)) {
			return exit_gp(v);
		}
		backend()->reg_set(v, VREG_CR4, e->cr.value);
		cpuid_set_dynamic(&g->cpuid, e->cr.value, v->xcr0);
		vcpu_request(v, VCPU_REQ_FLUSH);
		return VM_ADVANCE;
	case 8:
		if (e->cr.value > 15) {
			return exit_gp(v);
		}
		vlapic_set_tpr(guest_cpu_apic(g), (uint32_t)e->cr.value << 4);
		return VM_ADVANCE;
	default:
		return exit_unknown(v);
	}
}

static enum vm_verdict exit_cr_read(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);
	uint64_t value = 0;

	if (e->cr.number == 0) {
		value = backend()->reg_get(v, VREG_CR0);
	} else {
		value = vlapic_tpr(guest_cpu_apic(g)) >> 4;
	}
	if (e->cr.gpr == GPR_RSP) {
		backend()->reg_set(v, VREG_RSP, value);
	} else {
		v->gpr[e->cr.gpr] = value;
	}
	return VM_ADVANCE;
}

static enum vm_verdict exit_xsetbv(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	const uint64_t *r = v->gpr;
	uint64_t value = r[GPR_RDX] << 32 | (uint32_t)r[GPR_RAX];

	/* A processor faults before it exits; Bochs 2.7 exits at any CPL. */
	if (guest_cpu_cpl(g) != 0 || (uint32_t)r[GPR_RCX] != 0 ||
	    !cpuid_xcr0_is_valid(&g->cpuid, value)) {
		return exit_gp(v);
	}
	backend()->xcr0_set(v, value);
	cpuid_set_dynamic(&g->cpuid, backend()->reg_get(v, VREG_CR4), value);
	return VM_ADVANCE;
}

/* ---- memory ---- */

static enum vm_verdict nested_fault(struct vcpu *v, struct vm_exit *e)
{
	struct guest_cpu *g = guest_cpu_of(v);
	struct vm_exit_nested_fault *f = &e->nested_fault;
	struct partition *p = g->partition;
	enum status s;
	uint32_t chunk;

	if (!f->is_mapped && gmem_chunk_of(&p->vm.gmem, f->gpa, &chunk)) {
		if (partition_populate(p, chunk) != OK) {
			partition_end_at(g, END_REASON_OUT_OF_MEMORY,
					 "no frame for GPA %#llx",
					 (unsigned long long)f->gpa.v);
			return VM_STOP;
		}
		return VM_RETRY;
	}
	if (f->is_mapped && f->is_fetch &&
	    partition_make_executable(p, f->gpa, &s)) {
		if (s != OK) {
			partition_end_at(g, END_REASON_OUT_OF_MEMORY,
					 "no frame for a page table");
			return VM_STOP;
		}
		vcpu_request(v, VCPU_REQ_FLUSH);
		return VM_RETRY;
	}
	if (f->in_delivery) {
		partition_end_at(
			g, END_REASON_EVENT_DELIVERY,
			"an event was delivered to GPA %#llx, which is "
			"no RAM",
			(unsigned long long)f->gpa.v);
		return VM_STOP;
	}
	/* Data that is no RAM: a device, or a bus on which nobody answers. */
	if (!f->is_fetch && !f->in_walk) {
		return mmio_access(g, e);
	}
	partition_end_at(g, END_REASON_EPT_VIOLATION,
			 "%s GPA %#llx, which is no RAM",
			 f->in_walk ? "page tables at" : "instructions at",
			 (unsigned long long)f->gpa.v);
	return VM_STOP;
}

static enum vm_verdict exit_nested_fault(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	struct partition *p = g->partition;
	uint64_t at = v->exit.nested_fault.gpa.v;
	enum vm_verdict verdict;

	partition_lock_take(&p->lock);
	verdict = nested_fault(v, &v->exit);
	partition_lock_drop(&p->lock);
	if (verdict != VM_RETRY) {
		g->progress.count = 0;
	} else if (progress_is_stuck(&g->progress, v->exit.rip, at,
				     v->gpr[GPR_RCX])) {
		partition_end_at(g, END_REASON_NO_PROGRESS, "GPA %#llx",
				 (unsigned long long)at);
		return VM_STOP;
	}
	return verdict;
}

/* ---- local APIC with virtual-interrupt delivery ---- */

static enum vm_verdict exit_apic_write(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);

	vlapic_page_written(&g->lapic, e->apic_offset);
	return VM_RETRY;
}

static enum vm_verdict exit_apic_eoi(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);

	vlapic_eoi_done(&g->lapic, e->eoi_vector);
	return VM_RETRY;
}

/* ---- events ---- */

static enum vm_verdict exit_exception(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	const struct vm_exit_exception *x = &e->exception;

	if (x->vector == VECTOR_DB) {
		backend()->debug_reflect(v, x->dr6);
	}
	vcpu_inject(v, x->vector, x->has_error_code, x->error_code);
	if (x->is_by_int1) { /* a fault would come again for ever */
		v->event = event_word(EVENT_PRIVILEGED_SOFTWARE_EXCEPTION,
				      x->vector);
	}
	return VM_RETRY;
}

static enum vm_verdict exit_triple_fault(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);

	partition_end_at(g,
			 g->partition->panic_match > 11
				 ? END_REASON_GUEST_PANIC
				 : END_REASON_TRIPLE_FAULT,
			 "%s", "");
	return VM_STOP;
}

static enum vm_verdict exit_init(struct vcpu *v)
{
	/* The machine's own INIT, not the guest's: nothing to do with it. */
	(void)v;
	return VM_RETRY;
}

static enum vm_verdict exit_task_switch(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);

	partition_end_at(g, END_REASON_UNHANDLED_EXIT, "%s",
			 "hardware task switches are not emulated");
	return VM_STOP;
}

static enum vm_verdict exit_entry_failed(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	char rule[160];

	backend()->explain(v, rule, sizeof(rule));
	partition_end_at(g, END_REASON_ENTRY_FAILED, "%s", rule);
	return VM_STOP;
}

static enum vm_verdict exit_npt_misconfig(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);
	uint32_t level = 0;
	uint64_t entry =
		pt_lookup(&g->partition->vm.npt, e->nested_fault.gpa.v, &level);

	partition_end_at(g, END_REASON_EPT_MISCONFIG,
			 "entry %#llx at level %u for GPA %#llx",
			 (unsigned long long)entry, level,
			 (unsigned long long)e->nested_fault.gpa.v);
	return VM_STOP;
}

static enum vm_verdict exit_unknown(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	struct guest_cpu *g = guest_cpu_of(v);

	partition_end_at(g, END_REASON_UNHANDLED_EXIT,
			 "exit reason %u (%s), qualification %#llx", e->reason,
			 backend()->exit_name(e->reason),
			 (unsigned long long)e->qualification);
	return VM_STOP;
}
