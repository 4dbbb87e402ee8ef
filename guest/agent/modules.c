/*
 * modules.c - finit_module(2) down a list that the image builder has put into
 * dependency order. A module whose device is missing may refuse; that is said
 * and boot goes on, for what matters will be missed soon enough.
 */
#define _GNU_SOURCE
#include "modules.h"
#include "log.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static void modules_load_one(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 ||
	    (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)) {
		log_error("module %s: %s", path, strerrorname_np(errno));
	}
}

void modules_load(const char *dir)
{
	char list[2048];
	char path[160];
	(void)snprintf(path, sizeof(path), "%s/list", dir);
	if (util_read(path, list, sizeof(list)) < 0) {
		log_notice("no modules: %s", path);
		return;
	}
	char *save = NULL;
	for (char *name = strtok_r(list, "\n", &save); name != NULL;
	     name = strtok_r(NULL, "\n", &save)) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
		modules_load_one(path);
	}
}
