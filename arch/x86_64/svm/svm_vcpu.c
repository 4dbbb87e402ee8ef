/*
 * svm_vcpu.c - the VMCB of a vCPU: made, filled, given back; and which vCPU a
 * CPU holds.
 *
 * Fields that are not written here are 0, and stay 0. Unlike a VMCS the VMCB is
 * plain memory and holds guest state and controls alone: the VMM's own state is
 * saved by VMRUN and VMSAVE when a stay in the guest begins.
 */
#include "../cpu_local.h"
#include "../entry_state.h"
#include "svm.h"

#include <bh/string.h>
#include <hv/mitigation.h>

#define RESET_DR7 0x400ull
#define RESET_DR6 0xffff0ff0ull

/* #DB and #AC: a guest could loop in their delivery for ever without an exit
 * (CVE-2015-8104, CVE-2015-5307). #MC: the machine's own. */
#define EXCEPTIONS (BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC))

#define INTERCEPT1                                                   \
	(INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_INIT |        \
	 INTERCEPT1_RDPMC | INTERCEPT1_CPUID | INTERCEPT1_RSM |      \
	 INTERCEPT1_INVD | INTERCEPT1_HLT | INTERCEPT1_INVLPGA |     \
	 INTERCEPT1_IOIO | INTERCEPT1_MSR | INTERCEPT1_TASK_SWITCH | \
	 INTERCEPT1_SHUTDOWN)
#define INTERCEPT2                                                       \
	(INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD |     \
	 INTERCEPT2_VMSAVE | INTERCEPT2_STGI | INTERCEPT2_CLGI |         \
	 INTERCEPT2_SKINIT | INTERCEPT2_WBINVD | INTERCEPT2_MONITOR |    \
	 INTERCEPT2_MWAIT | INTERCEPT2_MWAIT_ARMED | INTERCEPT2_XSETBV | \
	 INTERCEPT2_RDPRU)

/* So many PAUSEs, each within so many cycles of the last, are a spinning loop.
 */
#define PAUSE_COUNT     3000
#define PAUSE_THRESHOLD 128

/* ASIDs in use on a CPU; the vCPUs share them if there are more of these. */
#define ASID_MAX 16u
static const struct vcpu *asid_users[CPU_MAX][ASID_MAX];

enum status svm_vcpu_create(struct vcpu *v)
{
	frame_owner_t owner = v->vm->owner;
	struct svm_vcpu *x;
	hpa_t own;
	hpa_t vmcb;
	enum status s = pmm_alloc(owner, PAGE_SIZE, PAGE_SIZE, &own);

	_Static_assert(sizeof(struct svm_vcpu) <= PAGE_SIZE, "one frame");
	if (s != OK) {
		return s;
	}
	x = phys_to_virt(own);
	s = pmm_alloc(owner, PAGE_SIZE, PAGE_SIZE, &vmcb);
	if (s != OK) {
		goto undo_own;
	}
	s = pmm_alloc(owner, PAGE_SIZE, PAGE_SIZE, &x->apic_page);
	if (s != OK) {
		goto undo_vmcb;
	}
	s = guest_state_create(&x->state, owner,
			       svm_plan_uses(&svm_plan, RDTSCP));
	if (s != OK) {
		goto undo_apic;
	}
	x->vmcb = phys_to_virt(vmcb);
	v->arch = x;
	return OK;
undo_apic:
	pmm_free(owner, x->apic_page, PAGE_SIZE);
undo_vmcb:
	pmm_free(owner, vmcb, PAGE_SIZE);
undo_own:
	pmm_free(owner, own, PAGE_SIZE);
	return s;
}

