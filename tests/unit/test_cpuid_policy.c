/* test_cpuid_policy.c - what a guest sees by CPUID, and what it never sees. */
#include "tests/lib/unit.h"

#include "vmm/cpuid_policy.h"

#include <spec/kvm_para.h>
#include <spec/x86.h>
#include <string.h>

/* A generous machine: every bit set, AVX-512 and PKRU in XSAVE. */
static uint32_t host_max = 0x1f;
static uint64_t host_xcr0;
static bool host_is_amd, host_has_topoext;

static void host(uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
	static const struct cpuid_regs caches[] = {
		{ 0x1c004121, 0x01c0003f, 63, 0 },     /* L1d 32 KiB */
		{ 0x1c004122, 0x01c0003f, 63, 0 },     /* L1i 32 KiB */
		{ 0x1c004143, 0x03c0003f, 1023, 0 },   /* L2 1 MiB */
		{ 0x1c03c163, 0x0280003f, 0x2fff, 0 }, /* L3 8.25 MiB */
		{ 0, 0, 0, 0 },
	};
	static const struct cpuid_regs xsave[] = {
		[2] = { 256, 576, 0, 0 },  [5] = { 64, 1088, 0, 0 },
		[6] = { 512, 1152, 2, 0 }, [7] = { 1024, 1664, 2, 0 },
		[9] = { 8, 2688, 0, 0 },   [19] = { 0, 0, 0, 0 },
	};

	*r = (struct cpuid_regs){ ~0u, ~0u, ~0u, ~0u };
	if (leaf == 0) {
		*r = host_is_amd
			     ? (struct cpuid_regs){ host_max, 0x68747541,
						    0x444d4163, 0x69746e65 }
			     : (struct cpuid_regs){ host_max, 0x756e6547,
						    0x6c65746e, 0x49656e69 };
	} else if (leaf == 0x80000000) {
		r->eax = host_is_amd ? 0x8000001f : 0x80000008;
	} else if (leaf == 0x80000001) {
		r->ecx = host_has_topoext ? ~0u : ~CPUID_81_ECX_TOPOEXT;
	} else if (leaf == 4 && host_is_amd) {
		*r = caches[4];
	} else if (leaf == 4 || leaf == 0x8000001d) {
		*r = caches[sub < 4 ? sub : 4];
	} else if (leaf == 0xd && sub == 0) {
		*r = (struct cpuid_regs){ (uint32_t)host_xcr0, 0, 2696,
					  (uint32_t)(host_xcr0 >> 32) };
	} else if (leaf == 0xd && sub >= 2) {
		*r = sub < 20 ? xsave[sub] : xsave[19];
	} else if (leaf == 0x80000008) {
		r->eax = 0xff00302e;
	}
}

static struct cpuid_table t;
static struct cpuid_config c;

static int setup(void **state)
{
	(void)state;
	host_max = 0x1f;
	host_is_amd = host_has_topoext = false;
	host_xcr0 = 0x602e7 | XCR0_BNDREGS | XCR0_BNDCSR;
	c = (struct cpuid_config){
		.vcpu_count = 1,
		.tsc_khz = 2500000,
		.xcr0_allowed = UINT64_MAX,
		.has_rdtscp = true,
		.has_invpcid = true,
		.has_fast_strings = true,
		.has_kvmclock = true,
		.is_tsc_stable = true,
	};
	host_xcr0 |= XCR0_PKRU;
	cpuid_table_build(&t, host, &c);
	return 0;
}

static void rebuild(void)
{
	cpuid_table_build(&t, host, &c);
}

static struct cpuid_regs get(uint32_t leaf, uint32_t sub)
{
	return *cpuid_lookup(&t, leaf, sub);
}

