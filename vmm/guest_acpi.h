/*
 * guest_acpi.h - ACPI tables of a partition.
 */
#ifndef VMM_GUEST_ACPI_H
#define VMM_GUEST_ACPI_H

#include <bh/gmem.h>
#include <stdbool.h>

#define GUEST_ACPI_GPA      0xe0000u /* RSDP; the tables follow it */
#define GUEST_RESET_GPA     0xffff0u /* the reset vector, f000:fff0 */
#define GUEST_ACPI_END      0x100000u
#define GUEST_ACPI_MAX_CPUS 64u

/* Fixed addresses of the small PC, as the tables and dsdt.asl name them. */
#define GUEST_IOAPIC_GPA   0xfec00000u
#define GUEST_LAPIC_GPA    0xfee00000u
#define GUEST_PCI_IO_FIRST 0x1000u
#define GUEST_PCI_IO_LAST  0xefffu
#define GUEST_PCI_MEM_BASE 0xe0000000u
#define GUEST_PCI_MEM_LAST 0xfebfffffu

struct guest_acpi_config {
	uint32_t vcpu_count; /* APIC ids 0 .. vcpu_count - 1 */
	bool has_uart;       /* is there a COM1? */
	bool is_pc;          /* ... a keyboard controller, a clock chip? */
};

/* vmm/dsdt.asl, compiled; the build makes it by iasl and tools/gen/aml2c.py. */
extern const uint8_t dsdt_aml[];
extern const uint32_t dsdt_aml_size;

/**
 * guest_acpi_build() - write RSDP, XSDT, FADT, MADT, DSDT and the code at the
 * reset vector into @gm.
 * @rsdp: where the RSDP is, for kernel_args.rsdp
 *
 * The tables lie in [GUEST_ACPI_GPA, GUEST_ACPI_END), which linux_boot.c
 * reports as reserved.
 * Return: OK; ERR_RANGE for a bad vCPU count; what gmem_write() returns.
 */
must_check enum status guest_acpi_build(struct gmem *gm,
					const struct guest_acpi_config *c,
					gpa_t *rsdp);

#endif
