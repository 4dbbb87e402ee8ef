/*
 * test_insn_decode.c - decoding by table, and execution against the real CPU.
 *
 * The differential test lets the processor run each instruction on a buffer,
 * and the emulation on a copy: registers, flags and memory must agree.
 */
#include "tests/lib/unit.h"

#include "vmm/insn_decode.h"

#include <spec/x86.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARITH_FLAGS \
	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct code {
	uint8_t len;
	uint8_t b[15];
};

#define I(...)                                      \
	{                                           \
		sizeof((uint8_t[]){ __VA_ARGS__ }), \
		{                                   \
			__VA_ARGS__                 \
		}                                   \
	}

/* clang-format off */
/* 64-bit forms with the operand at [RBX]; RAX, RCX, RDX are free. */
static const struct code forms[] = {
	I(0x88, 0x03), I(0x88, 0x23), I(0x40, 0x88, 0x33), I(0x89, 0x0b),
	I(0x66, 0x89, 0x0b), I(0x48, 0x89, 0x0b), I(0x4c, 0x89, 0x03),
	I(0x8a, 0x03), I(0x8a, 0x2b), I(0x8b, 0x13), I(0x66, 0x8b, 0x13),
	I(0x48, 0x8b, 0x13), I(0x4c, 0x8b, 0x0b),
	I(0xc6, 0x03, 0x5a), I(0xc7, 0x03, 1, 2, 3, 0x84),
	I(0x66, 0xc7, 0x03, 1, 0x82), I(0x48, 0xc7, 0x03, 1, 2, 3, 0x84),
	I(0x0f, 0xb6, 0x03), I(0x0f, 0xb7, 0x0b), I(0x66, 0x0f, 0xb6, 0x0b),
	I(0x48, 0x0f, 0xb6, 0x03), I(0x48, 0x0f, 0xb7, 0x03),
	I(0x0f, 0xbe, 0x03), I(0x0f, 0xbf, 0x0b), I(0x66, 0x0f, 0xbe, 0x0b),
	I(0x48, 0x0f, 0xbe, 0x03), I(0x48, 0x0f, 0xbf, 0x03),
	I(0x48, 0x63, 0x03), I(0x63, 0x03),
	I(0x00, 0x03), I(0x01, 0x0b), I(0x48, 0x01, 0x0b), I(0x66, 0x01, 0x0b),
	I(0x02, 0x03), I(0x03, 0x0b), I(0x48, 0x03, 0x0b), I(0x02, 0x23),
	I(0x08, 0x03), I(0x09, 0x0b), I(0x0a, 0x03), I(0x48, 0x0b, 0x0b),
	I(0x20, 0x03), I(0x21, 0x0b), I(0x22, 0x03), I(0x66, 0x23, 0x0b),
	I(0x30, 0x03), I(0x31, 0x0b), I(0x32, 0x03), I(0x33, 0x0b),
	I(0x38, 0x03), I(0x39, 0x0b), I(0x3a, 0x03), I(0x3b, 0x0b),
	I(0x48, 0x39, 0x0b), I(0x66, 0x3b, 0x0b),
	I(0x80, 0x03, 0x7f), I(0x80, 0x0b, 0x80), I(0x80, 0x23, 0x0f),
	I(0x80, 0x33, 0xff), I(0x80, 0x3b, 0x10),
	I(0x81, 0x03, 1, 2, 3, 0x84), I(0x48, 0x81, 0x23, 1, 2, 3, 0x84),
	I(0x66, 0x81, 0x33, 1, 0x82), I(0x81, 0x3b, 1, 2, 3, 4),
	I(0x83, 0x03, 0xff), I(0x83, 0x0b, 0x80), I(0x48, 0x83, 0x23, 0xf0),
	I(0x66, 0x83, 0x33, 0xff), I(0x83, 0x3b, 0x00),
	I(0x84, 0x03), I(0x85, 0x0b), I(0x48, 0x85, 0x0b), I(0x84, 0x23),
	I(0xf6, 0x03, 0x81), I(0xf7, 0x03, 1, 2, 3, 0x84),
	I(0x66, 0xf7, 0x03, 1, 0x82), I(0x48, 0xf7, 0x03, 1, 2, 3, 0x84),
	I(0x86, 0x03), I(0x87, 0x0b), I(0x48, 0x87, 0x0b), I(0x86, 0x23),
	I(0xf0, 0x01, 0x0b), I(0xf0, 0x48, 0x21, 0x0b), I(0xf0, 0x83, 0x0b, 1),
	I(0xf0, 0x87, 0x0b),
	I(0x3e, 0x8b, 0x13), I(0x66, 0x66, 0x8b, 0x13), I(0x67, 0x8b, 0x13),
	/* REX counts only right before the opcode */
	I(0x48, 0x66, 0x8b, 0x13), I(0x4c, 0x3e, 0x89, 0x0b),
	I(0x49, 0x48, 0x8b, 0x13),
};