static void test_hidden_features_stay_hidden(void **state)
{
	struct cpuid_regs l1 = get(1, 0), l7 = get(7, 0);

	(void)state;
	assert_int_equal(l1.ecx & (CPUID_1_ECX_VMX | CPUID_1_ECX_SMX |
				   CPUID_1_ECX_MONITOR | CPUID_1_ECX_EIST |
				   CPUID_1_ECX_TM2 | CPUID_1_ECX_PDCM |
				   CPUID_1_ECX_DTES64 | CPUID_1_ECX_DS_CPL),
			 0);
	assert_int_equal(l1.edx & (CPUID_1_EDX_MCE | CPUID_1_EDX_MCA |
				   CPUID_1_EDX_MTRR | 1u << 21 | 1u << 22 |
				   1u << 29),
			 0);
	assert_int_equal(l7.ebx & (CPUID_7_EBX_SGX | CPUID_7_EBX_HLE |
				   CPUID_7_EBX_RTM | CPUID_7_EBX_PT |
				   CPUID_7_EBX_MPX | CPUID_7_EBX_TSC_ADJUST),
			 0);
	assert_int_equal(l7.ecx & (CPUID_7_ECX_WAITPKG | CPUID_7_ECX_LA57 |
				   CPUID_7_ECX_CET_SS | CPUID_7_ECX_PKS),
			 0);
	/* not switched by this backend: */
	assert_int_equal(l7.edx & (CPUID_7_EDX_IBRS_IBPB | CPUID_7_EDX_STIBP |
				   CPUID_7_EDX_SSBD | CPUID_7_EDX_ARCH_CAP |
				   CPUID_7_EDX_L1D_FLUSH),
			 0);
	assert_int_equal(get(0xd, 1).eax, CPUID_D1_EAX_XSAVEOPT);
}

static void test_mtrrs_of_a_pc(void **state)
{
	(void)state;
	c.has_mtrr = true;
	rebuild();
	assert_true(get(1, 0).edx & CPUID_1_EDX_MTRR);
	assert_false(get(1, 0).edx & CPUID_1_EDX_MCA);
}

static void test_offered_features_are_there(void **state)
{
	struct cpuid_regs l1 = get(1, 0), l7 = get(7, 0);

	(void)state;
	assert_true(l1.ecx & CPUID_1_ECX_X2APIC);
	assert_true(l1.ecx & CPUID_1_ECX_TSC_DEADLINE);
	assert_true(l1.ecx & CPUID_1_ECX_HYPERVISOR);
	assert_true(l1.ecx & CPUID_1_ECX_AVX);
	assert_true(l1.edx & CPUID_1_EDX_APIC);
	assert_true(l7.ebx & CPUID_7_EBX_AVX512F);
	assert_true(l7.ebx & CPUID_7_EBX_INVPCID);
	assert_true(l7.ecx & CPUID_7_ECX_PKU);
	assert_true(get(0x80000001, 0).edx & CPUID_81_EDX_LM);
	assert_true(get(0x80000001, 0).edx & CPUID_81_EDX_RDTSCP);
	assert_true(get(6, 0).eax & CPUID_6_EAX_ARAT);
	assert_int_equal(get(0x80000008, 0).eax, 0x302e);
}

static void test_backend_controls_bind(void **state)
{
	(void)state;
	c.has_rdtscp = false;
	assert_true(get(7, 0).ebx & CPUID_7_EBX_ERMS);
	assert_true(get(7, 0).edx & CPUID_7_EDX_FSRM);
	c.has_invpcid = false;
	c.has_fast_strings = false;
	c.has_spec_ctrl = true;
	c.has_arch_capabilities = true;
	c.has_xsavec = true;
	c.has_xsaves = true;
	rebuild();
	assert_false(get(0x80000001, 0).edx & CPUID_81_EDX_RDTSCP);
	assert_false(get(7, 0).ecx & CPUID_7_ECX_RDPID);
	assert_false(get(7, 0).ebx & CPUID_7_EBX_INVPCID);
	assert_false(get(7, 0).ebx & CPUID_7_EBX_ERMS);
	assert_false(get(7, 0).edx & CPUID_7_EDX_FSRM);
	assert_true(get(7, 0).edx & CPUID_7_EDX_IBRS_IBPB);
	assert_true(get(7, 0).edx & CPUID_7_EDX_ARCH_CAP);
	assert_int_equal(get(0xd, 1).eax, 0xf);
}

static void test_poor_machine(void **state)
{
	(void)state;
	host_max = 7; /* no leaf 0DH: no XSAVE, no AVX */
	rebuild();
	assert_false(get(1, 0).ecx & (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX));
	assert_false(get(7, 0).ebx & CPUID_7_EBX_AVX512F);
	assert_int_equal(get(0xd, 0).eax, 0);
	assert_int_equal(t.xcr0_allowed, 0);
	assert_false(t.cr4_allowed & (CR4_OSXSAVE | CR4_PKE));
	assert_false(cpuid_xcr0_is_valid(&t, 1));
	host_max = 1; /* no leaf 7 either */
	rebuild();
	assert_int_equal(get(7, 0).ebx | get(7, 0).ecx | get(7, 0).edx, 0);
	assert_int_equal(get(4, 0).eax, 0);
}

