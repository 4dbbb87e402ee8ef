/*
 * vlapic.h - a local APIC in x2APIC or xAPIC mode, on a page in the
 * virtual-APIC layout.
 */
#ifndef VIRT_VLAPIC_H
#define VIRT_VLAPIC_H

#include <bh/attr.h>
#include <bh/status.h>
#include <spec/x86_msr.h>
#include <stdbool.h>

/* Offsets of registers in the page: SDM vol. 3, "Local APIC Register Address
 * Map". An x2APIC MSR is 0x800 + (offset >> 4). */
/* clang-format off */
#define VLAPIC_ID          0x020u
#define VLAPIC_VERSION     0x030u
#define VLAPIC_TPR         0x080u
#define VLAPIC_PPR         0x0a0u
#define VLAPIC_EOI         0x0b0u
#define VLAPIC_LDR         0x0d0u
#define VLAPIC_DFR         0x0e0u /* xAPIC mode */
#define VLAPIC_SVR         0x0f0u
#define VLAPIC_ISR         0x100u
#define VLAPIC_TMR         0x180u
#define VLAPIC_IRR         0x200u
#define VLAPIC_ESR         0x280u
#define VLAPIC_ICR         0x300u /* 64 bits in x2APIC mode */
#define VLAPIC_ICR2        0x310u /* xAPIC mode: the upper half */
#define VLAPIC_LVT_TIMER   0x320u
#define VLAPIC_LVT_THERMAL 0x330u
#define VLAPIC_LVT_PMI     0x340u
#define VLAPIC_LVT_LINT0   0x350u
#define VLAPIC_LVT_LINT1   0x360u
#define VLAPIC_LVT_ERROR   0x370u
#define VLAPIC_TIMER_INIT  0x380u
#define VLAPIC_TIMER_COUNT 0x390u
#define VLAPIC_TIMER_DIV   0x3e0u
#define VLAPIC_SELF_IPI    0x3f0u

#define VLAPIC_SVR_ENABLE  (1u << 8)
#define VLAPIC_LVT_MASKED  (1u << 16)
#define VLAPIC_TIMER_MODE  (3u << 17)
#define VLAPIC_ONE_SHOT    (0u << 17)
#define VLAPIC_PERIODIC    (1u << 17)
#define VLAPIC_DEADLINE    (2u << 17)

#define VLAPIC_ESR_SEND_VECTOR     (1u << 5)
#define VLAPIC_ESR_RECEIVED_VECTOR (1u << 6)
#define VLAPIC_ESR_REGISTER        (1u << 7) /* illegal register address */
/* clang-format on */

#define VLAPIC_GPA  0xfee00000u /* registers in xAPIC mode; fixed */
#define VLAPIC_SIZE 4096u

#define VLAPIC_NO_DEADLINE UINT64_MAX
#define VLAPIC_BROADCAST   0xffffffffu

/* Delivery modes of an ICR, a redirection entry and an MSI. */
enum vlapic_mode {
	VLAPIC_FIXED = 0,
	VLAPIC_LOWEST = 1,
	VLAPIC_SMI = 2,
	VLAPIC_NMI = 4,
	VLAPIC_INIT = 5,
	VLAPIC_SIPI = 6,
	VLAPIC_EXTINT = 7,
};

/* Destination shorthands of an ICR, by its number. */
enum vlapic_shorthand {
	VLAPIC_NO_SHORTHAND,
	VLAPIC_SELF,
	VLAPIC_ALL,
	VLAPIC_OTHERS,
};

/* An interrupt on its way to local APICs: from an ICR or from an MSI. */
struct vlapic_message {
	enum vlapic_mode mode;
	enum vlapic_shorthand shorthand;
	uint8_t vector;
	bool is_logical;
	bool is_level;    /* trigger mode */
	bool is_asserted; /* level of INIT */
	uint32_t dest;
};

/* What other CPUs ask of a vCPU besides interrupts: bits of signals. The
 * vector of a SIPI is in bits 15:8. */
#define VLAPIC_SIGNAL_NMI       (1u << 0)
#define VLAPIC_SIGNAL_INIT      (1u << 1)
#define VLAPIC_SIGNAL_SIPI      (1u << 2)
#define VLAPIC_SIGNAL_VECTOR(s) ((uint8_t)((s) >> 8))

