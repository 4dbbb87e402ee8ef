/* cgroup.c - cgroup v2 by its files; see cgroup.h. */
#define _GNU_SOURCE
#include "cgroup.h"
#include "devices.h"
#include "log.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const char *const cgroup_wanted[] = { "cpu", "cpuset", "memory",
					     "pids" };

static void cgroup_enable(const char *dir)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	for (size_t i = 0; i < ARRAY_COUNT(cgroup_wanted); i++) {
		if (util_writef(path, "+%s", cgroup_wanted[i]) < 0) {
			log_error("no cgroup controller %s", cgroup_wanted[i]);
		}
	}
}

int cgroup_init(void)
{
	if (mount("cgroup2", CGROUP_ROOT, "cgroup2",
		  MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		return -1;
	}
	cgroup_enable(CGROUP_ROOT);
	if (mkdir(CGROUP_CONTAINERS, 0755) < 0) {
		return -1;
	}
	cgroup_enable(CGROUP_CONTAINERS);
	return 0;
}

json_t *cgroup_controllers(void)
{
	char text[256] = "";
	json_t *list = json_array();
	(void)util_read(CGROUP_CONTAINERS "/cgroup.subtree_control", text,
			sizeof(text));
	char *save = NULL;
	for (char *word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		json_array_append_new(list, json_string(word));
	}
	return list;
}

static void cgroup_path(char *out, size_t size, const char *id,
			const char *file)
{
	(void)snprintf(out, size, CGROUP_CONTAINERS "/%s%s%s", id,
		       file[0] != '\0' ? "/" : "", file);
}

static int cgroup_device_rules(const char *id, const struct spec *s,
			       struct agent_error *e)
{
	auto_close int fd = cgroup_open(id);
	return fd < 0 ? error_sys(e, "cgroup %s", id)
		      : devices_attach(s, fd, e);
}

int cgroup_create(const char *id, const struct spec *s, struct agent_error *e)
{
	char path[192];
	cgroup_path(path, sizeof(path), id, "");
	if (mkdir(path, 0755) < 0) {
		return error_sys(e, "cgroup %s", id);
	}
	for (size_t i = 0; i < s->cgroup_count; i++) {
		const struct spec_cgroup *g = &s->cgroup[i];
		cgroup_path(path, sizeof(path), id, g->file);
		if (util_write(path, g->value) == 0) {
			continue;
		}
		int saved = errno;
		(void)cgroup_remove(id);
		errno = saved;
		return error_sys(e, "%s = \"%.60s\"", g->file, g->value);
	}
	if (cgroup_device_rules(id, s, e) < 0) {
		(void)cgroup_remove(id);
		return -1;
	}
	return 0;
}

int cgroup_open(const char *id)
{
	char path[192];
	cgroup_path(path, sizeof(path), id, "");
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void cgroup_unthrottle(const char *id)
{
	char path[192];
	cgroup_path(path, sizeof(path), id, "cpu.max");
	(void)util_write(path, "max");
}

void cgroup_kill(const char *id)
{
	char path[192];
	cgroup_path(path, sizeof(path), id, "cgroup.kill");
	(void)util_write(path, "1");
}

void cgroup_signal(const char *id, int signal)
{
	if (signal == SIGKILL) {
		cgroup_kill(id);
		return;
	}
	char path[192];
	cgroup_path(path, sizeof(path), id, "cgroup.procs");
	FILE *f = fopen(path, "re");
	if (f == NULL) {
		return;
	}
	int pid;
	while (fscanf(f, "%d", &pid) == 1) {
		if (pid > 0) {
			(void)kill(pid, signal);
		}
	}
	fclose(f);
}

int cgroup_remove(const char *id)
{
	char path[192];
	cgroup_path(path, sizeof(path), id, "");
	return rmdir(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* A "key value" file as an object. */
static json_t *cgroup_table(const char *id, const char *file)
{
	char path[192];
	char text[2048] = "";
	cgroup_path(path, sizeof(path), id, file);
	if (util_read(path, text, sizeof(text)) < 0) {
		return NULL;
	}
	json_t *o = json_object();
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(line, ' ');
		uint64_t n;
		if (space == NULL) {
			continue;
		}
		*space = '\0';
		if (util_to_u64(space + 1, &n)) {
			json_object_set_new(o, line,
					    json_integer((json_int_t)n));
		}
	}
	return o;
}

uint64_t cgroup_oom_kills(const char *id)
{
	auto_json json_t *events = cgroup_table(id, "memory.events");
	return (uint64_t)json_integer_value(
		json_object_get(events, "oom_kill"));
}

static json_t *cgroup_number(const char *id, const char *file)
{
	char path[192];
	char text[64];
	uint64_t n;
	cgroup_path(path, sizeof(path), id, file);
	if (util_read(path, text, sizeof(text)) < 0 || !util_to_u64(text, &n)) {
		return NULL;
	}
	return json_integer((json_int_t)n);
}

static json_t *cgroup_text(const char *id, const char *file)
{
	char path[192];
	char text[256];
	cgroup_path(path, sizeof(path), id, file);
	return util_read(path, text, sizeof(text)) < 0 ? NULL
						       : json_string(text);
}

json_t *cgroup_stats(const char *id)
{
	/* clang-format off */
	static const struct {
		const char *file;
		json_t *(*read)(const char *id, const char *file);
	} files[] = {
		{ "cpu.stat",        cgroup_table },
		{ "cpu.max",         cgroup_text },
		{ "cpu.weight",      cgroup_text },
		{ "cpuset.cpus",     cgroup_text },
		{ "cpuset.mems",     cgroup_text },
		{ "memory.current",  cgroup_number },
		{ "memory.peak",     cgroup_number },
		{ "memory.max",      cgroup_text },
		{ "memory.events",   cgroup_table },
		{ "pids.current",    cgroup_number },
		{ "pids.max",        cgroup_text },
		{ "pids.events",     cgroup_table },
	};
	/* clang-format on */
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
		json_t *v = files[i].read(id, files[i].file);
		if (v != NULL) {
			json_object_set_new(o, files[i].file, v);
		}
	}
	return o;
}
