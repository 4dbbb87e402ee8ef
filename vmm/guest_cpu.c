/*
 * guest_cpu.c - a vCPU's emulated parts put together: local APIC, MSRs, CPUID,
 * clock. Glue only; each part is pure and tested alone.
 */
#include "guest_cpu.h"

#include "cpu_loop.h"
#include "guest_pv.h"
#include "partition.h"
#include "platform.h"
#include "smp.h"

#include <arch/cpu.h>
#include <arch/time.h>
#include <bh/string.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

/* A periodic timer cannot storm: the longer of the two. Where the TSC is slow,
 * 20 us would be over before the guest's handler is. */
#define APIC_MIN_PERIOD_US    20u
#define APIC_MIN_PERIOD_TICKS 10000u

/* ---- MSRs that live elsewhere ---- */

static enum vreg msr_vreg(uint32_t msr)
{
	return msr == MSR_IA32_FS_BASE   ? VREG_FS_BASE
	       : msr == MSR_IA32_GS_BASE ? VREG_GS_BASE
					 : VREG_COUNT;
}

static enum status cpu_msr_read(void *ctx, enum guest_msr_place place,
				uint32_t msr, uint64_t *value)
{
	struct guest_cpu *g = ctx;

	switch (place) {
	case GUEST_MSR_APIC:
		return vlapic_msr_read(&g->lapic, msr, value);
	case GUEST_MSR_EFER:
		*value = backend()->reg_get(&g->v, VREG_EFER);
		return OK;
	case GUEST_MSR_PAT:
		*value = backend()->reg_get(&g->v, VREG_PAT);
		return OK;
	case GUEST_MSR_TSC:
		*value = guest_cpu_tsc(g);
		return OK;
	case GUEST_MSR_CLOCK:
	case GUEST_MSR_STEAL_TIME:
	case GUEST_MSR_PV_EOI:
		return guest_pv_msr_read(g, msr, value);
	case GUEST_MSR_MTRR:
		return guest_mtrr_read(&g->mtrrs, msr, value);
	case GUEST_MSR_REGISTER:
		if (msr_vreg(msr) != VREG_COUNT) {
			*value = backend()->reg_get(&g->v, msr_vreg(msr));
			return OK;
		}
		return cpu_rdmsr_safe(msr, value) ? OK : ERR_DENIED;
	default:
		return ERR_DENIED;
	}
}

/* EFER.LME cannot change while paging is on; LMA is the processor's. */
static enum status cpu_efer_write(struct guest_cpu *g, uint64_t value)
{
	uint64_t old = backend()->reg_get(&g->v, VREG_EFER);
	uint64_t cr0 = backend()->reg_get(&g->v, VREG_CR0);

	if ((cr0 & CR0_PG) != 0 && ((old ^ value) & EFER_LME) != 0) {
		return ERR_INVALID;
	}
	backend()->reg_set(&g->v, VREG_EFER, value);
	return OK;
}

static enum status cpu_msr_write(void *ctx, enum guest_msr_place place,
				 uint32_t msr, uint64_t value)
{
	struct guest_cpu *g = ctx;

	switch (place) {
	case GUEST_MSR_APIC:
		return vlapic_msr_write(&g->lapic, msr, value);
	case GUEST_MSR_EFER:
		return cpu_efer_write(g, value);
	case GUEST_MSR_PAT:
		backend()->reg_set(&g->v, VREG_PAT, value);
		return OK;
	case GUEST_MSR_TSC:
		return OK; /* the TSC is the partition's; writes are dropped */
	case GUEST_MSR_CLOCK:
	case GUEST_MSR_STEAL_TIME:
	case GUEST_MSR_PV_EOI:
		return guest_pv_msr_write(g, msr, value);
	case GUEST_MSR_MTRR:
		return guest_mtrr_write(&g->mtrrs, msr, value);
	case GUEST_MSR_REGISTER:
		if (msr_vreg(msr) != VREG_COUNT) {
			backend()->reg_set(&g->v, msr_vreg(msr), value);
			return OK;
		}
		return cpu_wrmsr_safe(msr, value) ? OK : ERR_DENIED;
	default:
		return ERR_DENIED;
	}
}

