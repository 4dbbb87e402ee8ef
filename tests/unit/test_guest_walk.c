/*
 * test_guest_walk.c - a guest's page tables against every kind of access.
 *
 * The rights are compared with the SDM's rules, written down here a second time
 * as a list of what is refused, for all combinations of entry bits, control
 * registers and accesses.
 */
#include "tests/lib/unit.h"

#include "big_gmem.h"

#include "vmm/guest_walk.h"

#include <spec/x86.h>
#include <spec/x86_msr.h>
#include <string.h>

#define P   1ull
#define RW  2ull
#define US  4ull
#define A   0x20ull
#define D   0x40ull
#define PS  0x80ull
#define XD  (1ull << 63)
#define ALL (P | RW | US)

#define PML4  0x1000ull
#define PDPT  0x2000ull
#define DIR   0x3000ull
#define TABLE 0x4000ull
#define PAGE  0x10000ull
#define VIRT  0x123ull /* all indexes 0 */

static struct gmem gm;

static const struct walk_regs long_mode = {
	.cr0 = CR0_PE | CR0_PG | CR0_WP,
	.cr3 = PML4,
	.cr4 = CR4_PAE,
	.efer = EFER_LME | EFER_LMA | EFER_NXE,
};

static uint64_t entry_at(uint64_t at)
{
	uint64_t entry = 0;

	assert_int_equal(gmem_read(&gm, gpa(at), &entry, 8), OK);
	return entry;
}

static void set(uint64_t at, uint64_t entry)
{
	assert_int_equal(gmem_write(&gm, gpa(at), &entry, 8), OK);
}

static void set32(uint64_t at, uint32_t entry)
{
	assert_int_equal(gmem_write(&gm, gpa(at), &entry, 4), OK);
}

