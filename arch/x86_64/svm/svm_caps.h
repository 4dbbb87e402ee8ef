/*
 * svm_caps.h - from what a CPU reports to a plan, or to a refusal in words.
 *
 * Pure: CPUID words and VM_CR go in as numbers. The policy itself is the table
 * of svm_features.h.
 *
 * Invariants of an accepted plan
 *  1. No feature is used that the CPU lacks or that is switched off.
 *  2. A refusal names everything that is missing, not only the first thing.
 *  3. There is an ASID for guests: 0 is the host's.
 */
#ifndef SVM_SVM_CAPS_H
#define SVM_SVM_CAPS_H

#include "../feature_notes.h"
#include "svm_features.h"
#include <bh/status.h>

/* MSR VM_CR: APM vol. 2, "Enabling SVM" */
#define VM_CR_LOCK   BIT(3)
#define VM_CR_SVMDIS BIT(4)

#define SVM_LEAF           0x8000000au
#define SVM_EXT_ECX_SVM    BIT(2)
#define SVM_ASID_COUNT_MIN 2u

/* What one CPU reports; 0 for a leaf or MSR that it does not have. */
struct svm_caps {
	uint32_t max_ext_leaf; /* 80000000H:EAX */
	uint32_t ext_ecx;      /* 80000001H:ECX */
	uint32_t ext_edx;      /* 80000001H:EDX */
	uint8_t revision;      /* 8000000AH:EAX[7:0] */
	uint32_t asid_count;   /* 8000000AH:EBX */
	uint32_t features;     /* 8000000AH:EDX */
	uint64_t vm_cr;
	uint8_t phys_bits;
	bool is_tcg; /* QEMU without KVM: 40000000H has its signature */
};

struct svm_plan {
	uint32_t features;   /* SVM_FEATURE_MASK()s in use */
	uint32_t asid_count; /* 1 to asid_count - 1 are for guests */
	bool clears_svmdis;  /* VM_CR.SVMDIS is set, and can be cleared */
	struct feature_notes notes; /* what is not in use */
};

/** svm_plan_uses() - is the feature SVM_FEATURE_@name in use? */
#define svm_plan_uses(plan, name) \
	(((plan)->features & 1u << SVM_FEATURE_##name) != 0)

/** svm_has_nrip() - does it write nRIP, used by the plan or not? */
static inline bool svm_has_nrip(const struct svm_caps *c)
{
	return (c->features & BIT(3)) != 0;
}

/**
 * svm_switch() - the features that the boot option @name=off switches off.
 * Return: SVM_FEATURE_MASK()s; 0 if no feature has such a switch.
 */
uint32_t svm_switch(const char *name);

/** svm_caps_difference() - the first member in which two CPUs differ; NULL:
 * none does. */
const char *svm_caps_difference(const struct svm_caps *a,
				const struct svm_caps *b);

/**
 * svm_plan_make() - negotiate with one CPU's capabilities.
 * @off: SVM_FEATURE_MASK()s of optional features not to be used
 * @out: the plan, on OK; its notes tell which features are not used
 * @why: on a refusal, everything that is missing, each with its remedy
 * Return: OK; ERR_UNSUPPORTED.
 */
must_check enum status svm_plan_make(const struct svm_caps *c, uint32_t off,
				     struct svm_plan *out,
				     struct feature_notes *why);

/**
 * svm_features_list() - what has a switch, and what became of it.
 * @off: as for svm_plan_make()
 * Return: how many of @max rows were filled.
 */
uint32_t svm_features_list(const struct svm_plan *plan, uint32_t off,
			   struct machine_feature *rows, uint32_t max);

#endif