/* Each is another instruction, or none: never decoded. */
static const struct code refused[] = {
	I(0x8b, 0xc3),             /* MOV between registers */
	I(0x10, 0x03),             /* ADC */
	I(0x18, 0x03),             /* SBB */
	I(0x28, 0x03),             /* SUB */
	I(0x04, 0x03),             /* ADD AL, imm8 */
	I(0x80, 0x13, 1),          /* ADC imm */
	I(0x83, 0x2b, 1),          /* SUB imm */
	I(0xc6, 0x0b, 1),          /* C6 /1 */
	I(0xf6, 0x13),             /* NOT */
	I(0xf7, 0x33),             /* DIV */
	I(0xff, 0x03),             /* INC */
	I(0xff, 0x33),             /* PUSH */
	I(0x8f, 0x03),             /* POP */
	I(0xa4),                   /* MOVS */
	I(0xa6),                   /* CMPS */
	I(0x0f, 0xb0, 0x0b),       /* CMPXCHG */
	I(0x0f, 0xc7, 0x0b),       /* CMPXCHG8B */
	I(0x0f, 0xa3, 0x0b),       /* BT */
	I(0x0f, 0x10, 0x03),       /* MOVUPS */
	I(0x0f, 0xae, 0x03),       /* FXSAVE */
	I(0x0f, 0x01, 0x13),       /* LGDT */
	I(0xc5, 0xf8, 0x10, 0x03), /* VEX */
	I(0x62, 0xf1, 0x7c, 0x48, 0x10, 0x03), /* EVEX */
	I(0xd9, 0x03),             /* x87 */
	I(0xf0, 0x8b, 0x0b),       /* LOCK on a load: #UD */
	I(0xf0, 0x03, 0x0b),       /* LOCK with a register destination */
	I(0xf0, 0x39, 0x0b),       /* LOCK CMP */
	I(0xf0, 0x89, 0x0b),       /* LOCK MOV */
	I(0xf3, 0x8b, 0x0b),       /* REP on MOV */
	I(0x66, 0x63, 0x0b),       /* MOVSXD to 16 bits */
};
/* clang-format on */

/* --- the machine under the emulation ------------------------------------ */

struct machine {
	uint8_t mem[64];
	uint8_t *at; /* the operand */
};

static uint64_t mem_read(void *ctx, uint8_t size)
{
	struct machine *m = ctx;
	uint64_t v = 0;

	memcpy(&v, m->at, size);
	return v;
}

static void mem_write(void *ctx, uint8_t size, uint64_t v)
{
	struct machine *m = ctx;

	memcpy(m->at, &v, size);
}

/* --- the real CPU ----------------------------------------------------------
 */

static uint8_t *code_page;

/* No call may stand between the register variables and the asm. */
static void run_native(uint64_t gpr[16], uint64_t *flags)
{
	register uint64_t r8 __asm__("r8") = gpr[8];
	register uint64_t r9 __asm__("r9") = gpr[9];
	register uint64_t r10 __asm__("r10") = *flags;
	register uint8_t *r11 __asm__("r11") = code_page;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "push %%r10\n\t"
			 "popf\n\t"
			 "call *%%r11\n\t"
			 "pushf\n\t"
			 "pop %%r10\n\t"
			 "lea 128(%%rsp), %%rsp\n\t"
			 : "+a"(gpr[0]), "+c"(gpr[1]), "+d"(gpr[2]),
			   "+b"(gpr[3]), "+S"(gpr[6]), "+D"(gpr[7]), "+r"(r8),
			   "+r"(r9), "+r"(r10), "+r"(r11)
			 :
			 : "memory", "cc");
	gpr[8] = r8;
	gpr[9] = r9;
	*flags = r10;
}

static uint64_t random64(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (x & 15) == 0 ? x >> 60 : x; /* small numbers now and then */
}

