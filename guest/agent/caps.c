/* caps.c - capability sets by libcap; see caps.h. */
#define _GNU_SOURCE
#include "caps.h"
#include "util.h"
#include <errno.h>
#include <string.h>
#include <sys/capability.h>

int caps_of(const char *name)
{
	cap_value_t cap;
	if (strncmp(name, "CAP_", 4) != 0 || cap_from_name(name, &cap) < 0 ||
	    cap < 0 || cap >= 64) {
		return -1;
	}
	return cap;
}

int caps_set_of(const char *word)
{
	static const char *const words[CAPS_SET_COUNT] = {
		[CAPS_BOUNDING] = "bounding",
		[CAPS_EFFECTIVE] = "effective",
		[CAPS_INHERITABLE] = "inheritable",
		[CAPS_PERMITTED] = "permitted",
		[CAPS_AMBIENT] = "ambient",
	};
	for (int i = 0; i < CAPS_SET_COUNT; i++) {
		if (strcmp(words[i], word) == 0) {
			return i;
		}
	}
	return -1;
}

static bool caps_has(const struct spec_process *p, enum caps_set set, int cap)
{
	return (p->caps[set] >> cap & 1) != 0;
}

int caps_limit(const struct spec_process *p, struct agent_error *e)
{
	for (int cap = 0; cap < 64; cap++) {
		int is_in = cap_get_bound(cap);
		if (is_in < 0) {
			break; /* beyond the kernel's last one */
		}
		if (is_in == 1 && !caps_has(p, CAPS_BOUNDING, cap) &&
		    cap_drop_bound(cap) < 0) {
			return error_sys(e, "dropping capability %d", cap);
		}
	}
	return 0;
}

int caps_apply(const struct spec_process *p, struct agent_error *e)
{
	cap_t caps = cap_init();
	if (caps == NULL) {
		return error_sys(e, "capabilities");
	}
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (caps_has(p, CAPS_EFFECTIVE, cap)) {
			cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET);
		}
		if (caps_has(p, CAPS_PERMITTED, cap)) {
			cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET);
		}
		if (caps_has(p, CAPS_INHERITABLE, cap)) {
			cap_set_flag(caps, CAP_INHERITABLE, 1, &cap, CAP_SET);
		}
	}
	int rc = cap_set_proc(caps);
	int saved = errno;
	cap_free(caps);
	errno = saved;
	if (rc < 0) {
		return error_sys(e, "setting capabilities");
	}
	if (cap_reset_ambient() < 0) {
		return error_sys(e, "clearing ambient capabilities");
	}
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (caps_has(p, CAPS_AMBIENT, cap) &&
		    cap_set_ambient(cap, CAP_SET) < 0) {
			return error_sys(e, "ambient capability %d", cap);
		}
	}
	return 0;
}
