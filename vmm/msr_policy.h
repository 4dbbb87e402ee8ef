/*
 * msr_policy.h - which MSRs a guest has, and what each of them does.
 */
#ifndef VMM_MSR_POLICY_H
#define VMM_MSR_POLICY_H

#include <bh/status.h>
#include <spec/x86_msr.h>
#include <stdbool.h>

/* Features that bring MSRs with them; they must match CPUID's. */
#define MSR_HAS_RDTSCP            BIT(0)
#define MSR_HAS_SPEC_CTRL         BIT(1)
#define MSR_HAS_ARCH_CAPABILITIES BIT(2)
#define MSR_HAS_XSAVES            BIT(3)
#define MSR_HAS_KVMCLOCK          BIT(4)
#define MSR_HAS_STEAL_TIME        BIT(5)
#define MSR_HAS_PV_EOI            BIT(6)
#define MSR_HAS_PC                BIT(7) /* what older kernels do not ask for */

/* Where the value lives, if not in struct guest_msrs. */
enum guest_msr_place {
	GUEST_MSR_APIC,     /* APIC_BASE, TSC_DEADLINE, 0x800..0x8ff */
	GUEST_MSR_REGISTER, /* FS_BASE, STAR, SYSENTER_*, TSC_AUX, ... */
	GUEST_MSR_EFER,     /* reserved bits are checked; LME against PG not */
	GUEST_MSR_PAT,      /* memory types are checked */
	GUEST_MSR_TSC,
	GUEST_MSR_CLOCK,      /* MSR_KVM_PV_WALL_CLOCK_NEW and the next */
	GUEST_MSR_STEAL_TIME, /* reserved bits are checked, RAM is not */
	GUEST_MSR_PV_EOI,     /* the same */
	GUEST_MSR_SPEC_CTRL,  /* SPEC_CTRL and PRED_CMD, bits checked */
	GUEST_MSR_MTRR,       /* nothing is checked: guest_mtrr.h does */
};

struct guest_msr_ops {
	enum status (*read)(void *ctx, enum guest_msr_place place, uint32_t msr,
			    uint64_t *value);
	enum status (*write)(void *ctx, enum guest_msr_place place,
			     uint32_t msr, uint64_t value);
};

struct guest_msrs {
	const struct guest_msr_ops *ops; /* (c) */
	void *ctx;                       /* (c) */
	uint64_t features;               /* (c) MSR_HAS_* */
	uint64_t arch_capabilities;      /* (c) as shown */
	uint64_t microcode;              /* (c) IA32_BIOS_SIGN_ID as shown */
	uint64_t misc_enable;            /* (c) as shown */
	uint8_t linear_bits;             /* (c) 48, or 57 */
	uint64_t denied_count;           /* (v) accesses answered by #GP */
};

/* What the machine has in MSRs that are shown in part; 0 where it has none. */
struct msr_host {
	uint64_t arch_capabilities;
	uint64_t microcode; /* IA32_BIOS_SIGN_ID */
	uint64_t misc_enable;
};

/**
 * guest_msrs_init() - the MSRs of one vCPU.
 * @features: MSR_HAS_*
 */
void guest_msrs_init(struct guest_msrs *g, const struct guest_msr_ops *ops,
		     void *ctx, uint64_t features, const struct msr_host *host);

/**
 * guest_msr_read() - RDMSR.
 * Return: OK; anything else means #GP(0).
 */
must_check enum status guest_msr_read(struct guest_msrs *g, uint32_t msr,
				      uint64_t *value);

/**
 * guest_msr_write() - WRMSR.
 * Return: OK; anything else means #GP(0), and nothing has changed.
 */
must_check enum status guest_msr_write(struct guest_msrs *g, uint32_t msr,
				       uint64_t value);

/* A run of MSRs that the guest may reach without an exit. */
struct msr_open {
	uint32_t first, last;
	bool read, write;
};

/**
 * msr_policy_next_open() - iterate over what the MSR bitmap opens.
 * @features: MSR_HAS_*
 * @iter: start with 0
 *
 * The x2APIC range is not among them: the backend opens it if it virtualizes
 * the APIC.
 * Return: false at the end.
 */
bool msr_policy_next_open(uint64_t features, uint32_t *iter,
			  struct msr_open *out);

/** msr_is_apic() - one of the local APIC's, which are hot: no search. */
static inline bool msr_is_apic(uint32_t msr)
{
	return msr - MSR_IA32_X2APIC_BASE < 0x100 ||
	       msr == MSR_IA32_TSC_DEADLINE || msr == MSR_IA32_APIC_BASE;
}

/** msr_is_canonical() - is @v a linear address of @bits significant bits? */
static inline bool msr_is_canonical(uint64_t v, uint8_t bits)
{
	return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits)) == v;
}

/** msr_pat_is_valid() - are all eight types of a PAT value defined? */
bool msr_pat_is_valid(uint64_t pat);

#endif
