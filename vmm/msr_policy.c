/*
 * msr_policy.c - which MSRs a guest has, and what each of them does.
 *
 * One sorted table; an MSR that no row names raises #GP, as hardware does for
 * an MSR that does not exist. A row says how a read and a write are served:
 *
 *	OPEN	the bitmap lets it through; if it still arrives here (no bitmap,
 *		a test), ops serve it as PLACE does
 *	PLACE	ops serve it, after the row's check
 *	VALUE	reads give a constant; a write must not change it, or #GP
 *	SWALLOW	reads give a constant; writes vanish
 *	NONE	#GP
 *
 * Invariants
 *  1. The table is sorted and disjoint (a unit test checks it).
 *  2. A write is validated before ops see it; no check has side effects.
 *  3. OPEN is for MSRs whose whole effect stays inside the guest's own state,
 *     and which hardware itself validates.
 */
#include "msr_policy.h"

#include <spec/kvm_para.h>
#include <spec/x86_msr.h>

enum how { NONE, OPEN, PLACE, VALUE, SWALLOW };

/* What a written value must satisfy. */
enum check {
	ANY,
	CANONICAL,
	EFER_BITS,
	PAT_TYPES,
	SPEC_BITS,
	PRED_BITS,
	STEAL_BITS,
	PV_EOI_BITS,
};

/* A value that is not the same for every machine. */
enum source { CONSTANT, ARCH_CAPABILITIES, MICROCODE, MISC_ENABLE };

struct msr_row {
	uint32_t first, last;
	uint8_t read, write; /* enum how */
	uint8_t place;       /* enum guest_msr_place */
	uint8_t check;       /* enum check */
	uint8_t source;      /* enum source */
	uint8_t needs;       /* MSR_HAS_*, 0: always there */
	uint64_t value;
};

#define EFER_ALLOWED (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define SPEC_ALLOWED (SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD)
#define MISC_ENABLE_ALWAYS \
	(MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE)
/* A kernel chooses its copy routines by it: the machine knows best. */
#define MISC_ENABLE_AS_HOST MISC_ENABLE_FAST_STRINGS

/*
 * "Not affected" bits, and FB_CLEAR; never one that announces another MSR.
 * SDM vol. 4, "IA32_ARCH_CAPABILITIES".
 */
#define ARCH_CAP_SHOWN                                                         \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_SKIP_L1DFL | ARCH_CAP_SSB_NO |            \
	 ARCH_CAP_MDS_NO | ARCH_CAP_IF_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |      \
	 BIT(13) | BIT(14) | BIT(15) | BIT(17) | BIT(20) | BIT(24) | BIT(26) | \
	 BIT(27))

/* Kernels switch the TSC-deadline timer off below known revisions: if the
 * machine does not tell, claim one above all of them. */
#define MICROCODE_UNKNOWN (0x7fffffffull << 32)

#define R_APIC  GUEST_MSR_APIC
#define R_REG   GUEST_MSR_REGISTER
#define R_CLOCK GUEST_MSR_CLOCK
#define R_SPEC  GUEST_MSR_SPEC_CTRL

