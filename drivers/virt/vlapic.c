/*
 * vlapic.c - a local APIC: registers, priorities, timer; x2APIC's MSRs.
 *
 * The page is the register file: with APIC-register virtualization the CPU
 * reads it, with virtual-interrupt delivery it also moves IRR, ISR and PPR in
 * it. Without either, vlapic_deliverable(), vlapic_ack() and vlapic_eoi() do
 * the same in software.
 *
 * The timer counts guest TSC ticks (bus clock = TSC). xAPIC mode and the way
 * from one mode to another: vlapic_xapic.c; messages: vlapic_route.c.
 *
 * Invariants
 *  1. Other CPUs touch nothing but the mailbox (vlapic_route.c); the words of
 *     the page that they look at change by one store each.
 *  2. A vector below 16 never gets into IRR.
 *  3. While SVR says "disabled", LVTs are masked and no interrupt is accepted.
 *  4. deadline is NO_DEADLINE exactly while the timer is not armed.
 */
#include "vlapic_internal.h"

#include <bh/string.h>
#include <spec/x86_msr.h>

#define PAGE_WORDS    1024
#define LVT_COUNT     6u
#define VERSION_VALUE (0x14u | (LVT_COUNT - 1) << 16)
#define ICR_RESERVED  0xfff32000ull

/* Of 256 bits the highest that is set, or -1. Each interrupt looks four times,
 * mostly at no bit or one: two words at a time. */
static int highest(const struct vlapic *l, uint32_t base)
{
	const uint32_t *first = vlapic_reg(l, base);

	for (const uint32_t *at = first + 28; at > first; at -= 8) {
		uint64_t w = __atomic_load_n(at, __ATOMIC_RELAXED);
		uint64_t below = __atomic_load_n(at - 4, __ATOMIC_RELAXED);

		if ((w | below) != 0) {
			return (int)(at - first) * 8 + 31 -
			       __builtin_clzll(w << 32 | below);
		}
	}
	return -1;
}

/* --- Reset ------------------------------------------------------------- */

void vlapic_start(struct vlapic *l)
{
	memset(l->page, 0, PAGE_WORDS * sizeof(*l->page));
	*vlapic_reg(l, VLAPIC_VERSION) = VERSION_VALUE;
	vlapic_store(l, VLAPIC_SVR, 0xff);
	for (uint32_t r = VLAPIC_LVT_TIMER; r <= VLAPIC_LVT_ERROR; r += 0x10) {
		*vlapic_reg(l, r) = VLAPIC_LVT_MASKED;
	}
	vlapic_set_mode(l, l->base);
	l->esr_pending = 0;
	vlapic_drop_posted(l);
}

void vlapic_reset(struct vlapic *l)
{
	vlapic_start(l);
	l->deadline = VLAPIC_NO_DEADLINE;
	l->period = 0;
}

void vlapic_init(struct vlapic *l, uint32_t *page, uint32_t apic_id,
		 const struct vlapic_ops *ops, void *ctx)
{
	*l = (struct vlapic){
		.page = page,
		.ops = ops,
		.ctx = ctx,
		.id = apic_id,
		.base = VLAPIC_GPA | APIC_BASE_ENABLE | APIC_BASE_X2APIC |
			(apic_id == 0 ? APIC_BASE_BSP : 0),
	};
	vlapic_reset(l);
}

/* --- Priority ------------------------------------------------------------ */

int vlapic_highest_irr(const struct vlapic *l)
{
	return highest(l, VLAPIC_IRR);
}

int vlapic_highest_isr(const struct vlapic *l)
{
	return highest(l, VLAPIC_ISR);
}

uint32_t vlapic_ppr(struct vlapic *l)
{
	uint32_t tpr = *vlapic_reg(l, VLAPIC_TPR);
	int isr = vlapic_highest_isr(l);
	uint32_t isrv = isr < 0 ? 0 : (uint32_t)isr;
	uint32_t ppr = (tpr >> 4) >= (isrv >> 4) ? tpr : isrv & 0xf0;

	vlapic_store(l, VLAPIC_PPR, ppr);
	return ppr;
}

int vlapic_deliverable(struct vlapic *l)
{
	int irr = vlapic_highest_irr(l);

	if (irr < 0 || !vlapic_is_enabled(l) ||
	    ((uint32_t)irr >> 4) <= (vlapic_ppr(l) >> 4)) {
		return -1;
	}
	return irr;
}

