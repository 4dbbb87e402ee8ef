/* fuzz_config.c - any bytes as a partition's config.json, as groups.json and as
 * boot.cfg. */
#include "boot_opts.h"
#include "config.h"
#include "group_tree.h"
#include <bh/string.h>
#include <stdlib.h>
#include <string.h>

static bool left(void *ctx, const char *group, struct config_room *out)
{
	(void)ctx;
	out->left = GIB(1);
	return group[0] != 'x';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_checks checks = { .memory_left = left,
						     .cpus = 0xff };
	static struct config_parser parser;
	static struct partition_config out;
	static struct group_tree groups;
	struct boot_opts_report opts_report;
	struct config_report report;
	struct boot_opts opts;
	char line[600];
	enum status st;

	st = config_parse(&parser, "partitions/p.json", (const char *)data,
			  size, &checks, &out, &report);
	if ((st == OK) != (report.total == 0) ||
	    report.count > CONFIG_ERROR_MAX ||
	    (st == OK &&
	     (out.kernel[0] == '\0' || out.limits.memory_max > GIB(1) ||
	      out.limits.memory_max % CONFIG_MEMORY_STEP != 0))) {
		abort();
	}
	for (uint32_t i = 0; i < report.count; i++) {
		if (strstr(report.errors[i].text, "; ") == NULL ||
		    report.errors[i].offset > size) {
			abort();
		}
		config_error_print(&report.errors[i], "f", line, sizeof(line));
	}
	st = group_tree_parse(&parser, (const char *)data, size, &groups,
			      &report);
	if ((st == OK) != (report.total == 0)) {
		abort();
	}
	boot_opts_default(&opts);
	st = boot_opts_parse(&opts, (const char *)data, size, &opts_report);
	if ((st == OK) != (opts_report.total == 0)) {
		abort();
	}
	return 0;
}
