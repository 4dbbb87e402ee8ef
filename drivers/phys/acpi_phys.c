/*
 * acpi_phys.c - the machine's ACPI tables.
 *
 * RSDP -> XSDT (or RSDT) -> tables. Each table is looked at as: map the header,
 * bound the length, map the whole, check the sum. Fields are then copied out
 * only if the table is long enough to have them: old tables are shorter. This
 * file reads the FADT and the S5 package, acpi_devices.c the other tables.
 *
 * The tables are the firmware's: trusted not to be hostile, but not to be
 * right. No AML is interpreted; the one thing wanted from it, the S5 package,
 * is recognised by its bytes.
 *
 * Invariants
 *  1. No byte is read that window.map() did not show.
 *  2. Every loop is bounded by a checked length or a constant.
 */
#include "acpi_internal.h"
#include <bh/string.h>
#include <spec/acpi.h>

#define TABLE_SIZE_MAX MIB(4) /* DSDTs of servers come near 1 MiB */
#define ROOT_ENTRY_MAX 256u

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
	struct acpi_register r = { port, ACPI_SPACE_IO,
				   (uint8_t)(port_bytes * 8) };

	if (gas != NULL && gas->address != 0 &&
	    (gas->space_id == ACPI_SPACE_IO ||
	     gas->space_id == ACPI_SPACE_MEMORY)) {
		r.address = gas->address;
		r.space = gas->space_id;
		r.width = gas->bit_width;
	}
	if (r.space == ACPI_SPACE_IO && r.address > UINT16_MAX) {
		r.address = 0;
	}
	return r;
}

/* The reset register: it may also be in configuration space of bus 0. */
static struct acpi_register acpi_reset_reg(const struct acpi_gas *gas)
{
	if (gas->space_id == ACPI_SPACE_PCI_CONFIG &&
	    ACPI_PCI_DEVICE(gas->address) < 32 &&
	    ACPI_PCI_FUNCTION(gas->address) < 8 &&
	    ACPI_PCI_OFFSET(gas->address) < 256) {
		return (struct acpi_register){ gas->address, gas->space_id, 8 };
	}
	return acpi_reg(0, 0, gas);
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

/* Find the definition of \_S5 by its bytes: NameOp, maybe '\', "_S5_". Most
 * have it in the DSDT, which wins; some in an SSDT. */
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

/* The registers that a FADT of @len bytes has. */
static void acpi_fadt_registers(const struct acpi_fadt *f, size_t len,
				struct acpi_phys *out)
{
	bool has_gas = HAS_FIELD(struct acpi_fadt, x_pm_tmr_blk, len);

	out->is_hw_reduced = (f->flags & ACPI_FADT_HW_REDUCED_ACPI) != 0;
	if (out->is_hw_reduced) { /* the PM blocks are not there then */
		if (HAS_FIELD(struct acpi_fadt, sleep_control_reg, len)) {
			out->sleep_control =
				acpi_reg(0, 0, &f->sleep_control_reg);
		}
	} else {
		out->pm1a_control =
			acpi_reg(f->pm1a_cnt_blk, f->pm1_cnt_len,
				 has_gas ? &f->x_pm1a_cnt_blk : NULL);
		out->pm1b_control =
			acpi_reg(f->pm1b_cnt_blk, f->pm1_cnt_len,
				 has_gas ? &f->x_pm1b_cnt_blk : NULL);
		out->pm_timer = acpi_reg(f->pm_tmr_blk, f->pm_tmr_len,
					 has_gas ? &f->x_pm_tmr_blk : NULL);
		out->smi_port = f->smi_cmd;
		out->acpi_enable = f->acpi_enable;
	}
	if ((f->flags & ACPI_FADT_RESET_REG_SUP) != 0 &&
	    HAS_FIELD(struct acpi_fadt, reset_value, len)) {
		out->reset = acpi_reset_reg(&f->reset_reg);
		out->reset_value = f->reset_value;
	}
}

static bool acpi_parse_fadt(const struct acpi_window *w, const uint8_t *table,
			    size_t len, struct acpi_phys *out)
{
	struct acpi_fadt f = { 0 };
	struct acpi_header dsdt;
	const uint8_t *aml;

	if (!HAS_FIELD(struct acpi_fadt, flags, len)) {
		return false;
	}
	memcpy(&f, table, len < sizeof(f) ? len : sizeof(f));
	out->has_fadt = true;
	out->century_reg = f.century;
	acpi_fadt_registers(&f, len, out);
	aml = acpi_table(w, f.x_dsdt != 0 ? f.x_dsdt : f.dsdt, &dsdt);
	if (aml == NULL || memcmp(dsdt.signature, ACPI_SIG_DSDT, 4) != 0) {
		out->bad_table_count++; /* the FADT itself is good */
		return true;
	}
	acpi_find_s5(aml, dsdt.length, out);
	return true;
}

/*
 * Kinds of tables, each taken once: a machine has one of each, so a second one
 * is a mistake of the firmware's, and the first counts.
 */
static const struct acpi_kind {
	char signature[5];
	/* @len bytes of @table, of which the sum is right; false: it is bad */
	bool (*parse)(const uint8_t *table, size_t len, struct acpi_phys *out);
} acpi_kinds[] = {
	{ ACPI_SIG_MADT, acpi_parse_madt },
	{ ACPI_SIG_MCFG, acpi_parse_mcfg },
	{ ACPI_SIG_HPET, acpi_parse_hpet },
	{ ACPI_SIG_SPCR, acpi_parse_spcr },
};

#define ACPI_SEEN_FADT (1u << 31)

/* Note in *@seen that a table of this kind came; false if one came before. */
static bool acpi_first(uint32_t *seen, uint32_t kind)
{
	bool is_first = (*seen & kind) == 0;

	*seen |= kind;
	return is_first;
}

/* A sound table; false if what it says is not. Other kinds are left alone. */
static bool acpi_take(const struct acpi_window *w, const struct acpi_header *h,
		      const uint8_t *table, struct acpi_phys *out,
		      uint32_t *seen)
{
	if (memcmp(h->signature, ACPI_SIG_FADT, 4) == 0) {
		return acpi_first(seen, ACPI_SEEN_FADT) &&
		       acpi_parse_fadt(w, table, h->length, out);
	}
	if (memcmp(h->signature, ACPI_SIG_SSDT, 4) == 0 && !out->has_s5) {
		acpi_find_s5(table, h->length, out);
		return true;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(acpi_kinds); i++) {
		if (memcmp(h->signature, acpi_kinds[i].signature, 4) == 0) {
			return acpi_first(seen, 1u << i) &&
			       acpi_kinds[i].parse(table, h->length, out);
		}
	}
	return true;
}

/* The table at @pa. */
static void acpi_visit(const struct acpi_window *w, uint64_t pa,
		       struct acpi_phys *out, uint32_t *seen)
{
	struct acpi_header h;
	const uint8_t *table = acpi_table(w, pa, &h);

	if (table == NULL || !acpi_take(w, &h, table, out, seen)) {
		out->bad_table_count++;
	} else {
		out->table_count++;
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
	uint32_t seen = 0;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < ACPI_PHYS_ISA_IRQS; i++) {
		out->isa_irqs[i].gsi = i;
	}
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
		acpi_visit(w, pa, out, &seen);
	}
	return OK;
}