static void compare(const struct code *c, const struct insn *i)
{
	static struct machine *native, *emulated;
	uint64_t n[16] = { 0 }, e[16], nf, ef;
	const struct insn_bus bus = { mem_read, mem_write, NULL };
	struct insn_bus b = bus;

	if (native == NULL) {
		/* Below 4 GiB, so that 67h addresses work too. */
		native = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		assert_ptr_not_equal(native, MAP_FAILED);
		emulated = native + 1;
	}
	for (size_t k = 0; k < sizeof(native->mem); k++) {
		native->mem[k] = (uint8_t)random64();
	}
	memcpy(emulated->mem, native->mem, sizeof(native->mem));
	emulated->at = emulated->mem + 16;
	b.ctx = emulated;
	n[0] = random64();
	n[1] = random64();
	n[2] = random64();
	n[6] = random64();
	n[8] = random64();
	n[9] = random64();
	n[3] = (uint64_t)(uintptr_t)(native->mem + 16);
	memcpy(e, n, sizeof(e));
	nf = ef = RFLAGS_FIXED1 | (random64() & ARITH_FLAGS);
	memcpy(code_page, c->b, c->len);
	code_page[c->len] = 0xc3; /* RET */
	run_native(n, &nf);
	assert_true(insn_execute(i, e, &ef, &b));
	assert_memory_equal(n, e, sizeof(n));
	assert_memory_equal(native->mem, emulated->mem, sizeof(native->mem));
	/* AF is undefined after logical operations. */
	if (i->op != INSN_ADD && i->op != INSN_CMP) {
		nf = (nf & ~RFLAGS_AF) | (ef & RFLAGS_AF);
	}
	assert_int_equal(nf & ARITH_FLAGS, ef & ARITH_FLAGS);
}

static void test_execution_is_the_cpus(void **state)
{
	(void)state;
	code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(code_page, MAP_FAILED);
	for (size_t k = 0; k < ARRAY_COUNT(forms); k++) {
		struct insn i;

		if (insn_decode(forms[k].b, forms[k].len, INSN_MODE_64, &i) !=
		    OK) {
			fail_msg("form %zu is not decoded", k);
		}
		assert_int_equal(i.length, forms[k].len);
		for (int round = 0; round < 200; round++) {
			compare(&forms[k], &i);
		}
	}
	munmap(code_page, 4096);
}

static void test_truncated_instructions(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(forms); k++) {
		for (uint8_t len = 0; len < forms[k].len; len++) {
			uint8_t *copy = malloc(len != 0 ? len : 1);
			struct insn i;

			memcpy(copy, forms[k].b, len);
			assert_int_equal(
				insn_decode(copy, len, INSN_MODE_64, &i),
				ERR_INVALID);
			free(copy);
		}
	}
}

static void test_others_are_refused(void **state)
{
	struct insn i;

	(void)state;
	for (size_t k = 0; k < ARRAY_COUNT(refused); k++) {
		uint8_t b[15] = { 0 };

		memcpy(b, refused[k].b, refused[k].len);
		if (insn_decode(b, sizeof(b), INSN_MODE_64, &i) !=
		    ERR_UNSUPPORTED) {
			fail_msg("row %zu is decoded", k);
		}
	}
	/* MOVSXD is ARPL elsewhere; REX is INC and DEC. */
	assert_int_equal(insn_decode((const uint8_t[]){ 0x63, 0x03, 0, 0 }, 4,
				     INSN_MODE_32, &i),
			 ERR_UNSUPPORTED);
	assert_int_equal(insn_decode((const uint8_t[]){ 0x48, 0x89, 0x03 }, 3,
				     INSN_MODE_32, &i),
			 ERR_UNSUPPORTED);
}

static void test_fifteen_bytes(void **state)
{
	uint8_t b[20];
	struct insn i;

	(void)state;
	memset(b, 0x66, sizeof(b));
	assert_int_equal(insn_decode(b, sizeof(b), INSN_MODE_64, &i),
			 ERR_INVALID);
	b[13] = 0x89;
	b[14] = 0x0b;
	assert_int_equal(insn_decode(b, sizeof(b), INSN_MODE_64, &i), OK);
	assert_int_equal(i.length, 15);
	b[13] = 0x66;
	b[14] = 0x89;
	b[15] = 0x0b;
	assert_int_equal(insn_decode(b, sizeof(b), INSN_MODE_64, &i),
			 ERR_INVALID);
}

static struct insn decode(enum insn_mode mode, const uint8_t *b, size_t len)
{
	struct insn i;

	memset(&i, 0xee, sizeof(i));
	assert_int_equal(insn_decode(b, len, mode, &i), OK);
	assert_int_equal(i.length, len);
	return i;
}

#define D(mode, ...)                                   \
	decode(mode, (const uint8_t[]){ __VA_ARGS__ }, \
	       sizeof((uint8_t[]){ __VA_ARGS__ }))

