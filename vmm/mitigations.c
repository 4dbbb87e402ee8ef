/*
 * mitigations.c - the table of the processor's flaws.
 *
 * A row has a flaw's common name, what it lets through, whether a processor
 * has it (Intel: unless a bit of IA32_ARCH_CAPABILITIES says no; by model where
 * there is no such bit), and up to three means against it, of which the first
 * that the processor offers is taken. A row without actions is dealt with by
 * how this VMM is built, or by microcode, or not at all, and says so.
 *
 * The flaws are those that Intel and AMD had published by 2025 and that concern
 * a guest against the VMM or against another guest. Sources by name: Intel,
 * "Affected Processors: Guidance for Security Issues on Intel Processors" and
 * SDM vol. 4, IA32_ARCH_CAPABILITIES; AMD, "Software Techniques for Managing
 * Speculation on AMD Processors", and the security bulletins of each.
 */
#include "mitigations.h"

#include <arch/cpu.h>
#include <bh/string.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

typedef bool fact_fn(const struct cpu_facts *f);

/* One way to deal with a flaw. */
struct means {
	fact_fn *has;     /* NULL: needs nothing of the processor */
	uint32_t actions; /* MITIGATE_* */
	enum mitigation_state state;
	const char *how; /* at most 71 characters: a cell of a table */
	const char *cost;
};

#define MEANS_MAX 3u

struct flaw {
	const char *name;
	const char *what; /* it lets through */
	fact_fn *affects;
	struct means means[MEANS_MAX];
	const char *without; /* what it means if there are no means */
};

/* ---- facts ---- */

static bool is_intel(const struct cpu_facts *f)
{
	return f->vendor == CPU_VENDOR_INTEL;
}

static bool is_amd(const struct cpu_facts *f)
{
	return f->vendor == CPU_VENDOR_AMD;
}

/* An Intel processor that does not say that it is free of it. */
static bool intel_without(const struct cpu_facts *f, uint64_t no)
{
	return is_intel(f) && (f->arch_cap & no) != no;
}

static bool has_cap(const struct cpu_facts *f, uint64_t bit)
{
	return is_intel(f) && (f->arch_cap & bit) != 0;
}

static bool is_model(const struct cpu_facts *f, const uint8_t *models,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (f->family == 6 && f->model == models[i]) {
			return is_intel(f);
		}
	}
	return false;
}

#define IS_MODEL(f, ...)                              \
	is_model(f, (const uint8_t[]){ __VA_ARGS__ }, \
		 sizeof((const uint8_t[]){ __VA_ARGS__ }))

static bool affects_meltdown(const struct cpu_facts *f)
{
	return intel_without(f, ARCH_CAP_RDCL_NO);
}

static bool affects_l1tf(const struct cpu_facts *f)
{
	return affects_meltdown(f) && !has_cap(f, ARCH_CAP_SKIP_L1DFL);
}

static bool affects_mds(const struct cpu_facts *f)
{
	return intel_without(f, ARCH_CAP_MDS_NO);
}

static bool affects_taa(const struct cpu_facts *f)
{
	return intel_without(f, ARCH_CAP_TAA_NO) &&
	       (f->leaf7_ebx & CPUID_7_EBX_RTM) != 0;
}

static bool affects_mmio(const struct cpu_facts *f)
{
	return intel_without(f, ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO |
					ARCH_CAP_PSDP_NO);
}

/* Goldmont to Gracemont, and hybrids with such cores */
static bool affects_rfds(const struct cpu_facts *f)
{
	return !has_cap(f, ARCH_CAP_RFDS_NO) &&
	       IS_MODEL(f, 0x5c, 0x5f, 0x7a, 0x86, 0x96, 0x97, 0x9a, 0x9c, 0xb7,
			0xba, 0xbe, 0xbf);
}

static bool affects_all(const struct cpu_facts *f)
{
	(void)f;
	return true;
}

static bool affects_bhi(const struct cpu_facts *f)
{
	return intel_without(f, ARCH_CAP_BHI_NO);
}

static bool affects_ssb(const struct cpu_facts *f)
{
	return is_intel(f) ? !has_cap(f, ARCH_CAP_SSB_NO)
			   : (f->leaf88_ebx & CPUID_88_EBX_SSB_NO) == 0;
}

static bool affects_multihit(const struct cpu_facts *f)
{
	return intel_without(f, ARCH_CAP_IF_PSCHANGE_MC_NO);
}