static void test_avx512_is_all_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(t.xcr0_allowed, 0x2e7);
	c.xcr0_allowed = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK;
	rebuild();
	assert_int_equal(t.xcr0_allowed, 7);
	assert_false(get(7, 0).ebx & CPUID_7_EBX_AVX512VL);
	assert_false(get(7, 0).ecx & CPUID_7_ECX_PKU);
	assert_true(get(7, 0).ebx & CPUID_7_EBX_AVX2);
	assert_int_equal(get(0xd, 0).ecx, 832);
	assert_int_equal(get(0xd, 5).eax, 0);
	c.xcr0_allowed = XCR0_X87 | XCR0_SSE;
	rebuild();
	assert_false(get(7, 0).ebx & CPUID_7_EBX_AVX2);
	assert_false(get(1, 0).ecx & CPUID_1_ECX_FMA);
}

static void test_dynamic_bits(void **state)
{
	(void)state;
	assert_false(get(1, 0).ecx & CPUID_1_ECX_OSXSAVE);
	assert_int_equal(get(0xd, 0).ebx, 576);
	cpuid_set_dynamic(&t, CR4_OSXSAVE | CR4_PKE, 7);
	assert_true(get(1, 0).ecx & CPUID_1_ECX_OSXSAVE);
	assert_true(get(7, 0).ecx & CPUID_7_ECX_OSPKE);
	assert_int_equal(get(0xd, 0).ebx, 832);
	cpuid_set_dynamic(&t, 0, 0x2e7);
	assert_false(get(1, 0).ecx & CPUID_1_ECX_OSXSAVE);
	assert_int_equal(get(0xd, 0).ebx, 2696);
	assert_int_equal(get(0xd, 0).ecx, 2696);
	assert_int_equal(get(0xd, 1).ebx, 0); /* no compacted format */
	c.has_xsavec = true;
	rebuild();
	cpuid_set_dynamic(&t, 0, 0x2e7);
	/* 576 + 256 + 64 = 896; 896 + 512 = 1408; + 1024 = 2432; + 8 */
	assert_int_equal(get(0xd, 1).ebx, 2440);
}

static void test_xcr0_rules(void **state)
{
	/* clang-format off */
	static const struct { uint64_t xcr0; bool ok; } rows[] = {
		{ 0, false }, { 1, true }, { 2, false }, { 3, true },
		{ 5, false }, { 7, true }, { 0xe7, true }, { 0x27, false },
		{ 0xe3, false }, { 0x207, true }, { 0x1f, false },
		{ 0x60007, false }, { 1ull << 63 | 1, false },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(cpuid_xcr0_is_valid(&t, rows[i].xcr0),
				 rows[i].ok);
	}
}

static void test_cr4_follows_features(void **state)
{
	(void)state;
	assert_true(t.cr4_allowed & CR4_PCIDE);
	assert_true(t.cr4_allowed & CR4_SMAP);
	assert_false(t.cr4_allowed & (CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_MCE |
				      CR4_PCE | CR4_CET | CR4_PKS));
}

static void test_topology(void **state)
{
	(void)state;
	assert_false(get(1, 0).edx & CPUID_1_EDX_HTT);
	assert_int_equal(get(4, 0).eax >> 14, 0);
	assert_int_equal(get(0xb, 0).ebx, 1);
	c.vcpu_count = 3;
	c.apic_id = 2;
	rebuild();
	assert_true(get(1, 0).edx & CPUID_1_EDX_HTT);
	assert_int_equal(get(1, 0).ebx, 0x0204ff00);
	assert_int_equal(get(0xb, 1).eax, 2);
	assert_int_equal(get(0xb, 1).ebx, 3);
	assert_int_equal(get(0xb, 1).ecx, 0x201);
	assert_int_equal(get(0xb, 1).edx, 2);
	assert_int_equal(get(0xb, 2).ecx, 2);
	assert_int_equal((get(4, 0).eax >> 14) & 0xfff, 0);
	assert_int_equal((get(4, 3).eax >> 14) & 0xfff, 3); /* L3 shared */
	assert_int_equal(get(4, 3).eax >> 26, 3);
}