struct vlapic_ops {
	uint64_t (*tsc)(void *ctx); /* the guest's TSC, now */
	/* to all that @m names, by vlapic_route(); not for SELF */
	void (*send_ipi)(void *ctx, const struct vlapic_message *m);
	void (*eoi)(void *ctx, uint8_t vector); /* of a level interrupt */
	void (*nmi)(void *ctx);
	/* IRR has a new bit, @vector; 0: there may be more to deliver */
	void (*kick)(void *ctx, uint8_t vector);
	/* ask vlapic_timer_deadline(); false: it is known to have passed */
	bool (*timer_changed)(void *ctx);
	/* IA32_APIC_BASE is about to become @base, another mode: have all
	 * state in the page. false, or no such op: the backend cannot follow,
	 * the guest gets #GP */
	bool (*mode_changes)(void *ctx, uint32_t base);
	/* from any CPU: something was posted or signalled; the vCPU's own CPU
	 * is to call vlapic_take_posted() and vlapic_take_signals() */
	void (*notify)(void *ctx);
};

/* What other CPUs leave for the vCPU's own; all (a). */
struct vlapic_mailbox {
	uint32_t is_posted; /* bit n: look at word n of edge and level */
	uint32_t signals;   /* VLAPIC_SIGNAL_* */
	/* A bit a vector, by trigger mode. The bits below 16, which no
	 * interrupt has: such a vector was received. */
	uint32_t edge[8];
	uint32_t level[8];
};

/*
 * Fields: (c) constant; (v) the vCPU's own CPU; (a) any CPU, atomic. Other CPUs
 * also look at SVR, LDR, DFR and PPR in the page, each by one load of 32 bits.
 */
struct vlapic {
	uint32_t *page;               /* (c) 4 KiB, virtual-APIC layout */
	const struct vlapic_ops *ops; /* (c) */
	void *ctx;                    /* (c) */
	uint32_t id;                  /* (c) */
	uint32_t base;        /* (v) IA32_APIC_BASE; others look at it */
	uint32_t x2apic_msrs; /* (v) 0x100 in x2APIC mode, else 0 */
	uint64_t min_period;  /* (c) TSC ticks; limits periodic mode */
	uint64_t deadline;    /* (v) guest TSC, or NO_DEADLINE */
	uint64_t period;      /* (v) TSC ticks, 0: not periodic */
	uint32_t esr_pending; /* (v) latched by a write to ESR */
	struct vlapic_mailbox mail align_to(64); /* (a) a line of its own */
};

#define VLAPIC_SET_MAX 64

/* The local APICs of one partition. */
struct vlapic_set {
	struct vlapic *all[VLAPIC_SET_MAX]; /* (c) by APIC id */
	uint32_t count;                     /* (c) */
	uint32_t next; /* (a) where lowest priority looks first */
};

/**
 * vlapic_init() - a local APIC after reset, in x2APIC mode.
 * @page: 4 KiB, page aligned, owned by the caller; cleared here
 * @apic_id: 0 makes it the boot CPU's
 */
void vlapic_init(struct vlapic *l, uint32_t *page, uint32_t apic_id,
		 const struct vlapic_ops *ops, void *ctx);
/** vlapic_use_xapic() - as after vlapic_init(), but in xAPIC mode. */
void vlapic_use_xapic(struct vlapic *l);
/**
 * vlapic_reset() - as after INIT; id and mode stay, and so do signals: a SIPI
 * may have followed already.
 */
void vlapic_reset(struct vlapic *l);

/** vlapic_is_on() - is it not switched off by IA32_APIC_BASE? Any CPU. */
static inline bool vlapic_is_on(const struct vlapic *l)
{
	return (__atomic_load_n(&l->base, __ATOMIC_RELAXED) &
		APIC_BASE_ENABLE) != 0;
}
/** vlapic_is_x2apic() - are the registers MSRs? Any CPU. */
static inline bool vlapic_is_x2apic(const struct vlapic *l)
{
	return (__atomic_load_n(&l->base, __ATOMIC_RELAXED) &
		APIC_BASE_X2APIC) != 0;
}
/** vlapic_is_xapic() - are they in memory, at VLAPIC_GPA? */
static inline bool vlapic_is_xapic(const struct vlapic *l)
{
	return vlapic_is_on(l) && !vlapic_is_x2apic(l);
}