static const struct guest_msr_ops msr_ops = { cpu_msr_read, cpu_msr_write };

bool vm_next_open_msrs(uint32_t *iter, struct vm_open_msrs *out)
{
	struct backend_offers offers;
	struct msr_open run;

	backend()->offers(&offers);
	if (!msr_policy_next_open(offers.has_rdtscp ? MSR_HAS_RDTSCP : 0, iter,
				  &run)) {
		return false;
	}
	*out = (struct vm_open_msrs){ run.first, run.last, run.read,
				      run.write };
	return true;
}

/* ---- local APIC ---- */

static uint64_t apic_tsc(void *ctx)
{
	return guest_cpu_tsc(ctx);
}

static void apic_send_ipi(void *ctx, const struct vlapic_message *m)
{
	struct guest_cpu *from = ctx;

	(void)vlapic_route(&from->partition->lapics, &from->lapic, m);
}

/*
 * First the request, then a look at where the vCPU is; its CPU does it the
 * other way round, each with a barrier between: one of the two sees the other.
 */
void guest_cpu_notify(struct guest_cpu *g, uint32_t requests)
{
	uint32_t cpu;

	(void)__atomic_fetch_or(&g->v.requests, requests, __ATOMIC_SEQ_CST);
	cpu = __atomic_load_n(&g->v.cpu, __ATOMIC_SEQ_CST);
	if (cpu == VCPU_NO_CPU) {
		cpu_loop_wake(g);
	} else if (cpu != cpu_index()) {
		smp_kick(cpu);
	}
}

static void apic_notify(void *ctx)
{
	guest_cpu_notify(ctx, VCPU_REQ_EVENT);
}

static void apic_eoi(void *ctx, uint8_t vector)
{
	struct guest_cpu *g = ctx;
	struct partition *p = g->partition;

	partition_lock_take(&p->lock);
	vioapic_eoi(&p->dev.ioapic, vector);
	partition_lock_drop(&p->lock);
}

static void apic_nmi(void *ctx)
{
	struct guest_cpu *g = ctx;

	g->v.nmi_pending = true;
	vcpu_request(&g->v, VCPU_REQ_EVENT);
}

static void apic_kick(void *ctx, uint8_t vector)
{
	struct guest_cpu *g = ctx;

	backend()->irq_changed(&g->v, vector);
}

/* ---- what other CPUs ask for ---- */

static void cpu_take_signals(struct guest_cpu *g, uint32_t signals)
{
	struct ap_step s = ap_state_signals(&g->ap, g->v.id == 0, signals);

	if (s.is_shutdown) {
		/* It need not be loaded: its registers cannot be had here. */
		partition_end(g->partition, END_REASON_REBOOT, "%s",
			      "INIT of its boot processor");
		return;
	}
	if (s.is_reset) {
		vlapic_reset(guest_cpu_apic(g));
		g->v.deadline = VCPU_NO_DEADLINE;
		g->step = (struct ap_step){ .is_reset = true };
	}
	if (s.is_start) {
		g->step.is_start = true;
		g->step.vector = s.vector;
	}
	if (s.is_reset || s.is_start) {
		vcpu_request(&g->v, VCPU_REQ_YIELD);
	}
	g->v.nmi_pending |= s.has_nmi;
}

void vcpu_take_mail(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);
	uint32_t signals;

	/* Interrupts are looked at in any case: VCPU_REQ_EVENT says so. */
	(void)vlapic_take_posted(&g->lapic);
	signals = vlapic_take_signals(&g->lapic);
	if (unlikely(signals != 0)) {
		cpu_take_signals(g, signals);
	}
}