/* clang-format off */
static const struct msr_row rows[] = {
/*	first, last                  read    write    place  check  source needs value */
	{ MSR_IA32_TIME_STAMP_COUNTER, MSR_IA32_TIME_STAMP_COUNTER,
	  OPEN, PLACE, GUEST_MSR_TSC, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID,
	  VALUE, NONE, 0, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_APIC_BASE, MSR_IA32_APIC_BASE,
	  PLACE, PLACE, R_APIC, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_FEATURE_CONTROL, MSR_IA32_FEATURE_CONTROL,
	  VALUE, NONE, 0, ANY, CONSTANT, 0, FEATURE_CONTROL_LOCK },
	{ MSR_IA32_SPEC_CTRL, MSR_IA32_SPEC_CTRL,
	  PLACE, PLACE, R_SPEC, SPEC_BITS, CONSTANT, MSR_HAS_SPEC_CTRL, 0 },
	{ MSR_IA32_PRED_CMD, MSR_IA32_PRED_CMD,
	  NONE, PLACE, R_SPEC, PRED_BITS, CONSTANT, MSR_HAS_SPEC_CTRL, 0 },
	{ MSR_IA32_BIOS_UPDT_TRIG, MSR_IA32_BIOS_UPDT_TRIG,
	  NONE, SWALLOW, 0, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_BIOS_SIGN_ID, MSR_IA32_BIOS_SIGN_ID,
	  VALUE, SWALLOW, 0, ANY, MICROCODE, 0, 0 },
	{ MSR_IA32_MTRRCAP, MSR_IA32_MTRRCAP,
	  PLACE, NONE, GUEST_MSR_MTRR, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_ARCH_CAPABILITIES,
	  VALUE, NONE, 0, ANY, ARCH_CAPABILITIES,
	  MSR_HAS_ARCH_CAPABILITIES, 0 },
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_CS,
	  OPEN, OPEN, R_REG, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	  OPEN, OPEN, R_REG, CANONICAL, CONSTANT, 0, 0 },
	{ MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE,
	  VALUE, SWALLOW, 0, ANY, MISC_ENABLE, 0, 0 },
	{ MSR_IA32_DEBUGCTL, MSR_IA32_DEBUGCTL,
	  VALUE, VALUE, 0, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_MTRR_PHYSBASE0, MSR_IA32_MTRR_PHYSMASK7,
	  PLACE, PLACE, GUEST_MSR_MTRR, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_IA32_MTRR_FIX64K_00000, MSR_IA32_MTRR_FIX64K_00000,
	  PLACE, PLACE, GUEST_MSR_MTRR, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_IA32_MTRR_FIX16K_80000, MSR_IA32_MTRR_FIX16K_A0000,
	  PLACE, PLACE, GUEST_MSR_MTRR, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_IA32_MTRR_FIX4K_C0000, MSR_IA32_MTRR_FIX4K_F8000,
	  PLACE, PLACE, GUEST_MSR_MTRR, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_IA32_PAT, MSR_IA32_PAT,
	  PLACE, PLACE, GUEST_MSR_PAT, PAT_TYPES, CONSTANT, 0, 0 },
	{ MSR_IA32_MTRR_DEF_TYPE, MSR_IA32_MTRR_DEF_TYPE,
	  PLACE, PLACE, GUEST_MSR_MTRR, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE,
	  PLACE, PLACE, R_APIC, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_X2APIC_BASE, MSR_IA32_X2APIC_LAST,
	  PLACE, PLACE, R_APIC, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_XSS, MSR_IA32_XSS,
	  VALUE, VALUE, 0, ANY, CONSTANT, MSR_HAS_XSAVES, 0 },
	{ MSR_KVM_PV_WALL_CLOCK_NEW, MSR_KVM_PV_SYSTEM_TIME_NEW,
	  PLACE, PLACE, R_CLOCK, ANY, CONSTANT, MSR_HAS_KVMCLOCK, 0 },
	{ MSR_KVM_PV_STEAL_TIME, MSR_KVM_PV_STEAL_TIME,
	  PLACE, PLACE, GUEST_MSR_STEAL_TIME, STEAL_BITS, CONSTANT,
	  MSR_HAS_STEAL_TIME, 0 },
	{ MSR_KVM_PV_EOI, MSR_KVM_PV_EOI,
	  PLACE, PLACE, GUEST_MSR_PV_EOI, PV_EOI_BITS, CONSTANT,
	  MSR_HAS_PV_EOI, 0 },
	{ MSR_IA32_EFER, MSR_IA32_EFER,
	  PLACE, PLACE, GUEST_MSR_EFER, EFER_BITS, CONSTANT, 0, 0 },
	{ MSR_IA32_STAR, MSR_IA32_STAR,
	  OPEN, OPEN, R_REG, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_LSTAR, MSR_IA32_CSTAR,
	  OPEN, OPEN, R_REG, CANONICAL, CONSTANT, 0, 0 },
	{ MSR_IA32_FMASK, MSR_IA32_FMASK,
	  OPEN, OPEN, R_REG, ANY, CONSTANT, 0, 0 },
	{ MSR_IA32_FS_BASE, MSR_IA32_KERNEL_GS_BASE,
	  OPEN, OPEN, R_REG, CANONICAL, CONSTANT, 0, 0 },
	{ MSR_IA32_TSC_AUX, MSR_IA32_TSC_AUX,
	  OPEN, OPEN, R_REG, ANY, CONSTANT, MSR_HAS_RDTSCP, 0 },
	/* AMD's four counters are there since the K7, whatever CPUID says:
	 * they are off, and cannot be set; no memory types of AMD's own */
	{ MSR_AMD_PERF_EVT_SEL_0, MSR_AMD_PERF_CTR_3,
	  VALUE, VALUE, 0, ANY, CONSTANT, MSR_HAS_PC, 0 },
	{ MSR_AMD_SYSCFG, MSR_AMD_SYSCFG,
	  VALUE, VALUE, 0, ANY, CONSTANT, MSR_HAS_PC, 0 },
	/* Linux asks these on AMD's families without trying: the TSC counts at
	 * the frequency of P0; nothing to configure; no C1E stops the APIC */
	{ MSR_AMD_HWCR, MSR_AMD_HWCR,
	  VALUE, SWALLOW, 0, ANY, CONSTANT, 0, HWCR_TSC_FREQ_SEL },
	{ MSR_AMD_NB_CFG, MSR_AMD_NB_CFG,
	  VALUE, SWALLOW, 0, ANY, CONSTANT, 0, 0 },
	{ MSR_AMD_INTERRUPT_PENDING, MSR_AMD_INTERRUPT_PENDING,
	  VALUE, NONE, 0, ANY, CONSTANT, 0, 0 },
};
/* clang-format on */

