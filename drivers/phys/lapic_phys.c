/*
 * lapic_phys.c - the local APIC of a physical CPU.
 *
 * SDM vol. 3, "Advanced Programmable Interrupt Controller (APIC)". A register
 * is named by its MSR number in x2APIC mode; the same register lies at
 * (number - 0x800) * 16 of the register page. The interrupt command register is
 * the one exception: 64 bits there, two words here.
 *
 * Invariants
 *  1. IA32_APIC_BASE's enable bit is never cleared: some machines cannot set it
 *     again. Modes change only xAPIC -> x2APIC.
 *  2. Logical destinations are never used: LDR is not ours to trust.
 * Context: each struct belongs to one CPU, interrupts off.
 */
#include "lapic_phys.h"
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/time.h>
#include <bh/sync.h>
#include <spec/x86_msr.h>

/* clang-format off */
#define CPUID_1_ECX_X2APIC       BIT(21)
#define CPUID_1_ECX_TSC_DEADLINE BIT(24)
#define CPUID_1_EDX_APIC         BIT(9)

#define SIVR_ENABLE      BIT(8)
#define LVT_MASKED       BIT(16)
#define LVT_TSC_DEADLINE BIT(18)
#define ICR_DELIVERY_NMI      (4u << 8)
#define ICR_DELIVERY_INIT     (5u << 8)
#define ICR_DELIVERY_STARTUP  (6u << 8)
#define ICR_ASSERT       BIT(14)
#define ICR_BUSY         BIT(12)
#define DIVIDE_BY_1      0xbu
#define VERSION_MAX_LVT(v) (((v) >> 16) & 0xffu)

#define XAPIC_ICR_LOW  0x300u
#define XAPIC_ICR_HIGH 0x310u
/* clang-format on */

#define ICR_WAIT_READS    1000000u
#define CALIBRATE_MS      2u
#define CALIBRATE_CEILING 10000000u /* rounds, should the TSC stand still */

/* A register's place in the register page. */
static volatile uint8_t *lapic_reg(const struct lapic_phys *l, uint32_t msr)
{
	return (volatile uint8_t *)l->regs +
	       (size_t)(msr - MSR_IA32_X2APIC_BASE) * 16;
}

static uint32_t lapic_read(const struct lapic_phys *l, uint32_t msr)
{
	return l->is_x2apic ? (uint32_t)cpu_rdmsr(msr)
			    : mmio_read32(lapic_reg(l, msr));
}

static void lapic_write(const struct lapic_phys *l, uint32_t msr, uint32_t v)
{
	if (l->is_x2apic) {
		cpu_wrmsr(msr, v);
	} else {
		mmio_write32(lapic_reg(l, msr), v);
	}
}

/** lapic_phys_has_x2apic() - does this CPU have x2APIC mode? */
bool lapic_phys_has_x2apic(void)
{
	uint32_t r[4];

	cpu_cpuid(1, 0, r);
	return (r[CPUID_ECX] & CPUID_1_ECX_X2APIC) != 0;
}

/* Bring the LAPIC into the best mode; IA32_APIC_BASE as it is then. */
static enum status lapic_enable(struct lapic_phys *l)
{
	uint64_t base;
	uint64_t wanted;
	uint32_t r[4];

	cpu_cpuid(1, 0, r);
	if ((r[CPUID_EDX] & CPUID_1_EDX_APIC) == 0 ||
	    !cpu_rdmsr_safe(MSR_IA32_APIC_BASE, &base)) {
		return ERR_HARDWARE;
	}
	wanted = base | APIC_BASE_ENABLE;
	if (wanted != base) { /* x2APIC only from enabled xAPIC */
		cpu_wrmsr(MSR_IA32_APIC_BASE, wanted);
	}
	if ((r[CPUID_ECX] & CPUID_1_ECX_X2APIC) != 0) {
		wanted |= APIC_BASE_X2APIC;
	}
	if (wanted != cpu_rdmsr(MSR_IA32_APIC_BASE) &&
	    !cpu_wrmsr_safe(MSR_IA32_APIC_BASE, wanted)) {
		return ERR_HARDWARE;
	}
	base = cpu_rdmsr(MSR_IA32_APIC_BASE);
	l->is_x2apic = (base & APIC_BASE_X2APIC) != 0;
	return (base & APIC_BASE_ENABLE) != 0 ? OK : ERR_HARDWARE;
}