/* Skylake to Comet Lake; AMD up to Zen 2 */
static bool affects_retbleed(const struct cpu_facts *f)
{
	return (!has_cap(f, ARCH_CAP_IBRS_ALL) &&
		IS_MODEL(f, 0x4e, 0x5e, 0x55, 0x8e, 0x9e, 0xa5, 0xa6)) ||
	       (is_amd(f) && f->family >= 0x15 && f->family <= 0x18);
}

static bool affects_srso(const struct cpu_facts *f)
{
	return is_amd(f) && f->family >= 0x17 && f->family <= 0x19 &&
	       (f->leaf821_eax & CPUID_821_EAX_SRSO_NO) == 0;
}

/* Skylake to Tiger Lake and Rocket Lake */
static bool affects_gds(const struct cpu_facts *f)
{
	return !has_cap(f, ARCH_CAP_GDS_NO) &&
	       IS_MODEL(f, 0x4e, 0x55, 0x5e, 0x6a, 0x6c, 0x7d, 0x7e, 0x8c, 0x8d,
			0x8e, 0x9e, 0xa5, 0xa6, 0xa7);
}

/* client processors from Ivy Bridge to Comet Lake */
static bool affects_srbds(const struct cpu_facts *f)
{
	return IS_MODEL(f, 0x3a, 0x3c, 0x3d, 0x45, 0x46, 0x47, 0x4e, 0x5e, 0x8e,
			0x9e, 0xa5, 0xa6);
}

static bool affects_tsa(const struct cpu_facts *f)
{
	const uint32_t no = CPUID_821_ECX_TSA_SQ_NO | CPUID_821_ECX_TSA_L1_NO;

	return is_amd(f) && f->family == 0x19 && (f->leaf821_ecx & no) != no;
}

static bool affects_smt(const struct cpu_facts *f)
{
	return f->has_smt && (affects_meltdown(f) || affects_mds(f));
}

/* Means of no proven use, which do no harm: with mitigations=full. */
static bool only_full(const struct cpu_facts *f)
{
	(void)f;
	return false;
}

static bool has_l1d_flush(const struct cpu_facts *f)
{
	return is_intel(f) && (f->leaf7_edx & CPUID_7_EDX_L1D_FLUSH) != 0;
}

static bool has_md_clear(const struct cpu_facts *f)
{
	return is_intel(f) && (f->leaf7_edx & CPUID_7_EDX_MD_CLEAR) != 0;
}

static bool has_tsx_ctrl(const struct cpu_facts *f)
{
	return has_cap(f, ARCH_CAP_TSX_CTRL);
}

static bool has_rfds_clear(const struct cpu_facts *f)
{
	return has_cap(f, ARCH_CAP_RFDS_CLEAR);
}

static bool has_eibrs(const struct cpu_facts *f)
{
	return has_cap(f, ARCH_CAP_IBRS_ALL) &&
	       (f->leaf7_edx & CPUID_7_EDX_IBRS_IBPB) != 0;
}

static bool has_ibrs(const struct cpu_facts *f)
{
	return is_intel(f) && (f->leaf7_edx & CPUID_7_EDX_IBRS_IBPB) != 0;
}

static bool has_auto_ibrs(const struct cpu_facts *f)
{
	return is_amd(f) && (f->leaf821_eax & CPUID_821_EAX_AUTO_IBRS) != 0;
}

static bool has_ibpb(const struct cpu_facts *f)
{
	return has_ibrs(f) ||
	       (is_amd(f) && (f->leaf88_ebx & CPUID_88_EBX_IBPB) != 0);
}

static bool has_bhi_ctrl(const struct cpu_facts *f)
{
	return has_eibrs(f) && (f->leaf7_2_edx & CPUID_72_EDX_BHI_CTRL) != 0;
}

static bool has_gds_ctrl(const struct cpu_facts *f)
{
	return has_cap(f, ARCH_CAP_GDS_CTRL);
}

static bool has_srbds_ctrl(const struct cpu_facts *f)
{
	return (f->leaf7_edx & CPUID_7_EDX_SRBDS_CTRL) != 0;
}

static bool has_verw_clear(const struct cpu_facts *f)
{
	return is_amd(f) && (f->leaf821_eax & CPUID_821_EAX_VERW_CLEAR) != 0;
}

/* ---- the table ---- */

