/*
 * machine.c - include/arch/machine.h on x86-64.
 */
#include <arch/machine.h>

#include "cpu_local.h"
#include "host_map.h"
#include "trap.h"

#include <arch/cpu.h>
#include <hv/backend.h>
#include <spec/x86.h>

extern char __image_start[], __image_end[];

void machine_early_init(const struct boot_info *bi)
{
	(void)cpu_local_boot(bi->cpu_apic_ids[0]);
	trap_init();
	cpu_local_set_cr4();
	host_map_early();
}

enum status machine_map_init(const struct boot_info *bi)
{
	return host_map_init(bi);
}

void *machine_map_device(hpa_t base, uint64_t size)
{
	return host_map_device(base, size, false);
}

void *machine_map_framebuffer(hpa_t base, uint64_t size)
{
	return host_map_device(base, size, true);
}

void machine_irq_claim(uint32_t vector, void (*fn)(void))
{
	trap_irq_claim(vector, fn);
}

uint64_t machine_image_size(void)
{
	return (uint64_t)(__image_end - __image_start);
}

uint32_t machine_cpu_id(void)
{
	return cpu_this()->apic_id;
}

const struct hv_backend *machine_backend(void)
{
	uint32_t r[4];

	cpu_cpuid(1, 0, r);
	if ((r[CPUID_ECX] & CPUID_1_ECX_VMX) != 0) {
		return &vmx_backend;
	}
	cpu_cpuid(0x80000001, 0, r);
	return (r[CPUID_ECX] & CPUID_81_ECX_SVM) != 0 ? &svm_backend : NULL;
}
