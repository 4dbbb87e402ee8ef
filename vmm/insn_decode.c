/*
 * insn_decode.c - the few instructions that may touch emulated memory.
 *
 * No general emulator: MOV, MOVZX, MOVSX, MOVSXD, STOS, ADD, OR, AND, XOR,
 * CMP, TEST and XCHG with one memory operand of 1, 2, 4 or 8 bytes. Anything
 * else is ERR_UNSUPPORTED, and the partition stops with a report.
 *
 * An instruction passes through: prefixes, opcode (a row of forms[]), ModRM
 * with SIB and displacement, immediate. SDM vol. 2, "Instruction Format".
 *
 * Invariants
 *  1. Bytes are taken through insn_next() only: see bh/insn_bytes.h.
 *  2. *out is written only by a complete decode.
 *  3. Loops: over prefixes (at most 15 rounds), over the bytes of a number.
 */
#include "insn_decode.h"

#include <bh/string.h>
#include <spec/x86.h>

#define REG_RAX 0u
#define REG_RCX 1u
#define REG_RDI 7u

#define TWO_BYTE 0x100u /* added to the opcode behind 0FH */

/* Where operands and immediates of a form are. */
enum shape {
	SHAPE_RM_REG, /* memory is the destination */
	SHAPE_REG_RM, /* register is the destination */
	SHAPE_RM_IMM, /* immediate as wide as the operand, at most 4 bytes */
	SHAPE_RM_IMM8,
	SHAPE_MOFFS, /* rAX and [offset] */
	SHAPE_STOS,
};

/*
 * The opcodes. Bit 0 of an opcode tells byte operands (0) from wider ones. The
 * shapes with an immediate have more of the opcode in ModRM.reg: the number of
 * an ALU operation, else 0.
 */
#define OP_ALU INSN_NONE /* bits 5:3 of the opcode or ModRM.reg say which */

/* clang-format off */
static const struct form {
	uint16_t opcode, mask;
	enum shape shape;
	enum insn_op op;
	int8_t extends; /* so many bytes of memory, negative: signed; 0: no */
} forms[] = {
	{ 0x00, 0x1c6, SHAPE_RM_REG,  OP_ALU, 0 },
	{ 0x02, 0x1c6, SHAPE_REG_RM,  OP_ALU, 0 },
	{ 0x63, 0x1ff, SHAPE_REG_RM,  INSN_LOAD, -4 },
	{ 0x80, 0x1fe, SHAPE_RM_IMM,  OP_ALU, 0 },
	{ 0x83, 0x1ff, SHAPE_RM_IMM8, OP_ALU, 0 },
	{ 0x84, 0x1fe, SHAPE_RM_REG,  INSN_TEST, 0 },
	{ 0x86, 0x1fe, SHAPE_RM_REG,  INSN_XCHG, 0 },
	{ 0x88, 0x1fe, SHAPE_RM_REG,  INSN_STORE, 0 },
	{ 0x8a, 0x1fe, SHAPE_REG_RM,  INSN_LOAD, 0 },
	{ 0xa0, 0x1fe, SHAPE_MOFFS,   INSN_LOAD, 0 },
	{ 0xa2, 0x1fe, SHAPE_MOFFS,   INSN_STORE, 0 },
	{ 0xaa, 0x1fe, SHAPE_STOS,    INSN_STOS, 0 },
	{ 0xc6, 0x1fe, SHAPE_RM_IMM,  INSN_STORE, 0 },
	{ 0xf6, 0x1fe, SHAPE_RM_IMM,  INSN_TEST, 0 },
	{ TWO_BYTE | 0xb6, 0x1ff, SHAPE_REG_RM, INSN_LOAD, 1 },
	{ TWO_BYTE | 0xb7, 0x1ff, SHAPE_REG_RM, INSN_LOAD, 2 },
	{ TWO_BYTE | 0xbe, 0x1ff, SHAPE_REG_RM, INSN_LOAD, -1 },
	{ TWO_BYTE | 0xbf, 0x1ff, SHAPE_REG_RM, INSN_LOAD, -2 },
};
/* clang-format on */

/* By number; ADC, SBB and SUB are not supported. */
static const enum insn_op alu_ops[8] = {
	[0] = INSN_ADD, [1] = INSN_OR,  [4] = INSN_AND,
	[6] = INSN_XOR, [7] = INSN_CMP,
};

static const struct form *find_form(uint32_t opcode, enum insn_mode mode)
{
	if (opcode == 0x63 && mode != INSN_MODE_64) {
		return NULL; /* ARPL */
	}
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		if ((opcode & forms[i].mask) == forms[i].opcode) {
			return &forms[i];
		}
	}
	return NULL;
}

static void set_sizes(const struct insn_prefixes *p, enum insn_mode mode,
		      const struct form *f, bool is_byte, struct insn *i)
{
	uint8_t operand = insn_operand_size(p, mode);

	i->sign_extend = f->extends < 0;
	i->reg_size = is_byte && f->extends == 0 ? 1 : operand;
	i->size = i->reg_size;
	if (f->extends != 0) {
		i->size = (uint8_t)(f->extends < 0 ? -f->extends : f->extends);
	}
	i->address_size = insn_address_size(p, mode);
}

/* Registers 4..7 of a byte operand without REX are AH, CH, DH, BH. */
static void set_reg(const struct insn_prefixes *p, uint8_t n, struct insn *i)
{
	i->reg = (uint8_t)(n | (p->rex & INSN_REX_R) << 1);
	if (i->reg_size == 1 && p->rex == 0 && n >= 4) {
		i->reg = n - 4;
		i->is_high_byte = true;
	}
}

