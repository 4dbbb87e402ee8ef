/*
 * vlapic.c - a local APIC in x2APIC mode, on a page in the virtual-APIC layout.
 *
 * The page is the register file: with APIC-register virtualization the CPU
 * reads it, with virtual-interrupt delivery it also moves IRR, ISR and PPR in
 * it. Without either, vlapic_deliverable(), vlapic_ack() and vlapic_eoi() do
 * the same in software.
 *
 * The APIC starts in x2APIC mode and stays there: IA32_APIC_BASE takes only
 * the value it has. The timer counts guest TSC ticks (bus clock = TSC).
 *
 * Invariants
 *  1. IRR and TMR words change by atomic operations only; everything else is
 *     touched by the vCPU's own CPU.
 *  2. A vector below 16 never gets into IRR.
 *  3. While SVR says "disabled", LVTs are masked and no interrupt is accepted.
 *  4. deadline is NO_DEADLINE exactly while the timer is not armed.
 */
#include "vlapic.h"

#include <bh/string.h>
#include <spec/x86_msr.h>

#define PAGE_WORDS    1024
#define LVT_COUNT     6u
#define VERSION_VALUE (0x14u | (LVT_COUNT - 1) << 16)
#define FIRST_VECTOR  16u
#define ICR_RESERVED  0xfff32000ull
#define MSI_BASE      0xfee00000ull

static uint32_t *reg(const struct vlapic *l, uint32_t offset)
{
	return &l->page[offset / 4];
}

static uint32_t *bit_word(const struct vlapic *l, uint32_t base, uint8_t vector)
{
	return reg(l, base + (uint32_t)(vector >> 5) * 0x10);
}

static uint32_t bit_mask(uint8_t vector)
{
	return 1u << (vector & 31);
}

/* Of 256 bits the highest that is set, or -1. Each interrupt looks four times,
 * mostly at no bit or one: two words at a time. */
