/*
 * insn_decode.c - the few instructions that may touch emulated memory.
 *
 * No general emulator: MOV, MOVZX, MOVSX, MOVSXD, STOS, ADD, OR, AND, XOR,
 * CMP, TEST and XCHG with one memory operand of 1, 2, 4 or 8 bytes. Anything
 * else is ERR_UNSUPPORTED, and the partition stops with a report.
 *
 * An instruction passes through: prefixes, opcode (an entry of forms[]),
 * ModRM with SIB and displacement, immediate. SDM vol. 2, "Instruction Format".
 *
 * Invariants
 *  1. Bytes are taken through next() only, which stops at the copy's end and at
 *     15 bytes.
 *  2. *out is written only by a complete decode.
 *  3. There is no loop but the one over prefixes (at most 15 rounds).
 */
#include "insn_decode.h"

#include <bh/string.h>
#include <spec/x86.h>

#define REG_RAX 0u
#define REG_RCX 1u
#define REG_RSP 4u
#define REG_RBP 5u
#define REG_RSI 6u
#define REG_RDI 7u

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

struct cursor {
	const uint8_t *bytes;
	size_t len;
	size_t at;
	bool has_ended; /* ran out of bytes */
};

struct prefixes {
	bool has_opsize, has_addrsize, has_lock, has_rep, has_segment;
	enum insn_segment segment;
	uint8_t rex; /* 0: none */
};

/* Where operands and immediates of a form are. */
enum shape {
	SHAPE_NONE,   /* not supported */
	SHAPE_RM_REG, /* memory is the destination */
	SHAPE_REG_RM, /* register is the destination */
	SHAPE_RM_IMM, /* immediate as wide as the operand, at most 4 bytes */
	SHAPE_RM_IMM8,
	SHAPE_MOFFS_LOAD, /* rAX = [offset] */
	SHAPE_MOFFS_STORE,
	SHAPE_STOS,
};

struct form {
	uint8_t shape;    /* enum shape */
	uint8_t op;       /* enum insn_op */
	bool is_byte;     /* memory operand of 1 byte */
	uint8_t mem_size; /* MOVZX, MOVSX: fixed memory size, else 0 */
	bool sign_extend;
	bool lockable;
};

static uint8_t next(struct cursor *c)
{
	if (c->at >= c->len || c->at >= INSN_MAX_LENGTH) {
		c->has_ended = true;
		return 0;
	}
	return c->bytes[c->at++];
}

/* A little-endian number of @size bytes, sign-extended. */
static int64_t next_number(struct cursor *c, uint8_t size)
{
	uint64_t v = 0;
	uint32_t unused = 64u - size * 8u;

	for (uint8_t i = 0; i < size; i++) {
		v |= (uint64_t)next(c) << (i * 8);
	}
	return (int64_t)(v << unused) >> unused;
}

/* Returns the first byte that is not a prefix. */
static uint8_t read_prefixes(struct cursor *c, enum insn_mode mode,
			     struct prefixes *p)
{
	memset(p, 0, sizeof(*p));
	for (;;) {
		uint8_t b = next(c);

		if (mode == INSN_MODE_64 && (b & 0xf0) == 0x40) {
			p->rex = b;
			return next(c); /* REX counts only right before it */
		}
		if (b == 0x66) {
			p->has_opsize = true;
		} else if (b == 0x67) {
			p->has_addrsize = true;
		} else if (b == 0xf0) {
			p->has_lock = true;
		} else if (b == 0xf2 || b == 0xf3) {
			p->has_rep = true;
		} else if ((b & 0xe7) == 0x26 || b == 0x64 || b == 0x65) {
			p->has_segment = true;
			p->segment = b < 0x64
					     ? (enum insn_segment)((b >> 3) & 3)
					     : (enum insn_segment)(INSN_FS +
								   (b & 1));
		} else {
			return b;
		}
		if (c->has_ended) {
			return 0;
		}
	}
}

/* --- Opcodes ----------------------------------------------------------- */

/* Group 1 and the 00..3f block share the three bits that name the operation. */
static bool alu_op(uint8_t n, struct form *f)
{
	switch (n & 7) {
	case 0:
		f->op = INSN_ADD;
		break;
	case 1:
		f->op = INSN_OR;
		break;
	case 4:
		f->op = INSN_AND;
		break;
	case 6:
		f->op = INSN_XOR;
		break;
	case 7:
		f->op = INSN_CMP;
		break;
	default: /* ADC, SBB, SUB */
		return false;
	}
	f->lockable = f->op != INSN_CMP;
	return true;
}

