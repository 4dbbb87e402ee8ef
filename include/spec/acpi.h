/*
 * acpi.h - the ACPI tables that we read (the machine's) and write (a guest's).
 *
 * Names are those of the ACPI specification, in snake_case. All structures are
 * packed and little-endian; the tables of the machine may lie at any address,
 * so readers copy before they look. Sizes are checked at the end.
 */
#ifndef SPEC_ACPI_H
#define SPEC_ACPI_H

#include <stdint.h>

#define ACPI_SIG_RSDP "RSD PTR "
#define ACPI_SIG_RSDT "RSDT"
#define ACPI_SIG_XSDT "XSDT"
#define ACPI_SIG_MADT "APIC"
#define ACPI_SIG_FADT "FACP"
#define ACPI_SIG_DSDT "DSDT"
#define ACPI_SIG_SSDT "SSDT"
#define ACPI_SIG_MCFG "MCFG"
#define ACPI_SIG_HPET "HPET"
#define ACPI_SIG_SPCR "SPCR"

/* "Root System Description Pointer". Bytes 0..19 are the ACPI 1.0 part. */
struct acpi_rsdp {
	char signature[8]; /* ACPI_SIG_RSDP */
	uint8_t checksum;  /* bytes 0..19 sum to 0 */
	char oem_id[6];
	uint8_t revision; /* 0: ACPI 1.0, 2: the fields below exist */
	uint32_t rsdt_address;
	uint32_t length; /* of the whole structure */
	uint64_t xsdt_address;
	uint8_t extended_checksum; /* all bytes sum to 0 */
	uint8_t reserved[3];
} __attribute__((packed));

#define ACPI_RSDP_V1_SIZE 20u

/* "System Description Table Header". RSDT: 32-bit, XSDT: 64-bit addresses of
 * other tables follow it. */
struct acpi_header {
	char signature[4];
	uint32_t length; /* header included */
	uint8_t revision;
	uint8_t checksum; /* all bytes sum to 0 */
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* "Generic Address Structure" */
struct acpi_gas {
	uint8_t space_id; /* ACPI_SPACE_* */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size; /* 0 undefined, 1 byte, 2 word, 3 dword, 4 qword */
	uint64_t address;
} __attribute__((packed));

#define ACPI_SPACE_MEMORY     0u
#define ACPI_SPACE_IO         1u
#define ACPI_SPACE_PCI_CONFIG 2u /* address: ACPI_PCI_*(), bus 0 */

/* The address of a register in PCI configuration space, taken apart. */
#define ACPI_PCI_DEVICE(address)   ((uint32_t)((address) >> 32))
#define ACPI_PCI_FUNCTION(address) ((uint32_t)((address) >> 16) & 0xffffu)
#define ACPI_PCI_OFFSET(address)   ((uint32_t)(address)&0xffffu)

/* "Multiple APIC Description Table": structures of {type, length} follow. */
struct acpi_madt {
	struct acpi_header header;
	uint32_t local_apic_address;
	uint32_t flags; /* ACPI_MADT_PCAT_COMPAT */
} __attribute__((packed));

#define ACPI_MADT_PCAT_COMPAT 1u

#define ACPI_MADT_LOCAL_APIC   0u
#define ACPI_MADT_IO_APIC      1u
#define ACPI_MADT_OVERRIDE     2u
#define ACPI_MADT_LOCAL_X2APIC 9u

struct acpi_madt_entry {
	uint8_t type;   /* ACPI_MADT_* */
	uint8_t length; /* these two bytes included */
} __attribute__((packed));

#define ACPI_MADT_CPU_ENABLED        1u
#define ACPI_MADT_CPU_ONLINE_CAPABLE 2u /* if not enabled: may be added */

struct acpi_madt_local_apic {
	struct acpi_madt_entry entry;
	uint8_t processor_uid;
	uint8_t apic_id;
	uint32_t flags; /* ACPI_MADT_CPU_* */
} __attribute__((packed));

struct acpi_madt_io_apic {
	struct acpi_madt_entry entry;
	uint8_t io_apic_id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base; /* first global system interrupt */
} __attribute__((packed));

/* "Interrupt Source Override Structure": where an ISA interrupt arrives */
struct acpi_madt_override {
	struct acpi_madt_entry entry;
	uint8_t bus;    /* 0: ISA */
	uint8_t source; /* the ISA interrupt */
	uint32_t gsi;
	uint16_t flags; /* ACPI_INTI_* */
} __attribute__((packed));

/* "MPS INTI Flags" */
#define ACPI_INTI_POLARITY(flags) ((flags)&3u)
#define ACPI_INTI_HIGH            1u /* 0: as the bus does; ISA: high */
#define ACPI_INTI_RESERVED        2u
#define ACPI_INTI_LOW             3u

struct acpi_madt_local_x2apic {
	struct acpi_madt_entry entry;
	uint16_t reserved;
	uint32_t x2apic_id;
	uint32_t flags; /* ACPI_MADT_CPU_* */
	uint32_t processor_uid;
} __attribute__((packed));

/* "Fixed ACPI Description Table", revision 6 (276 bytes). */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl; /* FACS */
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_req;
	uint8_t pstate_cnt;
	uint32_t pm1a_evt_blk;
	uint32_t pm1b_evt_blk;
	uint32_t pm1a_cnt_blk;
	uint32_t pm1b_cnt_blk;
	uint32_t pm2_cnt_blk;
	uint32_t pm_tmr_blk;
	uint32_t gpe0_blk;
	uint32_t gpe1_blk;
	uint8_t pm1_evt_len;
	uint8_t pm1_cnt_len;
	uint8_t pm2_cnt_len;
	uint8_t pm_tmr_len;
	uint8_t gpe0_blk_len;
	uint8_t gpe1_blk_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat;
	uint16_t p_lvl3_lat;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alrm;
	uint8_t mon_alrm;
	uint8_t century;
	uint16_t iapc_boot_arch; /* ACPI_BOOT_ARCH_* */
	uint8_t reserved1;
	uint32_t flags; /* ACPI_FADT_* */
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t fadt_minor_version;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct acpi_gas x_pm1a_evt_blk;
	struct acpi_gas x_pm1b_evt_blk;
	struct acpi_gas x_pm1a_cnt_blk;
	struct acpi_gas x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk;
	struct acpi_gas x_pm_tmr_blk;
	struct acpi_gas x_gpe0_blk;
	struct acpi_gas x_gpe1_blk;
	struct acpi_gas sleep_control_reg;
	struct acpi_gas sleep_status_reg;
	uint64_t hypervisor_vendor_identity;
} __attribute__((packed));

