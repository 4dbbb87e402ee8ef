/*
 * insn_bytes.h - an instruction's bytes: prefixes, and the length of an
 * address. What follows is for those who know which instructions they expect:
 * vmm/insn_decode.c, arch/x86_64/svm/svm_insn.c.
 *
 * SDM vol. 2, "Instruction Format". Bytes are a private copy of the guest's.
 *
 * Invariants
 *  1. Bytes are taken through insn_next() only, which stops at the copy's end
 *     and at 15 bytes; has_ended then says so.
 *  2. Loops: over prefixes, at most 15 rounds.
 */
#ifndef BH_INSN_BYTES_H
#define BH_INSN_BYTES_H

#include <bh/attr.h>
#include <stdbool.h>

#define INSN_MAX_LENGTH 15u

/* Code size, by CS.L and CS.D. */
enum insn_mode { INSN_MODE_16, INSN_MODE_32, INSN_MODE_64 };

/* Segments in encoding order. */
enum insn_segment {
	INSN_SEGMENT_ES,
	INSN_SEGMENT_CS,
	INSN_SEGMENT_SS,
	INSN_SEGMENT_DS,
	INSN_SEGMENT_FS,
	INSN_SEGMENT_GS,
};

#define INSN_REX_B 1u
#define INSN_REX_X 2u
#define INSN_REX_R 4u
#define INSN_REX_W 8u

struct insn_cursor {
	const uint8_t *bytes;
	size_t len;
	size_t at;
	bool has_ended; /* ran out of bytes */
};

struct insn_prefixes {
	bool has_opsize, has_addrsize, has_lock;
	uint8_t rep;     /* F2H or F3H, the last one; 0: none */
	uint8_t rex;     /* 0: none */
	uint8_t segment; /* enum insn_segment; DS if there is no override */
};

static inline uint8_t insn_next(struct insn_cursor *c)
{
	if (c->at >= c->len || c->at >= INSN_MAX_LENGTH) {
		c->has_ended = true;
		return 0;
	}
	return c->bytes[c->at++];
}

static inline void insn_skip(struct insn_cursor *c, uint8_t count)
{
	for (; count > 0; count--) {
		(void)insn_next(c);
	}
}

/* A segment override; in 64-bit code only FS and GS have a meaning. */
static inline bool insn_is_segment(uint8_t b, enum insn_mode mode,
				   struct insn_prefixes *p)
{
	if (b == 0x64 || b == 0x65) {
		p->segment = b == 0x64 ? INSN_SEGMENT_FS : INSN_SEGMENT_GS;
		return true;
	}
	if ((b & 0xe7) != 0x26) {
		return false;
	}
	if (mode != INSN_MODE_64) {
		p->segment = b >> 3 & 3;
	}
	return true;
}

/** insn_read_prefixes() - pass them; returns the first byte behind them. */
static inline uint8_t insn_read_prefixes(struct insn_cursor *c,
					 enum insn_mode mode,
					 struct insn_prefixes *p)
{
	*p = (struct insn_prefixes){ .segment = INSN_SEGMENT_DS };
	for (;;) {
		uint8_t b = insn_next(c);
		uint8_t rex = 0;

		if (mode == INSN_MODE_64 && (b & 0xf0) == 0x40) {
			rex = b;
		} else if (b == 0x66) {
			p->has_opsize = true;
		} else if (b == 0x67) {
			p->has_addrsize = true;
		} else if (b == 0xf0) {
			p->has_lock = true;
		} else if (b == 0xf2 || b == 0xf3) {
			p->rep = b;
		} else if (!insn_is_segment(b, mode, p)) {
			return b;
		}
		p->rex = rex; /* it counts only right before the opcode */
	}
}

/** insn_address_size() - 2, 4 or 8 bytes. */
static inline uint8_t insn_address_size(const struct insn_prefixes *p,
					enum insn_mode mode)
{
	if (mode == INSN_MODE_64) {
		return p->has_addrsize ? 4 : 8;
	}
	return (mode == INSN_MODE_16) != p->has_addrsize ? 2 : 4;
}

/** insn_operand_size() - 2, 4 or 8 bytes, where the opcode does not say. */
static inline uint8_t insn_operand_size(const struct insn_prefixes *p,
					enum insn_mode mode)
{
	if (p->rex & INSN_REX_W) {
		return 8;
	}
	return (mode == INSN_MODE_16) != p->has_opsize ? 2 : 4;
}

#define INSN_NO_REG 0xffu

/* A memory operand: base + (index << scale) + displacement. */
struct insn_address {
	uint8_t base, index; /* registers in encoding order, or INSN_NO_REG */
	uint8_t scale;       /* 0 .. 3 */
	uint8_t size;        /* of the address: 2, 4, 8 bytes */
	bool is_rip; /* in 64-bit code: relative to the next instruction */
	int32_t disp;
};

/** insn_next_number() - a little-endian number of @size bytes, sign-extended.
 */
static inline int64_t insn_next_number(struct insn_cursor *c, uint8_t size)
{
	uint64_t v = 0;
	uint32_t unused = 64u - size * 8u;

	for (uint8_t i = 0; i < size; i++) {
		v |= (uint64_t)insn_next(c) << (i * 8);
	}
	return size == 0 ? 0 : (int64_t)(v << unused) >> unused;
}

/* SDM vol. 2, "16-Bit Addressing Forms with the ModR/M Byte" */
static inline void insn_read_address_16(struct insn_cursor *c, uint8_t mod,
					uint8_t rm, struct insn_address *a)
{
	static const uint8_t bases[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	bool has_no_base = mod == 0 && rm == 6;

	a->base = has_no_base ? INSN_NO_REG : bases[rm];
	a->index = rm < 4 ? (uint8_t)(6 + (rm & 1)) : INSN_NO_REG;
	a->disp = (int32_t)insn_next_number(c, has_no_base ? 2 : mod);
}

/** insn_read_address() - ModRM's memory operand, SIB and displacement read.
 * @size: insn_address_size() */
static inline void insn_read_address(struct insn_cursor *c, uint8_t modrm,
				     const struct insn_prefixes *p,
				     uint8_t size, struct insn_address *a)
{
	uint8_t mod = modrm >> 6, rm = modrm & 7, sib;

	*a = (struct insn_address){ .index = INSN_NO_REG, .size = size };
	if (a->size == 2) {
		insn_read_address_16(c, mod, rm, a);
		return;
	}
	a->base = (uint8_t)(rm | (p->rex & INSN_REX_B) << 3);
	if (rm == 4) {
		sib = insn_next(c);
		rm = sib & 7;
		a->scale = sib >> 6;
		a->base = (uint8_t)(rm | (p->rex & INSN_REX_B) << 3);
		a->index =
			(uint8_t)((sib >> 3 & 7) | (p->rex & INSN_REX_X) << 2);
		if (a->index == 4) {
			a->index = INSN_NO_REG;
		}
	}
	if (mod == 0 && rm == 5) {
		a->is_rip = (modrm & 7) == 5;
		a->base = INSN_NO_REG;
		mod = 2;
	}
	a->disp = (int32_t)insn_next_number(c, mod == 2 ? 4 : mod);
}

#endif