void vlapic_set_irr(struct vlapic *l, uint8_t vector)
{
	__atomic_fetch_or(vlapic_word(l, VLAPIC_IRR, vector),
			  vlapic_bit(vector), __ATOMIC_RELEASE);
}

void vlapic_ack(struct vlapic *l, uint8_t vector)
{
	__atomic_fetch_and(vlapic_word(l, VLAPIC_IRR, vector),
			   ~vlapic_bit(vector), __ATOMIC_ACQUIRE);
	*vlapic_word(l, VLAPIC_ISR, vector) |= vlapic_bit(vector);
	vlapic_ppr(l);
}

bool vlapic_is_level(const struct vlapic *l, uint8_t vector)
{
	return (*vlapic_word(l, VLAPIC_TMR, vector) & vlapic_bit(vector)) != 0;
}

void vlapic_eoi_done(struct vlapic *l, uint8_t vector)
{
	if (vlapic_is_level(l, vector)) {
		l->ops->eoi(l->ctx, vector);
	}
}

void vlapic_eoi(struct vlapic *l)
{
	int v = vlapic_highest_isr(l);

	if (v < 0) {
		return; /* EOI without an interrupt in service: no effect */
	}
	*vlapic_word(l, VLAPIC_ISR, (uint8_t)v) &= ~vlapic_bit((uint8_t)v);
	vlapic_ppr(l);
	vlapic_eoi_done(l, (uint8_t)v);
}

/* --- Accepting interrupts ------------------------------------------------ */

static inline bool accept(struct vlapic *l, uint8_t vector, bool is_level)
{
	uint32_t *tmr = vlapic_word(l, VLAPIC_TMR, vector);

	if (!vlapic_is_enabled(l)) {
		return false;
	}
	if (vector < VLAPIC_FIRST_VECTOR) {
		l->esr_pending |= VLAPIC_ESR_RECEIVED_VECTOR;
		return false;
	}
	if (is_level) {
		*tmr |= vlapic_bit(vector);
	} else {
		*tmr &= ~vlapic_bit(vector);
	}
	vlapic_set_irr(l, vector);
	l->ops->kick(l->ctx, vector);
	return true;
}

bool vlapic_accept(struct vlapic *l, uint8_t vector, bool is_level)
{
	return accept(l, vector, is_level);
}

static bool lvt_fire(struct vlapic *l, uint32_t offset)
{
	uint32_t lvt = *vlapic_reg(l, offset);

	return (lvt & VLAPIC_LVT_MASKED) == 0 && accept(l, (uint8_t)lvt, false);
}

void vlapic_raise_error(struct vlapic *l, uint32_t bit)
{
	uint32_t lvt = *vlapic_reg(l, VLAPIC_LVT_ERROR);

	l->esr_pending |= bit;
	if ((lvt & 0xff) >= VLAPIC_FIRST_VECTOR) {
		lvt_fire(l, VLAPIC_LVT_ERROR);
	}
}

bool vlapic_deliver(struct vlapic *l, const struct vlapic_message *m)
{
	switch (m->mode) {
	case VLAPIC_FIXED:
	case VLAPIC_LOWEST:
		return accept(l, m->vector, m->is_level);
	case VLAPIC_NMI:
		if (!vlapic_is_on(l)) {
			return false;
		}
		l->ops->nmi(l->ctx);
		return true;
	default:
		return vlapic_signal(l, m);
	}
}

/* --- ICR -------------------------------------------------------------- */

void vlapic_send(struct vlapic *l, uint32_t v, uint32_t dest)
{
	struct vlapic_message m = {
		.mode = (enum vlapic_mode)((v >> 8) & 7),
		.shorthand = (enum vlapic_shorthand)((v >> 18) & 3),
		.vector = (uint8_t)v,
		.is_logical = (v & BIT(11)) != 0,
		.is_asserted = (v & BIT(14)) != 0,
		.dest = dest,
	};
	bool has_vector = m.mode == VLAPIC_FIXED || m.mode == VLAPIC_LOWEST;
	bool is_to_sender =
		m.shorthand == VLAPIC_SELF || m.shorthand == VLAPIC_ALL;

	if (has_vector && m.vector < VLAPIC_FIRST_VECTOR) {
		vlapic_raise_error(l, VLAPIC_ESR_SEND_VECTOR);
		return;
	}
	/* Interrupts are edge-triggered whatever the ICR says. */
	m.is_level = m.mode == VLAPIC_INIT && (v & BIT(15)) != 0;
	/* SDM vol. 3, "Valid Combinations": shorthands that include the sender
	 * are for fixed interrupts only. */
	if (m.shorthand == VLAPIC_SELF && has_vector) {
		accept(l, m.vector, false);
	} else if (!is_to_sender || has_vector) {
		l->ops->send_ipi(l->ctx, &m);
	}
}

