/*
 * fuzz_svm_insn.c - any bytes in any mode, for any exit.
 *
 * Checked: the length is within the input and at most 15; fields are in range;
 * a decode of exactly that many bytes gives the same; a shorter one never
 * succeeds. The copy has no byte to spare, so ASan sees each one too many.
 */
#include "arch/x86_64/svm/svm_exit.h"
#include "arch/x86_64/svm/svm_insn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void check_fields(const struct svm_insn *i)
{
	bool is_mov = i->kind == SVM_INSN_MOV_TO_CR ||
		      i->kind == SVM_INSN_MOV_FROM_CR;
	bool is_msw = i->kind == SVM_INSN_LMSW || i->kind == SVM_INSN_SMSW;

	check(i->kind <= SVM_INSN_WRMSR);
	check(i->gpr < 16);
	check(!i->is_memory || is_msw);
	check(is_mov || is_msw ? i->size == 2 || i->size == 4 || i->size == 8
			       : i->size == 0 && i->gpr == 0);
}

static uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	check(copy != NULL);
	memcpy(copy, bytes, len);
	return copy;
}

static void fuzz_string(const uint8_t *bytes, size_t len, enum insn_mode mode)
{
	struct svm_string s = { 77, 77 };

	if (svm_insn_string(bytes, len, mode, &s) == OK) {
		check(s.segment <= INSN_SEGMENT_GS);
		check(s.address_size == 2 || s.address_size == 4 ||
		      s.address_size == 8);
	} else {
		check(s.segment == 77);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct svm_insn i = { .length = 77 };
	enum insn_mode mode;
	uint32_t reason;
	uint8_t *copy;

	if (size < 3) {
		return 0;
	}
	mode = (enum insn_mode)(data[0] % 3);
	reason = data[1];
	copy = copy_of(data + 2, size - 2);
	fuzz_string(copy, size - 2, mode);
	if (svm_insn_decode(copy, size - 2, mode, reason, &i) != OK) {
		check(i.length == 77);
		free(copy);
		return 0;
	}
	free(copy);
	check(i.length >= 1 && i.length <= 15 && i.length <= size - 2);
	check_fields(&i);
	for (uint8_t len = 0; len <= i.length; len++) {
		struct svm_insn again;

		copy = copy_of(data + 2, len);
		check((svm_insn_decode(copy, len, mode, reason, &again) ==
		       OK) == (len == i.length));
		if (len == i.length) {
			check(again.length == len && again.kind == i.kind &&
			      again.gpr == i.gpr && again.size == i.size &&
			      again.is_memory == i.is_memory);
		}
		free(copy);
	}
	return 0;
}