/**
 * vlapic_msr_read() - RDMSR of 0x800..0x8ff, APIC_BASE or TSC_DEADLINE.
 * Return: OK; ERR_INVALID means #GP(0).
 */
must_check enum status vlapic_msr_read(struct vlapic *l, uint32_t msr,
				       uint64_t *value);
/** vlapic_msr_write() - WRMSR of the same; ERR_INVALID means #GP(0). */
must_check enum status vlapic_msr_write(struct vlapic *l, uint32_t msr,
					uint64_t value);
/**
 * vlapic_mmio_read() - @size bytes at @offset of the page at VLAPIC_GPA.
 *
 * A register is the first four bytes of sixteen; whole or in part, what lies
 * beyond reads as 0. With the registers not in memory: all ones.
 */
uint64_t vlapic_mmio_read(struct vlapic *l, uint32_t offset, uint32_t size);
/**
 * vlapic_mmio_write() - a register, whole; other writes vanish (SDM vol. 3,
 * "Local APIC Register Address Map": they must not be).
 */
void vlapic_mmio_write(struct vlapic *l, uint32_t offset, uint32_t size,
		       uint32_t value);
/** vlapic_set_tpr() - TPR, by MOV to CR8 (@v is CR8 << 4) in any mode. */
void vlapic_set_tpr(struct vlapic *l, uint32_t v);
/** vlapic_tpr() - TPR. */
uint32_t vlapic_tpr(const struct vlapic *l);
/** vlapic_page_written() - the CPU wrote the page's register @offset itself. */
void vlapic_page_written(struct vlapic *l, uint32_t offset);

/**
 * vlapic_msi_decode() - an MSI's address and data in words.
 * SDM vol. 3, "Message Signalled Interrupts"; destination bits 14:8 in address
 * bits 11:5 (KVM_FEATURE_MSI_EXT_DEST_ID).
 * Return: false if the address is not for local APICs.
 */
bool vlapic_msi_decode(uint64_t address, uint32_t data,
		       struct vlapic_message *out);
/**
 * vlapic_is_dest() - is this APIC among those that @m's destination names?
 * Shorthands are vlapic_route()'s business. Context: any CPU.
 */
bool vlapic_is_dest(const struct vlapic *l, const struct vlapic_message *m);
/**
 * vlapic_deliver() - take @m, on the vCPU's own CPU: fixed and lowest priority
 * into IRR, NMI by ops, INIT and SIPI into signals. SMI and ExtINT, which no
 * device here sends, are ignored.
 * Return: false if nothing was accepted.
 */
bool vlapic_deliver(struct vlapic *l, const struct vlapic_message *m);
/** vlapic_accept_msi() - decode, compare and deliver, for a single vCPU. */
bool vlapic_accept_msi(struct vlapic *l, uint64_t address, uint32_t data);
/** vlapic_accept() - an interrupt, on the vCPU's own CPU; false: not taken. */
bool vlapic_accept(struct vlapic *l, uint8_t vector, bool is_level);

/**
 * vlapic_post() - an interrupt from any CPU: left in the mailbox, ops->notify.
 *
 * Edge and level have a bit map each, so one store is the whole message: nobody
 * can see the vector with another's trigger mode. Posted both ways before the
 * vCPU looks it is one level-triggered interrupt, as its EOI has to be told.
 */
void vlapic_post(struct vlapic *l, uint8_t vector, bool is_level);
/**
 * vlapic_signal() - NMI, INIT or SIPI from any CPU, then ops->notify.
 *
 * An INIT makes what waits before it void; of several SIPIs the first counts.
 * An INIT's de-assertion is ignored.
 * Return: false if @m is of another kind.
 */
bool vlapic_signal(struct vlapic *l, const struct vlapic_message *m);
/**
 * vlapic_deliver_remote() - as vlapic_deliver(), from any CPU: posts, signals.
 */
