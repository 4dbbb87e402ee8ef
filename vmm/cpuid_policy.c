/*
 * cpuid_policy.c - what CPUID shows to a guest: an allow-list, precomputed.
 *
 * Three steps make a table: pass[] lets single bits of the machine's answer
 * through; needs[] takes back what misses its register state or its backend
 * control; synthesized leaves (topology, caches, XSAVE, time, hypervisor) are
 * computed. Whatever no row names reads as zero, and so do leaves above the
 * largest one.
 *
 * Invariants
 *  1. Row 0 is all zero and answers everything not offered.
 *  2. cpuid_lookup() has no loop and executes no CPUID.
 *  3. What the guest may do follows from this table: cr4_allowed and
 *     xcr0_allowed are derived from it, not configured beside it.
 *
 * Hidden on purpose, beside VMX, SMX, SGX, PT and the PMU: MTRR and MCE/MCA
 * (a guest that sees them reads their MSRs, each read an exit, and can do
 * nothing useful with them), TSX, MONITOR, LA57, CET, WAITPKG, TSC_ADJUST.
 * With platform "pc" MTRRs are there (guest_mtrr.h).
 */
#include "cpuid_policy.h"

#include <bh/string.h>
#include <spec/kvm_para.h>
#include <spec/x86.h>

enum reg { EAX, EBX, ECX, EDX };

#define MAX_BASIC        0x0du /* without the timing leaves */
#define MAX_BASIC_TIMING 0x16u
#define MAX_BASIC_SMP    0x1fu
#define MAX_EXTENDED     0x80000008u
#define MAX_EXTENDED_AMD 0x8000001eu /* with its topology leaves */
#define VENDOR_AMD       0x68747541u /* EBX of "AuthenticAMD" */
#define VENDOR_HYGON     0x6f677948u
#define ALL              0xffffffffu
#define XSAVE_LEGACY     576u /* legacy region and header */
#define XSAVE_COMPONENTS 20u

/* Components that the policy knows. */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

struct pass_rule {
	uint32_t leaf, subleaf;
	enum reg reg;
	uint32_t pass;  /* bits taken from the machine */
	uint32_t force; /* bits set whatever the machine says */
};

