/*
 * options.h - the words "bulkhead.…" of the kernel's command line.
 *
 *	bulkhead.transport=vsock|/dev/…	 how the VMM is reached
 *	bulkhead.cgroup=v2		 the cgroup hierarchy
 */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

struct options {
	char transport[64];
	char cgroup[16];
};

/** options_parse() - take our words out of @cmdline; it is modified. */
void options_parse(char *cmdline, struct options *o);

#endif
