/* caps.h - capabilities: OCI's names, and the five sets of a process. */
#ifndef AGENT_CAPS_H
#define AGENT_CAPS_H

#include "spec.h"

/** caps_of() - number of a capability by its name "CAP_…"; -1 if unknown. */
int caps_of(const char *name);
/** caps_set_of() - enum caps_set by OCI's word; -1 if unknown. */
int caps_set_of(const char *word);
/** caps_limit() - drop from the bounding set what @p does not list. */
int caps_limit(const struct spec_process *p, struct agent_error *e);
/** caps_apply() - set the other four sets; after the switch of the user. */
int caps_apply(const struct spec_process *p, struct agent_error *e);

#endif
