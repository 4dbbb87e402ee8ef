/*
 * fuzz_insn_decode.c - any bytes in any mode: decode, execute.
 *
 * Checked: the length is within the input and at most 15; sizes and register
 * numbers are in range; a decode of exactly that many bytes gives the same;
 * a shorter one never succeeds.
 */
#include "vmm/insn_decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t accesses;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static bool is_size(uint8_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static uint64_t bus_read(void *ctx, uint8_t size)
{
	(void)ctx;
	check(is_size(size));
	accesses++;
	return 0xfedcba9876543210;
}

static void bus_write(void *ctx, uint8_t size, uint64_t value)
{
	(void)ctx;
	check(is_size(size));
	check(size == 8 || value >> (size * 8) == 0);
	accesses++;
}

static void check_fields(const struct insn *i)
{
	check(is_size(i->size) && is_size(i->reg_size));
	check(i->reg < 16 || i->reg == INSN_NO_REG);
	check(i->address_size == 2 || i->address_size == 4 ||
	      i->address_size == 8);
	check(!i->dest_is_reg || i->reg != INSN_NO_REG);
	check(!i->is_high_byte || (i->reg < 4 && i->reg_size == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct insn_bus bus = { bus_read, bus_write, NULL };
	enum insn_mode mode;
	struct insn i, again;
	uint64_t gpr[16], rflags = 2;
	uint8_t *copy;

	if (size < 2) {
		return 0;
	}
	mode = (enum insn_mode)(data[0] % 3);
	memset(&i, 0, sizeof(i));
	memset(&again, 0, sizeof(again));
	if (insn_decode(data + 1, size - 1, mode, &i) != OK) {
		return 0;
	}
	check(i.length >= 1 && i.length <= 15 && i.length <= size - 1);
	check_fields(&i);
	copy = malloc(i.length);
	memcpy(copy, data + 1, i.length);
	check(insn_decode(copy, i.length, mode, &again) == OK);
	check(again.length == i.length && again.op == i.op &&
	      again.imm == i.imm);
	check(insn_decode(copy, i.length - 1u, mode, &again) != OK);
	free(copy);
	for (uint64_t k = 0; k < 16; k++) {
		gpr[k] = k * 0x1111111111111111 ^ data[0];
	}
	accesses = 0;
	(void)!insn_execute(&i, gpr, &rflags, &bus);
	check(accesses <= 2);
	return 0;
}