static int highest(const struct vlapic *l, uint32_t base)
{
	const uint32_t *first = reg(l, base);

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

void vlapic_reset(struct vlapic *l)
{
	memset(l->page, 0, PAGE_WORDS * sizeof(*l->page));
	*reg(l, VLAPIC_ID) = l->id;
	*reg(l, VLAPIC_VERSION) = VERSION_VALUE;
	*reg(l, VLAPIC_LDR) = (l->id & ~0xfu) << 12 | 1u << (l->id & 0xf);
	*reg(l, VLAPIC_SVR) = 0xff;
	for (uint32_t r = VLAPIC_LVT_TIMER; r <= VLAPIC_LVT_ERROR; r += 0x10) {
		*reg(l, r) = VLAPIC_LVT_MASKED;
	}
	l->deadline = VLAPIC_NO_DEADLINE;
	l->period = 0;
	l->esr_pending = 0;
}

void vlapic_init(struct vlapic *l, uint32_t *page, uint32_t apic_id,
		 const struct vlapic_ops *ops, void *ctx)
{
	*l = (struct vlapic){
		.page = page,
		.ops = ops,
		.ctx = ctx,
		.id = apic_id,
		.base = MSI_BASE | APIC_BASE_ENABLE | APIC_BASE_X2APIC |
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
	uint32_t tpr = *reg(l, VLAPIC_TPR);
	int isr = vlapic_highest_isr(l);
	uint32_t isrv = isr < 0 ? 0 : (uint32_t)isr;
	uint32_t ppr = (tpr >> 4) >= (isrv >> 4) ? tpr : isrv & 0xf0;

	*reg(l, VLAPIC_PPR) = ppr;
	return ppr;
}

static bool is_enabled(const struct vlapic *l)
{
	return (*reg(l, VLAPIC_SVR) & VLAPIC_SVR_ENABLE) != 0;
}

int vlapic_deliverable(struct vlapic *l)
{
	int irr = vlapic_highest_irr(l);

	if (irr < 0 || !is_enabled(l) ||
	    ((uint32_t)irr >> 4) <= (vlapic_ppr(l) >> 4)) {
		return -1;
	}
	return irr;
}

void vlapic_set_irr(struct vlapic *l, uint8_t vector)
{
	__atomic_fetch_or(bit_word(l, VLAPIC_IRR, vector), bit_mask(vector),
			  __ATOMIC_RELEASE);
}

void vlapic_ack(struct vlapic *l, uint8_t vector)
{
	__atomic_fetch_and(bit_word(l, VLAPIC_IRR, vector), ~bit_mask(vector),
			   __ATOMIC_ACQUIRE);
	*bit_word(l, VLAPIC_ISR, vector) |= bit_mask(vector);
	vlapic_ppr(l);
}

bool vlapic_is_level(const struct vlapic *l, uint8_t vector)
{
	return (*bit_word(l, VLAPIC_TMR, vector) & bit_mask(vector)) != 0;
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
	*bit_word(l, VLAPIC_ISR, (uint8_t)v) &= ~bit_mask((uint8_t)v);
	vlapic_ppr(l);
	vlapic_eoi_done(l, (uint8_t)v);
}

/* --- Accepting interrupts ------------------------------------------------ */

static bool accept_vector(struct vlapic *l, uint8_t vector, bool is_level)
{
	uint32_t *tmr = bit_word(l, VLAPIC_TMR, vector);

	if (!is_enabled(l)) {
		return false;
	}
	if (vector < FIRST_VECTOR) {
		l->esr_pending |= VLAPIC_ESR_RECEIVED_VECTOR;
		return false;
	}
	if (is_level) {
		__atomic_fetch_or(tmr, bit_mask(vector), __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_and(tmr, ~bit_mask(vector), __ATOMIC_RELAXED);
	}
	vlapic_set_irr(l, vector);
	l->ops->kick(l->ctx, vector);
	return true;
}

static bool lvt_fire(struct vlapic *l, uint32_t offset)
{
	uint32_t lvt = *reg(l, offset);

	return (lvt & VLAPIC_LVT_MASKED) == 0 &&
	       accept_vector(l, (uint8_t)lvt, false);
}

/* An APIC error: remember it, and raise the error LVT. */
static void raise_error(struct vlapic *l, uint32_t bit)
{
	uint32_t lvt = *reg(l, VLAPIC_LVT_ERROR);

	l->esr_pending |= bit;
	if ((lvt & 0xff) >= FIRST_VECTOR) {
		lvt_fire(l, VLAPIC_LVT_ERROR);
	}
}

bool vlapic_is_dest(const struct vlapic *l, const struct vlapic_message *m)
{
	uint32_t ldr = *reg(l, VLAPIC_LDR);

	if (m->dest == VLAPIC_BROADCAST) {
		return true;
	}
	if (!m->is_logical) {
		return m->dest == l->id;
	}
	return (m->dest >> 16) == (ldr >> 16) && (m->dest & ldr & 0xffff) != 0;
}

bool vlapic_deliver(struct vlapic *l, const struct vlapic_message *m)
{
	switch (m->mode) {
	case VLAPIC_FIXED:
	case VLAPIC_LOWEST:
		return accept_vector(l, m->vector, m->is_level);
	case VLAPIC_NMI:
		l->ops->nmi(l->ctx);
		return true;
	default:
		return false;
	}
}

bool vlapic_msi_decode(uint64_t address, uint32_t data,
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
	return true;
}

bool vlapic_accept_msi(struct vlapic *l, uint64_t address, uint32_t data)
{
	struct vlapic_message m;

	return vlapic_msi_decode(address, data, &m) && vlapic_is_dest(l, &m) &&
	       vlapic_deliver(l, &m);
}

/* --- ICR -------------------------------------------------------------- */

static enum status write_icr(struct vlapic *l, uint64_t v)
{
	enum { NO_SHORTHAND, SELF, ALL, OTHERS } shorthand = (v >> 18) & 3;
	struct vlapic_message m = {
		.mode = (enum vlapic_mode)((v >> 8) & 7),
		.vector = (uint8_t)v,
		.is_logical = (v & BIT(11)) != 0,
		.is_asserted = (v & BIT(14)) != 0,
		.is_broadcast = shorthand >= ALL,
		.dest = (uint32_t)(v >> 32),
	};
	bool has_vector = m.mode == VLAPIC_FIXED || m.mode == VLAPIC_LOWEST;
	bool is_self = shorthand == SELF || shorthand == ALL ||
		       (shorthand == NO_SHORTHAND && vlapic_is_dest(l, &m));

	if ((v & ICR_RESERVED) != 0) {
		return ERR_INVALID;
	}
	*reg(l, VLAPIC_ICR) = (uint32_t)v & ~(1u << 12);
	*reg(l, VLAPIC_ICR + 4) = (uint32_t)(v >> 32);
	if (has_vector && m.vector < FIRST_VECTOR) {
		raise_error(l, VLAPIC_ESR_SEND_VECTOR);
		return OK;
	}
	/* SDM vol. 3, "Valid Combinations": shorthands that include the sender
	 * are for fixed interrupts only. */
	if (is_self && (has_vector || shorthand == NO_SHORTHAND)) {
		vlapic_deliver(l, &m);
	}
	if (shorthand != SELF && (has_vector || shorthand != ALL)) {
		l->ops->send_ipi(l->ctx, &m);
	}
	return OK;
}

/* --- Timer ---------------------------------------------------------------- */

static uint32_t timer_mode(const struct vlapic *l)
{
	return *reg(l, VLAPIC_LVT_TIMER) & VLAPIC_TIMER_MODE;
}

static uint32_t divide_shift(const struct vlapic *l)
{
	uint32_t d = *reg(l, VLAPIC_TIMER_DIV);

	return (((d & 3) | ((d >> 1) & 4)) + 1) & 7;
}

/* false: @deadline has passed already, as far as anybody has looked */
static bool set_deadline(struct vlapic *l, uint64_t deadline)
{
	l->deadline = deadline;
	return l->ops->timer_changed(l->ctx);
}

static void disarm(struct vlapic *l)
{
	l->period = 0;
	if (l->deadline != VLAPIC_NO_DEADLINE) {
		(void)set_deadline(l, VLAPIC_NO_DEADLINE);
	}
}

/* Start counting from the initial count; 0 stops the timer. */
static void start_count(struct vlapic *l)
{
	uint64_t ticks = (uint64_t)*reg(l, VLAPIC_TIMER_INIT)
			 << divide_shift(l);

	if (timer_mode(l) == VLAPIC_DEADLINE) {
		return;
	}
	if (ticks == 0) {
		disarm(l);
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

static void write_deadline(struct vlapic *l, uint64_t v)
{
	if (timer_mode(l) != VLAPIC_DEADLINE) {
		return; /* SDM vol. 3, "TSC-Deadline Mode": ignored */
	}
	if (v == 0) {
		disarm(l);
		return;
	}
	if (v == VLAPIC_NO_DEADLINE) {
		v--;
	}
	if (!set_deadline(l, v)) {
		disarm(l);
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
	*reg(l, VLAPIC_LVT_TIMER) = v;
	if (mode != old) {
		if (mode == VLAPIC_DEADLINE || old == VLAPIC_DEADLINE) {
			disarm(l);
		} else if (mode == VLAPIC_ONE_SHOT) {
			l->period = 0;
		} else if (l->deadline != VLAPIC_NO_DEADLINE) {
			start_count(l);
		}
	}
	return OK;
}

/* Bits of each LVT that may be written; bits 12 and 14 are read-only. */
static uint32_t lvt_writable(uint32_t offset)
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
	if ((v & ~(lvt_writable(offset) | 0x5000u)) != 0) {
		return ERR_INVALID;
	}
	v &= lvt_writable(offset);
	if (!is_enabled(l)) {
		v |= VLAPIC_LVT_MASKED;
	}
	if (offset == VLAPIC_LVT_TIMER) {
		return write_timer_lvt(l, v);
	}
	*reg(l, offset) = v;
	return OK;
}

static enum status write_svr(struct vlapic *l, uint32_t v)
{
	if ((v & ~0x3ffu) != 0) {
		return ERR_INVALID;
	}
	*reg(l, VLAPIC_SVR) = v;
	if (!is_enabled(l)) {
		for (uint32_t r = VLAPIC_LVT_TIMER; r <= VLAPIC_LVT_ERROR;
		     r += 0x10) {
			*reg(l, r) |= VLAPIC_LVT_MASKED;
		}
	} else {
		l->ops->kick(l->ctx, 0);
	}
	return OK;
}

static enum status write_tpr(struct vlapic *l, uint32_t v)
{
	if (v > 0xff) {
		return ERR_INVALID;
	}
	*reg(l, VLAPIC_TPR) = v;
	vlapic_ppr(l);
	l->ops->kick(l->ctx, 0);
	return OK;
}

static enum status write_self_ipi(struct vlapic *l, uint32_t v)
{
	if (v > 0xff) {
		return ERR_INVALID;
	}
	if (v < FIRST_VECTOR) {
		raise_error(l, VLAPIC_ESR_SEND_VECTOR);
		return OK;
	}
	accept_vector(l, (uint8_t)v, false);
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
		*reg(l, offset) = v;
		start_count(l);
		return OK;
	}
	*reg(l, offset) = v;
	if (l->deadline != VLAPIC_NO_DEADLINE) {
		start_count(l); /* a new divisor starts the count anew */
	}
	return OK;
}

static enum status write_reg(struct vlapic *l, uint32_t offset, uint32_t v)
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
		*reg(l, VLAPIC_ESR) = l->esr_pending;
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
		write_deadline(l, value);
		return OK;
	}
	if (msr == MSR_IA32_APIC_BASE) {
		return value == l->base ? OK : ERR_INVALID;
	}
	if (msr - MSR_IA32_X2APIC_BASE > 0xff) {
		return ERR_INVALID;
	}
	if (offset == VLAPIC_ICR) {
		return write_icr(l, value);
	}
	if (value >> 32 != 0) {
		return ERR_INVALID;
	}
	return write_reg(l, offset, (uint32_t)value);
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

enum status vlapic_msr_read(struct vlapic *l, uint32_t msr, uint64_t *value)
{
	uint32_t offset = (msr & 0xff) << 4;

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
	if (msr - MSR_IA32_X2APIC_BASE > 0xff) {
		return ERR_INVALID;
	}
	if (offset == VLAPIC_ICR) {
		*value = (uint64_t)*reg(l, VLAPIC_ICR + 4) << 32 |
			 *reg(l, VLAPIC_ICR);
		return OK;
	}
	if (offset == VLAPIC_TIMER_COUNT) {
		*value = read_count(l);
		return OK;
	}
	if (!is_readable(offset)) {
		return ERR_INVALID;
	}
	*value = offset == VLAPIC_PPR ? vlapic_ppr(l) : *reg(l, offset);
	return OK;
}

void vlapic_page_written(struct vlapic *l, uint32_t offset)
{
	uint32_t v = *reg(l, offset & 0xff0);
	enum status s = OK;

	/* The CPU has checked reserved bits; a bad value has no effect. */
	if (offset == VLAPIC_EOI) {
		vlapic_eoi(l);
	} else if (offset == VLAPIC_TPR || offset == VLAPIC_SELF_IPI) {
		s = write_reg(l, offset, v & 0xff);
	}
	(void)s;
}
