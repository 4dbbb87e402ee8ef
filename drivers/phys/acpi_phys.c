/*
 * acpi_phys.c - the machine's ACPI tables.
 *
 * RSDP -> XSDT (or RSDT) -> tables. Each table is looked at as: map the header,
 * bound the length, map the whole, check the sum. Fields are then copied out
 * only if the table is long enough to have them: old tables are shorter.
 *
 * The tables are the firmware's: trusted not to be hostile, but not to be
 * right. No AML is interpreted; the one thing wanted from it, the S5 package,
 * is recognised by its bytes.
 *
 * Invariants
 *  1. No byte is read that window.map() did not show.
 *  2. Every loop is bounded by a checked length or a constant.
 */
#include "acpi_phys.h"
#include <bh/string.h>
#include <spec/acpi.h>

#define TABLE_SIZE_MAX MIB(4) /* DSDTs of servers come near 1 MiB */
#define ROOT_ENTRY_MAX 256u
#define MADT_ENTRY_MAX 1024u

/* Does the table of @len bytes reach to the end of @field? */
#define HAS_FIELD(type, field, len) \
	((len) >= offsetof(type, field) + sizeof(((type *)0)->field))

static bool acpi_sum_is_zero(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + p[i]);
	}
	return sum == 0;
}

/* A whole, checked table at @pa; NULL if there is none. */
static const uint8_t *acpi_table(const struct acpi_window *w, uint64_t pa,
				 struct acpi_header *header)
{
	const uint8_t *p;

	if (pa == 0) {
		return NULL;
	}
	p = w->map(w->ctx, pa, sizeof(*header));
	if (p == NULL) {
		return NULL;
	}
	memcpy(header, p, sizeof(*header));
	if (header->length < sizeof(*header) ||
	    header->length > TABLE_SIZE_MAX) {
		return NULL;
	}
	p = w->map(w->ctx, pa, header->length);
	if (p == NULL || !acpi_sum_is_zero(p, header->length)) {
		return NULL;
	}
	return p;
}

/* The extended register if it is there, else the 32-bit port. */
static struct acpi_register acpi_reg(uint32_t port, uint8_t port_bytes,
				     const struct acpi_gas *gas)
{
	struct acpi_register r = { port, true, (uint8_t)(port_bytes * 8) };

	if (gas != NULL && gas->address != 0 &&
	    (gas->space_id == ACPI_SPACE_IO ||
	     gas->space_id == ACPI_SPACE_MEMORY)) {
		r.address = gas->address;
		r.is_io = gas->space_id == ACPI_SPACE_IO;
		r.width = gas->bit_width;
	}
	if (r.is_io && r.address > UINT16_MAX) {
		r.address = 0;
	}
	return r;
}

/* An integer of AML: a constant's opcode, or a byte after its prefix. */
static bool aml_small_int(const uint8_t *p, size_t left, size_t *used,
			  uint8_t *value)
{
	if (left >= 1 && (p[0] == 0x00 || p[0] == 0x01)) { /* ZeroOp, OneOp */
		*value = p[0];
		*used = 1;
		return true;
	}
	if (left >= 2 && p[0] == 0x0a) { /* BytePrefix */
		*value = p[1];
		*used = 2;
		return true;
	}
	return false;
}

/* @p stands behind "_S5_": PackageOp, PkgLength, NumElements, SLP_TYPa, b. */
static bool aml_s5_package(const uint8_t *p, size_t left, struct acpi_phys *out)
{
	size_t at;
	size_t used;
	uint8_t a;
	uint8_t b;

	if (left < 3 || p[0] != 0x12) {
		return false;
	}
	at = 2 + (size_t)(p[1] >> 6); /* PkgLength: 1 byte and bits 7:6 more */
	if (at >= left || p[at] < 1) {
		return false;
	}
	at++; /* NumElements */
	if (!aml_small_int(p + at, left - at, &used, &a)) {
		return false;
	}
	at += used;
	if (!aml_small_int(p + at, left - at, &used, &b)) {
		b = a;
	}
	out->s5_type_a = a & 7;
	out->s5_type_b = b & 7;
	return true;
}

/* Find the definition of \_S5 by its bytes: NameOp, maybe '\', "_S5_". */
static void acpi_find_s5(const uint8_t *aml, size_t len, struct acpi_phys *out)
{
	for (size_t i = sizeof(struct acpi_header) + 1; i + 4 <= len; i++) {
		bool is_named = aml[i - 1] == 0x08 ||
				(aml[i - 1] == '\\' && aml[i - 2] == 0x08);

		if (is_named && memcmp(aml + i, "_S5_", 4) == 0 &&
		    aml_s5_package(aml + i + 4, len - i - 4, out)) {
			out->has_s5 = true;
			return;
		}
	}
}