/* clang-format off */
static const struct flaw flaws[] = {
	{ "meltdown", "user code reads what its own page tables map",
	  affects_meltdown,
	  { { NULL, 0, MITIGATION_DESIGN,
	      "no page of the VMM is in a guest's page tables", "none" } },
	  "" },
	{ "l1tf", "a guest reads the L1 data cache by physical address",
	  affects_l1tf,
	  { { has_l1d_flush, MITIGATE_L1D_FLUSH, MITIGATION_ON,
	      "IA32_FLUSH_CMD at each VM entry, by the MSR-load area",
	      "the L1 data cache is cold after each VM entry" } },
	  "the microcode has no IA32_FLUSH_CMD" },
	{ "mds", "stale data of load ports, fill and store buffers",
	  affects_mds,
	  { { has_md_clear, MITIGATE_VERW, MITIGATION_ON,
	      "VERW before each VM entry", "a VERW at each VM entry" },
	    { only_full, MITIGATE_VERW, MITIGATION_PARTLY,
	      "VERW before each VM entry, but no microcode that minds it",
	      "a VERW at each VM entry" } },
	  "the microcode has no MD_CLEAR" },
	{ "taa", "the same, by transactions that abort", affects_taa,
	  { { has_tsx_ctrl, MITIGATE_TSX_OFF, MITIGATION_ON,
	      "TSX is off for all (guests are not told of it anyway)",
	      "none" },
	    { has_md_clear, MITIGATE_VERW, MITIGATION_ON,
	      "VERW before each VM entry", "a VERW at each VM entry" } },
	  "the microcode has neither IA32_TSX_CTRL nor MD_CLEAR" },
	{ "mmio-stale-data", "stale data, by reads of device registers",
	  affects_mmio,
	  { { NULL, 0, MITIGATION_DESIGN,
	      "no partition has a device's registers mapped", "none" } },
	  "" },
	{ "rfds", "stale register data of Atom cores", affects_rfds,
	  { { has_rfds_clear, MITIGATE_VERW, MITIGATION_ON,
	      "VERW before each VM entry", "a VERW at each VM entry" } },
	  "the microcode has no RFDS_CLEAR" },
	{ "spectre-v1", "bounds checks are passed speculatively", affects_all,
	  { { 0 } },
	  "bounds are checked, but indices are not masked everywhere" },
	{ "spectre-v2", "a guest steers indirect branches of the VMM",
	  affects_all,
	  { { has_eibrs, MITIGATE_IBRS_ALWAYS, MITIGATION_ON,
	      "enhanced IBRS is on for good", "little" },
	    { has_auto_ibrs, MITIGATE_AUTO_IBRS, MITIGATION_ON,
	      "automatic IBRS is on for good", "little" },
	    { has_ibrs, MITIGATE_IBRS_SWITCH, MITIGATION_ON,
	      "IBRS is written at each VM exit, by the MSR-load areas",
	      "two MSR writes at each exit" } },
	  "there is no IBRS, and the VMM is not built with retpolines" },
	{ "spectre-v2-guest", "a guest steers indirect branches of another",
	  affects_all,
	  { { has_ibpb, MITIGATE_IBPB, MITIGATION_ON,
	      "IBPB when a CPU changes to another partition",
	      "branches are predicted anew after such a change" } },
	  "there is no IBPB" },
	{ "rsb", "a guest steers returns of the VMM", affects_all,
	  { { has_ibpb, MITIGATE_RSB, MITIGATION_ON,
	      "return stack stuffed on leaving a guest and between partitions",
	      "32 calls each time; none at exits that go straight back" },
	    { only_full, MITIGATE_RSB, MITIGATION_ON,
	      "return stack stuffed on leaving a guest and between partitions",
	      "32 calls each time; none at exits that go straight back" } },
	  "no speculation controls: taken for an emulator, left alone" },
	{ "bhi", "a guest steers by the branch history", affects_bhi,
	  { { has_bhi_ctrl, MITIGATE_BHI_DIS, MITIGATION_ON,
	      "SPEC_CTRL.BHI_DIS_S is set", "little" } },
	  "there is no BHI_DIS_S, and the history is not cleared" },
	{ "ssb", "loads pass older stores (Spectre v4)", affects_ssb,
	  { { NULL, 0, MITIGATION_PARTLY,
	      "the VMM runs no foreign code in its space; guests have no SSBD",
	      "none" } },
	  "" },
	{ "itlb-multihit", "a guest stops the machine by changing page sizes",
	  affects_multihit,
	  { { NULL, MITIGATE_NX_LARGE, MITIGATION_ON,
	      "large EPT leaves are not executable, split at the first fetch",
	      "an exit and 4 KiB for each 2 MiB that has code" } },
	  "" },
	{ "retbleed", "returns are predicted as indirect branches",
	  affects_retbleed,
	  { { has_ibrs, MITIGATE_IBRS_SWITCH, MITIGATION_ON,
	      "IBRS is written at each VM exit, by the MSR-load areas",
	      "two MSR writes at each exit" } },
	  "the VMM's returns are not guarded; IBPB divides partitions only" },
	{ "srso", "return predictions are overflowed (Inception)",
	  affects_srso, { { 0 } },
	  "the VMM's returns are not guarded; IBPB divides partitions only" },
	{ "gds", "stale vector registers, by gathers (Downfall)", affects_gds,
	  { { has_gds_ctrl, 0, MITIGATION_ON,
	      "by microcode, unless the firmware switched that off",
	      "slower gathers" } },
	  "the microcode has no GDS_CTRL" },
	{ "srbds", "stale random numbers of other cores", affects_srbds,
	  { { has_srbds_ctrl, 0, MITIGATION_ON,
	      "by microcode, unless the firmware switched that off",
	      "slower RDRAND" } },
	  "the microcode has no SRBDS_CTRL" },
	{ "tsa", "stale data by instructions that seem done (AMD)",
	  affects_tsa,
	  { { has_verw_clear, MITIGATE_VERW, MITIGATION_ON,
	      "VERW before each VMRUN", "a VERW at each VMRUN" } },
	  "the microcode has no VERW_CLEAR" },
	{ "smt", "l1tf and mds from the other thread of a core", affects_smt,
	  { { 0 } },
	  "two partitions may share a core: switch Hyper-Threading off" },
};
/* clang-format on */