/* clang-format off */
static const struct pass_rule pass[] = {
	{ 0x0, 0, EBX, ALL, 0 }, { 0x0, 0, ECX, ALL, 0 }, /* vendor */
	{ 0x0, 0, EDX, ALL, 0 },
	{ 0x1, 0, EAX, ALL, 0 },     /* family, model, stepping */
	{ 0x1, 0, EBX, 0xff00, 0 },  /* CLFLUSH line size */
	{ 0x1, 0, ECX,
	  CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_SSSE3 |
	  CPUID_1_ECX_FMA | CPUID_1_ECX_CMPXCHG16B | CPUID_1_ECX_PCID |
	  CPUID_1_ECX_SSE4_1 | CPUID_1_ECX_SSE4_2 | CPUID_1_ECX_MOVBE |
	  CPUID_1_ECX_POPCNT | CPUID_1_ECX_AESNI | CPUID_1_ECX_XSAVE |
	  CPUID_1_ECX_AVX | CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND,
	  CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE |
	  CPUID_1_ECX_HYPERVISOR },
	{ 0x1, 0, EDX,
	  CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE |
	  CPUID_1_EDX_PSE | CPUID_1_EDX_TSC | CPUID_1_EDX_MSR |
	  CPUID_1_EDX_PAE | CPUID_1_EDX_CX8 | CPUID_1_EDX_SEP |
	  CPUID_1_EDX_PGE | CPUID_1_EDX_CMOV | CPUID_1_EDX_PAT |
	  CPUID_1_EDX_PSE36 | CPUID_1_EDX_CLFSH | CPUID_1_EDX_MMX |
	  CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE | CPUID_1_EDX_SSE2 |
	  CPUID_1_EDX_SS,
	  CPUID_1_EDX_APIC },
	{ 0x6, 0, EAX, 0, CPUID_6_EAX_ARAT }, /* our timer never stops */
	{ 0x7, 0, EBX,
	  CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_BMI1 | CPUID_7_EBX_AVX2 |
	  CPUID_7_EBX_FDP_EXCPTN | CPUID_7_EBX_SMEP | CPUID_7_EBX_BMI2 |
	  CPUID_7_EBX_ERMS | CPUID_7_EBX_INVPCID | CPUID_7_EBX_FPU_CSDS |
	  CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_RDSEED |
	  CPUID_7_EBX_ADX | CPUID_7_EBX_SMAP | CPUID_7_EBX_AVX512_IFMA |
	  CPUID_7_EBX_CLFLUSHOPT | CPUID_7_EBX_CLWB | CPUID_7_EBX_AVX512CD |
	  CPUID_7_EBX_SHA | CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL, 0 },
	{ 0x7, 0, ECX,
	  CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_UMIP | CPUID_7_ECX_PKU |
	  CPUID_7_ECX_AVX512_VBMI2 | CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES |
	  CPUID_7_ECX_VPCLMULQDQ | CPUID_7_ECX_AVX512_VNNI |
	  CPUID_7_ECX_AVX512_BITALG | CPUID_7_ECX_VPOPCNTDQ |
	  CPUID_7_ECX_RDPID, 0 },
	{ 0x7, 0, EDX,
	  CPUID_7_EDX_FSRM | CPUID_7_EDX_MD_CLEAR | CPUID_7_EDX_IBRS_IBPB |
	  CPUID_7_EDX_STIBP | CPUID_7_EDX_ARCH_CAP | CPUID_7_EDX_SSBD, 0 },
	{ 0xd, 1, EAX,
	  CPUID_D1_EAX_XSAVEOPT | CPUID_D1_EAX_XSAVEC |
	  CPUID_D1_EAX_XGETBV1 | CPUID_D1_EAX_XSAVES, 0 },
	{ 0x80000001, 0, ECX,
	  CPUID_81_ECX_LAHF | CPUID_81_ECX_ABM | CPUID_81_ECX_SSE4A |
	  CPUID_81_ECX_MISALIGNSSE | CPUID_81_ECX_PREFETCHW, 0 },
	{ 0x80000001, 0, EDX,
	  CPUID_81_EDX_SYSCALL | CPUID_81_EDX_NX | CPUID_81_EDX_PAGE1GB |
	  CPUID_81_EDX_RDTSCP | CPUID_81_EDX_LM, 0 },
	{ 0x80000002, 0, EAX, ALL, 0 }, { 0x80000002, 0, EBX, ALL, 0 },
	{ 0x80000002, 0, ECX, ALL, 0 }, { 0x80000002, 0, EDX, ALL, 0 },
	{ 0x80000003, 0, EAX, ALL, 0 }, { 0x80000003, 0, EBX, ALL, 0 },
	{ 0x80000003, 0, ECX, ALL, 0 }, { 0x80000003, 0, EDX, ALL, 0 },
	{ 0x80000004, 0, EAX, ALL, 0 }, { 0x80000004, 0, EBX, ALL, 0 },
	{ 0x80000004, 0, ECX, ALL, 0 }, { 0x80000004, 0, EDX, ALL, 0 },
	{ 0x80000006, 0, ECX, ALL, 0 },    /* L2 cache */
	{ 0x80000007, 0, EDX, CPUID_87_EDX_INVARIANT_TSC, 0 },
	{ 0x80000008, 0, EAX, 0xffff, 0 }, /* address widths */
};

/* Leaves that look at ECX, and how many subleaves we keep. */
static const struct cpuid_key multi[] = {
	{ 0x4, 6 }, { 0x7, 1 }, { 0xb, 3 }, { 0xd, XSAVE_COMPONENTS },
	{ 0x1f, 3 }, { 0x8000001d, 5 },
};

/* Leaves between others that are not offered: they share row 0. */
static const struct cpuid_hole {
	uint32_t first, last;
	bool is_timing; /* unless those are shown */
} holes[] = {
	{ 0x0e, 0x14, false },
	{ 0x15, 0x16, true },
	{ 0x17, 0x1e, false },
	{ 0x40000002, 0x4000000f, false },
	{ 0x80000009, 0x8000001c, false },
};

