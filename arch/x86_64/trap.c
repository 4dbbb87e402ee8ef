/*
 * trap.c - the VMM's IDT: faults, NMI, machine check and interrupts.
 *
 * 1. A fault at an instruction listed in the fixups section (cpu.c, MSR
 *    accesses that may #GP) goes on at its fixup; any other fault is our own
 *    bug and ends in panic() with registers.
 * 2. NMI, #DF, #MC and #DB run on stacks of their own (IST): they may come at
 *    any moment, even with a broken stack pointer.
 * 3. An NMI is how devices and other CPUs call the VMM (docs/adr/0009). In the
 *    VMM it makes the guest that is about to be entered come back at once, or
 *    an idle CPU go round its loop; in a guest it is a VM exit. A machine check
 * ends the machine with its banks in the report.
 * 4. Interrupts arrive only while the CPU idles (irq_wait()) or as VM exits, so
 *    handlers never interrupt code that holds a lock. irq_drain() lets some in,
 *    too, but through a table of its own that runs no handler.
 */
#include "trap.h"

#include "cpu_local.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>
#include <hv/backend.h>
#include <spec/x86_msr.h>

#include "panic_regs.h"

struct idt_gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};

struct fixup {
	uint64_t fault_rip;
	uint64_t resume_rip;
};

struct idt_register {
	uint16_t limit;
	uint64_t base;
} packed_struct;

#define IDT_INTERRUPT_GATE 0x8e
#define TRAP_LAPIC_BASE    16 /* the lowest vector that a local APIC accepts */

extern const uint64_t trap_stubs[256];
extern const struct fixup __fixups_start[], __fixups_end[];
/* irq.asm */
extern const uint64_t drain_stubs[256 - TRAP_LAPIC_BASE];
extern char drain_spurious[];
extern char irq_wait_end[];
void irq_drain_window(const struct idt_register *idtr);

static struct idt_gate idt[256] align_to(16);
static struct idt_gate drain_idt[256] align_to(16);
static trap_irq_fn *irq_handlers[256];

static uint8_t trap_ist_of(uint32_t vector)
{
	switch (vector) {
	case TRAP_NMI:
		return 1;
	case TRAP_DF:
		return 2;
	case TRAP_MC:
		return 3;
	case TRAP_DB:
		return 4;
	default:
		return 0;
	}
}

static struct idt_gate trap_gate(uint64_t at, uint32_t ist)
{
	return (struct idt_gate){
		.offset_low = (uint16_t)at,
		.selector = CPU_CODE_SELECTOR,
		.ist = (uint8_t)ist,
		.type = IDT_INTERRUPT_GATE,
		.offset_mid = (uint16_t)(at >> 16),
		.offset_high = (uint32_t)(at >> 32),
	};
}

void trap_init(void)
{
	for (uint32_t v = 0; v < 256; v++) {
		idt[v] = trap_gate(trap_stubs[v], trap_ist_of(v));
		drain_idt[v] =
			v < TRAP_LAPIC_BASE
				? idt[v]
				: trap_gate(drain_stubs[v - TRAP_LAPIC_BASE],
					    0);
	}
	drain_idt[TRAP_LAPIC_BASE - 1] = trap_gate((uint64_t)drain_spurious, 0);
	trap_load();
}

void trap_load(void)
{
	const struct idt_register idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void irq_drain(uint32_t irr[8])
{
	const struct idt_register idtr = { sizeof(drain_idt) - 1,
					   (uint64_t)drain_idt };

	struct cpu *c = cpu_this();

	memset(c->drain_bits, 0, sizeof(c->drain_bits));
	irq_drain_window(&idtr);
	for (uint32_t i = 0; i < ARRAY_COUNT(c->drain_bits); i++) {
		irr[i] |= c->drain_bits[i];
	}
}

/*
 * A device wants the VMM: look at it before anything else. Nothing that the
 * NMI may have interrupted is touched, but for one VMCS field and the rings of
 * the UARTs.
 */
static void trap_nmi(struct trap_frame *f)
{
	struct cpu *cpu = cpu_this();
	bool wants_loop = cpu_nmi_came();

	cpu->nmi_count++;
	if (f->rip >= (uint64_t)irq_wait && f->rip < (uint64_t)irq_wait_end) {
		f->rip = (uint64_t)irq_wait_end; /* do not sleep now */
	}
	if (cpu->loaded != NULL) {
		backend()->kick(cpu->loaded, wants_loop);
	}
}

void trap_irq_claim(uint32_t vector, trap_irq_fn *fn)
{
	ASSERT(vector >= TRAP_IRQ_BASE && vector < 256);
	ASSERT(irq_handlers[vector] == NULL);
	irq_handlers[vector] = fn;
}

void trap_irq(uint32_t vector)
{
	struct cpu *cpu = cpu_this();

	cpu->irq_count++;
	cpu->irq_vector = vector;
	if (vector < 256 && irq_handlers[vector] != NULL) {
		irq_handlers[vector]();
		return;
	}
	if (cpu->stray_irq_count++ == 0) {
		log_warn("interrupt %u has no handler; ignored from now on",
			 vector);
	}
}

static const uint64_t *trap_find_fixup(uint64_t rip)
{
	for (const struct fixup *f = __fixups_start; f < __fixups_end; f++) {
		if (f->fault_rip == rip) {
			return &f->resume_rip;
		}
	}
	return NULL;
}

/* SDM vol. 3, "Machine-Check Architecture": every bank that has something. */
static void trap_log_banks(void)
{
	uint64_t cap = 0;
	uint64_t status;

	if (!cpu_rdmsr_safe(MSR_IA32_MCG_CAP, &cap)) {
		return;
	}
	for (uint32_t i = 0; i < (cap & 0xff); i++) {
		if (cpu_rdmsr_safe(MSR_IA32_MC0_STATUS + 4 * i, &status) &&
		    (status & BIT(63)) != 0) {
			log_error("machine check: bank %u, status %#llx", i,
				  (unsigned long long)status);
		}
	}
}

void trap_dispatch(struct trap_frame *f)
{
	const uint64_t *resume;

	if (f->vector >= TRAP_IRQ_BASE) {
		trap_irq((uint32_t)f->vector);
		return;
	}
	if (f->vector == TRAP_NMI) {
		trap_nmi(f);
		return;
	}
	if (f->vector == TRAP_MC) {
		trap_log_banks();
	}
	resume = trap_find_fixup(f->rip);
	if (resume != NULL) {
		f->rip = *resume;
		return;
	}
	panic_with_frame(f);
}
