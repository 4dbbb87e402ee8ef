/*
 * acpi_facts.c - what the tables told, in words: for the log and machine.info.
 *
 * A row of ACPI_FACT_LIST has a label and a function that writes its text and
 * says whether there is anything to tell.
 */
#include "acpi_phys.h"
#include <bh/string.h>
#include <spec/acpi.h>

#define HEX(v) ((unsigned long long)(v))

static bool fact_tables(const struct acpi_phys *a, char *dst, size_t size)
{
	if (a->table_count == 0) {
		return false;
	}
	if (a->bad_table_count == 0) {
		fmt_print(dst, size, "%u", a->table_count);
	} else {
		fmt_print(dst, size, "%u and %u bad", a->table_count,
			  a->bad_table_count);
	}
	return true;
}

static bool fact_cpus(const struct acpi_phys *a, char *dst, size_t size)
{
	if (!a->has_madt) {
		return false;
	}
	if (a->cpu_capable == 0) {
		fmt_print(dst, size, "%u", a->cpu_count + a->cpu_dropped);
	} else {
		fmt_print(dst, size, "%u and room for %u",
			  a->cpu_count + a->cpu_dropped, a->cpu_capable);
	}
	return true;
}

static bool fact_ioapics(const struct acpi_phys *a, char *dst, size_t size)
{
	fmt_print(dst, size, "%u", a->ioapic_count);
	return a->has_madt;
}

/* "port 0x608", "0xfed00000", "PCI 00:1f.0 register 0x64" */
static bool fact_register(const struct acpi_register *r, char *dst, size_t size)
{
	if (r->space == ACPI_SPACE_PCI_CONFIG) {
		fmt_print(dst, size, "PCI 00:%02x.%u register 0x%x",
			  ACPI_PCI_DEVICE(r->address),
			  ACPI_PCI_FUNCTION(r->address),
			  ACPI_PCI_OFFSET(r->address));
	} else {
		fmt_print(dst, size, "%s0x%llx",
			  r->space == ACPI_SPACE_IO ? "port " : "",
			  HEX(r->address));
	}
	return r->address != 0;
}

static bool fact_pm_timer(const struct acpi_phys *a, char *dst, size_t size)
{
	return fact_register(&a->pm_timer, dst, size);
}

static bool fact_hpet(const struct acpi_phys *a, char *dst, size_t size)
{
	fmt_print(dst, size, "0x%llx", HEX(a->hpet_base));
	return a->hpet_base != 0;
}

/* The first range; machines with several segments are few. */
static bool fact_ecam(const struct acpi_phys *a, char *dst, size_t size)
{
	const struct acpi_ecam *e = &a->ecams[0];

	fmt_print(dst, size, "0x%llx segment %u buses %u-%u%s", HEX(e->base),
		  e->segment, e->first_bus, e->last_bus,
		  a->ecam_count > 1 ? " and more" : "");
	return a->ecam_count > 0;
}

static bool fact_console(const struct acpi_phys *a, char *dst, size_t size)
{
	struct acpi_console c;
	const char *why_not;

	if (acpi_phys_console(a, &c, &why_not)) {
		fmt_print(dst, size, "port 0x%x", c.port);
		return true;
	}
	if (why_not != NULL) {
		fmt_print(dst, size, "not used: %s", why_not);
	}
	return why_not != NULL;
}

static bool fact_power_off(const struct acpi_phys *a, char *dst, size_t size)
{
	return a->has_s5 && fact_register(a->is_hw_reduced ? &a->sleep_control
							   : &a->pm1a_control,
					  dst, size);
}

static bool fact_reset(const struct acpi_phys *a, char *dst, size_t size)
{
	return fact_register(&a->reset, dst, size);
}

static const struct acpi_fact_row {
	const char *key;
	const char *label;
	bool (*write)(const struct acpi_phys *a, char *dst, size_t size);
} fact_rows[ACPI_FACT_COUNT] = {
#define X(name, label, key) [ACPI_FACT_##name] = { #key, label, fact_##key },
	ACPI_FACT_LIST(X)
#undef X
};

/** acpi_fact_key() - the name of a fact, for programs. */
const char *acpi_fact_key(enum acpi_fact f)
{
	return fact_rows[f].key;
}

/** acpi_fact_text() - a fact; "none" and false if the tables do not tell. */
bool acpi_fact_text(const struct acpi_phys *a, enum acpi_fact f, char *dst,
		    size_t size)
{
	bool is_told = fact_rows[f].write(a, dst, size);

	if (!is_told) {
		(void)str_copy(dst, size, "none");
	}
	return is_told;
}

/** acpi_facts_line() - all that are told, on one line. */
void acpi_facts_line(const struct acpi_phys *a, char *dst, size_t size)
{
	char text[ACPI_FACT_MAX];
	size_t at = 0;

	dst[0] = '\0';
	for (uint32_t f = 0; f < ACPI_FACT_COUNT && at < size; f++) {
		if (acpi_fact_text(a, (enum acpi_fact)f, text, sizeof(text))) {
			at += fmt_print(dst + at, size - at, "%s%s %s",
					at == 0 ? "" : ", ", fact_rows[f].label,
					text);
		}
	}
}

struct id_list {
	const uint32_t *ids;
	uint32_t count;
};

static bool is_listed(const struct id_list *l, uint32_t id)
{
	for (uint32_t i = 0; i < l->count; i++) {
		if (l->ids[i] == id) {
			return true;
		}
	}
	return false;
}

/* Those of @a that @b lacks, behind @what, added to @text; how many. */
static uint32_t list_missing(const struct id_list *a, const struct id_list *b,
			     const char *what, char *text, size_t size)
{
	size_t at = strlen(text);
	uint32_t count = 0;

	for (uint32_t i = 0; i < a->count; i++) {
		if (is_listed(b, a->ids[i])) {
			continue;
		}
		if (at < size) {
			at += fmt_print(text + at, size - at, "%s%s%u",
					count == 0 && at != 0 ? "; " : "",
					count == 0 ? what : " ", a->ids[i]);
		}
		count++;
	}
	return count;
}

/**
 * acpi_cpus_differ() - is the MADT's list of CPUs another than @ids?
 * @text: both ways of the difference, in words
 * Return: false if they agree, or if there is no MADT to compare with.
 */
bool acpi_cpus_differ(const struct acpi_phys *a, const uint32_t *ids,
		      uint32_t count, char *text, size_t size)
{
	const struct id_list madt = { a->cpu_ids, a->cpu_count };
	const struct id_list boot = { ids, count };
	uint32_t missing;

	text[0] = '\0';
	if (!a->has_madt || a->cpu_count == 0) {
		return false;
	}
	missing = list_missing(&madt, &boot, "only the MADT has APIC ID ", text,
			       size);
	if (a->cpu_dropped == 0) { /* else they may be among the dropped */
		missing += list_missing(&boot, &madt,
					"only the boot stage found APIC ID ",
					text, size);
	}
	return missing != 0;
}
