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
};

bool config_want(struct config_parse *c, json_ref r, enum json_kind kind);

/** config_read_notes() - the annotations at @notes (maybe JSON_NONE), else
 *  defaults. */
void config_read_notes(struct config_parse *c, json_ref notes);

#endif
