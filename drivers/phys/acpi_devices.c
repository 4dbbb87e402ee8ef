/*
 * acpi_devices.c - what the tables say of processors, interrupts, timers, buses
 * and the console: MADT, MCFG, HPET, SPCR.
 *
 * Invariants
 *  1. No byte beyond @len is read; structures are copied out before a look.
 *  2. Every loop is bounded by @len or a constant; each turn over entries takes
 *     at least two bytes of @len.
 *  3. What does not fit is counted or left out, never stored.
 */
#include "acpi_internal.h"
#include <bh/string.h>
#include <spec/acpi.h>

#define APIC_ID_NONE   0xffu
#define X2APIC_ID_NONE 0xffffffffu

/* ---- MADT ---- */

/* A processor; it may be listed as local APIC and as x2APIC. */
static void madt_cpu(struct acpi_phys *out, uint32_t id, uint32_t flags)
{
	if ((flags & ACPI_MADT_CPU_ENABLED) == 0) {
		out->cpu_capable += (flags & ACPI_MADT_CPU_ONLINE_CAPABLE) != 0;
		return;
	}
	for (uint32_t i = 0; i < out->cpu_count; i++) {
		if (out->cpu_ids[i] == id) {
			return;
		}
	}
	if (out->cpu_count == ACPI_PHYS_CPU_MAX) {
		out->cpu_dropped++;
		return;
	}
	out->cpu_ids[out->cpu_count++] = id;
}

static void madt_local_apic(const uint8_t *p, size_t len, struct acpi_phys *out)
{
	struct acpi_madt_local_apic e;

	if (len < sizeof(e)) {
		return;
	}
	memcpy(&e, p, sizeof(e));
	if (e.apic_id != APIC_ID_NONE) {
		madt_cpu(out, e.apic_id, e.flags);
	}
}

static void madt_local_x2apic(const uint8_t *p, size_t len,
			      struct acpi_phys *out)
{
	struct acpi_madt_local_x2apic e;

	if (len < sizeof(e)) {
		return;
	}
	memcpy(&e, p, sizeof(e));
	if (e.x2apic_id != X2APIC_ID_NONE) {
		madt_cpu(out, e.x2apic_id, e.flags);
	}
}

static void madt_ioapic(const uint8_t *p, size_t len, struct acpi_phys *out)
{
	struct acpi_madt_io_apic e;

	if (len < sizeof(e) || out->ioapic_count == ACPI_PHYS_IOAPIC_MAX) {
		return;
	}
	memcpy(&e, p, sizeof(e));
	out->ioapics[out->ioapic_count++] = (struct acpi_ioapic){
		.base = e.address,
		.gsi_base = e.gsi_base,
	};
}

/*
 * Only the polarity is kept of the flags: the VMM has its lines delivered as
 * NMIs, and those are edge-triggered whatever the line is.
 */
static void madt_override(const uint8_t *p, size_t len, struct acpi_phys *out)
{
	struct acpi_madt_override e;

	if (len < sizeof(e)) {
		return;
	}
	memcpy(&e, p, sizeof(e));
	if (e.bus != 0 || e.source >= ACPI_PHYS_ISA_IRQS ||
	    ACPI_INTI_POLARITY(e.flags) == ACPI_INTI_RESERVED) {
		return;
	}
	out->isa_irqs[e.source] = (struct acpi_line){
		.gsi = e.gsi,
		.is_low = ACPI_INTI_POLARITY(e.flags) == ACPI_INTI_LOW,
	};
}

static void madt_entry(const uint8_t *p, size_t len, struct acpi_phys *out)
{
	switch (p[0]) {
	case ACPI_MADT_LOCAL_APIC:
		madt_local_apic(p, len, out);
		break;
	case ACPI_MADT_LOCAL_X2APIC:
		madt_local_x2apic(p, len, out);
		break;
	case ACPI_MADT_IO_APIC:
		madt_ioapic(p, len, out);
		break;
	case ACPI_MADT_OVERRIDE:
		madt_override(p, len, out);
		break;
	default: /* nothing that the VMM uses, or of the future */
		break;
	}
}

/** acpi_parse_madt() - processors, I/O APICs, the ISA interrupts' lines. */
bool acpi_parse_madt(const uint8_t *table, size_t len, struct acpi_phys *out)
{
	size_t at = sizeof(struct acpi_madt);

	if (len < at) {
		return false;
	}
	out->has_madt = true;
	while (len - at >= sizeof(struct acpi_madt_entry)) {
		size_t entry_len = table[at + 1];

		if (entry_len < sizeof(struct acpi_madt_entry) ||
		    entry_len > len - at) {
			return false;
		}
		madt_entry(table + at, entry_len, out);
		at += entry_len;
	}
	return true;
}

/**
 * acpi_phys_line() - the line of the global system interrupt @gsi.
 *
 * Those of ISA interrupts are active high but for what the MADT says; all
 * others are PCI's: active low.
 */
struct acpi_line acpi_phys_line(const struct acpi_phys *a, uint32_t gsi)
{
	for (uint32_t i = 0; i < ACPI_PHYS_ISA_IRQS; i++) {
		if (a->isa_irqs[i].gsi == gsi) {
			return a->isa_irqs[i];
		}
	}
	return (struct acpi_line){ .gsi = gsi,
				   .is_low = gsi >= ACPI_PHYS_ISA_IRQS };
}

