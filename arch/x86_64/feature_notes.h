/*
 * feature_notes.h - what a negotiation has to say: which features of the
 * processor are missing, not offered, switched off or not used, and why that
 * matters. Both backends' tables (vmx_features.h, svm_features.h) speak so.
 */
#ifndef X86_FEATURE_NOTES_H
#define X86_FEATURE_NOTES_H

#include <bh/attr.h>
#include <hv/partition_ops.h>
#include <stdbool.h>

enum feature_note_kind {
	FEATURE_NOTE_MISSING,      /* required, and not there: a refusal */
	FEATURE_NOTE_ABSENT,       /* optional, and not there */
	FEATURE_NOTE_SWITCHED_OFF, /* optional, there, and not wanted */
	FEATURE_NOTE_UNUSED,       /* there, and we have no use for it */
};

struct feature_note {
	enum feature_note_kind kind;
	const char *name; /* the manual's title */
	const char *text; /* remedy, what the absence costs, or why unused */
	uint64_t bits;    /* bits of a register or control word, or 0 */
};

#define FEATURE_NOTE_MAX 64

struct feature_notes {
	uint32_t count;
	struct feature_note rows[FEATURE_NOTE_MAX];
};

/** feature_note_add() - append a note; one too many is dropped. */
void feature_note_add(struct feature_notes *notes, struct feature_note n);

/** feature_note_print() - one note as a line of text; length as fmt_print(). */
size_t feature_note_print(const struct feature_note *n, char *dst, size_t size);

/** feature_notes_log() - all notes, as errors if the machine is refused. */
void feature_notes_log(const char *extension, const struct feature_notes *notes,
		       bool is_refusal);

/** feature_state() - for machine.info. */
static inline enum machine_feature_state feature_state(bool is_used,
						       bool is_off)
{
	return is_used  ? MACHINE_FEATURE_USED
	       : is_off ? MACHINE_FEATURE_OFF
			: MACHINE_FEATURE_ABSENT;
}

#endif