static struct form form_alu(uint8_t opcode)
{
	struct form f = { .is_byte = (opcode & 1) == 0 };

	if ((opcode & 7) > 3 || !alu_op(opcode >> 3, &f)) {
		return (struct form){ .shape = SHAPE_NONE };
	}
	f.shape = (opcode & 2) != 0 ? SHAPE_REG_RM : SHAPE_RM_REG;
	f.lockable = f.lockable && f.shape == SHAPE_RM_REG;
	return f;
}

/* Opcodes whose ModRM.reg selects the operation. */
static struct form form_group(uint8_t opcode, uint8_t modrm)
{
	uint8_t n = (modrm >> 3) & 7;
	struct form f = { .shape = SHAPE_RM_IMM, .is_byte = (opcode & 1) == 0 };

	switch (opcode) {
	case 0x83:
		f.shape = SHAPE_RM_IMM8;
		f.is_byte = false;
		break;
	case 0x80:
	case 0x81:
		break;
	case 0xc6:
	case 0xc7:
		f.op = INSN_STORE;
		f.shape = n == 0 ? f.shape : SHAPE_NONE;
		return f;
	default: /* 0xf6, 0xf7 */
		f.op = INSN_TEST;
		f.shape = n == 0 ? f.shape : SHAPE_NONE;
		return f;
	}
	if (!alu_op(n, &f)) {
		f.shape = SHAPE_NONE;
	}
	return f;
}

static struct form form_0f(uint8_t opcode)
{
	struct form f = { .shape = SHAPE_REG_RM, .op = INSN_LOAD };

	if (opcode != 0xb6 && opcode != 0xb7 && opcode != 0xbe &&
	    opcode != 0xbf) {
		return (struct form){ .shape = SHAPE_NONE };
	}
	f.mem_size = (opcode & 1) != 0 ? 2 : 1;
	f.sign_extend = (opcode & 8) != 0;
	return f;
}

/* clang-format off */
static const struct form_row {
	uint8_t opcode;
	struct form form;
} single_forms[] = {
	{ 0x84, { SHAPE_RM_REG, INSN_TEST, true, 0, false, false } },
	{ 0x85, { SHAPE_RM_REG, INSN_TEST, false, 0, false, false } },
	{ 0x86, { SHAPE_RM_REG, INSN_XCHG, true, 0, false, true } },
	{ 0x87, { SHAPE_RM_REG, INSN_XCHG, false, 0, false, true } },
	{ 0x88, { SHAPE_RM_REG, INSN_STORE, true, 0, false, false } },
	{ 0x89, { SHAPE_RM_REG, INSN_STORE, false, 0, false, false } },
	{ 0x8a, { SHAPE_REG_RM, INSN_LOAD, true, 0, false, false } },
	{ 0x8b, { SHAPE_REG_RM, INSN_LOAD, false, 0, false, false } },
	{ 0xa0, { SHAPE_MOFFS_LOAD, INSN_LOAD, true, 0, false, false } },
	{ 0xa1, { SHAPE_MOFFS_LOAD, INSN_LOAD, false, 0, false, false } },
	{ 0xa2, { SHAPE_MOFFS_STORE, INSN_STORE, true, 0, false, false } },
	{ 0xa3, { SHAPE_MOFFS_STORE, INSN_STORE, false, 0, false, false } },
	{ 0xaa, { SHAPE_STOS, INSN_STOS, true, 0, false, false } },
	{ 0xab, { SHAPE_STOS, INSN_STOS, false, 0, false, false } },
};
/* clang-format on */

static bool is_group(uint8_t opcode)
{
	return opcode == 0x80 || opcode == 0x81 || opcode == 0x83 ||
	       opcode == 0xc6 || opcode == 0xc7 || opcode == 0xf6 ||
	       opcode == 0xf7;
}

