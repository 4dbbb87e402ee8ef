/*
 * test_svm_insn.c - the instruction that an exit speaks of: by table, cut
 * short at each byte, changed at each byte, and with all prefixes.
 */
#include "tests/lib/unit.h"

#include "arch/x86_64/svm/svm_exit.h"
#include "arch/x86_64/svm/svm_insn.h"

#include <stdlib.h>
#include <string.h>

#define M16 INSN_MODE_16
#define M32 INSN_MODE_32
#define M64 INSN_MODE_64

struct row {
	uint32_t reason;
	enum insn_mode mode;
	struct svm_insn want; /* length is that of the bytes */
	uint8_t len;
	uint8_t b[15];
};

#define BYTES(...) \
	.len = sizeof((uint8_t[]){ __VA_ARGS__ }), .b = { __VA_ARGS__ }
#define NO_REG INSN_NO_REG
#define PLAIN(reason, ...)                                          \
	{                                                           \
		SVM_EXIT_##reason, M64, { .kind = SVM_INSN_OTHER }, \
			BYTES(__VA_ARGS__)                          \
	}
#define KIND(reason, its_kind, mode, ...)                                 \
	{                                                                 \
		SVM_EXIT_##reason, mode, { .kind = SVM_INSN_##its_kind }, \
			BYTES(__VA_ARGS__)                                \
	}
/* MOV CR, LMSW, SMSW between registers */
#define REG(reason, its_kind, mode, its_gpr, its_size, ...) \
	{                                                   \
		SVM_EXIT_##reason, mode,                    \
			{ .kind = SVM_INSN_##its_kind,      \
			  .gpr = (its_gpr),                 \
			  .size = (its_size) },             \
			BYTES(__VA_ARGS__)                  \
	}
#define MEMORY(mode, its_kind, its_gpr, reason, ...)   \
	{                                              \
		SVM_EXIT_##reason, mode,               \
			{ .kind = SVM_INSN_##its_kind, \
			  .gpr = (its_gpr),            \
			  .size = 2,                   \
			  .is_memory = true },         \
			BYTES(__VA_ARGS__)             \
	}
