/*
 * why.h - renders a why_record: text for people, JSON for programs.
 */
#ifndef VMM_WHY_H
#define VMM_WHY_H

#include "json.h"
#include <hv/why_record.h>

/* Takes one line of text, without LF. */
typedef void why_line_fn(void *ctx, const char *line);

void why_write_json(struct json_writer *w, const char *partition,
		    const struct why_record *r);
void why_print(const char *partition, const struct why_record *r,
	       why_line_fn *line, void *ctx);

#endif
