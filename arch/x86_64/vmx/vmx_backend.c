/*
 * vmx_backend.c - VT-x as a struct hv_backend.
 */
#include "vmx.h"

static void vmx_offers(struct backend_offers *out)
{
	out->has_rdtscp = vmx_plan.has_rdtscp;
	out->has_invpcid = vmx_plan.has_invpcid;
	out->has_pdptes = true;
	out->has_apicv = vmx_plan.has_apicv;
	out->has_direct_apic = vmx_plan.has_direct_apic;
}

static uint32_t *vmx_apic_page(struct vcpu *v)
{
	return phys_to_virt(vmx_of(v)->apic_page);
}

const struct hv_backend vmx_backend = {
	.name = "vmx",
	.title = "VT-x",
	.npt_format = &vmx_ept_format,
	.init = vmx_init,
	.cpu_on = vmx_cpu_on,
	.features = vmx_features,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_reset = vmx_vcpu_reset,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_unload = vmx_vcpu_unload,
	.run = vmx_run_loop,
	.timer_changed = vmx_timer_changed,
	.irq_changed = vmx_irq_changed,
	.apic_take_back = vmx_apic_take_back,
	.kick = vmx_kick,
	.reg_get = vmx_reg_get,
	.reg_set = vmx_reg_set,
	.debug_reflect = vmx_debug_reflect,
	.apic_page = vmx_apic_page,
	.xcr0_set = guest_xcr0_set,
	.explain = vmx_explain,
	.exit_name = vmx_exit_reason_name,
	.offers = vmx_offers,
};