/* clang-format off */
static const struct row good[] = {
	PLAIN(CPUID, 0x0f, 0xa2),
	PLAIN(CPUID, 0x66, 0x0f, 0xa2),
	PLAIN(CPUID, 0xf2, 0x0f, 0xa2),
	PLAIN(CPUID, 0xf3, 0x2e, 0x48, 0x0f, 0xa2),
	PLAIN(CPUID, 0x48, 0x66, 0x0f, 0xa2),       /* REX that counts not */
	PLAIN(CPUID, 0x4f, 0x40, 0x0f, 0xa2),
	PLAIN(CPUID, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2,
	      0xf3, 0x66, 0x66, 0x41, 0x0f, 0xa2),  /* 15 bytes */
	PLAIN(HLT, 0xf4),
	PLAIN(HLT, 0x67, 0xf4),
	KIND(HLT, OTHER, M16, 0xf4),
	PLAIN(RDPMC, 0x0f, 0x33),
	PLAIN(RSM, 0x0f, 0xaa),
	PLAIN(INVD, 0x0f, 0x08),
	PLAIN(WBINVD, 0x0f, 0x09),
	PLAIN(WBINVD, 0xf3, 0x0f, 0x09),            /* WBNOINVD */
	PLAIN(PAUSE, 0xf3, 0x90),
	PLAIN(PAUSE, 0xf2, 0xf3, 0x90),
	PLAIN(PAUSE, 0xf3, 0x66, 0x90),
	PLAIN(ICEBP, 0xf1),
	KIND(MSR, RDMSR, M64, 0x0f, 0x32),
	KIND(MSR, WRMSR, M64, 0x0f, 0x30),
	KIND(MSR, WRMSR, M32, 0x3e, 0x0f, 0x30),
	PLAIN(VMRUN, 0x0f, 0x01, 0xd8),
	PLAIN(VMMCALL, 0x0f, 0x01, 0xd9),
	PLAIN(VMMCALL, 0x66, 0x0f, 0x01, 0xd9),
	PLAIN(VMLOAD, 0x0f, 0x01, 0xda),
	PLAIN(VMSAVE, 0x0f, 0x01, 0xdb),
	PLAIN(STGI, 0x0f, 0x01, 0xdc),
	PLAIN(CLGI, 0x0f, 0x01, 0xdd),
	PLAIN(SKINIT, 0x0f, 0x01, 0xde),
	PLAIN(INVLPGA, 0x67, 0x0f, 0x01, 0xdf),
	PLAIN(MONITOR, 0x0f, 0x01, 0xc8),
	PLAIN(MONITOR, 0x67, 0x0f, 0x01, 0xc8),
	PLAIN(MWAIT, 0x0f, 0x01, 0xc9),
	PLAIN(MWAIT_ARMED, 0x0f, 0x01, 0xc9),
	PLAIN(XSETBV, 0x0f, 0x01, 0xd1),
	PLAIN(RDPRU, 0x0f, 0x01, 0xfd),

	REG(CR0_READ, MOV_FROM_CR, M64, 0, 8, 0x0f, 0x20, 0xc0),
	REG(CR0_READ, MOV_FROM_CR, M64, 15, 8, 0x41, 0x0f, 0x20, 0xc7),
	REG(CR0_READ, MOV_FROM_CR, M32, 3, 4, 0x0f, 0x20, 0xc3),
	REG(CR0_READ, MOV_FROM_CR, M16, 7, 4, 0x0f, 0x20, 0xc7),
	REG(CR4_READ, MOV_FROM_CR, M64, 2, 8, 0x0f, 0x20, 0xe2),
	REG(CR8_READ, MOV_FROM_CR, M64, 1, 8, 0x44, 0x0f, 0x20, 0xc1),
	REG(CR8_READ, MOV_FROM_CR, M64, 9, 8, 0x45, 0x0f, 0x20, 0xc1),
	REG(CR8_READ, MOV_FROM_CR, M32, 6, 4, 0xf0, 0x0f, 0x20, 0xc6),
	REG(CR0_WRITE, MOV_TO_CR, M64, 0, 8, 0x0f, 0x22, 0xc0),
	/* operand size and ModRM.mod mean nothing */
	REG(CR0_WRITE, MOV_TO_CR, M64, 5, 8, 0x66, 0x0f, 0x22, 0xc5),
	REG(CR0_WRITE, MOV_TO_CR, M64, 5, 8, 0x48, 0x0f, 0x22, 0x05),
	REG(CR0_WRITE, MOV_TO_CR, M64, 4, 8, 0x0f, 0x22, 0x84),
	REG(CR0_WRITE, MOV_TO_CR, M16, 0, 4, 0x0f, 0x22, 0xc0),
	REG(CR4_WRITE, MOV_TO_CR, M64, 8, 8, 0x41, 0x0f, 0x22, 0xe0),
	/* the REX before 66 counts not: RAX, not R8 */
	REG(CR4_WRITE, MOV_TO_CR, M64, 0, 8, 0x41, 0x66, 0x0f, 0x22, 0xe0),
	REG(CR8_WRITE, MOV_TO_CR, M64, 0, 8, 0x44, 0x0f, 0x22, 0xc0),
	REG(CR8_WRITE, MOV_TO_CR, M64, 10, 8, 0xf0, 0x41, 0x0f, 0x22, 0xc2),
	REG(CR8_WRITE, MOV_TO_CR, M16, 1, 4, 0xf0, 0x0f, 0x22, 0xc1),
	KIND(CR0_WRITE, CLTS, M64, 0x0f, 0x06),
	REG(CR0_WRITE, LMSW, M64, 0, 2, 0x0f, 0x01, 0xf0),
	REG(CR0_WRITE, LMSW, M64, 11, 2, 0x49, 0x0f, 0x01, 0xf3),
	REG(CR0_WRITE, LMSW, M32, 6, 2, 0x0f, 0x01, 0xf6),
	REG(CR0_READ, SMSW, M64, 1, 4, 0x0f, 0x01, 0xe1),
	REG(CR0_READ, SMSW, M64, 1, 2, 0x66, 0x0f, 0x01, 0xe1),
	REG(CR0_READ, SMSW, M64, 1, 8, 0x66, 0x48, 0x0f, 0x01, 0xe1),
	REG(CR0_READ, SMSW, M16, 1, 2, 0x0f, 0x01, 0xe1),
	REG(CR0_READ, SMSW, M16, 1, 4, 0x66, 0x0f, 0x01, 0xe1),
	/* memory, with each form of address */
	MEMORY(M64, LMSW, 3, CR0_WRITE, 0x0f, 0x01, 0x33),
	MEMORY(M64, SMSW, 5, CR0_READ, 0x0f, 0x01, 0x25, 1, 2, 3, 4),    /* [rip + disp32] */
	MEMORY(M64, SMSW, 4, CR0_READ, 0x0f, 0x01, 0x24, 0x25, 1, 2, 3, 4),
	MEMORY(M64, LMSW, 4, CR0_WRITE, 0x0f, 0x01, 0x74, 0x24, 8),
	MEMORY(M32, LMSW, 3, CR0_WRITE, 0x0f, 0x01, 0xb3, 1, 2, 3, 4),
	MEMORY(M16, LMSW, 6, CR0_WRITE, 0x0f, 0x01, 0x36, 1, 2),
	MEMORY(M32, LMSW, 6, CR0_WRITE, 0x67, 0x0f, 0x01, 0x36, 1, 2),
};

