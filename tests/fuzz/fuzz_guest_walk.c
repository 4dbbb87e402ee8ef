/*
 * fuzz_guest_walk.c - any page tables, in any paging mode, for any access.
 *
 * The input is the control registers, an address, and entries that fill the
 * first pages of RAM, so that tables lead to each other, to themselves and to
 * nowhere. Checked: the error code has only bits that a page fault can have,
 * and those of the access; what was permitted is permitted again, to the same
 * place, and marks no more bits the second time; a walk that fails marks
 * nothing.
 */
#include "fake_guest.h"
#include "vmm/guest_walk.h"

#include <spec/x86.h>
#include <spec/x86_msr.h>
#include <stdlib.h>
#include <string.h>

#define TABLES      8u /* pages, filled by repeating the input's entries */
#define TABLE_BYTES (TABLES * PAGE_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint64_t cr0, cr3, cr4, efer, rflags, address;
	uint32_t access;
	uint32_t shuffle;
};

static struct fake_guest guest;
static uint8_t before[TABLE_BYTES], after[TABLE_BYTES];

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

/* Entries of the input, their addresses brought into the tables, mostly. */
static void fill(const uint8_t *data, size_t size, uint32_t shuffle)
{
	uint8_t *ram = fake_ram(&guest, 0);
	size_t count = size / 8;

	memset(ram, 0, TABLE_BYTES);
	for (size_t i = 0; count != 0 && i < TABLE_BYTES / 8; i++) {
		uint64_t entry;

		memcpy(&entry, data + (i * (shuffle | 1) % count) * 8, 8);
		if ((entry & BIT(62)) == 0) {
			entry = (entry & 0x8000000000000fffull) |
				((entry >> 12) % TABLES) << 12;
		}
		memcpy(ram + i * 8, &entry, 8);
	}
}

static void walk_twice(const struct walk_regs *r, gva_t a, uint32_t access)
{
	const uint32_t bits = WALK_PRESENT | WALK_WRITE | WALK_USER |
			      WALK_RESERVED | WALK_FETCH;
	uint8_t *ram = fake_ram(&guest, 0);
	uint32_t error = 0, again = 0;
	gpa_t first = gpa(0), second = gpa(1);
	bool ok;

	memcpy(before, ram, TABLE_BYTES);
	ok = guest_walk(&guest.gm, r, a, access, &first, &error);
	memcpy(after, ram, TABLE_BYTES);
	if (!ok) {
		check((error & ~bits) == 0);
		check((error & WALK_WRITE) == (access & WALK_WRITE));
		check((error & WALK_USER) == (access & WALK_USER));
		check(memcmp(before, after, TABLE_BYTES) == 0);
		return;
	}
	/* An entry that is its own table's may have changed by being marked. */
	if (guest_walk(&guest.gm, r, a, access, &second, &again)) {
		check(first.v == second.v ||
		      memcmp(before, after, TABLE_BYTES) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walk_regs r;
	struct input in;

	if (size < sizeof(in)) {
		return 0;
	}
	memcpy(&in, data, sizeof(in));
	r = (struct walk_regs){
		.cr0 = in.cr0 | CR0_PE,
		.cr3 = (in.cr3 & 0xfff) | (in.cr3 >> 12) % TABLES << 12,
		.cr4 = in.cr4,
		.efer = in.efer,
		.rflags = in.rflags,
	};
	if (guest.gm.chunk_count == 0) {
		fake_guest_init(&guest);
	}
	fill(data + sizeof(in), size - sizeof(in), in.shuffle);
	walk_twice(&r, gva(in.address),
		   in.access & (WALK_WRITE | WALK_USER | WALK_FETCH));
	return 0;
}