/* What of KVM's interface each flag of the configuration shows. */
static const struct kvm_rule {
	size_t flag; /* offset in struct cpuid_config */
	uint32_t feature;
} kvm_rules[] = {
	{ offsetof(struct cpuid_config, has_kvmclock),
	  KVM_PV_FEATURE_CLOCKSOURCE2 },
	{ offsetof(struct cpuid_config, has_msi_ext_dest_id),
	  KVM_PV_FEATURE_MSI_EXT_DEST_ID },
	{ offsetof(struct cpuid_config, has_steal_time),
	  KVM_PV_FEATURE_STEAL_TIME },
	{ offsetof(struct cpuid_config, has_pv_eoi), KVM_PV_FEATURE_PV_EOI },
	{ offsetof(struct cpuid_config, has_pv_unhalt),
	  KVM_PV_FEATURE_PV_UNHALT },
	{ offsetof(struct cpuid_config, has_pv_tlb_flush),
	  KVM_PV_FEATURE_PV_TLB_FLUSH },
	{ offsetof(struct cpuid_config, has_pv_send_ipi),
	  KVM_PV_FEATURE_PV_SEND_IPI },
	{ offsetof(struct cpuid_config, has_pv_sched_yield),
	  KVM_PV_FEATURE_PV_SCHED_YIELD },
};

/* What a feature needs of XCR0; without it the bits are taken back. */
static const struct needs_rule {
	uint64_t xcr0;
	uint32_t leaf;
	enum reg reg;
	uint32_t bits;
} needs[] = {
	{ XCR0_AVX, 0x1, ECX,
	  CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C },
	{ XCR0_AVX, 0x7, EBX, CPUID_7_EBX_AVX2 },
	{ XCR0_AVX, 0x7, ECX, CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ },
	{ XCR0_AVX512, 0x7, EBX,
	  CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ |
	  CPUID_7_EBX_AVX512_IFMA | CPUID_7_EBX_AVX512CD |
	  CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL },
	{ XCR0_AVX512, 0x7, ECX,
	  CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_AVX512_VBMI2 |
	  CPUID_7_ECX_AVX512_VNNI | CPUID_7_ECX_AVX512_BITALG |
	  CPUID_7_ECX_VPOPCNTDQ },
	{ XCR0_PKRU, 0x7, ECX, CPUID_7_ECX_PKU },
};

/* CR4 bits that come with a feature; some are always there. */
#define CR4_BASE                                                               \
	(CR4_TSD | CR4_PSE | CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT)
static const struct cr4_rule {
	uint64_t cr4;
	uint32_t leaf;
	enum reg reg;
	uint32_t bit;
} cr4_rules[] = {
	{ CR4_VME | CR4_PVI, 0x1, EDX, CPUID_1_EDX_VME },
	{ CR4_DE,            0x1, EDX, CPUID_1_EDX_DE },
	{ CR4_PCIDE,         0x1, ECX, CPUID_1_ECX_PCID },
	{ CR4_OSXSAVE,       0x1, ECX, CPUID_1_ECX_XSAVE },
	{ CR4_FSGSBASE,      0x7, EBX, CPUID_7_EBX_FSGSBASE },
	{ CR4_SMEP,          0x7, EBX, CPUID_7_EBX_SMEP },
	{ CR4_SMAP,          0x7, EBX, CPUID_7_EBX_SMAP },
	{ CR4_UMIP,          0x7, ECX, CPUID_7_ECX_UMIP },
	{ CR4_PKE,           0x7, ECX, CPUID_7_ECX_PKU },
};

/* Descriptors of leaf 2: the largest one not above the real size is shown. */
static const struct cache_descriptor {
	uint8_t level, type; /* as leaf 4 has them: 1 data, 2 code, 3 both */
	uint16_t kib;
	uint8_t descriptor;
} cache_descriptors[] = {
	{ 1, 1, 16, 0x60 }, { 1, 1, 24, 0x0e }, { 1, 1, 32, 0x2c },
	{ 1, 2, 16, 0x08 }, { 1, 2, 32, 0x30 },
	{ 2, 3, 256, 0x21 }, { 2, 3, 512, 0x86 }, { 2, 3, 1024, 0x7c },
	{ 2, 3, 2048, 0x7d },
	{ 3, 3, 512, 0xd0 }, { 3, 3, 1024, 0xd6 }, { 3, 3, 2048, 0xe2 },
	{ 3, 3, 4096, 0xe3 }, { 3, 3, 8192, 0xe4 }, { 3, 3, 12288, 0xea },
	{ 3, 3, 18432, 0xeb }, { 3, 3, 24576, 0xec },
};
/* clang-format on */

