/*
 * pvclock.c - KVM's paravirtual clock of one vCPU, and the wall clock.
 *
 * A guest that knows the frequency and one pair (TSC, nanoseconds) reads time
 * without an exit. The TSC of a partition never stops nor changes its rate, so
 * one write of the page is enough. If the machine's CPUs have one TSC, too, the
 * "stable" flag is set: all vCPUs then agree without looking at each other.
 *
 * Version protocol: odd, fields, even, each a separate store in that order. A
 * guest that meets an odd or a changed version reads again.
 *
 * Invariants
 *  1. version and wall_version are even between calls.
 *  2. An address that is not RAM is refused before anything is stored.
 */
#include "pvclock.h"

#include <spec/kvm_para.h>

#define NS_PER_S 1000000000ull

void pvclock_scale(uint32_t tsc_khz, uint32_t *mul, int8_t *shift)
{
	uint64_t hz = (uint64_t)tsc_khz * 1000;
	int8_t n = 0;

	/* Halve or double until 1/2 <= 1e9 / hz < 1: all 32 bits count. */
	while (hz > 2 * NS_PER_S) {
		hz >>= 1;
		n--;
	}
	while (hz <= NS_PER_S && hz != 0) {
		hz <<= 1;
		n++;
	}
	*mul = hz != 0 ? (uint32_t)((NS_PER_S << 32) / hz) : 0;
	*shift = n;
}

uint64_t pvclock_ticks_to_ns(uint64_t ticks, uint32_t mul, int8_t shift)
{
	uint64_t t = shift >= 0 ? ticks << shift : ticks >> -shift;

	/* 64 x 32 bits, of which bits 32..95 are the result. */
	return (t >> 32) * mul + (((t & 0xffffffff) * mul) >> 32);
}

void pvclock_init(struct pvclock *c, struct gmem *gm, uint32_t tsc_khz,
		  uint64_t start_tsc, uint64_t wall_ns)
{
	*c = (struct pvclock){ .gm = gm,
			       .start_tsc = start_tsc,
			       .wall_ns = wall_ns,
			       .is_stable = true };
	pvclock_scale(tsc_khz, &c->mul, &c->shift);
}

void pvclock_set_unstable(struct pvclock *c)
{
	c->is_stable = false;
}

/*
 * Write @len bytes at @at whose first 4 are the version, by the protocol.
 * @data has the bytes behind the version.
 */
static enum status write_versioned(struct gmem *gm, uint64_t at,
				   const void *data, size_t len,
				   uint32_t *version)
{
	uint32_t odd = *version | 1, even = odd + 1;
	enum status s;

	if ((at & 3) != 0 || !gmem_is_ram(gm, gpa(at), len)) {
		return ERR_INVALID;
	}
	s = gmem_write(gm, gpa(at), &odd, sizeof(odd));
	if (s == OK) {
		s = gmem_write(gm, gpa(at + sizeof(odd)), data,
			       len - sizeof(odd));
	}
	if (s == OK) {
		s = gmem_write(gm, gpa(at), &even, sizeof(even));
	}
	*version = even;
	return s;
}

static enum status write_time_info(struct pvclock *c, uint64_t at, uint64_t now)
{
	struct pvclock_vcpu_time_info t = {
		.tsc_timestamp = now,
		.system_time = pvclock_ticks_to_ns(now - c->start_tsc, c->mul,
						   c->shift),
		.tsc_to_system_mul = c->mul,
		.tsc_shift = c->shift,
		.flags = c->is_stable ? PVCLOCK_TSC_STABLE_BIT : 0,
	};

	return write_versioned(c->gm, at, &t.pad0, sizeof(t), &c->version);
}

static enum status write_wall_clock(struct pvclock *c, uint64_t at)
{
	struct pvclock_wall_clock w = {
		.sec = (uint32_t)(c->wall_ns / NS_PER_S),
		.nsec = (uint32_t)(c->wall_ns % NS_PER_S),
	};

	return write_versioned(c->gm, at, &w.sec, sizeof(w), &c->wall_version);
}

enum status pvclock_msr_read(const struct pvclock *c, uint32_t msr,
			     uint64_t *value)
{
	bool is_time = msr == MSR_KVM_PV_SYSTEM_TIME_NEW;

	*value = is_time ? c->system_time_msr : c->wall_clock_msr;
	return is_time || msr == MSR_KVM_PV_WALL_CLOCK_NEW ? OK : ERR_INVALID;
}

enum status pvclock_msr_write(struct pvclock *c, uint32_t msr, uint64_t value,
			      uint64_t now)
{
	enum status s = OK;

	if (msr == MSR_KVM_PV_SYSTEM_TIME_NEW) {
		if ((value & KVM_PV_SYSTEM_TIME_ENABLE) != 0) {
			s = write_time_info(
				c, value & ~KVM_PV_SYSTEM_TIME_ENABLE, now);
		}
		if (s == OK) {
			c->system_time_msr = value;
		}
		return s;
	}
	if (msr == MSR_KVM_PV_WALL_CLOCK_NEW) {
		s = write_wall_clock(c, value);
		if (s == OK) {
			c->wall_clock_msr = value;
		}
		return s;
	}
	return ERR_INVALID;
}
