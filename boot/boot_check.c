/*
 * boot_check.c - refusals that are best made while the firmware still lives.
 *
 * Only what no VMM could do without: the VMM itself negotiates the rest (EPT,
 * unrestricted guest, ...) and says what is missing.
 */
#include "boot.h"
#include "boot_con.h"
#include "boot_cpu.h"

/* SDM vol. 2, "CPUID"; AMD64 APM vol. 3, "CPUID" */
#define LEAF_FEATURES     1u
#define ECX_VMX           BIT(5)
#define LEAF_EXTENDED_MAX 0x80000000u
#define LEAF_EXTENDED     0x80000001u
#define EXTENDED_ECX_SVM  BIT(2)
#define EXTENDED_EDX_NX   BIT(20)

#define MSR_IA32_FEATURE_CONTROL   0x3au
#define FEATURE_CONTROL_LOCK       BIT(0)
#define FEATURE_CONTROL_VMX_IN_SMX BIT(1)
#define FEATURE_CONTROL_VMX        BIT(2)
#define MSR_VM_CR                  0xc0010114u
#define VM_CR_SVMDIS               BIT(4)

#define CR4_LA57 BIT(12)

static EFI_STATUS check_vmx(void)
{
	uint64_t control = boot_cpu_rdmsr(MSR_IA32_FEATURE_CONTROL);
	if (!(control & FEATURE_CONTROL_LOCK) ||
	    (control & FEATURE_CONTROL_VMX)) {
		return EFI_SUCCESS;
	}
	if (control & FEATURE_CONTROL_VMX_IN_SMX) {
		return boot_con_refuse(
			EFI_UNSUPPORTED,
			L"VT-x is allowed only in a TXT measured launch "
			L"(IA32_FEATURE_CONTROL 0x%lx); enable \"VMX\" or "
			L"disable \"TXT\" in the firmware setup",
			control);
	}
	return boot_con_refuse(
		EFI_UNSUPPORTED,
		L"VT-x is disabled and locked by the firmware "
		L"(IA32_FEATURE_CONTROL 0x%lx); enable \"Intel Virtualization "
		L"Technology\" in the firmware setup and power-cycle",
		control);
}

static EFI_STATUS check_svm(void)
{
	if (boot_cpu_rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
		return boot_con_refuse(
			EFI_UNSUPPORTED,
			L"AMD-V is disabled by the firmware (VM_CR.SVMDIS); "
			L"enable \"SVM mode\" in the firmware setup");
	}
	return EFI_SUCCESS;
}

EFI_STATUS boot_check_machine(void)
{
	struct boot_cpuid basic = { 0 };
	struct boot_cpuid extended = { 0 };

	boot_cpu_cpuid(LEAF_FEATURES, 0, &basic);
	boot_cpu_cpuid(LEAF_EXTENDED_MAX, 0, &extended);
	if (extended.eax >= LEAF_EXTENDED) {
		boot_cpu_cpuid(LEAF_EXTENDED, 0, &extended);
	} else {
		extended = (struct boot_cpuid){ 0 };
	}
	if (!(basic.ecx & ECX_VMX) && !(extended.ecx & EXTENDED_ECX_SVM)) {
		return boot_con_refuse(
			EFI_UNSUPPORTED,
			L"no VT-x and no AMD-V: the processor shows neither "
			L"VMX nor SVM; use a processor with one of them, "
			L"enable nested virtualization in the hypervisor "
			L"below, or run in an emulator (make run)");
	}
	if (!(extended.edx & EXTENDED_EDX_NX)) {
		return boot_con_refuse(
			EFI_UNSUPPORTED,
			L"no NX: the processor cannot mark pages as data; "
			L"enable \"Execute Disable\" in the firmware setup");
	}
	if (boot_cpu_cr4() & CR4_LA57) {
		return boot_con_refuse(
			EFI_UNSUPPORTED,
			L"the firmware runs with 5-level paging; disable "
			L"\"5-level paging\" (LA57) in the firmware setup");
	}
	return (basic.ecx & ECX_VMX) ? check_vmx() : check_svm();
}
