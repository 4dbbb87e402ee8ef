/*
 * svm_insn.c - the instruction that an exit speaks of, from its bytes.
 *
 * A row per instruction and exit; an instruction passes through prefixes,
 * opcode, and ModRM where the row's form has one (APM vol. 3, "General-Purpose
 * and System Instruction Encodings").
 *
 * Invariants
 *  1. Bytes are taken through insn_next() only: see bh/insn_bytes.h.
 *  2. *out is written only by a complete decode.
 */
#include "svm_insn.h"
#include "svm_exit.h"

#define TWO_BYTE 0x100u /* added to the opcode behind 0FH */

enum form {
	FORM_PLAIN, /* the opcode is all */
	FORM_PAUSE, /* with F3H; else it is a NOP */
	FORM_MODRM, /* the whole ModRM byte belongs to the opcode */
	FORM_GROUP, /* ModRM.reg belongs to the opcode, ModRM.rm is operand */
	FORM_CR,    /* ModRM.reg is a control register, ModRM.rm a GPR */
};

/* clang-format off */
/* extra: ModRM, ModRM.reg, or the number of the control register */
static const struct row {
	uint8_t reason;
	uint8_t kind;
	uint8_t form;
	uint8_t extra;
	uint16_t opcode;
} rows[] = {
#define ROW(reason, kind, form, extra, opcode) \
	{ SVM_EXIT_##reason, SVM_INSN_##kind, FORM_##form, extra, opcode },
	/* svm_capture_invalid() */
	{ SVM_REASON_INVALID, SVM_INSN_MOV_TO_CR, FORM_CR, 3,
	  TWO_BYTE | 0x22 },
	ROW(CR0_READ,      MOV_FROM_CR, CR,    0,    TWO_BYTE | 0x20)
	ROW(CR0_READ,      SMSW,        GROUP, 4,    TWO_BYTE | 0x01)
	ROW(CR4_READ,      MOV_FROM_CR, CR,    4,    TWO_BYTE | 0x20)
	ROW(CR8_READ,      MOV_FROM_CR, CR,    8,    TWO_BYTE | 0x20)
	ROW(CR0_WRITE,     MOV_TO_CR,   CR,    0,    TWO_BYTE | 0x22)
	ROW(CR0_WRITE,     LMSW,        GROUP, 6,    TWO_BYTE | 0x01)
	ROW(CR0_WRITE,     CLTS,        PLAIN, 0,    TWO_BYTE | 0x06)
	ROW(CR4_WRITE,     MOV_TO_CR,   CR,    4,    TWO_BYTE | 0x22)
	ROW(CR8_WRITE,     MOV_TO_CR,   CR,    8,    TWO_BYTE | 0x22)
	ROW(RDPMC,         OTHER,       PLAIN, 0,    TWO_BYTE | 0x33)
	ROW(CPUID,         OTHER,       PLAIN, 0,    TWO_BYTE | 0xa2)
	ROW(RSM,           OTHER,       PLAIN, 0,    TWO_BYTE | 0xaa)
	ROW(INVD,          OTHER,       PLAIN, 0,    TWO_BYTE | 0x08)
	ROW(PAUSE,         OTHER,       PAUSE, 0,    0x90)
	ROW(HLT,           OTHER,       PLAIN, 0,    0xf4)
	ROW(INVLPGA,       OTHER,       MODRM, 0xdf, TWO_BYTE | 0x01)
	ROW(MSR,           RDMSR,       PLAIN, 0,    TWO_BYTE | 0x32)
	ROW(MSR,           WRMSR,       PLAIN, 0,    TWO_BYTE | 0x30)
	ROW(VMRUN,         OTHER,       MODRM, 0xd8, TWO_BYTE | 0x01)
	ROW(VMMCALL,       OTHER,       MODRM, 0xd9, TWO_BYTE | 0x01)
	ROW(VMLOAD,        OTHER,       MODRM, 0xda, TWO_BYTE | 0x01)
	ROW(VMSAVE,        OTHER,       MODRM, 0xdb, TWO_BYTE | 0x01)
	ROW(STGI,          OTHER,       MODRM, 0xdc, TWO_BYTE | 0x01)
	ROW(CLGI,          OTHER,       MODRM, 0xdd, TWO_BYTE | 0x01)
	ROW(SKINIT,        OTHER,       MODRM, 0xde, TWO_BYTE | 0x01)
	ROW(ICEBP,         OTHER,       PLAIN, 0,    0xf1)
	ROW(WBINVD,        OTHER,       PLAIN, 0,    TWO_BYTE | 0x09)
	/* QEMU 7.2's TCG says WBINVD of both */
	ROW(WBINVD,        OTHER,       PLAIN, 0,    TWO_BYTE | 0x08)
	ROW(MONITOR,       OTHER,       MODRM, 0xc8, TWO_BYTE | 0x01)
	ROW(MWAIT,         OTHER,       MODRM, 0xc9, TWO_BYTE | 0x01)
	ROW(MWAIT_ARMED,   OTHER,       MODRM, 0xc9, TWO_BYTE | 0x01)
	ROW(XSETBV,        OTHER,       MODRM, 0xd1, TWO_BYTE | 0x01)
	ROW(RDPRU,         OTHER,       MODRM, 0xfd, TWO_BYTE | 0x01)
#undef ROW
};
/* clang-format on */

/* LOCK MOV CR0 is AMD's way to CR8 outside 64-bit mode. */
static uint8_t control_register(const struct insn_prefixes *p, uint8_t modrm)
{
	return (uint8_t)((modrm >> 3 & 7) | (p->rex & INSN_REX_R) << 1 |
			 (p->has_lock ? 8 : 0));
}

static bool is_row(const struct row *r, const struct insn_prefixes *p,
		   uint8_t modrm)
{
	switch (r->form) {
	case FORM_PAUSE:
		return p->rep == 0xf3;
	case FORM_MODRM:
		return r->extra == modrm;
	case FORM_GROUP:
		return r->extra == (modrm >> 3 & 7);
	case FORM_CR:
		return r->extra == control_register(p, modrm);
	default:
		return true;
	}
}

static void read_operand(struct insn_cursor *c, const struct insn_prefixes *p,
			 enum insn_mode mode, uint8_t modrm, struct svm_insn *i)
{
	i->gpr = (uint8_t)((modrm & 7) | (p->rex & INSN_REX_B) << 3);
	if (i->kind == SVM_INSN_MOV_TO_CR || i->kind == SVM_INSN_MOV_FROM_CR) {
		i->size = mode == INSN_MODE_64 ? 8 : 4; /* mod is ignored */
		return;
	}
	i->is_memory = modrm >> 6 != 3;
	i->size = i->kind == SVM_INSN_LMSW || i->is_memory
			  ? 2
			  : insn_operand_size(p, mode);
	if (i->is_memory) {
		insn_read_address(c, modrm, p, insn_address_size(p, mode),
				  &i->address);
		i->segment = p->segment;
	}
}

/* The row of @reason, and its ModRM byte if it has one; NULL: none fits. */
static const struct row *find_row(uint32_t reason, uint32_t opcode,
				  const struct insn_prefixes *p,
				  struct insn_cursor *c, uint8_t *modrm)
{
	struct insn_cursor ahead = *c;
	uint8_t next = insn_next(&ahead);

	for (size_t k = 0; k < ARRAY_COUNT(rows); k++) {
		const struct row *r = &rows[k];

		if (r->reason != reason || r->opcode != opcode ||
		    (p->has_lock && r->form != FORM_CR) ||
		    !is_row(r, p, next)) {
			continue;
		}
		if (r->form >= FORM_MODRM) {
			*c = ahead;
			*modrm = next;
		}
		return r;
	}
	return NULL;
}

enum status svm_insn_decode(const uint8_t *bytes, size_t len,
			    enum insn_mode mode, uint32_t reason,
			    struct svm_insn *out)
{
	struct insn_cursor c = { .bytes = bytes, .len = len };
	struct svm_insn i = { .kind = SVM_INSN_OTHER };
	struct insn_prefixes p;
	uint32_t opcode = insn_read_prefixes(&c, mode, &p);
	const struct row *r;
	uint8_t modrm = 0;

	opcode = opcode == 0x0f ? TWO_BYTE | insn_next(&c) : opcode;
	r = find_row(reason, opcode, &p, &c, &modrm);
	if (!r) {
		return ERR_INVALID;
	}
	i.kind = (enum svm_insn_kind)r->kind;
	if (r->form == FORM_GROUP || r->form == FORM_CR) {
		read_operand(&c, &p, mode, modrm, &i);
	}
	if (c.has_ended) {
		return ERR_INVALID;
	}
	i.length = (uint8_t)c.at;
	*out = i;
	return OK;
}

enum status svm_insn_string(const uint8_t *bytes, size_t len,
			    enum insn_mode mode, struct svm_string *out)
{
	struct insn_cursor c = { .bytes = bytes, .len = len };
	struct insn_prefixes p;
	uint8_t opcode = insn_read_prefixes(&c, mode, &p);

	if ((opcode & 0xfc) != 0x6c || p.has_lock) {
		return ERR_INVALID;
	}
	out->segment = opcode >= 0x6e ? p.segment : INSN_SEGMENT_ES;
	out->address_size = insn_address_size(&p, mode);
	return OK;
}