/* SDM vol. 3, "MP Initialization Protocol Algorithm". */
static void cpu_start_ap(struct guest_cpu *g)
{
	const struct vcpu_entry e = {
		.mode = VCPU_ENTRY_REAL,
		.cs = (uint16_t)(g->step.vector << 8),
	};

	g->step = (struct ap_step){ 0 };
	g->is_waiting = false;
	if (guest_cpu_reset(g, &e) != OK) {
		partition_end(g->partition, END_REASON_VMM_BUG,
			      "vCPU %u cannot start in real mode", g->v.id);
	}
}

bool guest_cpu_ready(struct guest_cpu *g)
{
	uint32_t event =
		__atomic_fetch_and(&g->v.requests, ~(uint32_t)VCPU_REQ_EVENT,
				   __ATOMIC_SEQ_CST) &
		VCPU_REQ_EVENT;

	vcpu_take_mail(&g->v);
	if (g->ap == AP_WAIT_FOR_SIPI) {
		return false;
	}
	if (unlikely(g->step.is_start)) {
		cpu_start_ap(g);
	}
	if (g->is_waiting) {
		guest_cpu_poll_timer(g);
		g->is_waiting = !guest_cpu_ends_halt(g);
		event = VCPU_REQ_EVENT;
	}
	if (g->is_waiting) {
		return false;
	}
	/* What was taken is not delivered yet. One that only lost its CPU has
	 * had all its interrupts looked at, but for those. */
	if (event != 0) {
		vcpu_request(&g->v, event);
	}
	return true;
}

static bool apic_timer_changed(void *ctx)
{
	struct guest_cpu *g = ctx;
	uint64_t when = vlapic_timer_deadline(&g->lapic);

	/* The guest's TSC started at 0 after ours: the sum can only wrap for
	 * deadlines centuries ahead, which are as good as none. */
	if (when == VLAPIC_NO_DEADLINE ||
	    __builtin_add_overflow(when, 0 - g->partition->vm.tsc_offset,
				   &g->v.deadline)) {
		g->v.deadline = VCPU_NO_DEADLINE;
	}
	return backend()->timer_changed(&g->v);
}

/* With APICv the processor has the registers, as MSRs; without, each access
 * comes here, and any mode will do. */
static bool apic_mode_changes(void *ctx, uint32_t base)
{
	struct guest_cpu *g = ctx;

	if (g->v.has_apicv) {
		return false;
	}
	(void)guest_cpu_apic(g);
	cpuid_set_apic(&g->cpuid, (base & APIC_BASE_ENABLE) != 0);
	return true;
}

static const struct vlapic_ops apic_ops = {
	.tsc = apic_tsc,
	.send_ipi = apic_send_ipi,
	.eoi = apic_eoi,
	.nmi = apic_nmi,
	.kick = apic_kick,
	.timer_changed = apic_timer_changed,
	.mode_changes = apic_mode_changes,
	.notify = apic_notify,
};

int vcpu_next_irq(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);

	pv_eoi_look(&g->eoi, &g->lapic);
	return vlapic_deliverable(&g->lapic);
}

void vcpu_ack_irq(struct vcpu *v, uint32_t vector)
{
	vlapic_ack(&guest_cpu_of(v)->lapic, (uint8_t)vector);
}

void vcpu_irq_enters(struct vcpu *v)
{
	struct guest_cpu *g = guest_cpu_of(v);

	pv_eoi_entry(&g->eoi, &g->lapic);
}

uint32_t vcpu_highest_irr(struct vcpu *v)
{
	int irr = vlapic_highest_irr(&guest_cpu_of(v)->lapic);

	return irr > 0 ? (uint32_t)irr : 0;
}

uint32_t vcpu_highest_isr(struct vcpu *v)
{
	int isr = vlapic_highest_isr(&guest_cpu_of(v)->lapic);

	return isr > 0 ? (uint32_t)isr : 0;
}

/* ---- CPUID ---- */

static void cpu_host_cpuid(uint32_t leaf, uint32_t subleaf,
			   struct cpuid_regs *out)
{
	uint32_t r[4];

	cpu_cpuid(leaf, subleaf, r);
	*out = (struct cpuid_regs){ r[0], r[1], r[2], r[3] };
}