bool vlapic_deliver_remote(struct vlapic *l, const struct vlapic_message *m);

/** vlapic_collect() - the rare part of vlapic_take_posted(). */
void vlapic_collect(struct vlapic *l);
/**
 * vlapic_take_posted() - posted interrupts into IRR and TMR, on the vCPU's own
 * CPU. Return: has there been any?
 */
static inline bool vlapic_take_posted(struct vlapic *l)
{
	if (likely(__atomic_load_n(&l->mail.is_posted, __ATOMIC_RELAXED) ==
		   0)) {
		return false;
	}
	vlapic_collect(l);
	return true;
}
/** vlapic_take_signals() - VLAPIC_SIGNAL_* since the last call. */
static inline uint32_t vlapic_take_signals(struct vlapic *l)
{
	return __atomic_load_n(&l->mail.signals, __ATOMIC_RELAXED) == 0
		       ? 0
		       : __atomic_exchange_n(&l->mail.signals, 0,
					     __ATOMIC_ACQUIRE);
}
/** vlapic_has_mail() - would one of the two above find something? Any CPU. */
static inline bool vlapic_has_mail(const struct vlapic *l)
{
	return (__atomic_load_n(&l->mail.is_posted, __ATOMIC_RELAXED) |
		__atomic_load_n(&l->mail.signals, __ATOMIC_RELAXED)) != 0;
}

/** vlapic_set_put() - @l is the one with its id in @set; in order, from 0. */
void vlapic_set_put(struct vlapic_set *set, struct vlapic *l);
/**
 * vlapic_route() - bring @m to those local APICs of @set that it names.
 * @here: the one whose vCPU this CPU has loaded, which is also the sender of a
 *	  shorthand; NULL: none of @set
 *
 * Lowest priority goes to the one with the lowest PPR; of equals to each in
 * turn. The others' registers are looked at while their CPUs may change them:
 * an answer that was true a moment ago, as on a bus.
 * Context: any CPU, no lock taken.
 * Return: how many accepted it.
 */
uint32_t vlapic_route(struct vlapic_set *set, struct vlapic *here,
		      const struct vlapic_message *m);
/** vlapic_route_msi() - decode and route; 0 if it is not for local APICs. */
uint32_t vlapic_route_msi(struct vlapic_set *set, struct vlapic *here,
			  uint64_t address, uint32_t data);

/** vlapic_set_irr() - make @vector pending; no check, no kick. */
void vlapic_set_irr(struct vlapic *l, uint8_t vector);

/** vlapic_highest_irr() - the highest pending vector, or -1. */
int vlapic_highest_irr(const struct vlapic *l);
/** vlapic_highest_isr() - the highest vector in service, or -1. */
int vlapic_highest_isr(const struct vlapic *l);
/** vlapic_ppr() - compute the processor priority and store it in the page. */
uint32_t vlapic_ppr(struct vlapic *l);
/** vlapic_deliverable() - the vector to inject now, or -1; changes nothing. */
int vlapic_deliverable(struct vlapic *l);
/** vlapic_ack() - @vector was injected: from IRR to ISR. */
void vlapic_ack(struct vlapic *l, uint8_t vector);
/** vlapic_eoi() - end the highest interrupt in service. */
void vlapic_eoi(struct vlapic *l);
/** vlapic_eoi_done() - the CPU did the EOI of @vector: only tell the IOAPIC. */
void vlapic_eoi_done(struct vlapic *l, uint8_t vector);
/** vlapic_is_level() - does the EOI of @vector matter to the IOAPIC? */
bool vlapic_is_level(const struct vlapic *l, uint8_t vector);

/** vlapic_timer_deadline() - guest TSC of the next expiry, or NO_DEADLINE. */
static inline uint64_t vlapic_timer_deadline(const struct vlapic *l)
{
	return l->deadline;
}

/** vlapic_write_deadline() - IA32_TSC_DEADLINE := @v, which any value may be.
 */
void vlapic_write_deadline(struct vlapic *l, uint64_t v);

/** vlapic_timer_expire() - it is @now: fire if due, and re-arm. */
void vlapic_timer_expire(struct vlapic *l, uint64_t now);

#endif