/* The same row, for the builder. */
static struct cpuid_regs *row(struct cpuid_table *t, uint32_t leaf,
			      uint32_t subleaf)
{
	return &t->rows[cpuid_lookup(t, leaf, subleaf) - t->rows];
}

static uint32_t *reg_of(struct cpuid_regs *r, enum reg reg)
{
	uint32_t *const regs[] = { &r->eax, &r->ebx, &r->ecx, &r->edx };

	return regs[reg];
}

/* --- Layout: which leaves exist -------------------------------------- */

static uint16_t add_row(struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
	uint16_t i = (uint16_t)t->row_count++;

	t->keys[i] = (struct cpuid_key){ leaf, subleaf };
	return i;
}

static void add_leaf(struct cpuid_table *t, uint32_t leaf)
{
	struct cpuid_slot *s = &t->slots[t->slot_count++];
	uint32_t count = 1;

	s->sub_mask = 0;
	for (size_t i = 0; i < ARRAY_COUNT(multi); i++) {
		if (multi[i].leaf == leaf) {
			count = multi[i].subleaf;
			s->sub_mask = -1;
		}
	}
	s->count = (uint8_t)count;
	s->span = (uint32_t)nospec_span(count);
	s->first = (uint16_t)t->row_count;
	for (uint32_t i = 0; i < count; i++) {
		add_row(t, leaf, i);
	}
}

static bool is_hole(const struct cpuid_config *c, uint32_t leaf)
{
	for (size_t i = 0; i < ARRAY_COUNT(holes); i++) {
		if (leaf >= holes[i].first && leaf <= holes[i].last) {
			return !holes[i].is_timing || !c->has_timing_leaves;
		}
	}
	return false;
}

static void add_range(struct cpuid_table *t, const struct cpuid_config *c,
		      uint32_t first, uint32_t last)
{
	struct cpuid_range *r = &t->ranges[first >> 30];

	r->base = t->slot_count;
	r->count = last - first + 1;
	for (uint32_t leaf = first; leaf <= last; leaf++) {
		if (is_hole(c, leaf)) {
			t->slots[t->slot_count++] =
				(struct cpuid_slot){ .count = 1 };
		} else {
			add_leaf(t, leaf);
		}
	}
}

/* --- Values ------------------------------------------------------------ */

static void apply_pass(struct cpuid_table *t, cpuid_host_fn host,
		       uint32_t host_max[2])
{
	for (size_t i = 0; i < ARRAY_COUNT(pass); i++) {
		const struct pass_rule *p = &pass[i];
		struct cpuid_regs h = { 0, 0, 0, 0 };

		if (p->leaf <= host_max[p->leaf >> 31]) {
			host(p->leaf, p->subleaf, &h);
		}
		*reg_of(row(t, p->leaf, p->subleaf), p->reg) =
			(*reg_of(&h, p->reg) & p->pass) | p->force;
	}
}

/* The components that the machine, the backend and we all know. */
static uint64_t negotiate_xcr0(const struct cpuid_table *t, cpuid_host_fn host,
			       uint64_t allowed, uint32_t host_max_basic)
{
	struct cpuid_regs h = { 0, 0, 0, 0 };
	uint64_t x;

	if (host_max_basic < 0xd ||
	    (cpuid_lookup(t, 0x1, 0)->ecx & CPUID_1_ECX_XSAVE) == 0) {
		return 0;
	}
	host(0xd, 0, &h);
	x = ((uint64_t)h.edx << 32 | h.eax) & allowed & XCR0_KNOWN;
	if ((x & (XCR0_X87 | XCR0_SSE)) != (XCR0_X87 | XCR0_SSE)) {
		return 0;
	}
	if ((x & XCR0_AVX) == 0 || (x & XCR0_AVX512) != XCR0_AVX512) {
		x &= ~XCR0_AVX512;
	}
	return x;
}

