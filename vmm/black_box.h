/*
 * black_box.h - what the last run of the VMM left in memory that survives a
 * warm reset, and what this one leaves for the next. Pure.
 *
 * The memory is two halves, used in turn: a run writes one and can still read
 * the other, which is the run before it. A half is BLACK_BOX_BLOCKS blocks:
 *
 *	0	header: magic, version, generation (the run's number)
 *	1	end: why the run ended; missing if it ended without a word
 *	2..17	exits: the last VM exits of one vCPU each
 *	18..63	log: a ring of text
 *
 * Invariants
 *  1. Each block carries a CRC-32, its length and its run's generation, and
 *     counts only if all three are right: a write that a reset tore in two
 *     costs that block, never a wrong line.
 *  2. What grows (the log's last block) becomes valid by one store of 8 bytes,
 *     after the text: a torn write loses only the newest text.
 *  3. What is read is copied once; the copy is checked and used.
 * docs/black-box.md tells when what is written.
 */
#ifndef VMM_BLACK_BOX_H
#define VMM_BLACK_BOX_H

#include <bh/boot_info.h>
#include <hv/why_record.h>
#include <stdbool.h>

#define BLACK_BOX_MAGIC   "BHBLKBOX" /* 8 bytes, no NUL */
#define BLACK_BOX_VERSION 1u

#define BLACK_BOX_BLOCK  1024u
#define BLACK_BOX_HALF   (BOOT_BLACK_BOX_SIZE / 2)
#define BLACK_BOX_BLOCKS (BLACK_BOX_HALF / BLACK_BOX_BLOCK)
#define BLACK_BOX_BYTES  1000u /* of a block, behind its head */

#define BLACK_BOX_EXITS 16u /* blocks for the exits of a vCPU each */
#define BLACK_BOX_TRACE 28u /* exits in one */
#define BLACK_BOX_TEXT  256u

/* Why a run ended. X(code, word, sentence) */
/* clang-format off */
#define BLACK_BOX_END_LIST(X)                                                  \
	X(UNKNOWN,  "unknown",                                                 \
	  "without a word: reset, power, a hang or a triple fault")            \
	X(PANIC,    "panic",    "by a bug in the VMM")                         \
	X(REFUSED,  "refused",  "it could not start")                          \
	X(POWEROFF, "poweroff", "the machine was to be powered off")           \
	X(REBOOT,   "reboot",   "the machine was to begin anew")

/* What a half is. X(code, sentence) */
#define BLACK_BOX_VERDICT_LIST(X)                                              \
	X(GOOD,    "readable")                                                 \
	X(EMPTY,   "no run before left anything: a first start, or the memory "\
		   "lost its contents")                                        \
	X(DAMAGED, "its header is damaged: the CRC is wrong")                  \
	X(OTHER,   "it has the format of another version of Bulkhead")

/* When exits were noted. X(code, words) */
#define BLACK_BOX_CAUSE_LIST(X)                                                \
	X(RUNNING, "while it ran")                                             \
	X(ENDED,   "when it ended")                                            \
	X(MACHINE, "when the machine ended")
/* clang-format on */

enum black_box_end {
#define X(code, word, text) BLACK_BOX_END_##code,
	BLACK_BOX_END_LIST(X)
#undef X
		BLACK_BOX_END_COUNT
};

enum black_box_verdict {
#define X(code, text) BLACK_BOX_##code,
	BLACK_BOX_VERDICT_LIST(X)
#undef X
		BLACK_BOX_VERDICT_COUNT
};

enum black_box_cause {
#define X(code, text) BLACK_BOX_CAUSE_##code,
	BLACK_BOX_CAUSE_LIST(X)
#undef X
		BLACK_BOX_CAUSE_COUNT
};

/* Block 0. The CRC is that of these bytes with crc = 0. */
struct black_box_header {
	char magic[8];
	uint32_t version;
	uint32_t half_size;  /* bytes */
	uint32_t generation; /* never 0 */
	uint32_t crc;
	char vmm[32]; /* version of Bulkhead */
};

/* The head of any other block. */
struct black_box_head {
	uint32_t crc; /* of the head from generation on, the bytes, len */
	uint32_t len; /* bytes used */
	uint32_t generation;
	uint32_t kind;
	uint64_t serial; /* counts blocks of one kind */
};

struct black_box_block {
	struct black_box_head head;
	uint8_t bytes[BLACK_BOX_BYTES];
};

_Static_assert(sizeof(struct black_box_block) == BLACK_BOX_BLOCK, "block");

/* The bytes of block 1. */
struct black_box_last {
	uint32_t end; /* enum black_box_end */
	uint32_t reserved;
	uint64_t us; /* since the run's start */
	char text[BLACK_BOX_TEXT];
};

/* The bytes of an exits block: the last of one vCPU, oldest first. */
struct black_box_exits {
	char partition[56];
	char backend[8]; /* whose numbers the reasons are */
	uint32_t vcpu;
	uint32_t cause;   /* enum black_box_cause */
	uint64_t tsc;     /* when they were noted */
	uint64_t us;      /* the same since the run's start */
	uint32_t tsc_khz; /* 0: unknown */
	uint32_t count;
	struct exit_trace_entry trace[BLACK_BOX_TRACE];
};

_Static_assert(sizeof(struct black_box_exits) <= BLACK_BOX_BYTES, "exits");

/* The run before, as black_box_open() found it. */
struct black_box_previous {
	enum black_box_verdict verdict;
	bool is_newer_lost;  /* the other half is damaged, perhaps newer */
	uint32_t generation; /* the three below only if GOOD */
	char vmm[32];
	struct black_box_last last;
};

/* One run's access; all zero is a box that takes and gives nothing. */
struct black_box {
	uint8_t *mem;          /* the half that this run writes */
	const uint8_t *before; /* the run before; NULL: none */
	uint32_t generation;   /* of this run */
	uint32_t before_generation;
	/* the log: the block being filled (behind log.c's lock) */
	uint32_t log_crc; /* of its head and the bytes so far */
	uint32_t log_len;
	uint64_t log_serial;
	uint64_t exits_serial;        /* behind the lock of who notes exits */
	struct black_box_block block; /* the one being read */
};

/* Where a rendering goes. */
struct black_box_out {
	void (*put)(void *ctx, const char *text, size_t len);
	void *ctx;
	/* a backend's name of an exit reason; NULL: unknown */
	const char *(*exit_name)(const char *backend, uint32_t reason);
};

const char *black_box_end_word(uint32_t end);
const char *black_box_end_text(uint32_t end);
const char *black_box_verdict_text(enum black_box_verdict verdict);

void black_box_open(struct black_box *b, void *mem, const char *vmm,
		    struct black_box_previous *before);
void black_box_log(struct black_box *b, const char *text, size_t len);
void black_box_exits(struct black_box *b, uint32_t slot,
		     const struct black_box_exits *e);
void black_box_end(struct black_box *b, enum black_box_end end, uint64_t us,
		   const char *text);
void black_box_render(struct black_box *b,
		      const struct black_box_previous *before,
		      const struct black_box_out *out);

#endif
