/*
 * devices.c - device rules as BPF, by hand; see devices.h.
 *
 * The kernel asks with type, numbers and the rights wanted. The program keeps
 * the rights that are not decided yet in r3 and goes through the rules from the
 * last to the first: a rule that matches and denies one of them ends it with 0,
 * one that allows takes its rights out, and with none left it ends with 1.
 *
 *	r2 type   r3 rights not decided yet   r4 major   r5 minor
 */
#define _GNU_SOURCE
#include "devices.h"
#include "rootfs.h"
#include "util.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEVICES_RULE_INSNS 7 /* three comparisons, four to decide */
#define DEVICES_BODY_INSNS 4
#define DEVICES_FIXED      8 /* loads and the end */

/* OCI "Default Devices", and the terminals of a devpts mount. */
static const struct spec_device_rule devices_default[] = {
#define RULE(maj, min)                                                    \
	{                                                                 \
		.is_allow = true, .type = 'c', .access = SPEC_ACCESS_ALL, \
		.major = (maj), .minor = (min)                            \
	}
#define X(where, maj, min) RULE(maj, min),
	ROOTFS_DEVICE_LIST(X)
#undef X
		RULE(5, 1),      /* /dev/console */
	RULE(5, 2),              /* /dev/ptmx */
	RULE(136, SPEC_DEV_ANY), /* /dev/pts */
#undef RULE
};

_Static_assert((SPEC_DEVICE_RULE_MAX + SPEC_DEVICE_MAX +
		ARRAY_COUNT(devices_default)) *
				       DEVICES_RULE_INSNS +
			       DEVICES_FIXED <=
		       DEVICES_PROGRAM_MAX,
	       "the longest program fits");
_Static_assert(SPEC_ACCESS_MKNOD == BPF_DEVCG_ACC_MKNOD &&
		       SPEC_ACCESS_READ == BPF_DEVCG_ACC_READ &&
		       SPEC_ACCESS_WRITE == BPF_DEVCG_ACC_WRITE,
	       "rights are the kernel's bits");

struct devices_code {
	struct bpf_insn *insns;
	size_t count;
};

static void devices_emit(struct devices_code *p, int code, int dst, size_t off,
			 int64_t imm)
{
	p->insns[p->count++] =
		(struct bpf_insn){ .code = (uint8_t)code,
				   .dst_reg = (uint8_t)(dst & 0xf),
				   .off = (int16_t)off,
				   .imm = (int32_t)imm };
}

/* End with @verdict: 1 allows, 0 is EPERM. */
static void devices_end(struct devices_code *p, int verdict)
{
	devices_emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, verdict);
	devices_emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0);
}

static void devices_load(struct devices_code *p, int reg, size_t offset)
{
	devices_emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, offset, 0);
	p->insns[p->count - 1].src_reg = BPF_REG_1;
}

static void devices_begin(struct devices_code *p)
{
	size_t asked = offsetof(struct bpf_cgroup_dev_ctx, access_type);
	devices_load(p, BPF_REG_2, asked);
	devices_emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0xffff);
	devices_load(p, BPF_REG_3, asked);
	devices_emit(p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 16);
	devices_load(p, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	devices_load(p, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static void devices_rule(struct devices_code *p,
			 const struct spec_device_rule *r)
{
	const struct {
		bool is_wanted;
		int reg;
		int64_t value;
	} compared[] = {
		{ r->type != 'a', BPF_REG_2,
		  r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR },
		{ r->major != SPEC_DEV_ANY, BPF_REG_4, r->major },
		{ r->minor != SPEC_DEV_ANY, BPF_REG_5, r->minor },
	};
	size_t left = 0;
	for (size_t i = 0; i < ARRAY_COUNT(compared); i++) {
		left += compared[i].is_wanted ? 1 : 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(compared); i++) {
		if (compared[i].is_wanted) {
			devices_emit(
				p, BPF_JMP32 | BPF_JNE | BPF_K, compared[i].reg,
				--left + DEVICES_BODY_INSNS, compared[i].value);
		}
	}
	if (r->is_allow) {
		devices_emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_3, 0,
			     ~(int64_t)r->access);
		devices_emit(p, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 2, 0);
		devices_end(p, 1);
	} else {
		devices_emit(p, BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_3, 1,
			     r->access);
		devices_emit(p, BPF_JMP | BPF_JA, 0, 2, 0);
		devices_end(p, 0);
	}
}

/* What a container has without a rule. */
static void devices_own(struct devices_code *p, const struct spec *s)
{
	for (size_t i = 0; i < s->device_count; i++) {
		const struct spec_device *d = &s->devices[i];
		struct spec_device_rule r = {
			.is_allow = true,
			.type = S_ISBLK(d->mode) ? 'b' : 'c',
			.access = SPEC_ACCESS_ALL,
			.major = d->major,
			.minor = d->minor,
		};
		if (S_ISBLK(d->mode) || S_ISCHR(d->mode)) {
			devices_rule(p, &r);
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(devices_default); i++) {
		devices_rule(p, &devices_default[i]);
	}
}

/* Does @r decide on everything? Then no rule before it matters. */
static bool devices_is_all(const struct spec_device_rule *r)
{
	return r->type == 'a' && r->access == SPEC_ACCESS_ALL;
}

size_t devices_program(const struct spec *s, struct bpf_insn *out)
{
	struct devices_code p = { out, 0 };
	size_t i = s->device_rule_count;
	const struct spec_device_rule *r = NULL;
	devices_begin(&p);
	while (i-- > 0) {
		r = &s->device_rules[i];
		if (devices_is_all(r)) {
			break;
		}
		devices_rule(&p, r);
	}
	if (r != NULL && devices_is_all(r) && r->is_allow) {
		devices_end(&p, 1);
	} else {
		devices_own(&p, s);
		devices_end(&p, 0);
	}
	return p.count;
}

static int devices_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int devices_attach(const struct spec *s, int fd, struct agent_error *e)
{
	struct bpf_insn insns[DEVICES_PROGRAM_MAX];
	size_t count = devices_program(s, insns);
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)count,
		.insns = (uint64_t)(uintptr_t)insns,
		.license = (uint64_t)(uintptr_t) "",
	};
	auto_close int program = devices_bpf(BPF_PROG_LOAD, &load);
	if (program < 0) {
		return error_sys(e, "device rules: the kernel refuses the "
				    "program");
	}
	/* the cgroup keeps it, and lets it go when it is removed */
	union bpf_attr attach = {
		.target_fd = (uint32_t)fd,
		.attach_bpf_fd = (uint32_t)program,
		.attach_type = BPF_CGROUP_DEVICE,
	};
	if (devices_bpf(BPF_PROG_ATTACH, &attach) < 0) {
		return error_sys(e, "device rules: attaching the program");
	}
	return 0;
}