/* D() checks the length, which the address decides. */
static void test_addresses_64(void **state)
{
	struct insn i;

	(void)state;
	(void)D(INSN_MODE_64, 0x8b, 0x43, 0xf8);          /* [rbx - 8] */
	(void)D(INSN_MODE_64, 0x8b, 0x83, 0, 0, 0, 0x80); /* [rbx - 2^31] */
	(void)D(INSN_MODE_64, 0x8b, 0x44, 0x8b, 4);    /* [rbx + rcx * 4 + 4] */
	(void)D(INSN_MODE_64, 0x43, 0x8b, 0x04, 0xe8); /* [r8 + r13 * 8] */
	(void)D(INSN_MODE_64, 0x42, 0x8b, 0x04, 0x23); /* [rbx + r12] */
	(void)D(INSN_MODE_64, 0x8b, 0x04, 0x24);       /* [rsp] */
	(void)D(INSN_MODE_64, 0x41, 0x8b, 0x04, 0x24); /* [r12] */
	(void)D(INSN_MODE_64, 0x41, 0x8b, 0x45, 0);    /* [r13 + 0] */
	(void)D(INSN_MODE_64, 0x8b, 0x04, 0x25, 1, 2, 3, 4); /* [disp32] */
	(void)D(INSN_MODE_64, 0x8b, 0x05, 0xf0, 0xff, 0xff,
		0xff);                           /* [rip-16] */
	(void)D(INSN_MODE_64, 0x67, 0x8b, 0x03); /* [ebx] */
	(void)D(INSN_MODE_64, 0x65, 0x8b, 0x03);
	i = D(INSN_MODE_64, 0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8); /* moffs */
	assert_int_equal(i.op, INSN_LOAD);
	assert_int_equal(i.size, 8);
}

static void test_addresses_32_and_16(void **state)
{
	struct insn i;

	(void)state;
	i = D(INSN_MODE_32, 0x8b, 0x43, 0x20);
	assert_int_equal(i.size, 4);
	(void)D(INSN_MODE_32, 0x8b, 0x05, 1, 2, 3, 4); /* no RIP here */
	i = D(INSN_MODE_32, 0xa3, 1, 2, 3, 4);
	assert_int_equal(i.op, INSN_STORE);
	i = D(INSN_MODE_16, 0x8b, 0x00); /* [bx + si] */
	assert_int_equal(i.size, 2);
	(void)D(INSN_MODE_16, 0x8b, 0x43, 0xff);       /* [bp + di - 1] */
	(void)D(INSN_MODE_16, 0x8b, 0x0e, 0x34, 0x92); /* [disp16] */
	(void)D(INSN_MODE_16, 0x8b, 0x84, 0x00, 0x80); /* [si + disp16] */
	i = D(INSN_MODE_16, 0x66, 0x67, 0x26, 0x8b, 0x03);
	assert_int_equal(i.size, 4);
	assert_int_equal(i.address_size, 4);
	i = D(INSN_MODE_16, 0x2e, 0x88, 0x27); /* cs:[bx] = ah */
	assert_true(i.is_high_byte);
	assert_int_equal(i.reg, 0);
}

static void test_stos(void **state)
{
	struct machine m;
	const struct insn_bus bus = { mem_read, mem_write, &m };
	uint64_t r[16] = { 0 }, flags = RFLAGS_FIXED1;
	struct insn i = D(INSN_MODE_64, 0xaa);

	(void)state;
	memset(&m, 0, sizeof(m));
	m.at = m.mem;
	r[0] = 0x1122334455667788;
	r[7] = 0x1000;
	assert_true(insn_execute(&i, r, &flags, &bus));
	assert_int_equal(m.mem[0], 0x88);
	assert_int_equal(r[7], 0x1001);
	assert_int_equal(r[1], 0);
	/* REP: one iteration a call; backwards */
	i = D(INSN_MODE_64, 0xf3, 0x48, 0xab);
	r[1] = 3;
	flags |= RFLAGS_DF;
	assert_false(insn_execute(&i, r, &flags, &bus));
	assert_false(insn_execute(&i, r, &flags, &bus));
	assert_true(insn_execute(&i, r, &flags, &bus));
	assert_int_equal(r[7], 0x1001 - 24);
	assert_int_equal(r[1], 0);
	m.mem[0] = 0;
	assert_true(insn_execute(&i, r, &flags, &bus)); /* count 0: nothing */
	assert_int_equal(m.mem[0], 0);
	/* 16-bit address size: CX and DI wrap alone */
	i = D(INSN_MODE_16, 0xf3, 0xab);
	r[1] = 0xabcd0001;
	r[7] = 0x12340001;
	assert_true(insn_execute(&i, r, &flags, &bus));
	assert_int_equal(r[1], 0xabcd0000);
	assert_int_equal(r[7], 0x1234ffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_execution_is_the_cpus),
		UNIT(test_truncated_instructions),
		UNIT(test_others_are_refused),
		UNIT(test_fifteen_bytes),
		UNIT(test_addresses_64),
		UNIT(test_addresses_32_and_16),
		UNIT(test_stos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