/* Not what the exit says: the guest has changed its code. */
static const struct row bad[] = {
	PLAIN(CPUID, 0x0f, 0xa3),
	PLAIN(CPUID, 0xf4),
	PLAIN(CPUID, 0xa2),
	PLAIN(CPUID, 0xf0, 0x0f, 0xa2),             /* LOCK: #UD */
	KIND(CPUID, OTHER, M32, 0x48, 0x0f, 0xa2),  /* DEC EAX */
	PLAIN(CPUID, 0x0f, 0x0f, 0xa2),
	PLAIN(HLT, 0x90),
	PLAIN(HLT, 0x0f, 0xf4),                     /* PMULUDQ */
	PLAIN(PAUSE, 0x90),
	PLAIN(PAUSE, 0xf3, 0xf2, 0x90),             /* the last one counts */
	PLAIN(MSR, 0x0f, 0x31),
	PLAIN(MSR, 0x0f, 0x33),
	PLAIN(VMMCALL, 0x0f, 0x01, 0xc1),           /* VMCALL */
	PLAIN(VMMCALL, 0x0f, 0x01, 0xd8),
	PLAIN(MONITOR, 0x0f, 0x01, 0xc9),
	PLAIN(CR0_READ, 0x0f, 0x22, 0xc0),
	PLAIN(CR0_READ, 0x0f, 0x20, 0xe0),          /* CR4 */
	PLAIN(CR0_READ, 0x44, 0x0f, 0x20, 0xc0),    /* CR8 */
	PLAIN(CR0_READ, 0xf0, 0x0f, 0x20, 0xc0),    /* CR8 */
	PLAIN(CR0_READ, 0x0f, 0x01, 0xf0),          /* LMSW */
	PLAIN(CR0_READ, 0xf0, 0x0f, 0x01, 0xe0),
	PLAIN(CR4_WRITE, 0x0f, 0x22, 0xd8),         /* CR3 */
	PLAIN(CR4_WRITE, 0x44, 0x0f, 0x22, 0xe0),   /* CR12 */
	PLAIN(CR4_WRITE, 0x0f, 0x06),
	PLAIN(CR8_WRITE, 0x0f, 0x22, 0xc0),
	PLAIN(CR8_READ, 0x0f, 0x01, 0xe0),
	PLAIN(CR0_WRITE, 0x0f, 0x01, 0xf8),         /* SWAPGS */
	PLAIN(CR0_WRITE, 0x0f, 0x01, 0x38),         /* INVLPG */
	/* exits that no row has */
	PLAIN(INTR, 0x0f, 0xa2),
	PLAIN(IOIO, 0xee),
	{ SVM_REASON_NPF, M64, { .kind = SVM_INSN_OTHER }, BYTES(0x0f, 0xa2) },
	{ SVM_REASON_OTHER, M64, { .kind = SVM_INSN_OTHER },
	  BYTES(0x0f, 0xa2) },
	{ ~0u, M64, { .kind = SVM_INSN_OTHER }, BYTES(0x0f, 0xa2) },
};
/* clang-format on */

/* Exactly @len bytes in memory of their own: a byte more is found by ASan. */
static enum status decode(const struct row *r, const uint8_t *bytes, size_t len,
			  struct svm_insn *out)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	enum status s;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	s = svm_insn_decode(copy, len, r->mode, r->reason, out);
	free(copy);
	return s;
}

static void test_good_rows(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(good); k++) {
		const struct row *r = &good[k];
		struct svm_insn i;

		memset(&i, 0xee, sizeof(i));
		if (decode(r, r->b, r->len, &i) != OK) {
			fail_msg("row %zu is not decoded", k);
		}
		if (i.length != r->len || i.kind != r->want.kind ||
		    i.gpr != r->want.gpr || i.size != r->want.size ||
		    i.is_memory != r->want.is_memory) {
			fail_msg("row %zu: length %u kind %u gpr %u size %u "
				 "memory %u",
				 k, i.length, i.kind, i.gpr, i.size,
				 i.is_memory);
		}
	}
}

