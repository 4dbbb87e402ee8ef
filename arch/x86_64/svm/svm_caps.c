/*
 * svm_caps.c - negotiation: see svm_caps.h for the contract and svm_features.h
 * for the policy.
 *
 * Steps: (1) SVM present at all, and allowed by the firmware (APM vol. 2,
 * "Enabling SVM"); (2) ASIDs; (3) each feature of the table in order.
 */
#include "svm_caps.h"
#include <bh/string.h>

enum svm_leaf { SVM_LEAF_FEATURES, SVM_LEAF_EXT_EDX };

static const struct feature_row {
	enum svm_leaf leaf;
	uint32_t bits;
	enum svm_need need;
	const char *option;
	const char *title;
	const char *text;
} feature_rows[SVM_FEATURE_COUNT] = {
#define X(name, leaf, bits, need, option, title, text) \
	{ SVM_LEAF_##leaf, (uint32_t)(bits), need, option, title, text },
	SVM_FEATURE_LIST(X)
#undef X
};

uint32_t svm_switch(const char *name)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; name[0] != 0 && i < SVM_FEATURE_COUNT; i++) {
		mask |= strcmp(feature_rows[i].option, name) == 0 ? 1u << i : 0;
	}
	return mask;
}

static void note(struct feature_notes *notes, enum feature_note_kind kind,
		 const char *name, const char *text)
{
	feature_note_add(notes, (struct feature_note){ kind, name, text, 0 });
}

static void check_vm_cr(const struct svm_caps *c, struct svm_plan *plan,
			struct feature_notes *why)
{
	if ((c->vm_cr & VM_CR_SVMDIS) == 0) {
		return;
	}
	if ((c->vm_cr & VM_CR_LOCK) == 0) {
		plan->clears_svmdis = true; /* not locked: ours to change */
		return;
	}
	feature_note_add(why, (struct feature_note){
				      FEATURE_NOTE_MISSING, "VM_CR",
				      "AMD-V is switched off and locked by the "
				      "firmware: switch on 'SVM Mode' (AMD-V) "
				      "in its setup, then power-cycle",
				      c->vm_cr });
}

static void choose_features(const struct svm_caps *c, uint32_t off,
			    struct svm_plan *plan, struct feature_notes *why)
{
	for (uint32_t i = 0; i < SVM_FEATURE_COUNT; i++) {
		const struct feature_row *row = &feature_rows[i];
		uint32_t leaf = row->leaf == SVM_LEAF_FEATURES ? c->features
							       : c->ext_edx;
		bool is_offered = (row->bits & ~leaf) == 0;

		if (row->need == SVM_REQUIRED && !is_offered) {
			note(why, FEATURE_NOTE_MISSING, row->title, row->text);
		} else if (row->need == SVM_UNUSED && is_offered) {
			note(&plan->notes, FEATURE_NOTE_UNUSED, row->title,
			     row->text);
		} else if (row->need == SVM_OPTIONAL && !is_offered) {
			note(&plan->notes, FEATURE_NOTE_ABSENT, row->title,
			     row->text);
		} else if (row->need == SVM_OPTIONAL && (off & (1u << i))) {
			note(&plan->notes, FEATURE_NOTE_SWITCHED_OFF,
			     row->title, row->text);
		} else if (row->need != SVM_UNUSED) {
			plan->features |= 1u << i;
		}
	}
}

enum status svm_plan_make(const struct svm_caps *c, uint32_t off,
			  struct svm_plan *out, struct feature_notes *why)
{
	memset(out, 0, sizeof(*out));
	why->count = 0;
	if (c->max_ext_leaf < SVM_LEAF || !(c->ext_ecx & SVM_EXT_ECX_SVM)) {
		/* without SVM there are no other capabilities to speak of */
		note(why, FEATURE_NOTE_MISSING,
		     "AMD-V (CPUID 80000001H:ECX.SVM)",
		     "this CPU has no AMD-V: needs an AMD CPU with AMD-V and "
		     "nested paging (in a virtual machine: nested "
		     "virtualization on)");
		return ERR_UNSUPPORTED;
	}
	if (off & SVM_FEATURE_MASK(PAUSE_FILTER)) {
		off |= SVM_FEATURE_MASK(PAUSE_THRESHOLD);
	}
	check_vm_cr(c, out, why);
	out->asid_count = c->asid_count;
	if (c->asid_count < SVM_ASID_COUNT_MIN) {
		note(why, FEATURE_NOTE_MISSING, "ASIDs",
		     "0 is the host's and there is no other: this CPU is not "
		     "supported (nested: let the outer one offer them)");
	}
	choose_features(c, off, out, why);
	return why->count == 0 ? OK : ERR_UNSUPPORTED;
}

uint32_t svm_features_list(const struct svm_plan *plan, uint32_t off,
			   struct machine_feature *rows, uint32_t max)
{
	const char *last = "";
	uint32_t n = 0;

	for (uint32_t i = 0; i < SVM_FEATURE_COUNT && n < max; i++) {
		const char *option = feature_rows[i].option;

		if (strcmp(option, last) != 0 && option[0] != 0) {
			rows[n].name = option;
			rows[n++].state =
				feature_state((plan->features & (1u << i)) != 0,
					      (off & (1u << i)) != 0);
		}
		last = option;
	}
	return n;
}

const char *svm_caps_difference(const struct svm_caps *a,
				const struct svm_caps *b)
{
#define DIFFERS(member) (a->member != b->member) ? #member:
	/* clang-format off */
	return DIFFERS(max_ext_leaf) DIFFERS(ext_ecx) DIFFERS(ext_edx)
	       DIFFERS(revision) DIFFERS(asid_count) DIFFERS(features)
	       DIFFERS(vm_cr) DIFFERS(phys_bits) NULL;
	/* clang-format on */
#undef DIFFERS
}