/* "MCFG": PCI Firmware Specification; struct acpi_mcfg_range follow. */
struct acpi_mcfg {
	struct acpi_header header;
	uint64_t reserved;
} __attribute__((packed));

struct acpi_mcfg_range {
	uint64_t base; /* of bus 0, be it in the range or not */
	uint16_t segment;
	uint8_t first_bus;
	uint8_t last_bus;
	uint32_t reserved;
} __attribute__((packed));

/* "HPET": IA-PC HPET Specification, "The ACPI 2.0 HPET Description Table" */
struct acpi_hpet {
	struct acpi_header header;
	uint32_t block_id; /* as the capabilities register's low half */
	struct acpi_gas base;
	uint8_t number;
	uint16_t min_tick;
	uint8_t page_protection;
} __attribute__((packed));

/* "SPCR": Serial Port Console Redirection Table, revision 2. */
struct acpi_spcr {
	struct acpi_header header;
	uint8_t interface_type; /* ACPI_SPCR_* */
	uint8_t reserved[3];
	struct acpi_gas base;
	uint8_t interrupt_type; /* ACPI_SPCR_IRQ_* */
	uint8_t irq;            /* of the 8259 */
	uint32_t gsi;
	uint8_t baud_rate; /* 3, 4, 6, 7; 0: as the firmware left it */
	uint8_t parity;
	uint8_t stop_bits;
	uint8_t flow_control;
	uint8_t terminal_type;
	uint8_t language;
	uint16_t pci_device;
	uint16_t pci_vendor;
	uint8_t pci_bus;
	uint8_t pci_slot;
	uint8_t pci_function;
	uint32_t pci_flags;
	uint8_t pci_segment;
	uint32_t reserved1;
} __attribute__((packed));

#define ACPI_SPCR_16550        0x00u
#define ACPI_SPCR_16550_SUBSET 0x01u
#define ACPI_SPCR_16550_GAS    0x12u /* as the GAS describes it */

#define ACPI_SPCR_IRQ_8259   1u
#define ACPI_SPCR_IRQ_IOAPIC 2u

/* "IA-PC Boot Architecture Flags" */
#define ACPI_BOOT_ARCH_LEGACY_DEVICES       (1u << 0)
#define ACPI_BOOT_ARCH_8042                 (1u << 1)
#define ACPI_BOOT_ARCH_VGA_NOT_PRESENT      (1u << 2)
#define ACPI_BOOT_ARCH_PCIE_ASPM_OFF        (1u << 4)
#define ACPI_BOOT_ARCH_CMOS_RTC_NOT_PRESENT (1u << 5)

/* "Fixed Feature Flags" */
#define ACPI_FADT_WBINVD          (1u << 0)
#define ACPI_FADT_PROC_C1         (1u << 2)
#define ACPI_FADT_PWR_BUTTON      (1u << 4) /* 1: control method, or none */
#define ACPI_FADT_SLP_BUTTON      (1u << 5) /* 1: control method, or none */
#define ACPI_FADT_FIX_RTC         (1u << 6)
#define ACPI_FADT_RESET_REG_SUP   (1u << 10)
#define ACPI_FADT_HEADLESS        (1u << 12)
#define ACPI_FADT_HW_REDUCED_ACPI (1u << 20)

_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI RSDP");
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");
_Static_assert(sizeof(struct acpi_gas) == 12, "ACPI GAS");
_Static_assert(sizeof(struct acpi_madt) == 44, "ACPI MADT");
_Static_assert(sizeof(struct acpi_madt_local_apic) == 8, "MADT type 0");
_Static_assert(sizeof(struct acpi_madt_io_apic) == 12, "MADT type 1");
_Static_assert(sizeof(struct acpi_madt_override) == 10, "MADT type 2");
_Static_assert(sizeof(struct acpi_madt_local_x2apic) == 16, "MADT type 9");
_Static_assert(sizeof(struct acpi_mcfg) == 44, "ACPI MCFG");
_Static_assert(sizeof(struct acpi_mcfg_range) == 16, "MCFG entry");
_Static_assert(sizeof(struct acpi_hpet) == 56, "ACPI HPET");
_Static_assert(sizeof(struct acpi_spcr) == 80, "ACPI SPCR");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI FADT");

#endif