static int setup(void **state)
{
	(void)state;
	big_gmem_init(&gm, 8, 0);
	set(PML4, PDPT | ALL);
	set(PDPT, DIR | ALL);
	set(DIR, TABLE | ALL);
	set(TABLE, PAGE | ALL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

/* The walk of @a succeeds and ends at @want. */
static void expect_at(const struct walk_regs *r, uint64_t a, uint32_t access,
		      uint64_t want)
{
	uint32_t error = 0;
	gpa_t out = gpa(0);

	assert_true(guest_walk(&gm, r, gva(a), access, &out, &error));
	assert_int_equal(out.v, want);
}

/* The walk of @a is the page fault with the error code @want. */
static void expect_fault(const struct walk_regs *r, uint64_t a, uint32_t access,
			 uint32_t want)
{
	uint32_t error = 0xbad;
	gpa_t out;

	assert_false(guest_walk(&gm, r, gva(a), access, &out, &error));
	assert_int_equal(error, want);
}

/* What the SDM refuses, rule by rule. */
static bool is_refused(uint64_t rights, const struct walk_regs *r,
		       uint32_t access)
{
	bool user = (access & WALK_USER) != 0;
	bool fetch = (access & WALK_FETCH) != 0;
	bool users_page = (rights & US) != 0;

	if (user && !users_page) {
		return true; /* any access to a supervisor-mode address */
	}
	if (fetch) {
		return (rights & XD) != 0 ||
		       (!user && users_page && (r->cr4 & CR4_SMEP));
	}
	if (!user && users_page && (r->cr4 & CR4_SMAP) &&
	    !(r->rflags & RFLAGS_AC)) {
		return true;
	}
	if ((access & WALK_WRITE) == 0 || (rights & RW) != 0) {
		return false;
	}
	return user || (r->cr0 & CR0_WP) != 0;
}

/* One access by @r to the page with @rights. */
static void check_access(uint64_t rights, const struct walk_regs *r,
			 uint32_t access)
{
	if (is_refused(rights, r, access)) {
		expect_fault(r, VIRT, access, access | WALK_PRESENT);
	} else {
		expect_at(r, VIRT, access, PAGE + VIRT);
	}
}

static void check_all_accesses(uint64_t rights)
{
	static const uint32_t accesses[] = {
		0,
		WALK_WRITE,
		WALK_FETCH,
		WALK_USER,
		WALK_USER | WALK_WRITE,
		WALK_USER | WALK_FETCH,
	};

	for (uint32_t i = 0; i < 16; i++) {
		struct walk_regs r = long_mode;

		r.cr0 &= (i & 1) ? ~0ull : ~CR0_WP;
		r.cr4 |= (i & 2) ? CR4_SMAP : 0;
		r.cr4 |= (i & 4) ? CR4_SMEP : 0;
		r.rflags = (i & 8) ? RFLAGS_AC : 0;
		for (size_t k = 0; k < 6; k++) {
			check_access(rights, &r, accesses[k]);
		}
	}
}

/* A right that any one level takes away is gone. */
static void test_rights_of_each_level(void **state)
{
	static const uint64_t at[] = { PML4, PDPT, DIR, TABLE };

	(void)state;
	for (size_t level = 0; level < 4; level++) {
		uint64_t was = entry_at(at[level]);

		for (uint32_t i = 0; i < 8; i++) {
			uint64_t rights = ((i & 1) ? RW : 0) |
					  ((i & 2) ? US : 0) |
					  ((i & 4) ? XD : 0);

			set(at[level], (was & ~(RW | US)) | rights);
			check_all_accesses(rights);
		}
		set(at[level], was);
	}
}

static void test_not_present(void **state)
{
	static const uint64_t at[] = { PML4, PDPT, DIR, TABLE };

	(void)state;
	for (size_t level = 0; level < 4; level++) {
		uint64_t was = entry_at(at[level]);

		set(at[level], was & ~P);
		expect_fault(&long_mode, VIRT, WALK_WRITE | WALK_USER,
			     WALK_WRITE | WALK_USER);
		expect_fault(&long_mode, VIRT, 0, 0);
		set(at[level], was);
	}
	set(DIR, 0x40000000 | ALL); /* a table outside of RAM */
	expect_fault(&long_mode, VIRT, WALK_WRITE, WALK_WRITE);
}

static void test_fetch_bit_needs_nx_or_smep(void **state)
{
	struct walk_regs r = long_mode;

	(void)state;
	set(TABLE, 0);
	expect_fault(&r, VIRT, WALK_FETCH, WALK_FETCH);
	r.efer &= ~EFER_NXE;
	expect_fault(&r, VIRT, WALK_FETCH, 0);
	r.cr4 |= CR4_SMEP;
	expect_fault(&r, VIRT, WALK_FETCH, WALK_FETCH);
}

static void test_reserved_bits(void **state)
{
	struct walk_regs r = long_mode;
	const uint32_t code = WALK_PRESENT | WALK_RESERVED;

	(void)state;
	set(TABLE, PAGE | ALL | XD);
	expect_at(&r, VIRT, 0, PAGE + VIRT);
	r.efer &= ~EFER_NXE;
	expect_fault(&r, VIRT, 0, code);
	r = long_mode;
	set(PML4, PDPT | ALL | PS);
	expect_fault(&r, VIRT, WALK_WRITE, code | WALK_WRITE);
	set(PML4, PDPT | ALL);
	set(DIR, 0x200000 | ALL | PS | BIT(13));
	expect_fault(&r, VIRT, 0, code);
	set(PDPT, ALL | PS | BIT(29));
	expect_fault(&r, VIRT, 0, code);
}

static void test_large_pages(void **state)
{
	(void)state;
	set(DIR + 8, 0x400000 | ALL | PS | BIT(12)); /* PAT is no address */
	expect_at(&long_mode, 0x234567, 0, 0x434567);
	set(PDPT + 8, 0x80000000 | ALL | PS);
	expect_at(&long_mode, 0x52345678, 0, 0x92345678);
	assert_int_equal(entry_at(PDPT + 8), 0x80000000 | ALL | PS | A);
}

static void test_accessed_and_dirty(void **state)
{
	uint32_t error;
	gpa_t out;

	(void)state;
	expect_at(&long_mode, VIRT, WALK_FETCH, PAGE + VIRT);
	assert_int_equal(entry_at(TABLE), PAGE | ALL); /* a fetch marks none */
	set(TABLE, PAGE | P);
	assert_false(guest_walk(&gm, &long_mode, gva(VIRT), WALK_WRITE, &out,
				&error));
	assert_int_equal(entry_at(PML4), PDPT | ALL); /* nor a refusal */
	assert_int_equal(entry_at(TABLE), PAGE | P);
	set(TABLE, PAGE | ALL);
	expect_at(&long_mode, VIRT, 0, PAGE + VIRT);
	assert_int_equal(entry_at(PML4), PDPT | ALL | A);
	assert_int_equal(entry_at(PDPT), DIR | ALL | A);
	assert_int_equal(entry_at(DIR), TABLE | ALL | A);
	assert_int_equal(entry_at(TABLE), PAGE | ALL | A);
	expect_at(&long_mode, VIRT, WALK_WRITE, PAGE + VIRT);
	assert_int_equal(entry_at(DIR), TABLE | ALL | A);
	assert_int_equal(entry_at(TABLE), PAGE | ALL | A | D);
}

static void test_pae(void **state)
{
	struct walk_regs r = { .cr0 = CR0_PE | CR0_PG | CR0_WP,
			       .cr3 = PDPT + 0x20,
			       .cr4 = CR4_PAE };

	(void)state;
	set(PDPT + 0x20, DIR | P); /* a PDPTE has no rights, no accessed bit */
	expect_at(&r, VIRT, WALK_WRITE | WALK_USER, PAGE + VIRT);
	assert_int_equal(entry_at(PDPT + 0x20), DIR | P);
	assert_int_equal(entry_at(TABLE), PAGE | ALL | A | D);
	set(DIR, TABLE | P | US);
	expect_fault(&r, VIRT, WALK_WRITE | WALK_USER,
		     WALK_PRESENT | WALK_WRITE | WALK_USER);
	expect_fault(&r, 0xc0000000, 0, 0);
}

static void test_32_bit(void **state)
{
	struct walk_regs r = { .cr0 = CR0_PE | CR0_PG | CR0_WP,
			       .cr3 = DIR,
			       .cr4 = CR4_PSE };

	(void)state;
	set32(DIR, TABLE | ALL);
	set32(TABLE, PAGE | ALL);
	set32(TABLE + 4, 0x12345000); /* the neighbour is not touched */
	expect_at(&r, VIRT, WALK_WRITE, PAGE + VIRT);
	assert_int_equal(entry_at(TABLE),
			 0x1234500000000000 | PAGE | ALL | A | D);
	set32(TABLE, PAGE | P | RW);
	expect_fault(&r, VIRT, WALK_USER, WALK_PRESENT | WALK_USER);
	set32(DIR + 4, 0x400000 | ALL | PS | 2u << 13); /* PSE-36 */
	expect_at(&r, 0x412345, 0, 0x200412345);
	r.cr4 = 0; /* without PSE that is a table */
	expect_fault(&r, 0x412345, 0, 0);
}

/* CS base + EIP of a 32-bit guest may pass 4 GiB: it wraps. */
static void test_32_bits_of_address(void **state)
{
	const struct walk_regs r = { .cr0 = CR0_PE | CR0_PG,
				     .cr3 = DIR,
				     .cr4 = CR4_PAE };

	(void)state;
	set(DIR, TABLE | P);
	set(TABLE, 0x200000 | ALL | PS);
	expect_at(&r, 0x100000000 + 0x1234, 0, 0x201234);
}

static void test_no_paging(void **state)
{
	const struct walk_regs r = { .cr0 = CR0_PE };

	(void)state;
	expect_at(&r, 0x100001234, WALK_WRITE | WALK_USER, 0x1234);
}

int main(void)
{
#define WALK_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		WALK_TEST(test_rights_of_each_level),
		WALK_TEST(test_not_present),
		WALK_TEST(test_fetch_bit_needs_nx_or_smep),
		WALK_TEST(test_reserved_bits),
		WALK_TEST(test_large_pages),
		WALK_TEST(test_accessed_and_dirty),
		WALK_TEST(test_pae),
		WALK_TEST(test_32_bit),
		WALK_TEST(test_32_bits_of_address),
		WALK_TEST(test_no_paging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
