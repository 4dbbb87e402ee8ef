/*
 * partition_words.c - the words of hv/partition_ops.h, and why an order was
 * refused.
 */
#include <bh/string.h>
#include <hv/partition_ops.h>

/** partition_state_word() - see partition_ops.h. */
const char *partition_state_word(enum partition_state state)
{
	static const char *const words[] = {
#define X(code, word) word,
		PARTITION_STATE_LIST(X)
#undef X
	};

	return (uint32_t)state < ARRAY_COUNT(words) ? words[state] : "?";
}

/** partition_state_oci() - see partition_ops.h. */
const char *partition_state_oci(enum partition_state state)
{
	return partition_state_word(
		state == PARTITION_FAILED ? PARTITION_STOPPED : state);
}

/** stop_stage_word() - see partition_ops.h. */
const char *stop_stage_word(enum stop_stage stage)
{
	static const char *const words[] = {
#define X(code, word) word,
		STOP_STAGE_LIST(X)
#undef X
	};

	return (uint32_t)stage < ARRAY_COUNT(words) ? words[stage] : "?";
}

enum status refusal_set(struct refusal *why, enum status s, const char *fmt,
			...)
{
	va_list ap;

	*why = (struct refusal){ .key = NULL };
	va_start(ap, fmt);
	fmt_vprint(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return s;
}