static uint64_t cpu_host_xcr0(void)
{
	uint32_t r[4];

	cpu_cpuid(0xd, 0, r);
	return (uint64_t)r[3] << 32 | r[0];
}

/* Where there is no such MSR, nothing says that strings are slow. */
static uint64_t cpu_misc_enable(void)
{
	uint64_t value;

	return cpu_rdmsr_safe(MSR_IA32_MISC_ENABLE, &value)
		       ? value
		       : MISC_ENABLE_FAST_STRINGS;
}

static bool is_pc(const struct partition *p)
{
	return p->config.platform == CONFIG_PLATFORM_PC;
}

static void cpu_build_cpuid(struct guest_cpu *g)
{
	struct backend_offers offers;
	struct cpuid_config c = {
		.vcpu_count = g->partition->config.vcpu_count,
		.apic_id = g->v.id,
		.tsc_khz = (uint32_t)platform_tsc_khz(),
		.has_mtrr = is_pc(g->partition),
		.xcr0_allowed =
			cpu_host_xcr0() & (XCR0_X87 | XCR0_SSE | XCR0_AVX |
					   XCR0_AVX512 | XCR0_PKRU),
		.has_fast_strings =
			(cpu_misc_enable() & MISC_ENABLE_FAST_STRINGS) != 0,
	};

	backend()->offers(&offers);
	guest_pv_offer(&c, g->v.has_apicv);
	c.has_rdtscp = offers.has_rdtscp;
	c.has_invpcid = offers.has_invpcid;
	cpuid_table_build(&g->cpuid, cpu_host_cpuid, &c);
}

/* ---- life ---- */

enum status guest_cpu_init(struct guest_cpu *g, struct partition *p,
			   uint32_t id)
{
	struct backend_offers offers;
	struct msr_host host = { 0 };
	enum status s;

	g->partition = p;
	g->ap = ap_state_first(id == 0);
	g->v.id = id;
	g->v.cpu = VCPU_NO_CPU;
	g->v.vm = &p->vm;
	g->v.state = VCPU_STOPPED;
	g->v.deadline = VCPU_NO_DEADLINE;
	backend()->offers(&offers);
	g->v.has_apicv =
		offers.has_apicv && p->config.apic == CONFIG_APIC_X2APIC;
	s = backend()->vcpu_create(&g->v);
	if (s != OK) {
		return s;
	}
	cpu_build_cpuid(g);
	p->vm.has_siblings = p->config.vcpu_count > 1;
	p->vm.cr4_allowed = g->cpuid.cr4_allowed;
	p->vm.xcr0_allowed = g->cpuid.xcr0_allowed;
	host.misc_enable = cpu_misc_enable();
	guest_msrs_init(&g->msrs, &msr_ops, g,
			(offers.has_rdtscp ? MSR_HAS_RDTSCP : 0) |
				(is_pc(p) ? MSR_HAS_PC : 0) |
				guest_pv_msrs(g->v.has_apicv),
			&host);
	guest_mtrrs_reset(&g->mtrrs,
			  (uint8_t)cpuid_lookup(&g->cpuid, 0x80000008, 0)->eax);
	pvclock_init(&g->clock, &p->vm.gmem, (uint32_t)platform_tsc_khz(),
		     p->clock_start + p->vm.tsc_offset, p->wall_ns);
	if (!smp_is_tsc_synced()) {
		pvclock_set_unstable(&g->clock);
	}
	guest_pv_init(g);
	vlapic_init(&g->lapic, backend()->apic_page(&g->v), id, &apic_ops, g);
	if (p->config.apic == CONFIG_APIC_XAPIC) {
		vlapic_use_xapic(&g->lapic);
	}
	vlapic_set_put(&p->lapics, &g->lapic);
	g->lapic.min_period = platform_us_to_tsc(APIC_MIN_PERIOD_US);
	if (g->lapic.min_period < APIC_MIN_PERIOD_TICKS) {
		g->lapic.min_period = APIC_MIN_PERIOD_TICKS;
	}
	return OK;
}

