/*
 * svm_run.c - one stay in the guest, and words for an entry that failed.
 */
#include "../cpu_local.h"
#include "../exit_path.h"
#include "svm.h"
#include "svm_check.h"

#include <bh/log.h>
#include <bh/string.h>
#include <hv/mitigation.h>

enum vm_verdict svm_run_loop(struct vcpu *v)
{
	union vmcb *b = svm_vmcb(v);
	uint32_t result;

	vcpu_request(v, VCPU_REQ_EVENT | VCPU_REQ_TIMER);
	/* From here on an NMI waits for the guest, and makes it exit. */
	__asm__ volatile("clgi" : : : "memory");
	result = svm_go_on(v, VM_RETRY);
	if (result != EXIT_RESUME) {
		__asm__ volatile("stgi" : : : "memory");
		return EXIT_LEAVE_VERDICT(result);
	}
	result = (mitigate_is_guarded() ? svm_run_guarded : svm_run)(
		v, virt_to_phys(b), cpu_this()->hv_host_state, b);
	return EXIT_LEAVE_VERDICT(result);
}

void svm_explain(struct vcpu *v, char *dst, size_t size)
{
	if (svm_check(svm_vmcb(v), svm_caps.phys_bits, dst, size) == 0) {
		(void)fmt_print(dst, size, "%s", "no rule we know is broken");
	}
	log_error("VMRUN: %s", dst);
}
