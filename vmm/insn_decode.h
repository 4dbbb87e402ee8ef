/*
 * insn_decode.h - the few instructions that may touch emulated memory.
 */
#ifndef VMM_INSN_DECODE_H
#define VMM_INSN_DECODE_H

#include <bh/insn_bytes.h>
#include <bh/status.h>

enum insn_op {
	INSN_NONE,  /* not supported */
	INSN_LOAD,  /* register = memory, extended */
	INSN_STORE, /* memory = register or immediate */
	INSN_XCHG,
	INSN_STOS,
	/* Arithmetic; which side is the destination says dest_is_reg. */
	INSN_ADD,
	INSN_OR,
	INSN_AND,
	INSN_XOR,
	INSN_CMP,  /* flags only */
	INSN_TEST, /* flags only */
};

struct insn {
	enum insn_op op;
	uint8_t length;
	uint8_t size;      /* of the memory operand: 1, 2, 4, 8 bytes */
	uint8_t reg_size;  /* of the register operand */
	uint8_t reg;       /* 0 .. 15 in encoding order; NO_REG: immediate */
	bool is_high_byte; /* AH, CH, DH, BH: bits 15:8 of @reg */
	bool dest_is_reg;
	bool sign_extend;     /* LOAD: memory is signed */
	bool is_rep;          /* STOS */
	uint64_t imm;         /* sign-extended */
	uint8_t address_size; /* 2, 4, 8 */
	/* The memory operand, for where it ends; of an absolute address the low
	 * 32 bits. */
	struct insn_address address;
	uint8_t segment; /* enum insn_segment */
};

/**
 * insn_decode() - decode one instruction with a memory operand.
 * @bytes: a private copy, fetched once
 * @len: how many there are, at most 15 are looked at
 *
 * Where the operand is the caller knows from the fault: addresses are not
 * computed.
 * Return: OK; ERR_UNSUPPORTED for every other instruction, also for one that
 *	   would fault; ERR_INVALID if it does not end within @len bytes.
 */
must_check enum status insn_decode(const uint8_t *bytes, size_t len,
				   enum insn_mode mode, struct insn *out);

/* The emulated memory operand. */
struct insn_bus {
	uint64_t (*read)(void *ctx, uint8_t size);
	void (*write)(void *ctx, uint8_t size, uint64_t value);
	void *ctx;
};

/**
 * insn_execute() - do what @i does to memory, registers and flags.
 * Return: true if it is complete; false if a repeated one goes on: RIP stays.
 */
must_check bool insn_execute(const struct insn *i, uint64_t gpr[16],
			     uint64_t *rflags, const struct insn_bus *bus);

#endif
