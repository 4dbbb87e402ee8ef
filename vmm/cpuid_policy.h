/*
 * cpuid_policy.h - what CPUID shows to a guest: an allow-list, precomputed.
 *
 * A table belongs to one vCPU: it holds the APIC id and the bits that follow
 * CR4 and XCR0. Looking up never executes CPUID.
 */
#ifndef VMM_CPUID_POLICY_H
#define VMM_CPUID_POLICY_H

#include <bh/attr.h>
#include <bh/nospec.h>
#include <spec/kvm_para.h>
#include <stdbool.h>

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* Answers as the machine's CPUID does. */
typedef void (*cpuid_host_fn)(uint32_t leaf, uint32_t subleaf,
			      struct cpuid_regs *out);

struct cpuid_config {
	uint32_t vcpu_count;   /* 1 .. 64, ids from 0 */
	uint32_t apic_id;      /* of this vCPU */
	uint32_t tsc_khz;      /* guest TSC, calibrated; 0: unknown */
	uint32_t apic_bus_khz; /* clock of the LAPIC timer; 0: as the TSC */
	uint64_t xcr0_allowed; /* what the backend can switch */
	/* What the backend makes work in non-root mode. */
	bool has_rdtscp; /* RDTSCP and RDPID, with TSC_AUX */
	bool has_mtrr; /* the registers are there, whatever the machine's do */
	bool has_invpcid;
	bool has_fast_strings;      /* IA32_MISC_ENABLE says so, too */
	bool has_xsavec;            /* XSAVEC and XGETBV with ECX = 1 */
	bool has_xsaves;            /* XSAVES and IA32_XSS */
	bool has_spec_ctrl;         /* SPEC_CTRL and PRED_CMD are switched */
	bool has_arch_capabilities; /* msr_policy gives IA32_ARCH_CAPABILITIES
				     */
	bool is_tsc_stable;     /* invariant although CPUID does not say so */
	bool has_timing_leaves; /* show 15H and 16H */
	/* KVM's paravirtual interface, as far as it is there. */
	bool has_kvmclock; /* and stable, if is_tsc_stable */
	bool has_msi_ext_dest_id;
	bool has_steal_time;
	bool has_pv_eoi;
	bool has_pv_unhalt;    /* KVM_HC_KICK_CPU */
	bool has_pv_tlb_flush; /* needs has_steal_time */
	bool has_pv_send_ipi;
	bool has_pv_sched_yield;
};

#define CPUID_ROW_MAX  80
#define CPUID_SLOT_MAX 128 /* a power of two */
#define CPUID_RANGES   4   /* by the two top bits of the leaf */

struct cpuid_slot {
	int8_t sub_mask; /* 0: the leaf ignores ECX; else -1 */
	uint8_t count;   /* subleaves; others read as 0 */
	uint16_t first;  /* row of subleaf 0 */
	uint32_t span;   /* nospec_span(count) */
};

struct cpuid_range {
	uint32_t count; /* leaves from the range's start */
	uint32_t base;  /* slot of its first leaf */
};

struct cpuid_key {
	uint32_t leaf, subleaf;
};

struct cpuid_table {
	struct cpuid_range ranges[CPUID_RANGES];
	struct cpuid_slot slots[CPUID_SLOT_MAX];
	struct cpuid_regs rows[CPUID_ROW_MAX]; /* [0] is all zero */
	struct cpuid_key keys[CPUID_ROW_MAX];  /* what each row answers */
	uint32_t row_count;
	uint32_t slot_count;
	uint32_t max_basic, max_extended; /* (c) the largest leaves */
	bool is_amd;                      /* (c) the vendor's own leaves */
	uint64_t xcr0_allowed;            /* (c) after all dependencies */
	uint64_t cr4_allowed;             /* (c) CR4 bits the features bring */
	uint16_t row_1, row_7, row_bulkhead;
	uint16_t row_d; /* of leaf 0DH.0; 0: none */
};

/**
 * cpuid_table_build() - make the table of one vCPU.
 * @t:    the table, overwritten
 * @host: the machine's CPUID
 * @c:    what the partition and the backend offer
 *
 * The dynamic bits start as for CR4 = 0 and XCR0 = 1.
 */
void cpuid_table_build(struct cpuid_table *t, cpuid_host_fn host,
		       const struct cpuid_config *c);

/**
 * cpuid_set_dynamic() - CR4 or XCR0 changed.
 * OSXSAVE, OSPKE and the XSAVE area's sizes follow them.
 */
void cpuid_set_dynamic(struct cpuid_table *t, uint64_t cr4, uint64_t xcr0);

/** cpuid_set_apic() - the local APIC was switched off or on: SDM vol. 3,
 *  "Enabling or Disabling the Local APIC". */
void cpuid_set_apic(struct cpuid_table *t, bool is_on);

/** cpuid_lookup() - the answer to CPUID; never NULL; zeros if not offered. */
static inline const struct cpuid_regs *
cpuid_lookup(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_range *r;
	const struct cpuid_slot *slot;
	uint32_t n;
	uint32_t sub;

	/* The basic leaves are the hot ones; their slots are the first. */
	if (likely(leaf < t->ranges[0].count)) {
		slot = &t->slots[leaf % CPUID_SLOT_MAX];
	} else {
		r = &t->ranges[leaf >> 30];
		n = leaf & 0x3fffffffu;
		if (unlikely(n >= r->count)) {
			return leaf == BULKHEAD_LEAF_SIGNATURE
				       ? &t->rows[t->row_bulkhead]
				       : &t->rows[0];
		}
		slot = &t->slots[r->base + index_nospec(n, r->count)];
	}
	sub = subleaf & (uint32_t)slot->sub_mask;
	return likely(sub < slot->count)
		       ? &t->rows[slot->first + (sub & slot->span)]
		       : &t->rows[0];
}

/**
 * cpuid_xcr0_is_valid() - may a guest load @xcr0 by XSETBV?
 * SDM vol. 1, "Enabling the XSAVE Feature Set and XSAVE-Enabled Features".
 */
bool cpuid_xcr0_is_valid(const struct cpuid_table *t, uint64_t xcr0);

#endif