static enum status write_icr(struct vlapic *l, uint64_t v)
{
	if ((v & ICR_RESERVED) != 0) {
		return ERR_INVALID;
	}
	*vlapic_reg(l, VLAPIC_ICR) = (uint32_t)v & ~(1u << 12);
	*vlapic_reg(l, VLAPIC_ICR + 4) = (uint32_t)(v >> 32);
	vlapic_send(l, (uint32_t)v, (uint32_t)(v >> 32));
	return OK;
}

/* --- Timer ---------------------------------------------------------------- */

static uint32_t timer_mode(const struct vlapic *l)
{
	return *vlapic_reg(l, VLAPIC_LVT_TIMER) & VLAPIC_TIMER_MODE;
}

static uint32_t divide_shift(const struct vlapic *l)
{
	uint32_t d = *vlapic_reg(l, VLAPIC_TIMER_DIV);

	return (((d & 3) | ((d >> 1) & 4)) + 1) & 7;
}

/* false: @deadline has passed already, as far as anybody has looked */
static bool set_deadline(struct vlapic *l, uint64_t deadline)
{
	l->deadline = deadline;
	return l->ops->timer_changed(l->ctx);
}

void vlapic_disarm(struct vlapic *l)
{
	l->period = 0;
	if (l->deadline != VLAPIC_NO_DEADLINE) {
		(void)set_deadline(l, VLAPIC_NO_DEADLINE);
	}
}

/* Start counting from the initial count; 0 stops the timer. */
static void start_count(struct vlapic *l)
{
	uint64_t ticks = (uint64_t)*vlapic_reg(l, VLAPIC_TIMER_INIT)
			 << divide_shift(l);

	if (timer_mode(l) == VLAPIC_DEADLINE) {
		return;
	}
	if (ticks == 0) {
		vlapic_disarm(l);
		return;
	}
	if (timer_mode(l) == VLAPIC_PERIODIC) {
		if (ticks < l->min_period) {
			ticks = l->min_period;
		}
		l->period = ticks;
	} else {
		l->period = 0;
	}
	(void)set_deadline(l, l->ops->tsc(l->ctx) + ticks);
}

static uint32_t read_count(struct vlapic *l)
{
	uint64_t now, left;

	if (l->deadline == VLAPIC_NO_DEADLINE ||
	    timer_mode(l) == VLAPIC_DEADLINE) {
		return 0;
	}
	now = l->ops->tsc(l->ctx);
	if (now < l->deadline) {
		left = l->deadline - now;
	} else if (l->period != 0) {
		left = l->period - (now - l->deadline) % l->period;
	} else {
		left = 0;
	}
	return (uint32_t)(left >> divide_shift(l));
}

void vlapic_timer_expire(struct vlapic *l, uint64_t now)
{
	uint64_t next = VLAPIC_NO_DEADLINE;

	if (now < l->deadline || l->deadline == VLAPIC_NO_DEADLINE) {
		return;
	}
	if (l->period != 0) {
		/* Periods that passed unseen are one interrupt, as in IRR. */
		next = now + l->period - (now - l->deadline) % l->period;
	}
	(void)set_deadline(l, next);
	lvt_fire(l, VLAPIC_LVT_TIMER);
}

void vlapic_write_deadline(struct vlapic *l, uint64_t v)
{
	if (timer_mode(l) != VLAPIC_DEADLINE) {
		return; /* SDM vol. 3, "TSC-Deadline Mode": ignored */
	}
	if (unlikely(v - 1 >= VLAPIC_NO_DEADLINE - 1)) {
		if (v == 0) {
			vlapic_disarm(l);
			return;
		}
		v--; /* that number says "none" here; it is as far away */
	}
	if (!set_deadline(l, v)) {
		vlapic_disarm(l);
		lvt_fire(l, VLAPIC_LVT_TIMER);
	}
}

/* --- Registers --------------------------------------------------------- */

