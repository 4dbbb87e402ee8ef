/*
 * pv_call.c - KVM's hypercalls that are about other vCPUs.
 *
 * Numbers, arguments and errors are those of the kernel's documentation, "Linux
 * KVM Hypercall". One row a call; the feature that announces it switches it.
 */
#include "pv_call.h"

#define ICR_VECTOR  0xffull
#define ICR_MODE(v) ((enum vlapic_mode)((v) >> 8 & 7))
/* Vector, mode, level and trigger mode; no kind of destination. */
#define ICR_ALLOWED  0xc7ffull
#define FIRST_VECTOR 16u

typedef struct pv_call_result pv_call_fn(struct vlapic_set *set,
					 struct vlapic *here,
					 const uint64_t arg[4], uint32_t width);

static struct pv_call_result value_of(int64_t value)
{
	return (struct pv_call_result){ .value = value };
}

/* Bits of @map are ids from @min on. */
static uint32_t send_map(struct vlapic_set *set, struct vlapic *here,
			 uint64_t map, uint64_t min, struct vlapic_message *m)
{
	uint32_t n = 0;

	if (min >= set->count) {
		return 0;
	}
	for (; map != 0; map &= map - 1) {
		uint64_t id = min + (uint32_t)__builtin_ctzll(map);

		if (id >= set->count) {
			break;
		}
		m->dest = (uint32_t)id;
		n += vlapic_route(set, here, m);
	}
	return n;
}

/* KVM_HC_SEND_IPI: two words of bits, the id of the first, the ICR. */
static struct pv_call_result send_ipi(struct vlapic_set *set,
				      struct vlapic *here,
				      const uint64_t arg[4], uint32_t width)
{
	uint64_t icr = arg[3], min = arg[2];
	struct vlapic_message m = {
		.mode = ICR_MODE(icr),
		.vector = (uint8_t)(icr & ICR_VECTOR),
	};
	uint32_t n;

	if ((icr & ~ICR_ALLOWED) != 0 ||
	    (m.mode != VLAPIC_FIXED && m.mode != VLAPIC_NMI) ||
	    (m.mode == VLAPIC_FIXED && m.vector < FIRST_VECTOR)) {
		return value_of(KVM_HYPERCALL_EINVAL);
	}
	n = send_map(set, here, arg[0], min, &m);
	if (min < set->count) {
		n += send_map(set, here, arg[1], min + width, &m);
	}
	return value_of(n);
}

static struct pv_call_result target_of(struct vlapic_set *set,
				       const struct vlapic *here, uint64_t id,
				       enum pv_call_action action)
{
	if (id >= set->count || set->all[id] == here) {
		return value_of(0);
	}
	return (struct pv_call_result){ 0, action, (uint32_t)id };
}

/* KVM_HC_KICK_CPU: flags, which have no meaning, and an id. */
static struct pv_call_result kick(struct vlapic_set *set, struct vlapic *here,
				  const uint64_t arg[4], uint32_t width)
{
	(void)width;
	return target_of(set, here, arg[1], PV_CALL_KICK);
}

/* KVM_HC_SCHED_YIELD: an id. */
static struct pv_call_result sched_yield(struct vlapic_set *set,
					 struct vlapic *here,
					 const uint64_t arg[4], uint32_t width)
{
	(void)width;
	return target_of(set, here, arg[0], PV_CALL_YIELD);
}

static const struct {
	uint64_t number;
	uint32_t feature;
	pv_call_fn *fn;
} calls[] = {
	{ KVM_HYPERCALL_KICK_CPU, KVM_PV_FEATURE_PV_UNHALT, kick },
	{ KVM_HYPERCALL_SEND_IPI, KVM_PV_FEATURE_PV_SEND_IPI, send_ipi },
	{ KVM_HYPERCALL_SCHED_YIELD, KVM_PV_FEATURE_PV_SCHED_YIELD,
	  sched_yield },
};

struct pv_call_result pv_call(struct vlapic_set *set, struct vlapic *here,
			      const struct pv_call *c)
{
	uint64_t mask = c->is_64 ? UINT64_MAX : UINT32_MAX;
	const uint64_t arg[4] = { c->arg[0] & mask, c->arg[1] & mask,
				  c->arg[2] & mask, c->arg[3] & mask };

	for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
		if (calls[i].number == (c->number & mask) &&
		    (c->features & calls[i].feature) != 0) {
			return calls[i].fn(set, here, arg, c->is_64 ? 64 : 32);
		}
	}
	return value_of(KVM_HYPERCALL_ENOSYS);
}
