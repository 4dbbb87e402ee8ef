/* options.c - see options.h; unknown words are logged, never fatal. */
#define _GNU_SOURCE
#include "options.h"
#include "log.h"
#include "util.h"
#include <stdio.h>
#include <string.h>

#define OPTIONS_PREFIX "bulkhead."

void options_parse(char *cmdline, struct options *o)
{
	const struct {
		const char *key;
		char *value;
		size_t size;
	} table[] = {
		{ "transport=", o->transport, sizeof(o->transport) },
		{ "cgroup=", o->cgroup, sizeof(o->cgroup) },
	};
	*o = (struct options){ .transport = "vsock", .cgroup = "v2" };
	char *save = NULL;
	for (char *word = strtok_r(cmdline, " \n", &save); word != NULL;
	     word = strtok_r(NULL, " \n", &save)) {
		if (strncmp(word, OPTIONS_PREFIX, strlen(OPTIONS_PREFIX)) !=
		    0) {
			continue;
		}
		char *key = word + strlen(OPTIONS_PREFIX);
		size_t i = 0;
		while (i < ARRAY_COUNT(table) &&
		       strncmp(key, table[i].key, strlen(table[i].key)) != 0) {
			i++;
		}
		if (i == ARRAY_COUNT(table)) {
			log_notice("unknown option %s", word);
			continue;
		}
		(void)snprintf(table[i].value, table[i].size, "%s",
			       key + strlen(table[i].key));
	}
}