/* What lscpu and the kernel make of it: one socket, as many cores as vCPUs, one
 * thread each, for every number of them. */
static void test_topology_of_any_size(void **state)
{
	(void)state;
	for (c.vcpu_count = 2; c.vcpu_count <= 16; c.vcpu_count++) {
		uint32_t shift = c.vcpu_count > 8   ? 4
				 : c.vcpu_count > 4 ? 3
				 : c.vcpu_count > 2 ? 2
						    : 1;

		c.apic_id = c.vcpu_count - 1;
		rebuild();
		assert_int_equal(get(0, 0).eax, 0x1f);
		assert_int_equal(get(1, 0).ebx >> 24, c.apic_id);
		assert_int_equal(get(1, 0).ebx >> 16 & 0xff, 1u << shift);
		for (uint32_t i = 0; i < 4; i++) {
			assert_int_equal(get(4, i).eax >> 26,
					 (1u << shift) - 1);
		}
		/* 0BH and 1FH say the same */
		for (uint32_t i = 0; i < 4; i++) {
			assert_memory_equal(cpuid_lookup(&t, 0xb, i),
					    cpuid_lookup(&t, 0x1f, i),
					    sizeof(struct cpuid_regs));
		}
		assert_int_equal(get(0x1f, 0).eax, 0); /* SMT: one */
		assert_int_equal(get(0x1f, 0).ebx, 1);
		assert_int_equal(get(0x1f, 0).ecx, 0x100);
		assert_int_equal(get(0x1f, 1).eax, shift); /* cores */
		assert_int_equal(get(0x1f, 1).ebx, c.vcpu_count);
		assert_int_equal(get(0x1f, 1).ecx, 0x201);
		assert_int_equal(get(0x1f, 1).edx, c.apic_id);
		assert_int_equal(get(0x1f, 2).ecx, 2); /* no more */
		/* an Intel processor has none of AMD's leaves */
		assert_int_equal(get(0x80000000, 0).eax, 0x80000008);
		assert_int_equal(get(0x80000008, 0).ecx, 0);
		assert_false(get(0x80000001, 0).ecx &
			     (CPUID_81_ECX_CMP_LEGACY | CPUID_81_ECX_TOPOEXT));
	}
	/* between the leaves that are there: nothing */
	assert_int_equal(get(0xe, 0).eax | get(0x14, 0).eax | get(0x15, 0).eax |
				 get(0x19, 0).eax | get(0x1e, 0).eax,
			 0);
	/* one alone is not asked for more than before */
	c.vcpu_count = 1;
	c.apic_id = 0;
	rebuild();
	assert_int_equal(get(0, 0).eax, 0xd);
	assert_int_equal(get(0x1f, 0).ebx, 0);
}

static void test_topology_of_amd(void **state)
{
	(void)state;
	host_is_amd = host_has_topoext = true;
	c.vcpu_count = 6;
	c.apic_id = 5;
	rebuild();
	assert_int_equal(get(0, 0).eax, 0xd);
	assert_int_equal(get(0xb, 1).ebx, 6);
	assert_int_equal(get(0x80000000, 0).eax, 0x8000001e);
	assert_int_equal(get(0x80000008, 0).ecx, 5 | 3 << 12);
	assert_true(get(0x80000001, 0).ecx & CPUID_81_ECX_CMP_LEGACY);
	assert_true(get(0x80000001, 0).ecx & CPUID_81_ECX_TOPOEXT);
	assert_int_equal(get(0x8000001e, 0).eax, 5);
	assert_int_equal(get(0x8000001e, 0).ebx, 5); /* core 5, one thread */
	assert_int_equal(get(0x8000001e, 0).ecx, 0); /* one node */
	assert_int_equal(get(0x8000001d, 0).eax, 0x121);
	assert_int_equal(get(0x8000001d, 3).eax, 0x163 | 7 << 14);
	assert_int_equal(get(0x8000001d, 4).eax, 0);
	assert_int_equal(get(4, 0).eax, 0);
	for (uint32_t leaf = 0x80000009; leaf < 0x8000001d; leaf++) {
		assert_int_equal(get(leaf, 0).eax | get(leaf, 0).ebx |
					 get(leaf, 0).ecx | get(leaf, 0).edx,
				 0);
	}
	assert_int_equal(get(0x8000001f, 0).eax, 0); /* SEV */
	/* an older one: the number of cores has to do */
	host_has_topoext = false;
	rebuild();
	assert_int_equal(get(0x80000000, 0).eax, 0x80000008);
	assert_int_equal(get(0x80000008, 0).ecx, 5 | 3 << 12);
	assert_false(get(0x80000001, 0).ecx & CPUID_81_ECX_TOPOEXT);
	assert_int_equal(get(0x8000001e, 0).eax, 0);
	/* one alone */
	host_has_topoext = true;
	c.vcpu_count = 1;
	c.apic_id = 0;
	rebuild();
	assert_int_equal(get(0x80000000, 0).eax, 0x80000008);
	assert_false(get(0x80000001, 0).ecx &
		     (CPUID_81_ECX_CMP_LEGACY | CPUID_81_ECX_TOPOEXT));
}