static void take_back(struct cpuid_table *t, const struct cpuid_config *c)
{
	struct cpuid_regs *l1 = row(t, 0x1, 0), *l7 = row(t, 0x7, 0);
	struct cpuid_regs *d1 = row(t, 0xd, 1);
	struct cpuid_regs *x1 = row(t, 0x80000001, 0);

	for (size_t i = 0; i < ARRAY_COUNT(needs); i++) {
		if ((t->xcr0_allowed & needs[i].xcr0) != needs[i].xcr0) {
			*reg_of(row(t, needs[i].leaf, 0), needs[i].reg) &=
				~needs[i].bits;
		}
	}
	if (t->xcr0_allowed == 0) {
		l1->ecx &= ~CPUID_1_ECX_XSAVE;
		d1->eax = 0;
	}
	if (!c->has_rdtscp) {
		x1->edx &= ~CPUID_81_EDX_RDTSCP;
		l7->ecx &= ~CPUID_7_ECX_RDPID;
	}
	if (c->has_mtrr) {
		row(t, 0x1, 0)->edx |= CPUID_1_EDX_MTRR;
	}
	if (!c->has_invpcid) {
		l7->ebx &= ~CPUID_7_EBX_INVPCID;
	}
	/* Together: Linux 6.1 hangs on a processor with FSRM and no ERMS. */
	if (!c->has_fast_strings) {
		l7->ebx &= ~CPUID_7_EBX_ERMS;
		l7->edx &= ~CPUID_7_EDX_FSRM;
	}
	if (!c->has_xsavec) {
		d1->eax &= ~(CPUID_D1_EAX_XSAVEC | CPUID_D1_EAX_XGETBV1);
	}
	if (!c->has_xsaves) {
		d1->eax &= ~CPUID_D1_EAX_XSAVES;
	}
	if (!c->has_spec_ctrl) {
		l7->edx &= ~(CPUID_7_EDX_IBRS_IBPB | CPUID_7_EDX_STIBP |
			     CPUID_7_EDX_SSBD);
	}
	if (!c->has_arch_capabilities) {
		l7->edx &= ~CPUID_7_EDX_ARCH_CAP;
	}
}

static uint32_t log2_ceil(uint32_t v)
{
	uint32_t n = 0;

	while (n < 31 && (1u << n) < v) {
		n++;
	}
	return n;
}

/* AMD's own leaves: APM vol. 3, "CPUID Fn8000_0008", "Fn8000_001E". */
static void set_amd_topology(struct cpuid_table *t,
			     const struct cpuid_config *c, uint32_t shift)
{
	struct cpuid_regs *x1 = row(t, 0x80000001, 0);

	if (c->vcpu_count > 1) {
		x1->ecx |= CPUID_81_ECX_CMP_LEGACY;
	}
	row(t, 0x80000008, 0)->ecx = (c->vcpu_count - 1) | shift << 12;
	if (t->max_extended == MAX_EXTENDED_AMD) {
		x1->ecx |= CPUID_81_ECX_TOPOEXT;
		*row(t, 0x8000001e, 0) = (struct cpuid_regs){
			.eax = c->apic_id,
			.ebx = c->apic_id & 0xff, /* core; one thread each */
		};
	}
}

/* One package, one thread a core, every core a vCPU. */
static void set_topology(struct cpuid_table *t, const struct cpuid_config *c)
{
	uint32_t shift = log2_ceil(c->vcpu_count);
	struct cpuid_regs *l1 = row(t, 0x1, 0);
	const struct cpuid_regs levels[] = {
		{ 0, 1, 1u << 8, c->apic_id },
		{ shift, c->vcpu_count, 2u << 8 | 1, c->apic_id },
		{ 0, 0, 2, c->apic_id },
	};

	l1->ebx |= c->apic_id << 24 | (1u << shift) << 16;
	if (c->vcpu_count > 1) {
		l1->edx |= CPUID_1_EDX_HTT;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(levels); i++) {
		*row(t, 0xb, i) = levels[i];
		if (t->max_basic >= 0x1f) {
			*row(t, 0x1f, i) = levels[i];
		}
	}
	if (t->is_amd) {
		set_amd_topology(t, c, shift);
	}
}