enum status guest_cpu_reset(struct guest_cpu *g, const struct vcpu_entry *e)
{
	enum status s = backend()->vcpu_reset(&g->v, e);

	if (s == OK) {
		cpuid_set_dynamic(&g->cpuid,
				  backend()->reg_get(&g->v, VREG_CR4),
				  g->v.xcr0);
		vlapic_reset(&g->lapic);
		guest_pv_init(g);
		g->v.deadline = VCPU_NO_DEADLINE;
	}
	return s;
}

uint64_t guest_cpu_tsc(const struct guest_cpu *g)
{
	return time_tsc() + g->partition->vm.tsc_offset;
}

void guest_cpu_poll_timer(struct guest_cpu *g)
{
	if (g->v.deadline != VCPU_NO_DEADLINE && time_tsc() >= g->v.deadline) {
		vlapic_timer_expire(&g->lapic, guest_cpu_tsc(g));
	}
}

bool guest_cpu_ends_halt(struct guest_cpu *g)
{
	if (unlikely(__atomic_load_n(&g->is_kicked, __ATOMIC_SEQ_CST) != 0)) {
		/* What came meanwhile is answered with it: the guest looks. */
		__atomic_store_n(&g->is_kicked, 0, __ATOMIC_SEQ_CST);
		return true;
	}
	return g->v.nmi_pending || vlapic_has_mail(&g->lapic) ||
	       (g->v.has_if && vlapic_deliverable(&g->lapic) >= 0);
}

uint32_t guest_cpu_walk_regs(struct guest_cpu *g, struct walk_regs *out)
{
	struct vcpu *v = &g->v;

	*out = (struct walk_regs){
		.cr0 = backend()->reg_get(v, VREG_CR0),
		.cr3 = backend()->reg_get(v, VREG_CR3),
		.cr4 = backend()->reg_get(v, VREG_CR4),
		.efer = backend()->reg_get(v, VREG_EFER),
		.rflags = backend()->reg_get(v, VREG_RFLAGS),
	};
	return guest_cpu_cpl(g) == 3 ? WALK_USER : 0;
}

size_t guest_cpu_fetch(struct guest_cpu *g, uint8_t *dst, size_t max)
{
	uint64_t at = backend()->reg_get(&g->v, VREG_RIP) +
		      backend()->reg_get(&g->v, VREG_CS_BASE);
	struct gmem *gm = &g->partition->vm.gmem;
	struct walk_regs regs;
	uint32_t access = guest_cpu_walk_regs(g, &regs) | WALK_FETCH;
	size_t n = 0;

	while (n < max) {
		uint64_t left = PAGE_SIZE - ((at + n) & (PAGE_SIZE - 1));
		size_t part = left < max - n ? (size_t)left : max - n;
		uint32_t error;
		gpa_t a;

		if (!guest_walk(gm, &regs, gva(at + n), access, &a, &error) ||
		    gmem_read(gm, a, dst + n, part) != OK) {
			break;
		}
		n += part;
	}
	return n;
}

size_t vcpu_fetch(struct vcpu *v, uint8_t *dst, size_t max)
{
	return guest_cpu_fetch(guest_cpu_of(v), dst, max);
}

bool vcpu_read(struct vcpu *v, uint64_t at, void *dst, size_t size)
{
	struct guest_cpu *g = guest_cpu_of(v);
	struct gmem *gm = &g->partition->vm.gmem;
	struct walk_regs regs;
	uint32_t access = guest_cpu_walk_regs(g, &regs);

	for (size_t i = 0; i < size; i++) {
		uint32_t error = access;
		gpa_t a;

		if (!guest_walk(gm, &regs, gva(at + i), access, &a, &error) ||
		    gmem_read(gm, a, (uint8_t *)dst + i, 1) != OK) {
			backend()->reg_set(v, VREG_CR2, at + i);
			vcpu_inject(v, VECTOR_PF, true, error);
			return false;
		}
	}
	return true;
}