static enum status write_timer_lvt(struct vlapic *l, uint32_t v)
{
	uint32_t old = timer_mode(l);
	uint32_t mode = v & VLAPIC_TIMER_MODE;

	if (mode == VLAPIC_TIMER_MODE) {
		return ERR_INVALID;
	}
	*vlapic_reg(l, VLAPIC_LVT_TIMER) = v;
	if (mode != old) {
		if (mode == VLAPIC_DEADLINE || old == VLAPIC_DEADLINE) {
			vlapic_disarm(l);
		} else if (mode == VLAPIC_ONE_SHOT) {
			l->period = 0;
		} else if (l->deadline != VLAPIC_NO_DEADLINE) {
			start_count(l);
		}
	}
	return OK;
}

/* Bits 12 and 14 are read-only. */
uint32_t vlapic_lvt_writable(uint32_t offset)
{
	switch (offset) {
	case VLAPIC_LVT_TIMER:
		return 0x000700ff;
	case VLAPIC_LVT_THERMAL:
	case VLAPIC_LVT_PMI:
		return 0x000107ff;
	case VLAPIC_LVT_LINT0:
	case VLAPIC_LVT_LINT1:
		return 0x0001a7ff;
	default:
		return 0x000100ff;
	}
}

static enum status write_lvt(struct vlapic *l, uint32_t offset, uint32_t v)
{
	if ((v & ~(vlapic_lvt_writable(offset) | 0x5000u)) != 0) {
		return ERR_INVALID;
	}
	v &= vlapic_lvt_writable(offset);
	if (!vlapic_is_enabled(l)) {
		v |= VLAPIC_LVT_MASKED;
	}
	if (offset == VLAPIC_LVT_TIMER) {
		return write_timer_lvt(l, v);
	}
	*vlapic_reg(l, offset) = v;
	return OK;
}

static enum status write_svr(struct vlapic *l, uint32_t v)
{
	if ((v & ~0x3ffu) != 0) {
		return ERR_INVALID;
	}
	vlapic_store(l, VLAPIC_SVR, v);
	if (!vlapic_is_enabled(l)) {
		for (uint32_t r = VLAPIC_LVT_TIMER; r <= VLAPIC_LVT_ERROR;
		     r += 0x10) {
			*vlapic_reg(l, r) |= VLAPIC_LVT_MASKED;
		}
	} else {
		l->ops->kick(l->ctx, 0);
	}
	return OK;
}

void vlapic_set_tpr(struct vlapic *l, uint32_t v)
{
	*vlapic_reg(l, VLAPIC_TPR) = v & 0xff;
	vlapic_ppr(l);
	l->ops->kick(l->ctx, 0);
}

uint32_t vlapic_tpr(const struct vlapic *l)
{
	return *vlapic_reg(l, VLAPIC_TPR);
}

static enum status write_tpr(struct vlapic *l, uint32_t v)
{
	if (v > 0xff) {
		return ERR_INVALID;
	}
	vlapic_set_tpr(l, v);
	return OK;
}

static enum status write_self_ipi(struct vlapic *l, uint32_t v)
{
	if (v > 0xff) {
		return ERR_INVALID;
	}
	if (v < VLAPIC_FIRST_VECTOR) {
		vlapic_raise_error(l, VLAPIC_ESR_SEND_VECTOR);
		return OK;
	}
	accept(l, (uint8_t)v, false);
	return OK;
}

static enum status write_timer_reg(struct vlapic *l, uint32_t offset,
				   uint32_t v)
{
	if (offset == VLAPIC_TIMER_DIV && (v & ~0xbu) != 0) {
		return ERR_INVALID;
	}
	if (offset == VLAPIC_TIMER_INIT) {
		if (timer_mode(l) == VLAPIC_DEADLINE) {
			return OK; /* ignored in that mode */
		}
		*vlapic_reg(l, offset) = v;
		start_count(l);
		return OK;
	}
	*vlapic_reg(l, offset) = v;
	if (l->deadline != VLAPIC_NO_DEADLINE) {
		start_count(l); /* a new divisor starts the count anew */
	}
	return OK;
}