/* SDM: an APIC that is switched off is not announced. */
static void test_apic_off(void **state)
{
	(void)state;
	cpuid_set_apic(&t, false);
	assert_false(get(1, 0).edx & CPUID_1_EDX_APIC);
	cpuid_set_dynamic(&t, CR4_OSXSAVE, 7);
	assert_false(get(1, 0).edx & CPUID_1_EDX_APIC);
	cpuid_set_apic(&t, true);
	assert_true(get(1, 0).edx & CPUID_1_EDX_APIC);
}

/* 0xff in leaf 2 sends libc into loops over leaf 4. */
static void test_leaf_2_has_descriptors(void **state)
{
	struct cpuid_regs r = get(2, 0);
	uint32_t words[] = { r.eax >> 8, r.ebx, r.ecx, r.edx };
	uint32_t seen = 0;

	(void)state;
	assert_int_equal(r.eax & 0xff, 1);
	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		assert_int_equal(words[i] >> 31, 0);
		for (uint32_t w = words[i]; w != 0; w >>= 8) {
			assert_int_not_equal(w & 0xff, 0xff);
			assert_int_not_equal(w & 0xff, 0x40);
			seen++;
		}
	}
	assert_int_equal(r.ebx, 0x7c302c); /* 1 MiB, 32 KiB, 32 KiB */
	assert_int_equal(r.edx, 0xf0e4);   /* 8 MiB, prefetch */
	assert_true(seen >= 5);
}

static void test_hypervisor_leaves(void **state)
{
	struct cpuid_regs r = get(KVM_LEAF_SIGNATURE, 0);

	(void)state;
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(r.eax, HV_LEAF_TIMING);
	assert_int_equal(get(KVM_LEAF_FEATURES, 0).eax,
			 1u << 1 | 1u << 3 | 1u << 24);
	assert_int_equal(get(HV_LEAF_TIMING, 0).eax, 2500000);
	assert_int_equal(get(HV_LEAF_TIMING, 0).ebx, 2500000);
	r = get(BULKHEAD_LEAF_SIGNATURE, 0);
	assert_memory_equal(&r.ebx, "BulkheadBulk", 12);
	c.is_tsc_stable = false;
	rebuild();
	assert_int_equal(get(KVM_LEAF_FEATURES, 0).eax, 1u << 1 | 1u << 3);
	c.has_kvmclock = false;
	c.is_tsc_stable = true;
	rebuild();
	assert_int_equal(get(KVM_LEAF_FEATURES, 0).eax, 1u << 1);
	assert_int_equal(get(KVM_LEAF_FEATURES, 0).edx, 0); /* no hints */
}

static void test_each_flag_is_its_feature(void **state)
{
	struct cpuid_config none = { .vcpu_count = 2, .tsc_khz = 1 };
	/* clang-format off */
	struct { bool *flag; uint32_t feature; } rows[] = {
		{ &c.has_kvmclock,        1u << 3 },
		{ &c.has_steal_time,      1u << 5 },
		{ &c.has_pv_eoi,          1u << 6 },
		{ &c.has_pv_unhalt,       1u << 7 },
		{ &c.has_pv_tlb_flush,    0 }, /* not alone */
		{ &c.has_pv_send_ipi,     1u << 11 },
		{ &c.has_pv_sched_yield,  1u << 13 },
		{ &c.has_msi_ext_dest_id, 1u << 15 },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		c = none;
		*rows[i].flag = true;
		rebuild();
		assert_int_equal(get(KVM_LEAF_FEATURES, 0).eax,
				 1u << 1 | rows[i].feature);
	}
	c = none;
	c.has_steal_time = c.has_pv_tlb_flush = true;
	rebuild();
	assert_int_equal(get(KVM_LEAF_FEATURES, 0).eax,
			 1u << 1 | 1u << 5 | 1u << 9);
}

