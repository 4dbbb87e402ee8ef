/* status.c - names and sentences of the status codes. */
#include <bh/status.h>

static const struct {
	const char *name;
	const char *text;
} status_rows[STATUS_COUNT] = {
#define X(code, sentence) [code] = { #code, sentence },
	STATUS_LIST(X)
#undef X
};

/** status_name() - the code's own name; "ERR_?" for no code of ours. */
const char *status_name(enum status s)
{
	return (unsigned int)s < STATUS_COUNT ? status_rows[s].name : "ERR_?";
}

/** status_text() - the code in words; never NULL. */
const char *status_text(enum status s)
{
	return (unsigned int)s < STATUS_COUNT ? status_rows[s].text
					      : "unknown status";
}
