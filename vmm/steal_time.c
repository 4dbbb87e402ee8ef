/*
 * steal_time.c - KVM's steal time of one vCPU, and the flags beside it.
 *
 * A structure in guest memory tells a guest's scheduler how long this vCPU
 * wanted to run and could not, and other vCPUs whether it runs right now. Who
 * wants its TLB flushed while it does not, sets a flag instead of sending an
 * interrupt (KVM_FEATURE_PV_TLB_FLUSH).
 *
 * Version protocol as in pvclock.c: odd, steal, even.
 *
 * Invariants
 *  1. page is NULL or 64 bytes of RAM, aligned, so all in one chunk.
 *  2. Nothing here is believed from guest memory but the flag, which makes us
 *     flush what the guest may flush anyway: steal and version are ours.
 *  3. preempted changes by atomic operations: others set bits in it meanwhile.
 */
#include "steal_time.h"

void steal_time_init(struct steal_time *st, struct gmem *gm)
{
	*st = (struct steal_time){ .gm = gm };
}

enum status steal_time_msr_write(struct steal_time *st, uint64_t value,
				 uint64_t run_delay_ns)
{
	struct kvm_pv_steal_time *page = NULL;

	if ((value & KVM_PV_STEAL_TIME_RESERVED) != 0) {
		return ERR_INVALID;
	}
	if ((value & KVM_PV_STEAL_TIME_ENABLE) != 0) {
		page = gmem_map(st->gm, gpa(value & ~KVM_PV_STEAL_TIME_ENABLE),
				sizeof(*page));
		if (page == NULL) {
			return ERR_INVALID;
		}
	}
	st->msr = value;
	st->page = page;
	st->seen_ns = run_delay_ns;
	/* A vCPU that writes this runs. */
	if (page != NULL) {
		__atomic_store_n(&page->preempted, 0, __ATOMIC_SEQ_CST);
		steal_time_update(st, run_delay_ns);
	}
	return OK;
}

void steal_time_update(struct steal_time *st, uint64_t run_delay_ns)
{
	struct kvm_pv_steal_time *page = st->page;

	if (page == NULL) {
		return;
	}
	if (run_delay_ns > st->seen_ns) {
		st->steal_ns += run_delay_ns - st->seen_ns;
		st->seen_ns = run_delay_ns;
	}
	__atomic_store_n(&page->version, st->version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&page->steal, st->steal_ns, __ATOMIC_RELAXED);
	st->version += 2;
	__atomic_store_n(&page->version, st->version, __ATOMIC_RELEASE);
}

bool steal_time_enter(struct steal_time *st, uint64_t run_delay_ns)
{
	uint8_t flags;

	if (st->page == NULL) {
		return false;
	}
	steal_time_update(st, run_delay_ns);
	/* A full barrier: who finds the flag cleared finds us running, and
	 * sends an interrupt; who set it before is answered by the flush. */
	flags = __atomic_exchange_n(&st->page->preempted, 0, __ATOMIC_SEQ_CST);
	return (flags & KVM_PV_VCPU_FLUSH_TLB) != 0;
}

void steal_time_leave(struct steal_time *st)
{
	if (st->page != NULL) {
		/* Not a store: a flush that was asked for must stay so. */
		__atomic_fetch_or(&st->page->preempted, KVM_PV_VCPU_PREEMPTED,
				  __ATOMIC_SEQ_CST);
	}
}