/* Size of a cache in KiB: SDM vol. 2, "Deterministic Cache Parameters". */
static uint64_t cache_kib(const struct cpuid_regs *l4)
{
	uint64_t ways = (l4->ebx >> 22) + 1;
	uint64_t partitions = ((l4->ebx >> 12) & 0x3ff) + 1;
	uint64_t line = (l4->ebx & 0xfff) + 1;

	return ways * partitions * line * ((uint64_t)l4->ecx + 1) >> 10;
}

static uint8_t describe_cache(const struct cpuid_regs *l4)
{
	uint64_t kib = cache_kib(l4);
	uint8_t best = 0;

	for (size_t i = 0; i < ARRAY_COUNT(cache_descriptors); i++) {
		const struct cache_descriptor *d = &cache_descriptors[i];

		if (d->type == (l4->eax & 0x1f) &&
		    d->level == ((l4->eax >> 5) & 7) && d->kib <= kib) {
			best = d->descriptor;
		}
	}
	return best;
}

/* Caches as the machine has them, from the leaf that has their geometry; only
 * L3 is shared, by all vCPUs. */
static void set_geometry(struct cpuid_table *t, cpuid_host_fn host,
			 uint32_t leaf, uint32_t count, uint32_t id_mask)
{
	for (uint32_t i = 0; i < count; i++) {
		struct cpuid_regs *r = row(t, leaf, i);
		uint32_t sharers;

		host(leaf, i, r);
		if ((r->eax & 0x1f) == 0) {
			*r = (struct cpuid_regs){ 0, 0, 0, 0 };
			return;
		}
		sharers = ((r->eax >> 5) & 7) >= 3 ? id_mask : 0;
		r->eax = (r->eax & 0x3ff) | sharers << 14;
	}
}

/*
 * Leaf 2 describes the same caches as leaf 4 by descriptor bytes: a C library
 * that finds 0xff there walks leaf 4 for every question it has, each step an
 * exit.
 */
static void set_caches(struct cpuid_table *t, cpuid_host_fn host,
		       const struct cpuid_config *c, uint32_t host_max_basic)
{
	uint32_t mask = (1u << log2_ceil(c->vcpu_count)) - 1;
	uint32_t bytes[4] = { 0, 0, 0, 0 }; /* EBX, ECX, EDX, spare */
	uint32_t n = 0;

	if (host_max_basic >= 4) {
		set_geometry(t, host, 0x4, 5, mask);
	}
	if (t->max_extended == MAX_EXTENDED_AMD) {
		set_geometry(t, host, 0x8000001d, 4, mask);
	}
	for (uint32_t i = 0; i < 5; i++) {
		struct cpuid_regs *r = row(t, 0x4, i);
		uint8_t d = describe_cache(r);

		if (r->eax != 0) {
			r->eax |= mask << 26; /* cores of the package */
		}
		if (d != 0 && n < 4) {
			bytes[n++] = d;
		}
	}
	*row(t, 0x2, 0) = (struct cpuid_regs){
		.eax = 0x01, /* "ask once" */
		.ebx = bytes[0] | bytes[1] << 8 | bytes[2] << 16,
		.edx = bytes[3] | 0xf0u << 8, /* 64-byte prefetching */
	};
}

static void set_xsave(struct cpuid_table *t, cpuid_host_fn host)
{
	uint32_t size = XSAVE_LEGACY;

	if (t->xcr0_allowed == 0) {
		return;
	}
	t->row_d = (uint16_t)(cpuid_lookup(t, 0xd, 0) - t->rows);
	for (uint32_t i = 2; i < XSAVE_COMPONENTS; i++) {
		struct cpuid_regs *r = row(t, 0xd, i);

		if ((t->xcr0_allowed & BIT(i)) == 0) {
			continue;
		}
		host(0xd, i, r);
		r->ecx &= 2; /* aligned to 64 in the compacted format */
		r->edx = 0;
		if (r->eax + r->ebx > size) {
			size = r->eax + r->ebx;
		}
	}
	t->rows[t->row_d] = (struct cpuid_regs){
		.eax = (uint32_t)t->xcr0_allowed,
		.ebx = XSAVE_LEGACY,
		.ecx = size,
		.edx = (uint32_t)(t->xcr0_allowed >> 32),
	};
}