void guest_msrs_init(struct guest_msrs *g, const struct guest_msr_ops *ops,
		     void *ctx, uint64_t features, const struct msr_host *host)
{
	*g = (struct guest_msrs){
		.ops = ops,
		.ctx = ctx,
		.features = features,
		.arch_capabilities = host->arch_capabilities & ARCH_CAP_SHOWN,
		.microcode = host->microcode != 0 ? host->microcode
						  : MICROCODE_UNKNOWN,
		.misc_enable = MISC_ENABLE_ALWAYS |
			       (host->misc_enable & MISC_ENABLE_AS_HOST),
		.linear_bits = 48,
	};
}

/* The row of @msr, or NULL if the guest does not have it. */
static const struct msr_row *find_row(const struct guest_msrs *g, uint32_t msr)
{
	uint32_t lo = 0, hi = ARRAY_COUNT(rows);

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (msr > rows[mid].last) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	if (lo == ARRAY_COUNT(rows) || msr < rows[lo].first ||
	    (rows[lo].needs & ~g->features) != 0) {
		return NULL;
	}
	return &rows[lo];
}

static uint64_t shown_value(const struct guest_msrs *g, const struct msr_row *r)
{
	switch (r->source) {
	case ARCH_CAPABILITIES:
		return g->arch_capabilities;
	case MICROCODE:
		return g->microcode;
	case MISC_ENABLE:
		return g->misc_enable;
	default:
		return r->value;
	}
}

static enum status deny(struct guest_msrs *g)
{
	g->denied_count++;
	return ERR_DENIED;
}

enum status guest_msr_read(struct guest_msrs *g, uint32_t msr, uint64_t *value)
{
	const struct msr_row *r;

	*value = 0;
	if (likely(msr_is_apic(msr))) {
		return g->ops->read(g->ctx, GUEST_MSR_APIC, msr, value);
	}
	r = find_row(g, msr);
	if (r == NULL || r->read == NONE) {
		return deny(g);
	}
	if (r->read == OPEN || r->read == PLACE) {
		return g->ops->read(g->ctx, (enum guest_msr_place)r->place, msr,
				    value);
	}
	*value = shown_value(g, r);
	return OK;
}

bool msr_pat_is_valid(uint64_t pat)
{
	/* Types 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC-. */
	const uint32_t defined = 0xf3;

	for (uint32_t i = 0; i < 64; i += 8) {
		uint64_t type = (pat >> i) & 0xff;

		if (type > 7 || (defined & (1u << type)) == 0) {
			return false;
		}
	}
	return true;
}

static bool passes(const struct guest_msrs *g, const struct msr_row *r,
		   uint64_t value)
{
	switch ((enum check)r->check) {
	case CANONICAL:
		return msr_is_canonical(value, g->linear_bits);
	case EFER_BITS:
		return (value & ~EFER_ALLOWED) == 0;
	case PAT_TYPES:
		return msr_pat_is_valid(value);
	case SPEC_BITS:
		return (value & ~SPEC_ALLOWED) == 0;
	case PRED_BITS:
		return (value & ~PRED_CMD_IBPB) == 0;
	case STEAL_BITS:
		return (value & KVM_PV_STEAL_TIME_RESERVED) == 0;
	case PV_EOI_BITS:
		return (value & KVM_PV_EOI_RESERVED) == 0;
	case ANY:
		break;
	}
	return true;
}

enum status guest_msr_write(struct guest_msrs *g, uint32_t msr, uint64_t value)
{
	const struct msr_row *r;

	if (likely(msr_is_apic(msr))) {
		return g->ops->write(g->ctx, GUEST_MSR_APIC, msr, value);
	}
	r = find_row(g, msr);
	if (r == NULL || r->write == NONE) {
		return deny(g);
	}
	if (!passes(g, r, value) ||
	    (r->write == VALUE && value != shown_value(g, r))) {
		g->denied_count++;
		return ERR_INVALID;
	}
	if (r->write == OPEN || r->write == PLACE) {
		return g->ops->write(g->ctx, (enum guest_msr_place)r->place,
				     msr, value);
	}
	return OK;
}

bool msr_policy_next_open(uint64_t features, uint32_t *iter,
			  struct msr_open *out)
{
	while (*iter < ARRAY_COUNT(rows)) {
		const struct msr_row *r = &rows[(*iter)++];

		if ((r->needs & ~features) == 0 &&
		    (r->read == OPEN || r->write == OPEN)) {
			*out = (struct msr_open){ r->first, r->last,
						  r->read == OPEN,
						  r->write == OPEN };
			return true;
		}
	}
	return false;
}
