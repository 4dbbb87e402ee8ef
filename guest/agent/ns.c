/* ns.c - see ns.h; the table of kinds is NS_LIST in spec.h. */
#define _GNU_SOURCE
#include "ns.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

int ns_open(enum ns_kind kind, const char *path, struct agent_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return error_sys(e, "namespace %.100s", path);
	}
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type != ns_table[kind].flag) {
		close(fd);
		return error_path(e, RPC_ERR_PARAMS, "/linux/namespaces",
				  "%.100s is not a %s namespace", path,
				  ns_table[kind].word);
	}
	return fd;
}

static int ns_write_map(pid_t pid, const char *file,
			const struct spec_idmap *maps, size_t count,
			struct agent_error *e)
{
	char text[SPEC_IDMAP_MAX * 36];
	size_t len = 0;
	for (size_t i = 0; i < count; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%u %u %u\n", maps[i].container_id,
					maps[i].host_id, maps[i].size);
	}
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (util_write(path, text) < 0) {
		return error_sys(e, "writing %s", file);
	}
	return 0;
}

int ns_map_ids(const struct spec *s, pid_t pid, struct agent_error *e)
{
	if (!spec_has_new(s, NS_USER)) {
		return 0;
	}
	/* setgroups can only be denied before the map is there, and a process
	 * with additional groups needs it */
	if (s->process.group_count == 0) {
		char path[64];
		(void)snprintf(path, sizeof(path), "/proc/%d/setgroups",
			       (int)pid);
		if (util_write(path, "deny") < 0) {
			return error_sys(e, "denying setgroups");
		}
	}
	if (ns_write_map(pid, "uid_map", s->uid_maps, s->uid_map_count, e) <
	    0) {
		return -1;
	}
	return ns_write_map(pid, "gid_map", s->gid_maps, s->gid_map_count, e);
}

/* The inode that identifies @pid's namespace; 0 if it cannot be seen. */
static uint64_t ns_inode(const char *pid, enum ns_kind kind)
{
	char path[64];
	struct stat st;
	(void)snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid,
		       ns_table[kind].file);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

json_t *ns_list(pid_t pid)
{
	char name[16];
	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	json_t *list = json_array();
	for (int i = 0; i < NS_COUNT; i++) {
		uint64_t inode = ns_inode(name, (enum ns_kind)i);
		uint64_t ours = ns_inode("self", (enum ns_kind)i);
		json_array_append_new(list, json_pack("{s:s, s:I, s:b}", "type",
						      ns_table[i].word, "inode",
						      (json_int_t)inode, "own",
						      inode != ours));
	}
	return list;
}

int ns_own_flags(pid_t pid)
{
	char name[16];
	int flags = 0;
	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	for (int i = 0; i < NS_COUNT; i++) {
		if (ns_inode(name, (enum ns_kind)i) !=
		    ns_inode("self", (enum ns_kind)i)) {
			flags |= ns_table[i].flag;
		}
	}
	return flags;
}

int ns_loopback_up(struct agent_error *e)
{
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo" };
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0) {
		return error_sys(e, "finding lo");
	}
	ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0) {
		return error_sys(e, "setting lo up");
	}
	return 0;
}