static void set_time(struct cpuid_table *t, const struct cpuid_config *c)
{
	uint32_t bus = c->apic_bus_khz != 0 ? c->apic_bus_khz : c->tsc_khz;
	uint64_t hz = (uint64_t)c->tsc_khz * 1000;
	uint32_t mhz = c->tsc_khz / 1000;

	if (c->is_tsc_stable) {
		row(t, 0x80000007, 0)->edx |= CPUID_87_EDX_INVARIANT_TSC;
	}
	row(t, HV_LEAF_TIMING, 0)->eax = c->tsc_khz;
	row(t, HV_LEAF_TIMING, 0)->ebx = bus;
	if (!c->has_timing_leaves) {
		return;
	}
	/* An OS takes the crystal for the LAPIC timer's clock: show them as
	 * one, with the ratio 1, or nothing. */
	if (hz <= UINT32_MAX && bus == c->tsc_khz) {
		*row(t, 0x15, 0) = (struct cpuid_regs){ 1, 1, (uint32_t)hz, 0 };
	}
	*row(t, 0x16, 0) = (struct cpuid_regs){ mhz, mhz, 100, 0 };
}

static void set_signature(struct cpuid_regs *r, uint32_t max, const char *s)
{
	r->eax = max;
	memcpy(&r->ebx, s, 4);
	memcpy(&r->ecx, s + 4, 4);
	memcpy(&r->edx, s + 8, 4);
}

static void set_hypervisor(struct cpuid_table *t, const struct cpuid_config *c)
{
	uint32_t features = KVM_PV_FEATURE_NOP_IO_DELAY;

	for (size_t i = 0; i < ARRAY_COUNT(kvm_rules); i++) {
		if (*(const bool *)((const char *)c + kvm_rules[i].flag)) {
			features |= kvm_rules[i].feature;
		}
	}
	if (c->has_kvmclock && c->is_tsc_stable) {
		features |= KVM_PV_FEATURE_CLOCK_STABLE;
	}
	/* The flag that asks for a flush is in the steal time's structure. */
	if (!c->has_steal_time) {
		features &= ~KVM_PV_FEATURE_PV_TLB_FLUSH;
	}
	set_signature(row(t, KVM_LEAF_SIGNATURE, 0), HV_LEAF_TIMING,
		      "KVMKVMKVM\0\0\0");
	row(t, KVM_LEAF_FEATURES, 0)->eax = features;
	set_signature(row(t, BULKHEAD_LEAF_SIGNATURE, 0),
		      BULKHEAD_LEAF_SIGNATURE, "BulkheadBulk");
}

static uint64_t derive_cr4(const struct cpuid_table *t)
{
	uint64_t cr4 = CR4_BASE;

	for (size_t i = 0; i < ARRAY_COUNT(cr4_rules); i++) {
		struct cpuid_regs r = *cpuid_lookup(t, cr4_rules[i].leaf, 0);

		if ((*reg_of(&r, cr4_rules[i].reg) & cr4_rules[i].bit) != 0) {
			cr4 |= cr4_rules[i].cr4;
		}
	}
	return cr4;
}

/*
 * How far the leaves go. A single vCPU has no use for the later ones, and each
 * is a question more that a C library asks at the start of every program.
 */
static void set_extent(struct cpuid_table *t, cpuid_host_fn host,
		       const struct cpuid_config *c, uint32_t host_max[2])
{
	struct cpuid_regs h;

	host(0, 0, &h);
	host_max[0] = h.eax;
	t->is_amd = h.ebx == VENDOR_AMD || h.ebx == VENDOR_HYGON;
	t->max_basic = c->has_timing_leaves ? MAX_BASIC_TIMING : MAX_BASIC;
	if (c->vcpu_count > 1 && !t->is_amd) {
		t->max_basic = MAX_BASIC_SMP;
	}
	host(0x80000000u, 0, &h);
	host_max[1] = h.eax;
	t->max_extended = MAX_EXTENDED;
	if (c->vcpu_count > 1 && t->is_amd && h.eax >= MAX_EXTENDED_AMD) {
		host(0x80000001u, 0, &h);
		if ((h.ecx & CPUID_81_ECX_TOPOEXT) != 0) {
			t->max_extended = MAX_EXTENDED_AMD;
		}
	}
}

