/*
 * feature_notes.c - what a negotiation has to say.
 */
#include "feature_notes.h"
#include <bh/log.h>
#include <bh/string.h>

void feature_note_add(struct feature_notes *notes, struct feature_note n)
{
	if (notes->count < FEATURE_NOTE_MAX) {
		notes->rows[notes->count++] = n;
	}
}

size_t feature_note_print(const struct feature_note *n, char *dst, size_t size)
{
	static const char *const kinds[] = {
		[FEATURE_NOTE_MISSING] = "missing",
		[FEATURE_NOTE_ABSENT] = "not offered",
		[FEATURE_NOTE_SWITCHED_OFF] = "switched off",
		[FEATURE_NOTE_UNUSED] = "offered, not used",
	};

	if (n->bits != 0) {
		return fmt_print(dst, size, "%s: %s (0x%llx): %s",
				 kinds[n->kind], n->name,
				 (unsigned long long)n->bits, n->text);
	}
	return fmt_print(dst, size, "%s: %s: %s", kinds[n->kind], n->name,
			 n->text);
}

void feature_notes_log(const char *extension, const struct feature_notes *notes,
		       bool is_refusal)
{
	char line[200];

	for (uint32_t i = 0; i < notes->count; i++) {
		(void)feature_note_print(&notes->rows[i], line, sizeof(line));
		if (is_refusal) {
			log_error("%s: %s", extension, line);
		} else {
			log_info("%s: %s", extension, line);
		}
	}
}