static const char *const state_words[] = {
#define X(code, word) word,
	MITIGATION_STATE_LIST(X)
#undef X
};

/** mitigation_state_word() - the word people and programs see. */
const char *mitigation_state_word(enum mitigation_state state)
{
	return (uint32_t)state < ARRAY_COUNT(state_words) ? state_words[state]
							  : "?";
}

/** mitigations_mode_word() - as in boot.cfg. */
const char *mitigations_mode_word(enum mitigations_mode mode)
{
	static const char *const words[] = { "auto", "off", "full" };

	return (uint32_t)mode < ARRAY_COUNT(words) ? words[mode] : "?";
}

/* The first means that this processor offers; NULL: none. */
static const struct means *flaw_means(const struct flaw *w,
				      const struct cpu_facts *f,
				      enum mitigations_mode mode)
{
	for (uint32_t i = 0; i < MEANS_MAX && w->means[i].how != NULL; i++) {
		const struct means *m = &w->means[i];

		if (m->has == NULL || m->has(f) ||
		    (m->has == only_full && mode == MITIGATIONS_FULL)) {
			return m;
		}
	}
	return NULL;
}

/* Is there something to be done, by the facts and the operator's word? */
static bool flaw_counts(const struct flaw *w, const struct means *m,
			const struct cpu_facts *f, enum mitigations_mode mode)
{
	/* in full, what the processor itself offers is used all the same */
	return w->affects(f) || (mode == MITIGATIONS_FULL && m != NULL &&
				 m->has != NULL && m->actions != 0);
}

/**
 * mitigations_actions() - MITIGATE_* bits for arch/.
 *
 * A flush of the L1 data cache clears the buffers as VERW does (Intel,
 * "Microarchitectural Data Sampling"), so there need not be both.
 */
uint32_t mitigations_actions(const struct cpu_facts *f,
			     enum mitigations_mode mode)
{
	uint32_t actions = 0;

	for (uint32_t i = 0; i < ARRAY_COUNT(flaws) && mode != MITIGATIONS_OFF;
	     i++) {
		const struct means *m = flaw_means(&flaws[i], f, mode);

		if (m != NULL && flaw_counts(&flaws[i], m, f, mode)) {
			actions |= m->actions;
		}
	}
	if ((actions & MITIGATE_L1D_FLUSH) != 0 && has_md_clear(f)) {
		actions &= ~MITIGATE_VERW;
	}
	return actions;
}

/**
 * mitigations_row() - row @n of the table, for the operator.
 * Return: false when there is none.
 */
