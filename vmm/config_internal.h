/*
 * config_internal.h - what config.c and config_notes.c share; for no one else.
 */
#ifndef VMM_CONFIG_INTERNAL_H
#define VMM_CONFIG_INTERNAL_H

#include "config.h"

/* One parse under way. */
struct config_parse {
	struct json_doc *doc;
	struct config_report *report;
	const struct config_checks *checks;
	struct partition_config out; /* given away only if nothing is wrong */
	struct config_error beyond;  /* the ninth mistake and on */
};

struct config_error *config_fail(struct config_parse *c, json_ref at,
				 const char *fmt, ...) printf_like(3, 4);
void config_remedy(struct config_error *e, const char *fmt, ...)
	printf_like(2, 3);
bool config_want(struct config_parse *c, json_ref r, enum json_kind kind);
void config_notes(struct config_parse *c, json_ref notes);

#endif
