/*
 * svm_backend.c - AMD-V as a struct hv_backend.
 */
#include "svm.h"

static void svm_offers(struct backend_offers *out)
{
	/* INVPCID is not asked to exit: a guest has it if the processor does */
	*out = (struct backend_offers){ .has_rdtscp = svm_plan_uses(&svm_plan,
								    RDTSCP),
					.has_invpcid = true };
}

static uint32_t *svm_apic_page(struct vcpu *v)
{
	return phys_to_virt(svm_of(v)->apic_page);
}

/* The local APIC is never lent: nothing but its timer gives the CPU back. */
static void svm_apic_take_back(void) {}

const struct hv_backend svm_backend = {
	.name = "svm",
	.title = "AMD-V",
	.npt_format = &svm_npt_format,
	.init = svm_init,
	.cpu_on = svm_cpu_on,
	.features = svm_features,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_reset = svm_vcpu_reset,
	.vcpu_load = svm_vcpu_load,
	.vcpu_unload = svm_vcpu_unload,
	.run = svm_run_loop,
	.timer_changed = svm_timer_changed,
	.irq_changed = svm_irq_changed,
	.apic_take_back = svm_apic_take_back,
	.kick = svm_kick,
	.reg_get = svm_reg_get,
	.reg_set = svm_reg_set,
	.debug_reflect = svm_debug_reflect,
	.apic_page = svm_apic_page,
	.xcr0_set = guest_xcr0_set,
	.explain = svm_explain,
	.exit_name = svm_exit_name,
	.offers = svm_offers,
};
