/*
 * acpi_phys.h - the machine's ACPI tables: found, checked, reduced to what the
 * VMM needs.
 *
 * Pure: physical memory is reached through a callback, so a test gives bytes.
 */
#ifndef DRIVERS_PHYS_ACPI_PHYS_H
#define DRIVERS_PHYS_ACPI_PHYS_H

#include <bh/status.h>
#include <stdbool.h>

#define ACPI_PHYS_CPU_MAX    64u
#define ACPI_PHYS_IOAPIC_MAX 8u
#define ACPI_PHYS_ISA_IRQS   16u
#define ACPI_PHYS_ECAM_MAX   4u

/* Where physical memory can be seen. */
struct acpi_window {
	/* @len bytes at physical address @pa; NULL if they cannot be shown */
	const void *(*map)(void *ctx, uint64_t pa, size_t len);
	void *ctx;
};

struct acpi_register {
	uint64_t address; /* 0: none */
	uint8_t space;    /* ACPI_SPACE_* */
	uint8_t width;    /* bits; 0: as the table's other fields say */
};

struct acpi_ioapic {
	uint64_t base;
	uint32_t gsi_base;
};

/* An interrupt line, as an I/O APIC sees it. */
struct acpi_line {
	uint32_t gsi;
	bool is_low; /* active low */
};

/* Memory-mapped configuration space of PCI buses. */
struct acpi_ecam {
	uint64_t base; /* of bus 0 */
	uint16_t segment;
	uint8_t first_bus;
	uint8_t last_bus;
};

/* The serial port that the firmware names as its console. */
struct acpi_serial {
	struct acpi_register base; /* address 0: none named */
	uint8_t interface_type;    /* ACPI_SPCR_* */
	uint8_t baud_code;         /* of the table */
	bool has_gsi;
	bool has_isa_irq;
	uint32_t gsi;
	uint8_t isa_irq;
};

struct acpi_phys {
	bool has_fadt;
	bool has_madt;
	bool has_spcr;
	uint32_t table_count; /* sound ones, of whatever kind */
	uint32_t
		bad_table_count; /* skipped: checksum, length, address, twice */
	/* from the FADT and the DSDT */
	bool is_hw_reduced; /* no PM1 registers: those for sleeping instead */
	struct acpi_register pm1a_control;
	struct acpi_register pm1b_control;
	struct acpi_register sleep_control; /* only if is_hw_reduced */
	struct acpi_register pm_timer;
	struct acpi_register reset;
	uint8_t reset_value;
	uint8_t century_reg; /* of the RTC; 0: none */
	bool has_s5;         /* the two below are known */
	uint8_t s5_type_a;
	uint8_t s5_type_b;
	uint32_t smi_port;   /* 0: none; ACPI mode is on already */
	uint8_t acpi_enable; /* what to write there */
	/* from the MADT */
	uint32_t cpu_count; /* enabled, each APIC ID once */
	uint32_t cpu_ids[ACPI_PHYS_CPU_MAX];
	uint32_t cpu_dropped; /* enabled, did not fit */
	uint32_t cpu_capable; /* not enabled; could be added while running */
	uint32_t ioapic_count;
	struct acpi_ioapic ioapics[ACPI_PHYS_IOAPIC_MAX];
	struct acpi_line isa_irqs[ACPI_PHYS_ISA_IRQS];
	/* from HPET, MCFG, SPCR */
	uint64_t hpet_base; /* 0: none */
	uint32_t ecam_count;
	struct acpi_ecam ecams[ACPI_PHYS_ECAM_MAX];
	struct acpi_serial serial;
};

/* A console that uart16550.c can drive. */
struct acpi_console {
	uint16_t port;
	uint32_t baud; /* 0: as the firmware left it */
	bool has_line;
	struct acpi_line line;
};

/* clang-format off */
/* What is known of the machine by its tables: X(name, label, key). */
#define ACPI_FACT_LIST(X)                      \
	X(TABLES,    "tables",    tables)      \
	X(CPUS,      "CPUs",      cpus)        \
	X(IOAPICS,   "I/O APICs", ioapics)     \
	X(PM_TIMER,  "PM timer",  pm_timer)    \
	X(HPET,      "HPET",      hpet)        \
	X(ECAM,      "ECAM",      ecam)        \
	X(CONSOLE,   "console",   console)     \
	X(POWER_OFF, "power-off", power_off)   \
	X(RESET,     "reset",     reset)
/* clang-format on */

enum acpi_fact {
#define X(name, label, key) ACPI_FACT_##name,
	ACPI_FACT_LIST(X)
#undef X
		ACPI_FACT_COUNT
};

#define ACPI_FACT_MAX 72 /* bytes of one fact's text */

/**
 * acpi_phys_parse() - walk the tables from the RSDP on.
 * @rsdp: physical address, as the firmware gave it
 *
 * A bad table is counted and skipped, and so is a second one of a kind; so what
 * is found can be trusted as far as checksums go, and is bounded whatever the
 * bytes are.
 * Return: OK; ERR_NOENT if @rsdp is 0; ERR_INVALID if the RSDP or the root
 *	   table is bad. @out then describes a PC without tables.
 */
must_check enum status acpi_phys_parse(const struct acpi_window *w,
				       uint64_t rsdp, struct acpi_phys *out);
/** acpi_phys_line() - the line of the global system interrupt @gsi. */
struct acpi_line acpi_phys_line(const struct acpi_phys *a, uint32_t gsi);
/**
 * acpi_phys_console() - the port that SPCR names, if it can be driven.
 * @why_not: why not, in words; NULL if no port is named
 * Return: true if @out is set.
 */
must_check bool acpi_phys_console(const struct acpi_phys *a,
				  struct acpi_console *out,
				  const char **why_not);

/** acpi_fact_key() - the name of a fact, for programs. */
const char *acpi_fact_key(enum acpi_fact f);
/** acpi_fact_text() - a fact; "none" and false if the tables do not tell. */
bool acpi_fact_text(const struct acpi_phys *a, enum acpi_fact f, char *dst,
		    size_t size);
/** acpi_facts_line() - all that are told, on one line. */
void acpi_facts_line(const struct acpi_phys *a, char *dst, size_t size);
/**
 * acpi_cpus_differ() - is the MADT's list of CPUs another than @ids?
 * @text: both ways of the difference, in words
 * Return: false if they agree, or if there is no MADT to compare with.
 */
bool acpi_cpus_differ(const struct acpi_phys *a, const uint32_t *ids,
		      uint32_t count, char *text, size_t size);

#endif