void cpuid_table_build(struct cpuid_table *t, cpuid_host_fn host,
		       const struct cpuid_config *c)
{
	uint32_t host_max[2];

	memset(t, 0, sizeof(*t));
	set_extent(t, host, c, host_max);
	add_row(t, 0, 0); /* the zero row; its key is never shown */
	add_range(t, c, 0, t->max_basic);
	add_range(t, c, KVM_LEAF_SIGNATURE, HV_LEAF_TIMING);
	t->row_bulkhead = add_row(t, BULKHEAD_LEAF_SIGNATURE, 0);
	add_range(t, c, 0x80000000u, t->max_extended);

	apply_pass(t, host, host_max);
	row(t, 0, 0)->eax = t->max_basic;
	row(t, 0x80000000u, 0)->eax = t->max_extended;
	t->xcr0_allowed = negotiate_xcr0(t, host, c->xcr0_allowed, host_max[0]);
	take_back(t, c);
	set_topology(t, c);
	set_caches(t, host, c, host_max[0]);
	set_xsave(t, host);
	set_time(t, c);
	set_hypervisor(t, c);
	t->cr4_allowed = derive_cr4(t);
	t->row_1 = (uint16_t)(cpuid_lookup(t, 0x1, 0) - t->rows);
	t->row_7 = (uint16_t)(cpuid_lookup(t, 0x7, 0) - t->rows);
	cpuid_set_dynamic(t, 0, XCR0_X87);
}

static void set_bit(uint32_t *reg, uint32_t bit, bool on)
{
	*reg = on ? *reg | bit : *reg & ~bit;
}

void cpuid_set_dynamic(struct cpuid_table *t, uint64_t cr4, uint64_t xcr0)
{
	uint32_t standard = XSAVE_LEGACY, compacted = XSAVE_LEGACY;
	struct cpuid_regs *d;

	set_bit(&t->rows[t->row_1].ecx, CPUID_1_ECX_OSXSAVE,
		(cr4 & CR4_OSXSAVE) != 0);
	set_bit(&t->rows[t->row_7].ecx, CPUID_7_ECX_OSPKE,
		(cr4 & CR4_PKE) != 0);
	if (t->row_d == 0) {
		return;
	}
	d = &t->rows[t->row_d];
	for (uint32_t i = 2; i < XSAVE_COMPONENTS; i++) {
		if ((xcr0 & t->xcr0_allowed & BIT(i)) == 0) {
			continue;
		}
		if (d[i].ebx + d[i].eax > standard) {
			standard = d[i].ebx + d[i].eax;
		}
		if ((d[i].ecx & 2) != 0) {
			compacted = (uint32_t)align_up(compacted, 64);
		}
		compacted += d[i].eax;
	}
	d[0].ebx = standard;
	d[1].ebx = (d[1].eax & (CPUID_D1_EAX_XSAVEC | CPUID_D1_EAX_XSAVES))
			   ? compacted
			   : 0;
}

void cpuid_set_apic(struct cpuid_table *t, bool is_on)
{
	set_bit(&t->rows[t->row_1].edx, CPUID_1_EDX_APIC, is_on);
}

bool cpuid_xcr0_is_valid(const struct cpuid_table *t, uint64_t xcr0)
{
	uint64_t avx512 = xcr0 & XCR0_AVX512;

	if ((xcr0 & ~t->xcr0_allowed) != 0 || (xcr0 & XCR0_X87) == 0) {
		return false;
	}
	if ((xcr0 & XCR0_AVX) != 0 && (xcr0 & XCR0_SSE) == 0) {
		return false;
	}
	return avx512 == 0 || (avx512 == XCR0_AVX512 && (xcr0 & XCR0_AVX) != 0);
}