static struct form find_form(struct cursor *c, uint8_t opcode,
			     enum insn_mode mode)
{
	if (opcode == 0x0f) {
		return form_0f(next(c));
	}
	if (opcode < 0x40) {
		return form_alu(opcode);
	}
	if (opcode == 0x63 && mode == INSN_MODE_64) {
		return (struct form){ .shape = SHAPE_REG_RM,
				      .op = INSN_LOAD,
				      .mem_size = 4,
				      .sign_extend = true };
	}
	if (is_group(opcode)) {
		/* ModRM stays to be read again by read_modrm(). */
		struct cursor peek = *c;

		return form_group(opcode, next(&peek));
	}
	for (size_t i = 0; i < ARRAY_COUNT(single_forms); i++) {
		if (single_forms[i].opcode == opcode) {
			return single_forms[i].form;
		}
	}
	return (struct form){ .shape = SHAPE_NONE };
}

/* --- ModRM ------------------------------------------------------------- */

static void modrm_16(struct cursor *c, uint8_t mod, uint8_t rm, struct insn *i)
{
	static const uint8_t bases[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const uint8_t indexes[4] = { 6, 7, 6, 7 };

	i->base = bases[rm];
	i->index = rm < 4 ? indexes[rm] : INSN_NO_REG;
	if (mod == 0 && rm == 6) {
		i->base = INSN_NO_REG;
		i->disp = (uint16_t)next_number(c, 2);
	} else if (mod != 0) {
		i->disp = next_number(c, mod);
	}
}

static void read_sib(struct cursor *c, uint8_t mod, uint8_t rex, struct insn *i)
{
	uint8_t sib = next(c);
	uint8_t index = (uint8_t)((sib >> 3 & 7) | (rex & REX_X) << 2);

	i->scale = (uint8_t)(1u << (sib >> 6));
	i->index = index == REG_RSP ? INSN_NO_REG : index;
	i->base = (uint8_t)((sib & 7) | (rex & REX_B) << 3);
	if (mod == 0 && (sib & 7) == REG_RBP) {
		i->base = INSN_NO_REG;
		i->disp = next_number(c, 4);
	}
}

static void modrm_32(struct cursor *c, uint8_t mod, uint8_t rm, uint8_t rex,
		     bool is_64, struct insn *i)
{
	if (rm == REG_RSP) {
		read_sib(c, mod, rex, i);
	} else if (mod == 0 && rm == REG_RBP) {
		i->is_rip_relative = is_64;
		i->disp = next_number(c, 4);
	} else {
		i->base = (uint8_t)(rm | (rex & REX_B) << 3);
	}
	if (mod != 0) {
		i->disp = next_number(c, mod == 1 ? 1 : 4);
	}
}

/* Returns false for a register operand. */
static bool read_modrm(struct cursor *c, const struct prefixes *p,
		       enum insn_mode mode, struct insn *i)
{
	uint8_t modrm = next(c);
	uint8_t mod = modrm >> 6, rm = modrm & 7;

	i->reg = (uint8_t)((modrm >> 3 & 7) | (p->rex & REX_R) << 1);
	if (mod == 3) {
		return false;
	}
	if (i->address_size == 2) {
		modrm_16(c, mod, rm, i);
	} else {
		modrm_32(c, mod, rm, p->rex, mode == INSN_MODE_64, i);
	}
	/* BP and SP address the stack unless told otherwise. */
	i->segment =
		i->base == REG_RBP || i->base == REG_RSP ? INSN_SS : INSN_DS;
	if (p->has_segment) {
		i->segment = p->segment;
	}
	return true;
}

/* --- The whole ------------------------------------------------------------ */

static void set_sizes(const struct prefixes *p, enum insn_mode mode,
		      const struct form *f, struct insn *i)
{
	bool is_16 = (mode == INSN_MODE_16) != p->has_opsize;
	uint8_t operand = is_16 ? 2 : 4;

	if ((p->rex & REX_W) != 0) {
		operand = 8;
	}
	i->size = f->is_byte ? 1 : operand;
	i->reg_size = i->size;
	if (f->mem_size != 0) {
		i->size = f->mem_size;
	}
	if (mode == INSN_MODE_64) {
		i->address_size = p->has_addrsize ? 4 : 8;
	} else {
		i->address_size =
			(mode == INSN_MODE_16) != p->has_addrsize ? 2 : 4;
	}
}

/* Registers 4..7 of a byte operand without REX are AH, CH, DH, BH. */
static void set_high_byte(const struct prefixes *p, struct insn *i)
{
	if (i->reg_size == 1 && p->rex == 0 && i->reg >= 4 && i->reg < 8) {
		i->reg -= 4;
		i->is_high_byte = true;
	}
}

static bool read_operands(struct cursor *c, const struct prefixes *p,
			  enum insn_mode mode, const struct form *f,
			  struct insn *i)
{
	switch ((enum shape)f->shape) {
	case SHAPE_RM_REG:
	case SHAPE_REG_RM:
		i->dest_is_reg = f->shape == SHAPE_REG_RM;
		if (!read_modrm(c, p, mode, i)) {
			return false;
		}
		set_high_byte(p, i);
		return true;
	case SHAPE_RM_IMM:
	case SHAPE_RM_IMM8:
		if (!read_modrm(c, p, mode, i)) {
			return false;
		}
		i->reg = INSN_NO_REG;
		i->imm = (uint64_t)next_number(c, f->shape == SHAPE_RM_IMM8 ? 1
						  : i->size == 8            ? 4
								 : i->size);
		return true;
	case SHAPE_MOFFS_LOAD:
	case SHAPE_MOFFS_STORE:
		i->dest_is_reg = f->shape == SHAPE_MOFFS_LOAD;
		i->reg = REG_RAX;
		i->segment = p->has_segment ? p->segment : INSN_DS;
		i->disp = next_number(c, i->address_size);
		return true;
	case SHAPE_STOS:
		i->reg = REG_RAX;
		i->segment = INSN_ES;
		i->base = REG_RDI;
		i->is_rep = p->has_rep;
		return true;
	case SHAPE_NONE:
		break;
	}
	return false;
}

enum status insn_decode(const uint8_t *bytes, size_t len, enum insn_mode mode,
			struct insn *out)
{
	struct cursor c = { .bytes = bytes, .len = len };
	struct insn i = { .base = INSN_NO_REG,
			  .index = INSN_NO_REG,
			  .scale = 1 };
	struct prefixes p;
	uint8_t opcode = read_prefixes(&c, mode, &p);
	struct form f = find_form(&c, opcode, mode);

	if (c.has_ended) {
		return ERR_INVALID;
	}
	if (f.shape == SHAPE_NONE || (p.has_lock && !f.lockable) ||
	    (p.has_rep && f.shape != SHAPE_STOS)) {
		return ERR_UNSUPPORTED;
	}
	i.op = (enum insn_op)f.op;
	i.sign_extend = f.sign_extend;
	set_sizes(&p, mode, &f, &i);
	if (!read_operands(&c, &p, mode, &f, &i)) {
		return c.has_ended ? ERR_INVALID : ERR_UNSUPPORTED;
	}
	if (c.has_ended) {
		return ERR_INVALID;
	}
	if (i.size > i.reg_size) {
		return ERR_UNSUPPORTED; /* MOVSXD to 16 bits */
	}
	i.length = (uint8_t)c.at;
	*out = i;
	return OK;
}

static uint64_t mask_of(uint8_t size)
{
	return size == 8 ? UINT64_MAX : BIT(size * 8) - 1;
}

uint64_t insn_address(const struct insn *i, const uint64_t gpr[16],
		      uint64_t rip)
{
	uint64_t a = (uint64_t)i->disp;

	if (i->base != INSN_NO_REG) {
		a += gpr[i->base];
	}
	if (i->index != INSN_NO_REG) {
		a += gpr[i->index] * i->scale;
	}
	if (i->is_rip_relative) {
		a += rip + i->length;
	}
	return a & mask_of(i->address_size);
}

/* --- Execution --------------------------------------------------------- */

static uint64_t reg_get(const struct insn *i, const uint64_t gpr[16])
{
	if (i->reg == INSN_NO_REG) {
		return i->imm & mask_of(i->size);
	}
	return (gpr[i->reg] >> (i->is_high_byte ? 8 : 0)) &
	       mask_of(i->reg_size);
}

/* 32-bit results clear the upper half; smaller ones leave the rest alone. */
static void reg_set(const struct insn *i, uint64_t gpr[16], uint64_t v)
{
	uint32_t shift = i->is_high_byte ? 8 : 0;
	uint64_t mask = mask_of(i->reg_size) << shift;

	if (i->reg_size >= 4) {
		gpr[i->reg] = v & mask;
	} else {
		gpr[i->reg] = (gpr[i->reg] & ~mask) | ((v << shift) & mask);
	}
}

static bool has_even_parity(uint64_t v)
{
	return (__builtin_popcount((uint32_t)v & 0xff) & 1) == 0;
}

/* Compute @a op @b; the six arithmetic flags replace those in *@rflags. */
static uint64_t alu(enum insn_op op, uint64_t a, uint64_t b, uint8_t size,
		    uint64_t *rflags)
{
	const uint64_t mask = mask_of(size), top = BIT(size * 8 - 1);
	uint64_t r, f = 0;

	switch (op) {
	case INSN_ADD:
		r = (a + b) & mask;
		f |= r < a ? RFLAGS_CF : 0;
		f |= ((a ^ r) & (b ^ r) & top) != 0 ? RFLAGS_OF : 0;
		f |= (a ^ b ^ r) & RFLAGS_AF;
		break;
	case INSN_CMP:
		r = (a - b) & mask;
		f |= a < b ? RFLAGS_CF : 0;
		f |= ((a ^ b) & (a ^ r) & top) != 0 ? RFLAGS_OF : 0;
		f |= (a ^ b ^ r) & RFLAGS_AF;
		break;
	case INSN_OR:
		r = a | b;
		break;
	case INSN_XOR:
		r = a ^ b;
		break;
	default: /* AND, TEST */
		r = a & b;
		break;
	}
	f |= r == 0 ? RFLAGS_ZF : 0;
	f |= (r & top) != 0 ? RFLAGS_SF : 0;
	f |= has_even_parity(r) ? RFLAGS_PF : 0;
	*rflags &= ~(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF |
		     RFLAGS_OF);
	*rflags |= f;
	return r;
}

static uint64_t sign_extend(uint64_t v, uint8_t size)
{
	uint32_t unused = 64u - size * 8u;

	return (uint64_t)((int64_t)(v << unused) >> unused);
}

/* Add @delta to the low @size bytes of a register, as address arithmetic. */
static void step_reg(uint64_t *reg, uint8_t size, uint64_t delta)
{
	uint64_t v = (*reg + delta) & mask_of(size);

	*reg = size >= 4 ? v : (*reg & ~mask_of(size)) | v;
}

/* One iteration; the rest follows when the guest comes back. */
static bool do_stos(const struct insn *i, uint64_t gpr[16], uint64_t rflags,
		    const struct insn_bus *bus)
{
	uint64_t step =
		(rflags & RFLAGS_DF) != 0 ? 0 - (uint64_t)i->size : i->size;

	if (i->is_rep && (gpr[REG_RCX] & mask_of(i->address_size)) == 0) {
		return true;
	}
	bus->write(bus->ctx, i->size, reg_get(i, gpr));
	step_reg(&gpr[REG_RDI], i->address_size, step);
	if (!i->is_rep) {
		return true;
	}
	step_reg(&gpr[REG_RCX], i->address_size, UINT64_MAX);
	return (gpr[REG_RCX] & mask_of(i->address_size)) == 0;
}

static void do_alu(const struct insn *i, uint64_t gpr[16], uint64_t *rflags,
		   const struct insn_bus *bus)
{
	uint64_t mem = bus->read(bus->ctx, i->size) & mask_of(i->size);
	uint64_t reg = reg_get(i, gpr), r;

	if (i->dest_is_reg) {
		r = alu(i->op, reg, mem, i->size, rflags);
	} else {
		r = alu(i->op, mem, reg, i->size, rflags);
	}
	if (i->op == INSN_CMP || i->op == INSN_TEST) {
		return;
	}
	if (i->dest_is_reg) {
		reg_set(i, gpr, r);
	} else {
		bus->write(bus->ctx, i->size, r);
	}
}

bool insn_execute(const struct insn *i, uint64_t gpr[16], uint64_t *rflags,
		  const struct insn_bus *bus)
{
	uint64_t v;

	switch (i->op) {
	case INSN_LOAD:
		v = bus->read(bus->ctx, i->size) & mask_of(i->size);
		reg_set(i, gpr, i->sign_extend ? sign_extend(v, i->size) : v);
		return true;
	case INSN_STORE:
		bus->write(bus->ctx, i->size, reg_get(i, gpr));
		return true;
	case INSN_XCHG:
		v = bus->read(bus->ctx, i->size) & mask_of(i->size);
		bus->write(bus->ctx, i->size, reg_get(i, gpr));
		reg_set(i, gpr, v);
		return true;
	case INSN_STOS:
		return do_stos(i, gpr, *rflags, bus);
	default:
		do_alu(i, gpr, rflags, bus);
		return true;
	}
}