bool mitigations_row(const struct cpu_facts *f, enum mitigations_mode mode,
		     uint32_t n, struct mitigation_row *out)
{
	const struct flaw *w;
	const struct means *m;

	if (n >= ARRAY_COUNT(flaws)) {
		return false;
	}
	w = &flaws[n];
	m = flaw_means(w, f, mode);
	*out = (struct mitigation_row){
		.name = w->name, .what = w->what, .how = "", .cost = "none"
	};
	if (!flaw_counts(w, m, f, mode)) {
		out->state = MITIGATION_NOT_AFFECTED;
	} else if (m == NULL) {
		out->state = MITIGATION_VULNERABLE;
		out->how = w->without;
	} else if (m->actions != 0 && mode == MITIGATIONS_OFF) {
		out->state = MITIGATION_OFF;
		out->how = "by the boot option mitigations=off";
	} else {
		out->state = m->state;
		out->how = m->how;
		out->cost = m->cost;
	}
	if (out->state == MITIGATION_ON && m->actions == MITIGATE_VERW &&
	    (mitigations_actions(f, mode) & MITIGATE_VERW) == 0) {
		out->how = "the flush of the L1 data cache does it, too";
		out->cost = "none beside it";
	}
	return true;
}

/* ---- facts of this machine ---- */

static enum cpu_vendor read_vendor(const uint32_t r[4])
{
	char name[13] = "";

	memcpy(name, &r[CPUID_EBX], 4);
	memcpy(name + 4, &r[CPUID_EDX], 4);
	memcpy(name + 8, &r[CPUID_ECX], 4);
	if (strcmp(name, "GenuineIntel") == 0) {
		return CPU_VENDOR_INTEL;
	}
	return strcmp(name, "AuthenticAMD") == 0 ||
			       strcmp(name, "HygonGenuine") == 0
		       ? CPU_VENDOR_AMD
		       : CPU_VENDOR_OTHER;
}

/* Family and model as SDM vol. 2, "CPUID", has them put together. */
static void read_model(struct cpu_facts *f, uint32_t eax)
{
	f->family = eax >> 8 & 0xf;
	f->model = eax >> 4 & 0xf;
	if (f->family == 6 || f->family == 15) {
		f->model |= (eax >> 16 & 0xf) << 4;
	}
	if (f->family == 15) {
		f->family += eax >> 20 & 0xff;
	}
}

static bool read_smt(const struct cpu_facts *f, uint32_t max_basic)
{
	uint32_t r[4];

	if (is_amd(f)) {
		cpu_cpuid(0x8000001e, 0, r);
		return (r[CPUID_EBX] >> 8 & 0xff) != 0;
	}
	if (max_basic < 0xb) {
		return false;
	}
	cpu_cpuid(0xb, 0, r); /* level 0: the threads of a core */
	return (r[CPUID_ECX] >> 8 & 0xff) == 1 && (r[CPUID_EBX] & 0xffff) > 1;
}

static void read_amd(struct cpu_facts *f)
{
	uint32_t r[4];
	uint32_t max;

	cpu_cpuid(0x80000000, 0, r);
	max = r[CPUID_EAX];
	if (max >= 0x80000008) {
		cpu_cpuid(0x80000008, 0, r);
		f->leaf88_ebx = r[CPUID_EBX];
	}
	if (max >= 0x80000021) {
		cpu_cpuid(0x80000021, 0, r);
		f->leaf821_eax = r[CPUID_EAX];
		f->leaf821_ecx = r[CPUID_ECX];
	}
}

/** mitigations_read() - the facts of the calling CPU. */
void mitigations_read(struct cpu_facts *f)
{
	uint32_t r[4];
	uint32_t max;

	*f = (struct cpu_facts){ 0 };
	cpu_cpuid(0, 0, r);
	max = r[CPUID_EAX];
	f->vendor = read_vendor(r);
	cpu_cpuid(1, 0, r);
	read_model(f, r[CPUID_EAX]);
	if (max >= 7) {
		cpu_cpuid(7, 0, r);
		f->leaf7_ebx = r[CPUID_EBX];
		f->leaf7_edx = r[CPUID_EDX];
		if (r[CPUID_EAX] >= 2) {
			cpu_cpuid(7, 2, r);
			f->leaf7_2_edx = r[CPUID_EDX];
		}
	}
	if (is_amd(f)) {
		read_amd(f);
	}
	if ((f->leaf7_edx & CPUID_7_EDX_ARCH_CAP) != 0 &&
	    !cpu_rdmsr_safe(MSR_IA32_ARCH_CAPABILITIES, &f->arch_cap)) {
		f->arch_cap = 0;
	}
	f->has_smt = read_smt(f, max);
}