static void test_timing_leaves(void **state)
{
	(void)state;
	assert_int_equal(get(0, 0).eax, 0xd);
	assert_int_equal(get(0x15, 0).ecx, 0);
	c.has_timing_leaves = true;
	rebuild();
	assert_int_equal(get(0, 0).eax, 0x16);
	assert_int_equal(get(0x15, 0).ecx, 2500000000u);
	assert_int_equal(get(0x16, 0).eax, 2500);
	c.tsc_khz = 5000000; /* does not fit into 32 bits */
	rebuild();
	assert_int_equal(get(0x15, 0).ecx, 0);
	assert_int_equal(get(0x16, 0).eax, 5000);
}

static void test_everything_else_is_zero(void **state)
{
	static const uint32_t leaves[] = {
		0x3,        0x5,        0x9,        0xa,        0xf,
		0x10,       0x12,       0x14,       0x1f,       0x40,
		0x3fffffff, 0x40000002, 0x4000000f, 0x40000011, 0x400000ff,
		0x40000101, 0x40000200, 0x7fffffff, 0x80000005, 0x80000009,
		0x8000001f, 0xbfffffff, 0xc0000000, 0xffffffff,
	};
	const struct cpuid_regs zero = { 0, 0, 0, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(leaves); i++) {
		for (uint32_t sub = 0; sub < 3; sub++) {
			assert_memory_equal(cpuid_lookup(&t, leaves[i], sub),
					    &zero, sizeof(zero));
		}
	}
	/* Subleaves: beyond the last one zero; ignored where they are. */
	assert_memory_equal(cpuid_lookup(&t, 7, 1), &zero, sizeof(zero));
	assert_memory_equal(cpuid_lookup(&t, 4, 99), &zero, sizeof(zero));
	assert_memory_equal(cpuid_lookup(&t, 0xd, ~0u), &zero, sizeof(zero));
	assert_int_equal(get(1, 77).eax, get(1, 0).eax);
}

/* Same on all vCPUs but for the APIC id (B15). */
static void test_only_the_apic_id_differs(void **state)
{
	static struct cpuid_table other;
	uint32_t differing = 0;

	(void)state;
	c.vcpu_count = 4;
	rebuild();
	c.apic_id = 3;
	cpuid_table_build(&other, host, &c);
	for (uint32_t i = 0; i < t.row_count; i++) {
		differing += memcmp(&t.rows[i], &other.rows[i],
				    sizeof(t.rows[i])) != 0;
	}
	assert_int_equal(differing, 7); /* leaf 1, three of 0BH and 1FH */
}

static void test_table_fits(void **state)
{
	(void)state;
	c.has_timing_leaves = true;
	c.vcpu_count = 16;
	host_has_topoext = true;
	for (uint32_t n = 0; n < 2; n++) {
		host_is_amd = n == 1;
		rebuild();
		assert_true(t.row_count <= CPUID_ROW_MAX);
		assert_true(t.slot_count <= CPUID_SLOT_MAX);
		for (uint32_t i = 1; i < t.row_count; i++) {
			assert_ptr_equal(cpuid_lookup(&t, t.keys[i].leaf,
						      t.keys[i].subleaf),
					 &t.rows[i]);
		}
	}
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_hidden_features_stay_hidden),
		T(test_mtrrs_of_a_pc),
		T(test_offered_features_are_there),
		T(test_backend_controls_bind),
		T(test_poor_machine),
		T(test_avx512_is_all_or_nothing),
		T(test_dynamic_bits),
		T(test_xcr0_rules),
		T(test_cr4_follows_features),
		T(test_topology),
		T(test_topology_of_any_size),
		T(test_topology_of_amd),
		T(test_apic_off),
		T(test_leaf_2_has_descriptors),
		T(test_hypervisor_leaves),
		T(test_each_flag_is_its_feature),
		T(test_timing_leaves),
		T(test_everything_else_is_zero),
		T(test_only_the_apic_id_differs),
		T(test_table_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