/* Mask every local vector that this LAPIC has. */
static void lapic_mask_vectors(const struct lapic_phys *l)
{
	/* in the order of "Max LVT Entry": entry n exists if it is >= n */
	static const uint16_t entries[] = {
		MSR_IA32_X2APIC_LVT_TIMER, MSR_IA32_X2APIC_LVT_LINT0,
		MSR_IA32_X2APIC_LVT_LINT1, MSR_IA32_X2APIC_LVT_ERROR,
		MSR_IA32_X2APIC_LVT_PMI,   MSR_IA32_X2APIC_LVT_THERMAL,
		MSR_IA32_X2APIC_LVT_CMCI,
	};
	uint32_t last = VERSION_MAX_LVT(lapic_read(l, MSR_IA32_X2APIC_VERSION));

	for (uint32_t i = 0; i < ARRAY_COUNT(entries) && i <= last; i++) {
		lapic_write(l, entries[i], LVT_MASKED);
	}
}

/**
 * lapic_phys_init() - take over this CPU's LAPIC: every local vector masked,
 * spurious vector set, task priority 0.
 * @l:		     where its state goes; all of it is set
 * @regs:	     the register page, mapped uncached; NULL if x2APIC is there
 * @spurious_vector: where spurious interrupts go (no EOI for them)
 * Return: OK; ERR_HARDWARE if it cannot be enabled; ERR_INVALID if the page is
 *	   needed and missing.
 */
enum status lapic_phys_init(struct lapic_phys *l, volatile void *regs,
			    uint8_t spurious_vector)
{
	enum status s;

	*l = (struct lapic_phys){ .regs = regs };
	s = lapic_enable(l);
	if (s != OK) {
		return s;
	}
	if (!l->is_x2apic && regs == NULL) {
		return ERR_INVALID;
	}
	l->id = lapic_read(l, MSR_IA32_X2APIC_APICID);
	if (!l->is_x2apic) {
		l->id >>= 24;
	}
	l->svr = (uint32_t)SIVR_ENABLE | spurious_vector;
	lapic_write(l, MSR_IA32_X2APIC_SIVR, l->svr);
	lapic_mask_vectors(l);
	lapic_write(l, MSR_IA32_X2APIC_TPR, 0);
	return OK;
}

/** lapic_phys_eoi() - the interrupt in service is done. */
void lapic_phys_eoi(struct lapic_phys *l)
{
	lapic_write(l, MSR_IA32_X2APIC_EOI, 0);
}

/* Count-down ticks in CALIBRATE_MS of the TSC give the timer's rate. */
static enum status lapic_calibrate(struct lapic_phys *l)
{
	uint64_t span = (uint64_t)l->tsc_khz * CALIBRATE_MS;
	uint64_t start;
	uint64_t now;
	uint32_t rounds = 0;
	uint32_t count;

	lapic_write(l, MSR_IA32_X2APIC_INIT_COUNT, UINT32_MAX);
	start = time_tsc_ordered();
	do {
		now = time_tsc_ordered();
	} while (now - start < span && ++rounds < CALIBRATE_CEILING);
	count = UINT32_MAX - lapic_read(l, MSR_IA32_X2APIC_CUR_COUNT);
	lapic_write(l, MSR_IA32_X2APIC_INIT_COUNT, 0);
	if (count == 0 || count == UINT32_MAX || now == start) {
		return ERR_TIMEOUT;
	}
	l->timer_khz = (uint32_t)((uint64_t)count * l->tsc_khz / (now - start));
	return l->timer_khz != 0 ? OK : ERR_TIMEOUT;
}

/**
 * lapic_phys_timer_init() - one-shot timer on @vector, disarmed.
 * @l:		   this CPU's LAPIC
 * @vector:	   16 .. 255
 * @tsc_khz:	   measured frequency of the TSC, not 0
 * @want_deadline: use TSC-deadline mode if the CPU has it
 *
 * Without it the count-down rate is measured against the TSC (about 2 ms).
 * Return: OK; ERR_RANGE for the arguments; ERR_TIMEOUT if the timer does not
 *	   count.
 */
enum status lapic_phys_timer_init(struct lapic_phys *l, uint8_t vector,
				  uint32_t tsc_khz, bool want_deadline)
{
	uint32_t r[4];
	enum status s;

	if (vector < 16 || tsc_khz == 0) {
		return ERR_RANGE;
	}
	cpu_cpuid(1, 0, r);
	l->has_deadline =
		want_deadline && (r[CPUID_ECX] & CPUID_1_ECX_TSC_DEADLINE) != 0;
	l->tsc_khz = tsc_khz;
	l->timer_vector = vector;
	if (l->has_deadline) {
		l->lvt_timer = (uint32_t)LVT_TSC_DEADLINE | vector;
		lapic_write(l, MSR_IA32_X2APIC_LVT_TIMER, l->lvt_timer);
		/* SDM vol. 3, "TSC-Deadline Mode": order the store to the
		 * register page before the MSR write that arms. */
		sync_barrier();
		cpu_wrmsr(MSR_IA32_TSC_DEADLINE, 0);
		return OK;
	}
	lapic_write(l, MSR_IA32_X2APIC_LVT_TIMER, LVT_MASKED);
	lapic_write(l, MSR_IA32_X2APIC_DIV_CONF, DIVIDE_BY_1);
	s = lapic_calibrate(l);
	if (s != OK) {
		return s;
	}
	lapic_write(l, MSR_IA32_X2APIC_LVT_TIMER, vector);
	return OK;
}

