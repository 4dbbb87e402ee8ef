/*
 * svm_insn.h - the instruction that an exit speaks of, from its bytes.
 *
 * A processor without NRIPS does not say where the next instruction starts;
 * one without decode assists does not say which register a MOV CR takes. Both
 * are found in the guest's code. The guest may have changed it since: bytes
 * that are not what the exit tells are ERR_INVALID, and nothing was done.
 */
#ifndef SVM_SVM_INSN_H
#define SVM_SVM_INSN_H

#include <bh/insn_bytes.h>
#include <bh/status.h>

/* Instructions that a handler has to tell apart; others are their exit's. */
enum svm_insn_kind {
	SVM_INSN_OTHER,
	SVM_INSN_MOV_TO_CR,
	SVM_INSN_MOV_FROM_CR,
	SVM_INSN_CLTS,
	SVM_INSN_LMSW,
	SVM_INSN_SMSW,
	SVM_INSN_RDMSR,
	SVM_INSN_WRMSR,
};

struct svm_insn {
	enum svm_insn_kind kind;
	uint8_t length;
	/* MOV CR, LMSW, SMSW: */
	uint8_t gpr;    /* 0 .. 15 in encoding order, if !is_memory */
	uint8_t size;   /* of the operand: 2, 4, 8 bytes */
	bool is_memory; /* LMSW, SMSW: the operand is in memory, at */
	struct insn_address address;
	uint8_t segment; /* enum insn_segment */
};

/**
 * svm_insn_decode() - decode the instruction that caused an exit.
 * @bytes: a private copy, fetched once
 * @len: how many there are; at most 15 are looked at
 * @reason: svm_reason() of the exit
 * Return: OK; ERR_INVALID if it is not one that causes this exit or does not
 *	   end within @len bytes; *out is untouched.
 */
must_check enum status svm_insn_decode(const uint8_t *bytes, size_t len,
				       enum insn_mode mode, uint32_t reason,
				       struct svm_insn *out);

/* The memory operand of INS or OUTS. */
struct svm_string {
	uint8_t segment;      /* enum insn_segment; ES for INS */
	uint8_t address_size; /* 2, 4, 8 bytes */
};

/** svm_insn_string() - decode INS or OUTS. Return: as svm_insn_decode(). */
must_check enum status svm_insn_string(const uint8_t *bytes, size_t len,
				       enum insn_mode mode,
				       struct svm_string *out);

#endif