/* The next user of its ASID on any CPU flushes what is left of @v. */
static void svm_forget_asid(const struct vcpu *v)
{
	for (uint32_t i = 0; i < CPU_MAX * ASID_MAX; i++) {
		const struct vcpu *is = v;

		(void)__atomic_compare_exchange_n(
			&asid_users[i / ASID_MAX][i % ASID_MAX], &is, NULL,
			false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
}

void svm_vcpu_destroy(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);
	frame_owner_t owner = v->vm->owner;

	if (cpu_this()->loaded == v) {
		svm_vcpu_unload();
	}
	svm_forget_asid(v);
	pmm_free(owner, virt_to_phys(x->vmcb), PAGE_SIZE);
	pmm_free(owner, x->apic_page, PAGE_SIZE);
	guest_state_destroy(&x->state, owner);
	pmm_free(owner, virt_to_phys(x), PAGE_SIZE);
	v->arch = NULL;
}

static void svm_write_controls(const struct vcpu *v, union vmcb *b)
{
	vmcb_set(b, intercept_cr_reads, BIT(8));
	vmcb_set(b, intercept_cr_writes, BIT(0) | BIT(4) | BIT(8));
	vmcb_set(b, intercept_exceptions, EXCEPTIONS);
	vmcb_set(b, intercept_misc1, INTERCEPT1);
	vmcb_set(b, intercept_misc2, INTERCEPT2);
	vmcb_set(b, tsc_offset, v->vm->tsc_offset);
	vmcb_set(b, v_intr, V_INTR_MASKING);
	vmcb_set(b, np_enable, NP_ENABLE);
	vmcb_set(b, n_cr3, v->vm->npt.root.v);
	svm_write_maps(b);
	if (svm_plan_uses(&svm_plan, PAUSE_FILTER) && v->vm->has_siblings) {
		vmcb_set(b, intercept_misc1, INTERCEPT1 | INTERCEPT1_PAUSE);
		vmcb_set(b, pause_filter_count, PAUSE_COUNT);
		vmcb_set(b, pause_filter_threshold,
			 svm_plan_uses(&svm_plan, PAUSE_THRESHOLD)
				 ? PAUSE_THRESHOLD
				 : 0);
	}
}

static struct vmcb_segment svm_segment(const struct entry_segment *s)
{
	return (struct vmcb_segment){ s->selector,
				      entry_state_attributes(s->rights),
				      s->limit, s->base };
}

static void svm_write_segments(union vmcb *b, const struct entry_state *s)
{
	vmcb_set(b, cs, svm_segment(&s->cs));
	vmcb_set(b, ss, svm_segment(&s->data));
	vmcb_set(b, ds, svm_segment(&s->data));
	vmcb_set(b, es, svm_segment(&s->data));
	vmcb_set(b, fs, svm_segment(&s->data));
	vmcb_set(b, gs, svm_segment(&s->data));
	vmcb_set(b, cpl, 0);
	vmcb_set(b, ldtr, svm_segment(&s->ldtr));
	vmcb_set(b, tr, svm_segment(&s->tr));
	vmcb_set(b, gdtr,
		 ((struct vmcb_segment){ 0, 0, s->gdt_limit, s->gdt_base }));
	vmcb_set(b, idtr, ((struct vmcb_segment){ 0, 0, s->idt_limit, 0 }));
}

static void svm_write_registers(union vmcb *b, const struct vcpu_entry *e,
				const struct entry_state *s)
{
	vmcb_set(b, cr0, s->cr0);
	vmcb_set(b, cr3, s->cr3);
	vmcb_set(b, cr4, s->cr4);
	vmcb_set(b, efer, s->efer | EFER_SVME);
	vmcb_set(b, g_pat, PAT_RESET_VALUE);
	vmcb_set(b, dr6, RESET_DR6);
	vmcb_set(b, dr7, RESET_DR7);
	vmcb_set(b, rsp, e->gpr[GPR_RSP]);
	vmcb_set(b, rip, e->rip);
	vmcb_set(b, rflags, RFLAGS_FIXED1);
}

enum status svm_vcpu_reset(struct vcpu *v, const struct vcpu_entry *e)
{
	const struct entry_state s = entry_state_of(e);
	struct svm_vcpu *x = svm_of(v);

	if (cpu_this()->loaded == v) {
		svm_vcpu_unload();
	}
	*x = (struct svm_vcpu){ .vmcb = x->vmcb,
				.apic_page = x->apic_page,
				.last_cpu = x->last_cpu,
				.state = x->state };
	guest_state_reset(&x->state);
	memset(x->vmcb, 0, sizeof(*x->vmcb));
	v->xcr0 = 1;
	v->event = 0;
	v->nmi_pending = false;
	memcpy(v->gpr, e->gpr, sizeof(v->gpr));
	svm_write_controls(v, x->vmcb);
	svm_write_segments(x->vmcb, &s);
	svm_write_registers(x->vmcb, e, &s);
	svm_forget_asid(v);
	svm_vcpu_load(v);
	vcpu_request(v, VCPU_REQ_EVENT | VCPU_REQ_TIMER | VCPU_REQ_FLUSH);
	return OK;
}

/*
 * ASID 0 is the VMM's own. There are fewer of them than VPIDs (16 in QEMU):
 * vCPUs whose numbers meet share one, and a change of its user flushes it.
 */
static void svm_take_asid(struct vcpu *v, struct svm_vcpu *x, uint32_t cpu)
{
	uint32_t count = svm_plan.asid_count < ASID_MAX + 1
				 ? svm_plan.asid_count - 1
				 : ASID_MAX;
	uint32_t slot = (v->vm->asid + v->id) % count;

	if (x->asid != slot + 1) {
		x->asid = slot + 1;
		vmcb_set(x->vmcb, guest_asid, x->asid);
	}
	/* It may have changed its page tables on another CPU meanwhile. */
	if (__atomic_exchange_n(&asid_users[cpu][slot], v, __ATOMIC_ACQ_REL) !=
		    v ||
	    x->last_cpu != cpu + 1) {
		x->last_cpu = cpu + 1;
		vcpu_request(v, VCPU_REQ_FLUSH);
	}
}

void svm_vcpu_unload(void)
{
	struct cpu *cpu = cpu_this();

	if (cpu->loaded != NULL) {
		guest_state_save(cpu->loaded, &svm_of(cpu->loaded)->state);
		cpu->loaded = NULL;
	}
}

void svm_vcpu_load(struct vcpu *v)
{
	struct cpu *cpu = cpu_this();
	struct svm_vcpu *x = svm_of(v);

	/* VMRUN notes CR3 and #VMEXIT brings it back. */
	(void)host_space_enter(&v->vm->space);
	if (cpu->loaded == v) {
		return;
	}
	svm_vcpu_unload();
	mitigate_partition_switch(cpu->last_serial, v->vm->serial);
	cpu->last_serial = v->vm->serial;
	guest_state_restore(v, &x->state);
	svm_load_cr2(x->vmcb);
	svm_take_asid(v, x, cpu->index);
	x->vmcb->clean = 0; /* this CPU may hold another VMCB's, or none */
	cpu->loaded = v;
}