static void test_bad_rows(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(bad); k++) {
		uint8_t b[15] = { 0 };
		struct svm_insn i = { .length = 77 };

		memcpy(b, bad[k].b, bad[k].len);
		if (decode(&bad[k], b, sizeof(b), &i) != ERR_INVALID) {
			fail_msg("row %zu is decoded", k);
		}
		assert_int_equal(i.length, 77);
	}
}

static void expect_cut_short(size_t k, uint8_t len)
{
	struct svm_insn i = { .length = 77 };

	if (decode(&good[k], good[k].b, len, &i) != ERR_INVALID) {
		fail_msg("row %zu, %u bytes", k, len);
	}
	assert_int_equal(i.length, 77);
}

static void test_cut_short(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(good); k++) {
		for (uint8_t len = 0; len < good[k].len; len++) {
			expect_cut_short(k, len);
		}
	}
}

/* Bytes behind the instruction do not matter. */
static void test_more_bytes(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(good); k++) {
		uint8_t b[20];
		struct svm_insn i;

		memset(b, 0x90, sizeof(b));
		memcpy(b, good[k].b, good[k].len);
		assert_int_equal(decode(&good[k], b, sizeof(b), &i), OK);
		assert_int_equal(i.length, good[k].len);
	}
}

static void test_fifteen_bytes(void **state)
{
	const struct row cpuid = PLAIN(CPUID, 0);
	uint8_t b[20];
	struct svm_insn i;

	(void)state;
	memset(b, 0x66, sizeof(b));
	assert_int_equal(decode(&cpuid, b, sizeof(b), &i), ERR_INVALID);
	b[13] = 0x0f;
	b[14] = 0xa2;
	assert_int_equal(decode(&cpuid, b, sizeof(b), &i), OK);
	assert_int_equal(i.length, 15);
	b[13] = 0x66;
	b[14] = 0x0f;
	b[15] = 0xa2;
	assert_int_equal(decode(&cpuid, b, sizeof(b), &i), ERR_INVALID);
}

/* Every exit with a row has each of its instructions, and no other's. */
static void test_rows_belong_to_one_exit(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(good); k++) {
		uint32_t hits = 0;

		for (uint32_t r = 0; r < SVM_REASON_COUNT; r++) {
			struct row other = good[k];
			struct svm_insn i;

			other.reason = r;
			hits += decode(&other, other.b, other.len, &i) == OK;
		}
		/* MWAIT and MWAIT_ARMED; INVD may be told as WBINVD */
		assert_in_range(hits, 1, 2);
	}
}

/* 0F 01 /6: LMSW of the memory at ... */
static const struct {
	enum insn_mode mode;
	struct insn_address want;
	uint8_t segment;
	size_t len;
	uint8_t bytes[12];
} addresses[] = {
	{ M64,
	  { 4, NO_REG, 0, 8, false, 8 },
	  INSN_SEGMENT_DS,
	  5,
	  { 0x0f, 0x01, 0x74, 0x24, 8 } },
	{ M64,
	  { NO_REG, NO_REG, 0, 8, true, -2 },
	  INSN_SEGMENT_DS,
	  7,
	  { 0x0f, 0x01, 0x35, 0xfe, 0xff, 0xff, 0xff } },
	{ M64,
	  { NO_REG, NO_REG, 0, 8, false, 0x1000 },
	  INSN_SEGMENT_GS,
	  9,
	  { 0x65, 0x0f, 0x01, 0x34, 0x25, 0, 0x10, 0, 0 } },
	{ M64,
	  { 13, 15, 3, 8, false, 0 },
	  INSN_SEGMENT_DS,
	  6,
	  { 0x43, 0x0f, 0x01, 0x74, 0xfd, 0 } },
	{ M64,
	  { 0, 12, 1, 4, false, -1 },
	  INSN_SEGMENT_DS,
	  7,
	  { 0x67, 0x42, 0x0f, 0x01, 0x74, 0x60, 0xff } },
	{ M32,
	  { NO_REG, NO_REG, 0, 4, true, 0x123 },
	  INSN_SEGMENT_CS,
	  8,
	  { 0x2e, 0x0f, 0x01, 0x35, 0x23, 1, 0, 0 } },
	{ M16,
	  { 3, 6, 0, 2, false, 0 },
	  INSN_SEGMENT_DS,
	  3,
	  { 0x0f, 0x01, 0x30 } },
	{ M16,
	  { 5, 7, 0, 2, false, -3 },
	  INSN_SEGMENT_DS,
	  4,
	  { 0x0f, 0x01, 0x73, 0xfd } },
	{ M16,
	  { NO_REG, NO_REG, 0, 2, false, 0x102 },
	  INSN_SEGMENT_ES,
	  6,
	  { 0x26, 0x0f, 0x01, 0x36, 2, 1 } },
	{ M16,
	  { 7, NO_REG, 0, 2, false, -256 },
	  INSN_SEGMENT_DS,
	  5,
	  { 0x0f, 0x01, 0xb5, 0, 0xff } },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		const struct insn_address *want = &addresses[i].want;
		struct svm_insn got;

		assert_int_equal(svm_insn_decode(addresses[i].bytes,
						 addresses[i].len,
						 addresses[i].mode,
						 SVM_EXIT_CR0_WRITE, &got),
				 OK);
		assert_int_equal(got.kind, SVM_INSN_LMSW);
		assert_int_equal(got.length, addresses[i].len);
		assert_true(got.is_memory);
		assert_int_equal(got.segment, addresses[i].segment);
		assert_int_equal(got.address.base, want->base);
		assert_int_equal(got.address.index, want->index);
		assert_int_equal(got.address.scale, want->scale);
		assert_int_equal(got.address.size, want->size);
		assert_int_equal(got.address.is_rip, want->is_rip);
		assert_int_equal(got.address.disp, want->disp);
	}
}