static void acpi_parse_fadt(const struct acpi_window *w, const uint8_t *table,
			    size_t len, struct acpi_phys *out)
{
	struct acpi_fadt f = { 0 };
	struct acpi_header dsdt;
	const uint8_t *aml;
	bool has_gas = HAS_FIELD(struct acpi_fadt, x_pm_tmr_blk, len);

	if (!HAS_FIELD(struct acpi_fadt, flags, len)) {
		out->bad_table_count++;
		return;
	}
	memcpy(&f, table, len < sizeof(f) ? len : sizeof(f));
	out->has_fadt = true;
	out->pm1a_control = acpi_reg(f.pm1a_cnt_blk, f.pm1_cnt_len,
				     has_gas ? &f.x_pm1a_cnt_blk : NULL);
	out->pm1b_control = acpi_reg(f.pm1b_cnt_blk, f.pm1_cnt_len,
				     has_gas ? &f.x_pm1b_cnt_blk : NULL);
	out->pm_timer = acpi_reg(f.pm_tmr_blk, f.pm_tmr_len,
				 has_gas ? &f.x_pm_tmr_blk : NULL);
	if ((f.flags & ACPI_FADT_RESET_REG_SUP) != 0 &&
	    HAS_FIELD(struct acpi_fadt, reset_value, len)) {
		out->reset = acpi_reg(0, 0, &f.reset_reg);
		out->reset_value = f.reset_value;
	}
	out->century_reg = f.century;
	out->smi_port = f.smi_cmd;
	out->acpi_enable = f.acpi_enable;
	aml = acpi_table(w, f.x_dsdt != 0 ? f.x_dsdt : f.dsdt, &dsdt);
	if (aml == NULL || memcmp(dsdt.signature, ACPI_SIG_DSDT, 4) != 0) {
		out->bad_table_count++;
		return;
	}
	acpi_find_s5(aml, dsdt.length, out);
}

/* One MADT entry of @len bytes; of all its types we want the I/O APICs. */
static void acpi_madt_entry(const uint8_t *p, size_t len, struct acpi_phys *out)
{
	struct acpi_madt_io_apic io;

	if (p[0] == ACPI_MADT_IO_APIC && len >= sizeof(io) &&
	    out->ioapic_count < ACPI_PHYS_IOAPIC_MAX) {
		memcpy(&io, p, sizeof(io));
		out->ioapics[out->ioapic_count++] =
			(struct acpi_ioapic){ .base = io.address,
					      .gsi_base = io.gsi_base };
	}
}

static void acpi_parse_madt(const uint8_t *table, size_t len,
			    struct acpi_phys *out)
{
	size_t at = sizeof(struct acpi_madt);

	if (len < at) {
		out->bad_table_count++;
		return;
	}
	out->has_madt = true;
	for (uint32_t i = 0; i < MADT_ENTRY_MAX && len - at >= 2; i++) {
		size_t entry_len = table[at + 1];

		if (entry_len < 2 || entry_len > len - at) {
			out->bad_table_count++;
			return;
		}
		acpi_madt_entry(table + at, entry_len, out);
		at += entry_len;
	}
}

/* The table at @pa, if we want its kind and it is sound. */
static void acpi_visit(const struct acpi_window *w, uint64_t pa,
		       struct acpi_phys *out)
{
	struct acpi_header h;
	const uint8_t *table = acpi_table(w, pa, &h);

	if (table == NULL) {
		out->bad_table_count++;
		return;
	}
	if (memcmp(h.signature, ACPI_SIG_FADT, 4) == 0) {
		acpi_parse_fadt(w, table, h.length, out);
	} else if (memcmp(h.signature, ACPI_SIG_MADT, 4) == 0) {
		acpi_parse_madt(table, h.length, out);
	}
}

/* The root table's address and the size of its entries; false if bad. */
static bool acpi_root(const struct acpi_window *w, uint64_t pa, uint64_t *root,
		      uint32_t *entry_size)
{
	struct acpi_rsdp rsdp = { 0 };
	const uint8_t *p = w->map(w->ctx, pa, ACPI_RSDP_V1_SIZE);

	if (p == NULL || memcmp(p, ACPI_SIG_RSDP, 8) != 0 ||
	    !acpi_sum_is_zero(p, ACPI_RSDP_V1_SIZE)) {
		return false;
	}
	memcpy(&rsdp, p, ACPI_RSDP_V1_SIZE);
	*root = rsdp.rsdt_address;
	*entry_size = 4;
	if (rsdp.revision < 2) {
		return true;
	}
	p = w->map(w->ctx, pa, sizeof(rsdp));
	if (p == NULL || !acpi_sum_is_zero(p, sizeof(rsdp))) {
		return false;
	}
	memcpy(&rsdp, p, sizeof(rsdp));
	if (rsdp.xsdt_address != 0) {
		*root = rsdp.xsdt_address;
		*entry_size = 8;
	}
	return true;
}

/**
 * acpi_phys_parse() - walk the tables from the RSDP on.
 * @w:	  how physical memory is seen
 * @rsdp: physical address, as the firmware gave it
 * @out:  all that was found; set in any case
 *
 * Return: OK; ERR_NOENT if @rsdp is 0; ERR_INVALID if the RSDP or the root
 *	   table is bad.
 */
enum status acpi_phys_parse(const struct acpi_window *w, uint64_t rsdp,
			    struct acpi_phys *out)
{
	struct acpi_header h;
	const uint8_t *table;
	const char *signature;
	uint64_t root;
	uint32_t entry_size;
	uint32_t count;

	memset(out, 0, sizeof(*out));
	if (rsdp == 0) {
		return ERR_NOENT;
	}
	if (!acpi_root(w, rsdp, &root, &entry_size)) {
		return ERR_INVALID;
	}
	table = acpi_table(w, root, &h);
	signature = entry_size == 8 ? ACPI_SIG_XSDT : ACPI_SIG_RSDT;
	if (table == NULL || memcmp(h.signature, signature, 4) != 0) {
		return ERR_INVALID;
	}
	count = (h.length - (uint32_t)sizeof(h)) / entry_size;
	for (uint32_t i = 0; i < count && i < ROOT_ENTRY_MAX; i++) {
		uint64_t pa = 0;

		memcpy(&pa, table + sizeof(h) + (size_t)i * entry_size,
		       entry_size);
		acpi_visit(w, pa, out);
	}
	return OK;
}