/* ModRM and what hangs on it; false for a register operand. */
static bool read_modrm(struct insn_cursor *c, const struct insn_prefixes *p,
		       const struct form *f, struct insn *i)
{
	uint8_t modrm = insn_next(c);
	uint8_t n = modrm >> 3 & 7;

	if (modrm >> 6 == 3) {
		return false;
	}
	insn_read_address(c, modrm, p, i->address_size, &i->address);
	if (f->shape == SHAPE_RM_REG || f->shape == SHAPE_REG_RM) {
		set_reg(p, n, i);
		return true;
	}
	i->reg = INSN_NO_REG;
	i->imm =
		(uint64_t)insn_next_number(c, f->shape == SHAPE_RM_IMM8 ? 1
					      : i->reg_size == 8        ? 4
								 : i->reg_size);
	if (f->op == OP_ALU) {
		i->op = alu_ops[n];
		return true;
	}
	return n == 0;
}

static bool read_operands(struct insn_cursor *c, const struct insn_prefixes *p,
			  const struct form *f, struct insn *i)
{
	i->dest_is_reg = f->shape == SHAPE_REG_RM;
	i->reg = REG_RAX;
	i->segment = p->segment;
	i->address = (struct insn_address){ .base = INSN_NO_REG,
					    .index = INSN_NO_REG,
					    .size = i->address_size };
	switch (f->shape) {
	case SHAPE_MOFFS:
		i->address.disp = (int32_t)insn_next_number(
			c, i->address_size < 4 ? i->address_size : 4);
		insn_skip(c, i->address_size == 8 ? 4 : 0);
		return true;
	case SHAPE_STOS:
		i->is_rep = p->rep != 0;
		i->segment = INSN_SEGMENT_ES;
		i->address.base = REG_RDI;
		return true;
	default:
		return read_modrm(c, p, f, i);
	}
}

/* What LOCK may stand before: it reads, computes and writes memory. */
static bool is_lockable(const struct insn *i)
{
	return !i->dest_is_reg &&
	       (i->op == INSN_XCHG || i->op == INSN_ADD || i->op == INSN_OR ||
		i->op == INSN_AND || i->op == INSN_XOR);
}

enum status insn_decode(const uint8_t *bytes, size_t len, enum insn_mode mode,
			struct insn *out)
{
	struct insn_cursor c = { .bytes = bytes, .len = len };
	struct insn i = { .op = INSN_NONE };
	const struct form *f;
	struct insn_prefixes p;
	uint32_t opcode = insn_read_prefixes(&c, mode, &p);
	bool is_ok = false;

	opcode = opcode == 0x0f ? TWO_BYTE | insn_next(&c) : opcode;
	f = find_form(opcode, mode);
	if (f) {
		i.op = f->op == OP_ALU ? alu_ops[opcode >> 3 & 7] : f->op;
		set_sizes(&p, mode, f, (opcode & 1) == 0, &i);
		is_ok = read_operands(&c, &p, f, &i);
	}
	if (c.has_ended) {
		return ERR_INVALID;
	}
	if (!is_ok || i.op == INSN_NONE || (p.has_lock && !is_lockable(&i)) ||
	    (p.rep != 0 && i.op != INSN_STOS) ||
	    i.size > i.reg_size) { /* MOVSXD to 16 bits */
		return ERR_UNSUPPORTED;
	}
	i.length = (uint8_t)c.at;
	*out = i;
	return OK;
}

static uint64_t mask_of(uint8_t size)
{
	return size == 8 ? UINT64_MAX : BIT(size * 8) - 1;
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

/* @v in the low @size bytes of @old; 4 of them clear the upper half. */
static uint64_t merged(uint64_t old, uint64_t v, uint8_t size)
{
	v &= mask_of(size);
	return size >= 4 ? v : (old & ~mask_of(size)) | v;
}

static void reg_set(const struct insn *i, uint64_t gpr[16], uint64_t v)
{
	uint64_t *reg = &gpr[i->reg];

	if (i->is_high_byte) {
		*reg = (*reg & ~0xff00ull) | (v & 0xff) << 8;
	} else {
		*reg = merged(*reg, v, i->reg_size);
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

/* One iteration; the rest follows when the guest comes back. */
static bool do_stos(const struct insn *i, uint64_t gpr[16], uint64_t rflags,
		    const struct insn_bus *bus)
{
	uint64_t step =
		(rflags & RFLAGS_DF) != 0 ? 0 - (uint64_t)i->size : i->size;
	uint64_t *rcx = &gpr[REG_RCX], *rdi = &gpr[REG_RDI];

	if (i->is_rep && (*rcx & mask_of(i->address_size)) == 0) {
		return true;
	}
	bus->write(bus->ctx, i->size, reg_get(i, gpr));
	*rdi = merged(*rdi, *rdi + step, i->address_size);
	if (!i->is_rep) {
		return true;
	}
	*rcx = merged(*rcx, *rcx - 1, i->address_size);
	return (*rcx & mask_of(i->address_size)) == 0;
}

static void do_alu(const struct insn *i, uint64_t gpr[16], uint64_t *rflags,
		   const struct insn_bus *bus)
{
	uint64_t mem = bus->read(bus->ctx, i->size) & mask_of(i->size);
	uint64_t reg = reg_get(i, gpr);
	uint64_t r = i->dest_is_reg ? alu(i->op, reg, mem, i->size, rflags)
				    : alu(i->op, mem, reg, i->size, rflags);

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
