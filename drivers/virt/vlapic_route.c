/*
 * vlapic_route.c - messages between local APICs: whom they name, how they get
 * there.
 *
 * A message of an ICR, an MSI or a pin of the I/O APIC names a set of APICs. To
 * the one whose vCPU this CPU has loaded it is delivered at once; in those of
 * other vCPUs, which may run elsewhere, it is left in the mailbox, and notify()
 * makes their CPU look. The mailbox is all that is written from outside.
 *
 * Invariants
 *  1. A mail is stored before is_posted or signals, and those before notify();
 *     the taker clears is_posted before it takes the mail: none is overlooked.
 *  2. signals has at most one SIPI, and nothing older than the latest INIT.
 *  3. Nothing here is harmed by another vCPU that changes its mode between two
 *     looks: what is wrongly sent is refused or ignored by who takes it.
 */
#include "vlapic_internal.h"

#define MSI_BASE 0xfee00000ull

/* --- Posting ------------------------------------------------------------- */

void vlapic_post(struct vlapic *l, uint8_t vector, bool is_level)
{
	uint32_t *map = is_level ? l->mail.level : l->mail.edge;

	__atomic_fetch_or(&map[vector >> 5], vlapic_bit(vector),
			  __ATOMIC_RELAXED);
	__atomic_fetch_or(&l->mail.is_posted, 1u << (vector >> 5),
			  __ATOMIC_RELEASE);
	l->ops->notify(l->ctx);
}

static uint32_t take_word(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED) == 0
		       ? 0
		       : __atomic_exchange_n(word, 0, __ATOMIC_RELAXED);
}

static void collect_word(struct vlapic *l, uint32_t i)
{
	const uint32_t illegal = (1u << VLAPIC_FIRST_VECTOR) - 1;
	uint32_t level = take_word(&l->mail.level[i]);
	uint32_t edge = take_word(&l->mail.edge[i]);
	uint32_t *tmr = vlapic_reg(l, VLAPIC_TMR + i * 0x10);
	uint32_t *irr = vlapic_reg(l, VLAPIC_IRR + i * 0x10);

	if (i == 0 && ((level | edge) & illegal) != 0) {
		l->esr_pending |= VLAPIC_ESR_RECEIVED_VECTOR;
		level &= ~illegal;
		edge &= ~illegal;
	}
	if ((level | edge) != 0) {
		*tmr = (*tmr & ~edge) | level;
		__atomic_fetch_or(irr, level | edge, __ATOMIC_RELEASE);
	}
}

void vlapic_collect(struct vlapic *l)
{
	uint32_t words =
		__atomic_exchange_n(&l->mail.is_posted, 0, __ATOMIC_ACQ_REL);

	for (; words != 0; words &= words - 1) {
		collect_word(l, (uint32_t)__builtin_ctz(words));
	}
}

static void signal_sipi(struct vlapic *l, uint8_t vector)
{
	uint32_t sipi = VLAPIC_SIGNAL_SIPI | (uint32_t)vector << 8;
	uint32_t old = __atomic_load_n(&l->mail.signals, __ATOMIC_RELAXED);

	while ((old & VLAPIC_SIGNAL_SIPI) == 0 &&
	       !__atomic_compare_exchange_n(&l->mail.signals, &old, old | sipi,
					    true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED)) {
	}
}

bool vlapic_signal(struct vlapic *l, const struct vlapic_message *m)
{
	if (!vlapic_is_on(l)) {
		return false;
	}
	switch (m->mode) {
	case VLAPIC_NMI:
		__atomic_fetch_or(&l->mail.signals, VLAPIC_SIGNAL_NMI,
				  __ATOMIC_RELEASE);
		break;
	case VLAPIC_INIT:
		if (m->is_level && !m->is_asserted) {
			return true;
		}
		__atomic_store_n(&l->mail.signals, VLAPIC_SIGNAL_INIT,
				 __ATOMIC_RELEASE);
		break;
	case VLAPIC_SIPI:
		signal_sipi(l, m->vector);
		break;
	default:
		return false;
	}
	l->ops->notify(l->ctx);
	return true;
}