/* ---- MCFG and HPET ---- */

/* A range that can be: 1 MiB a bus from @base on, none of it beyond 2^64. */
static bool mcfg_is_sound(const struct acpi_mcfg_range *r)
{
	return r->base != 0 && (r->base & (MIB(1) - 1)) == 0 &&
	       r->first_bus <= r->last_bus && r->base <= UINT64_MAX - MIB(256);
}

/** acpi_parse_mcfg() - where configuration space is mapped. */
bool acpi_parse_mcfg(const uint8_t *table, size_t len, struct acpi_phys *out)
{
	size_t at = sizeof(struct acpi_mcfg);
	bool is_sound = true;
	struct acpi_mcfg_range r;

	if (len < at) {
		return false;
	}
	for (; len - at >= sizeof(r); at += sizeof(r)) {
		memcpy(&r, table + at, sizeof(r));
		if (!mcfg_is_sound(&r)) {
			is_sound = false;
		} else if (out->ecam_count < ACPI_PHYS_ECAM_MAX) {
			out->ecams[out->ecam_count++] = (struct acpi_ecam){
				.base = r.base,
				.segment = r.segment,
				.first_bus = r.first_bus,
				.last_bus = r.last_bus,
			};
		}
	}
	return is_sound;
}

/** acpi_parse_hpet() - where the event timers are. */
bool acpi_parse_hpet(const uint8_t *table, size_t len, struct acpi_phys *out)
{
	struct acpi_hpet h;

	if (len < sizeof(h)) {
		return false;
	}
	memcpy(&h, table, sizeof(h));
	if (h.base.space_id != ACPI_SPACE_MEMORY || h.base.address == 0 ||
	    (h.base.address & 7) != 0) {
		return false;
	}
	out->hpet_base = h.base.address;
	return true;
}

/* ---- SPCR ---- */

/** acpi_parse_spcr() - the port that the firmware's console is on. */
bool acpi_parse_spcr(const uint8_t *table, size_t len, struct acpi_phys *out)
{
	struct acpi_spcr s = { 0 };

	/* what is behind the baud rate is not used, and may be missing */
	if (len < offsetof(struct acpi_spcr, parity)) {
		return false;
	}
	memcpy(&s, table, len < sizeof(s) ? len : sizeof(s));
	out->has_spcr = true;
	out->serial = (struct acpi_serial){
		.base = { s.base.address, s.base.space_id, s.base.bit_width },
		.interface_type = s.interface_type,
		.baud_code = s.baud_rate,
		.has_gsi = (s.interrupt_type & ACPI_SPCR_IRQ_IOAPIC) != 0,
		.has_isa_irq = (s.interrupt_type & ACPI_SPCR_IRQ_8259) != 0 &&
			       s.irq < ACPI_PHYS_ISA_IRQS,
		.gsi = s.gsi,
		.isa_irq = s.irq,
	};
	return true;
}

/* The rate of a code of the table; false if there is no such code. */
static bool spcr_baud(uint8_t code, uint32_t *baud)
{
	/* clang-format off */
	static const struct {
		uint8_t code;
		uint32_t baud;
	} rates[] = {
		{ 0, 0 }, { 3, 9600 }, { 4, 19200 }, { 6, 57600 }, { 7, 115200 },
	};
	/* clang-format on */

	for (uint32_t i = 0; i < ARRAY_COUNT(rates); i++) {
		if (rates[i].code == code) {
			*baud = rates[i].baud;
			return true;
		}
	}
	return false;
}

/* Why the port cannot be driven; NULL: it can. */
static const char *spcr_obstacle(const struct acpi_serial *s)
{
	if (s->interface_type != ACPI_SPCR_16550 &&
	    s->interface_type != ACPI_SPCR_16550_SUBSET &&
	    s->interface_type != ACPI_SPCR_16550_GAS) {
		return "it is no 16550";
	}
	if (s->base.space != ACPI_SPACE_IO) {
		return "it is not at an I/O port";
	}
	if (s->base.address > UINT16_MAX - 7) {
		return "there is no such I/O port";
	}
	if (s->base.width > 8) {
		return "its registers are wider than a byte";
	}
	return NULL;
}

/**
 * acpi_phys_console() - the port that SPCR names, if it can be driven.
 * @why_not: why not, in words; NULL if no port is named
 * Return: true if @out is set.
 */
bool acpi_phys_console(const struct acpi_phys *a, struct acpi_console *out,
		       const char **why_not)
{
	const struct acpi_serial *s = &a->serial;

	*why_not = NULL;
	if (s->base.address == 0) {
		return false; /* "console redirection is disabled" */
	}
	*why_not = spcr_obstacle(s);
	if (*why_not != NULL) {
		return false;
	}
	*out = (struct acpi_console){ .port = (uint16_t)s->base.address };
	if (!spcr_baud(s->baud_code, &out->baud)) {
		*why_not = "its baud rate has an unknown code";
		return false;
	}
	if (s->has_gsi) {
		out->has_line = true;
		out->line = acpi_phys_line(a, s->gsi);
	} else if (s->has_isa_irq) {
		out->has_line = true;
		out->line = a->isa_irqs[s->isa_irq];
	}
	return true;
}