static void expect_operand(enum insn_mode mode, uint8_t segment,
			   uint8_t address_size, const uint8_t *bytes,
			   size_t len)
{
	struct svm_string out = { 77, 77 };

	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n != 0 ? n : 1);

		memcpy(copy, bytes, n);
		assert_int_equal(svm_insn_string(copy, n, mode, &out),
				 ERR_INVALID);
		assert_int_equal(out.segment, 77);
		free(copy);
	}
	assert_int_equal(svm_insn_string(bytes, len, mode, &out), OK);
	assert_int_equal(out.segment, segment);
	assert_int_equal(out.address_size, address_size);
}

#define STRING(mode, segment, address_size, ...)                   \
	expect_operand(mode, INSN_SEGMENT_##segment, address_size, \
		       (const uint8_t[]){ __VA_ARGS__ },           \
		       sizeof((uint8_t[]){ __VA_ARGS__ }))

static void expect_no_string(enum insn_mode mode, uint8_t first)
{
	struct svm_string out = { 77, 77 };

	assert_int_equal(
		svm_insn_string((uint8_t[]){ first, 0x6e }, 2, mode, &out),
		ERR_INVALID);
	assert_int_equal(out.segment, 77);
	assert_int_equal(out.address_size, 77);
}

static void test_strings(void **state)
{
	(void)state;
	STRING(M64, DS, 8, 0x6e);
	STRING(M64, DS, 8, 0xf3, 0x6e);
	STRING(M64, FS, 8, 0x64, 0xf3, 0x6f);
	STRING(M64, GS, 8, 0x66, 0x65, 0x48, 0x6f);
	STRING(M64, DS, 8, 0x2e, 0x6e); /* only FS and GS in 64-bit code */
	STRING(M64, GS, 8, 0x65, 0x36, 0x6e);
	STRING(M64, DS, 4, 0x67, 0x6e);
	STRING(M32, ES, 4, 0x26, 0x6e);
	STRING(M32, CS, 4, 0x2e, 0x6f);
	STRING(M32, SS, 2, 0x36, 0x67, 0x6f);
	STRING(M16, DS, 2, 0x26, 0x3e, 0x6e); /* the last one counts */
	STRING(M16, GS, 4, 0x67, 0x64, 0x65, 0x6e);
	STRING(M64, ES, 8, 0x64, 0x6c); /* INS has its own */
	STRING(M32, ES, 4, 0x2e, 0x6d);
	expect_no_string(M64, 0xee);
	expect_no_string(M64, 0xf0);
	expect_no_string(M32, 0x48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_good_rows),     UNIT(test_bad_rows),
		UNIT(test_cut_short),     UNIT(test_more_bytes),
		UNIT(test_fifteen_bytes), UNIT(test_rows_belong_to_one_exit),
		UNIT(test_strings),       UNIT(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