enum status vlapic_write_reg(struct vlapic *l, uint32_t offset, uint32_t v)
{
	switch (offset) {
	case VLAPIC_TPR:
		return write_tpr(l, v);
	case VLAPIC_EOI:
		if (v != 0) {
			return ERR_INVALID;
		}
		vlapic_eoi(l);
		l->ops->kick(l->ctx, 0);
		return OK;
	case VLAPIC_SVR:
		return write_svr(l, v);
	case VLAPIC_ESR:
		if (v != 0) {
			return ERR_INVALID;
		}
		*vlapic_reg(l, VLAPIC_ESR) = l->esr_pending;
		l->esr_pending = 0;
		return OK;
	case VLAPIC_LVT_TIMER:
	case VLAPIC_LVT_THERMAL:
	case VLAPIC_LVT_PMI:
	case VLAPIC_LVT_LINT0:
	case VLAPIC_LVT_LINT1:
	case VLAPIC_LVT_ERROR:
		return write_lvt(l, offset, v);
	case VLAPIC_TIMER_INIT:
	case VLAPIC_TIMER_DIV:
		return write_timer_reg(l, offset, v);
	case VLAPIC_SELF_IPI:
		return write_self_ipi(l, v);
	default: /* read-only, reserved or not there */
		return ERR_INVALID;
	}
}

enum status vlapic_msr_write(struct vlapic *l, uint32_t msr, uint64_t value)
{
	uint32_t offset = (msr & 0xff) << 4;

	if (msr == MSR_IA32_TSC_DEADLINE) {
		vlapic_write_deadline(l, value);
		return OK;
	}
	if (msr == MSR_IA32_APIC_BASE) {
		return vlapic_write_base(l, value);
	}
	if (msr - MSR_IA32_X2APIC_BASE >= l->x2apic_msrs) {
		return ERR_INVALID;
	}
	if (offset == VLAPIC_ICR) {
		return write_icr(l, value);
	}
	if (value >> 32 != 0) {
		return ERR_INVALID;
	}
	return vlapic_write_reg(l, offset, (uint32_t)value);
}

static bool is_readable(uint32_t offset)
{
	switch (offset) {
	case VLAPIC_ID:
	case VLAPIC_VERSION:
	case VLAPIC_TPR:
	case VLAPIC_PPR:
	case VLAPIC_LDR:
	case VLAPIC_SVR:
	case VLAPIC_ESR:
	case VLAPIC_TIMER_INIT:
	case VLAPIC_TIMER_DIV:
		return true;
	default:
		return (offset >= VLAPIC_ISR && offset < VLAPIC_ESR) ||
		       (offset >= VLAPIC_LVT_TIMER &&
			offset <= VLAPIC_LVT_ERROR);
	}
}

enum status vlapic_read_reg(struct vlapic *l, uint32_t offset, uint32_t *v)
{
	if (offset == VLAPIC_TIMER_COUNT) {
		*v = read_count(l);
		return OK;
	}
	if (!is_readable(offset)) {
		return ERR_INVALID;
	}
	*v = offset == VLAPIC_PPR ? vlapic_ppr(l) : *vlapic_reg(l, offset);
	return OK;
}

enum status vlapic_msr_read(struct vlapic *l, uint32_t msr, uint64_t *value)
{
	uint32_t offset = (msr & 0xff) << 4;
	uint32_t v = 0;
	enum status s;

	*value = 0;
	if (msr == MSR_IA32_TSC_DEADLINE) {
		if (timer_mode(l) == VLAPIC_DEADLINE &&
		    l->deadline != VLAPIC_NO_DEADLINE) {
			*value = l->deadline;
		}
		return OK;
	}
	if (msr == MSR_IA32_APIC_BASE) {
		*value = l->base;
		return OK;
	}
	if (msr - MSR_IA32_X2APIC_BASE >= l->x2apic_msrs) {
		return ERR_INVALID;
	}
	if (offset == VLAPIC_ICR) {
		*value = (uint64_t)*vlapic_reg(l, VLAPIC_ICR + 4) << 32 |
			 *vlapic_reg(l, VLAPIC_ICR);
		return OK;
	}
	s = vlapic_read_reg(l, offset, &v);
	*value = v;
	return s;
}

void vlapic_page_written(struct vlapic *l, uint32_t offset)
{
	uint32_t v = *vlapic_reg(l, offset & 0xff0);
	enum status s = OK;

	/* The CPU has checked reserved bits; a bad value has no effect. */
	if (offset == VLAPIC_EOI) {
		vlapic_eoi(l);
	} else if (offset == VLAPIC_TPR || offset == VLAPIC_SELF_IPI) {
		s = vlapic_write_reg(l, offset, v & 0xff);
	}
	(void)s;
}
