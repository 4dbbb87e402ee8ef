/*
 * fuzz_cpuid_policy.c - the guest's CPUID out of any answers of a machine.
 *
 * Checked: nothing that is hidden shows, whatever the machine says; CR4 and
 * XCR0 have no bit that CPUID does not offer; a lookup of any leaf is one of
 * the table's rows; sizes of the XSAVE area are those of the components.
 */
#include "vmm/cpuid_policy.h"

#include <spec/x86.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUPS 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cpuid_table table;
static const uint8_t *answers;
static size_t answers_size;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

/* Sixteen bytes of the input, chosen by the question. */
static void host(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
	size_t count = answers_size / sizeof(*out);
	size_t at = (leaf * 31u + (leaf >> 28) + subleaf * 7u) % count;

	memcpy(out, answers + at * sizeof(*out), sizeof(*out));
}

static void check_hidden(void)
{
	const struct cpuid_regs *l1 = cpuid_lookup(&table, 1, 0);
	const struct cpuid_regs *l7 = cpuid_lookup(&table, 7, 0);
	const struct cpuid_regs *x1 = cpuid_lookup(&table, 0x80000001, 0);
	const uint32_t zero[] = { 3, 5, 10, 0x12, 0x14, 0x8000000a };

	check((l1->ecx & (BIT(3) | BIT(5) | BIT(6))) == 0);
	check((l1->ecx & BIT(31)) != 0);
	check((l7->ebx & (BIT(2) | BIT(4) | BIT(11) | BIT(25))) == 0);
	check((l7->ecx & (BIT(5) | BIT(7) | BIT(16) | BIT(23) | BIT(29))) == 0);
	check((l7->edx & (BIT(5) | BIT(18) | BIT(22) | BIT(24) | BIT(25))) ==
	      0);
	check((x1->ecx & (BIT(2) | BIT(12))) == 0);
	for (size_t i = 0; i < ARRAY_COUNT(zero); i++) {
		const struct cpuid_regs *r = cpuid_lookup(&table, zero[i], 0);

		check((r->eax | r->ebx | r->ecx | r->edx) == 0);
	}
}

static void check_controls(uint64_t allowed)
{
	const uint64_t never = CR4_VMXE | BIT(6) | BIT(8) | BIT(12) | BIT(14) |
			       BIT(15) | BIT(19) | BIT(23) | BIT(24) | BIT(25);

	check((table.cr4_allowed & never) == 0);
	check(table.cr4_allowed >> 26 == 0);
	check((table.xcr0_allowed & ~allowed) == 0);
	for (uint64_t bit = 0; bit < 64; bit++) {
		uint64_t xcr0 = BIT(bit) | XCR0_X87 | XCR0_SSE;

		check((table.xcr0_allowed & BIT(bit)) != 0 || bit < 2 ||
		      !cpuid_xcr0_is_valid(&table, xcr0));
	}
	check(!cpuid_xcr0_is_valid(&table, 0));
}

static void check_lookups(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 8 <= size && at < 8u * LOOKUPS; at += 8) {
		const struct cpuid_regs *r;
		uint32_t q[2];

		memcpy(q, data + at, sizeof(q));
		r = cpuid_lookup(&table, q[0], q[1]);
		check(r >= table.rows && r < table.rows + table.row_count);
		r = cpuid_lookup(&table, q[0] & 0xc000001f, q[1] & 0x1f);
		check(r >= table.rows && r < table.rows + table.row_count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpuid_config c = { 0 };
	uint32_t flags;
	uint64_t xcr0;

	if (size < 64) {
		return 0;
	}
	memcpy(&flags, data, 4);
	memcpy(&xcr0, data + 4, 8);
	memcpy(&c.tsc_khz, data + 12, 4);
	c.vcpu_count = (flags & 15) + 1;
	c.apic_id = flags >> 4 & 15;
	c.xcr0_allowed = xcr0;
	c.has_rdtscp = (flags & BIT(8)) != 0;
	c.has_invpcid = (flags & BIT(9)) != 0;
	c.has_xsavec = (flags & BIT(10)) != 0;
	c.has_xsaves = (flags & BIT(11)) != 0;
	c.has_spec_ctrl = (flags & BIT(12)) != 0;
	c.has_kvmclock = (flags & BIT(13)) != 0;
	c.has_timing_leaves = (flags & BIT(14)) != 0;
	c.has_fast_strings = (flags & BIT(15)) != 0;
	answers = data + 16;
	answers_size = size - 16;
	cpuid_table_build(&table, host, &c);
	check_hidden();
	check_controls(xcr0);
	check_lookups(data, size);
	cpuid_set_dynamic(&table, xcr0, table.xcr0_allowed);
	check_hidden();
	check_lookups(data, size);
	return 0;
}