/**
 * lapic_phys_timer_arm() - interrupt once, when the TSC is at @deadline.
 *
 * A deadline in the past interrupts at once. Far deadlines of the count-down
 * timer are cut to what it can count: the handler looks at the clock and arms
 * again.
 */
void lapic_phys_timer_arm(struct lapic_phys *l, uint64_t deadline)
{
	uint64_t now;
	uint64_t ticks;
	uint64_t count = UINT32_MAX;

	if (l->has_deadline) {
		cpu_wrmsr(MSR_IA32_TSC_DEADLINE, deadline != 0 ? deadline : 1);
		return;
	}
	now = time_tsc();
	ticks = deadline > now ? deadline - now : 0;
	if (ticks <= UINT32_MAX) { /* else the product might overflow */
		count = ticks * l->timer_khz / l->tsc_khz;
	}
	count = count < UINT32_MAX ? count : UINT32_MAX;
	lapic_write(l, MSR_IA32_X2APIC_INIT_COUNT,
		    count != 0 ? (uint32_t)count : 1);
}

/** lapic_phys_timer_stop() - no interrupt from the timer until armed again. */
void lapic_phys_timer_stop(struct lapic_phys *l)
{
	if (l->has_deadline) {
		cpu_wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	} else {
		lapic_write(l, MSR_IA32_X2APIC_INIT_COUNT, 0);
	}
}

/* The command register of the register page is free again. */
static enum status lapic_wait_icr(const struct lapic_phys *l)
{
	const volatile uint8_t *low =
		(const volatile uint8_t *)l->regs + XAPIC_ICR_LOW;

	for (uint32_t i = 0; i < ICR_WAIT_READS; i++) {
		if ((mmio_read32(low) & ICR_BUSY) == 0) {
			return OK;
		}
		cpu_pause();
	}
	return ERR_TIMEOUT;
}

static enum status lapic_send(struct lapic_phys *l, uint32_t apic_id,
			      uint32_t command)
{
	enum status s;

	if (l->is_x2apic) {
		/* WRMSR to the ICR is not serialising: what the receiver will
		 * look at must be visible before. */
		sync_barrier();
		cpu_wrmsr(MSR_IA32_X2APIC_ICR,
			  (uint64_t)apic_id << 32 | command);
		return OK;
	}
	if (apic_id > 0xfe) { /* 0xff is everybody */
		return ERR_RANGE;
	}
	s = lapic_wait_icr(l);
	if (s == OK) {
		volatile uint8_t *page = l->regs;

		mmio_write32(page + XAPIC_ICR_HIGH, apic_id << 24);
		mmio_write32(page + XAPIC_ICR_LOW, command);
	}
	return s;
}

/**
 * lapic_phys_send_ipi() - fixed interrupt @vector to the CPU @apic_id.
 * Return: OK; ERR_TIMEOUT if the LAPIC stays busy; ERR_RANGE if the ID is
 *	   beyond what the mode can name.
 */
enum status lapic_phys_send_ipi(struct lapic_phys *l, uint32_t apic_id,
				uint8_t vector)
{
	return lapic_send(l, apic_id, (uint32_t)ICR_ASSERT | vector);
}

/** lapic_phys_send_nmi() - NMI to the CPU @apic_id; as lapic_phys_send_ipi().
 */
enum status lapic_phys_send_nmi(struct lapic_phys *l, uint32_t apic_id)
{
	return lapic_send(l, apic_id, (uint32_t)ICR_ASSERT | ICR_DELIVERY_NMI);
}

/** lapic_phys_send_init() - INIT to the CPU @apic_id. */
enum status lapic_phys_send_init(struct lapic_phys *l, uint32_t apic_id)
{
	return lapic_send(l, apic_id, (uint32_t)ICR_ASSERT | ICR_DELIVERY_INIT);
}

/** lapic_phys_send_startup() - SIPI: start at @page * 4096. */
enum status lapic_phys_send_startup(struct lapic_phys *l, uint32_t apic_id,
				    uint8_t page)
{
	return lapic_send(l, apic_id,
			  (uint32_t)ICR_ASSERT | ICR_DELIVERY_STARTUP | page);
}