void vlapic_drop_posted(struct vlapic *l)
{
	__atomic_store_n(&l->mail.is_posted, 0, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < 8; i++) {
		__atomic_store_n(&l->mail.edge[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&l->mail.level[i], 0, __ATOMIC_RELAXED);
	}
}

bool vlapic_deliver_remote(struct vlapic *l, const struct vlapic_message *m)
{
	if (m->mode != VLAPIC_FIXED && m->mode != VLAPIC_LOWEST) {
		return vlapic_signal(l, m);
	}
	if (!vlapic_is_enabled(l)) {
		return false;
	}
	vlapic_post(l, m->vector, m->is_level);
	return m->vector >= VLAPIC_FIRST_VECTOR;
}

/* --- Destinations -------------------------------------------------------- */

#define DFR_FLAT    0xfu
#define DFR_CLUSTER 0x0u

/* SDM vol. 3, "Logical Destination Mode": 8 bits, by one of two models. */
static bool is_xapic_dest(const struct vlapic *l, uint32_t dest)
{
	uint32_t ldr = vlapic_load(l, VLAPIC_LDR) >> 24;
	uint32_t model = vlapic_load(l, VLAPIC_DFR) >> 28;

	if (dest > 0xff) {
		return false;
	}
	if (model == DFR_FLAT) {
		return (dest & ldr) != 0;
	}
	return model == DFR_CLUSTER && dest >> 4 == ldr >> 4 &&
	       (dest & ldr & 0xf) != 0;
}

bool vlapic_is_dest(const struct vlapic *l, const struct vlapic_message *m)
{
	uint32_t ldr = vlapic_load(l, VLAPIC_LDR);

	if (!vlapic_is_on(l)) {
		return false;
	}
	if (m->dest == VLAPIC_BROADCAST) {
		return true;
	}
	if (!m->is_logical) {
		return m->dest == l->id;
	}
	if (!vlapic_is_x2apic(l)) {
		return is_xapic_dest(l, m->dest);
	}
	return (m->dest >> 16) == (ldr >> 16) && (m->dest & ldr & 0xffff) != 0;
}

void vlapic_set_put(struct vlapic_set *set, struct vlapic *l)
{
	if (l->id < VLAPIC_SET_MAX) {
		set->all[l->id] = l;
		set->count = l->id + 1;
	}
}

static bool names(const struct vlapic_message *m, const struct vlapic *l,
		  const struct vlapic *here)
{
	switch (m->shorthand) {
	case VLAPIC_SELF:
		return l == here;
	case VLAPIC_ALL:
		return true;
	case VLAPIC_OTHERS:
		return l != here;
	default:
		return vlapic_is_dest(l, m);
	}
}

static bool send_to(struct vlapic *l, const struct vlapic *here,
		    const struct vlapic_message *m)
{
	return l == here ? vlapic_deliver(l, m) : vlapic_deliver_remote(l, m);
}

/* Of those that @m names the enabled one with the lowest PPR, or NULL. */
static struct vlapic *arbitrate(struct vlapic_set *set,
				const struct vlapic *here,
				const struct vlapic_message *m)
{
	uint32_t first = __atomic_load_n(&set->next, __ATOMIC_RELAXED);
	struct vlapic *best = NULL;
	uint32_t best_ppr = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		struct vlapic *l = set->all[(first + i) % set->count];
		uint32_t ppr = vlapic_load(l, VLAPIC_PPR);

		if (vlapic_is_enabled(l) && names(m, l, here) &&
		    (best == NULL || ppr < best_ppr)) {
			best = l;
			best_ppr = ppr;
		}
	}
	if (best != NULL) {
		__atomic_store_n(&set->next, best->id + 1, __ATOMIC_RELAXED);
	}
	return best;
}

/* One that a physical destination names is found without a search. */
static inline bool is_unicast(const struct vlapic_set *set,
			      const struct vlapic_message *m)
{
	return !m->is_logical && m->shorthand == VLAPIC_NO_SHORTHAND &&
	       m->dest < set->count;
}

static inline uint32_t route(struct vlapic_set *set, struct vlapic *here,
			     const struct vlapic_message *m)
{
	uint32_t n = 0;

	if (likely(is_unicast(set, m))) {
		return send_to(set->all[m->dest], here, m);
	}
	if (m->mode == VLAPIC_LOWEST) {
		struct vlapic *l = arbitrate(set, here, m);

		return l != NULL && send_to(l, here, m);
	}
	for (uint32_t i = 0; i < set->count; i++) {
		if (names(m, set->all[i], here)) {
			n += send_to(set->all[i], here, m);
		}
	}
	return n;
}

uint32_t vlapic_route(struct vlapic_set *set, struct vlapic *here,
		      const struct vlapic_message *m)
{
	return route(set, here, m);
}

/* --- MSIs ---------------------------------------------------------------- */

static inline bool decode(uint64_t address, uint32_t data,
			  struct vlapic_message *out)
{
	uint32_t dest = (uint32_t)(address >> 12) & 0xff;

	if ((address & ~0xfffffull) != MSI_BASE) {
		return false;
	}
	if (dest == 0xff) {
		dest = VLAPIC_BROADCAST;
	} else {
		dest |= (uint32_t)(address << 3) & 0x7f00;
	}
	*out = (struct vlapic_message){
		.mode = (enum vlapic_mode)((data >> 8) & 7),
		.vector = (uint8_t)data,
		.is_logical = (address & 4) != 0,
		.is_level = (data & 0x8000) != 0,
		.is_asserted = (data & 0x4000) != 0,
		.dest = dest,
	};
	/* No device may start a processor: the mode is reserved here. */
	return out->mode != VLAPIC_SIPI;
}

bool vlapic_msi_decode(uint64_t address, uint32_t data,
		       struct vlapic_message *out)
{
	return decode(address, data, out);
}

bool vlapic_accept_msi(struct vlapic *l, uint64_t address, uint32_t data)
{
	struct vlapic_message m;

	return decode(address, data, &m) && vlapic_is_dest(l, &m) &&
	       vlapic_deliver(l, &m);
}

uint32_t vlapic_route_msi(struct vlapic_set *set, struct vlapic *here,
			  uint64_t address, uint32_t data)
{
	struct vlapic_message m;

	return decode(address, data, &m) ? route(set, here, &m) : 0;
}
