/*
 * vmx_run.c - one stay in the guest, and words for an entry that failed.
 */
#include "vmx.h"

#include "../exit_path.h"
#include "entry_check.h"

#include <bh/log.h>
#include <bh/string.h>
#include <hv/mitigation.h>

void vmx_set_host_rsp(uint64_t rsp)
{
	vmwrite(VMCS_HOST_RSP, rsp);
}

enum vm_verdict vmx_run_loop(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	bool wants_apic = v->wants_apic;
	uint64_t result;

	vcpu_request(v, VCPU_REQ_TIMER);
	/* It may go back to sleep at once: the APIC is lent when it has exited
	 * for it. */
	v->wants_apic = wants_apic && v->has_apic;
	vmx_prepare_entry(v);
	v->wants_apic = wants_apic;
	result = mitigate_is_guarded() ? vmx_run_guarded(v, x->is_launched)
				       : vmx_run(v, x->is_launched);
	if (result == EXIT_RUN_FAILED) {
		v->exit.kind = VM_EXIT_ENTRY_FAILED;
		v->exit.rip = vmread(VMCS_GUEST_RIP);
		v->exit.qualification = vmread(VMCS_VM_INSTRUCTION_ERROR);
		return vm_exit_handlers[VM_EXIT_ENTRY_FAILED](v);
	}
	x->is_launched = true;
	return EXIT_LEAVE_VERDICT(result);
}

static uint64_t vmx_check_read(void *ctx, uint32_t field)
{
	uint64_t value = 0;

	(void)ctx;
	/* A field that this processor lacks reads as 0: no rule is about it. */
	__asm__ volatile("vmread %1, %0"
			 : "+r"(value)
			 : "r"((uint64_t)field)
			 : "cc");
	return value;
}

void vmx_explain(struct vcpu *v, char *dst, size_t size)
{
	static struct entry_report report;
	const struct entry_source source = { vmx_check_read, NULL, &vmx_caps };
	char line[200];
	size_t used = 0;

	(void)v;
	if (entry_check(&source, &report)) {
		(void)fmt_print(dst, size, "no rule we know is broken; %s",
				vmx_instruction_error_text(
					vmread32(VMCS_VM_INSTRUCTION_ERROR)));
		return;
	}
	for (uint32_t i = 0; i < report.count && i < ENTRY_FINDING_MAX; i++) {
		(void)entry_finding_print(&report.rows[i], line, sizeof(line));
		log_error("VM entry: %s", line);
		used += fmt_print(dst + used, used < size ? size - used : 0,
				  "%s%s", i > 0 ? "; " : "", line);
		if (used >= size) {
			return;
		}
	}
}
