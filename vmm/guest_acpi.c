/*
 * guest_acpi.c - the ACPI tables of a partition's legacy-free PC.
 *
 *	RSDP (0xe0000) -> XSDT -> FADT -> DSDT
 *			       -> MADT
 *
 * Hardware-reduced: no PM timer, no SCI, no fixed events. What an operating
 * system needs instead are two ports to sleep and one to reset (vpm.c), the
 * APIC ids and the IOAPIC (MADT), and the PCI host bridge and COM1 (dsdt.asl).
 *
 * The last bytes below 1 MiB are the reset vector of a PC's firmware. There is
 * none here, but kernels go there to reset the machine: Linux does so when ACPI
 * is hardware-reduced and there are no EFI runtime services, before it tries
 * any port. So there is code that writes the reset register.
 *
 * Invariants
 *  1. Every table starts at a multiple of 16, its checksum is right, and its
 *     length was checked against GUEST_RESET_GPA before it is written.
 *  2. The buffer is static: partitions are built one at a time.
 */
#include "guest_acpi.h"

#include "drivers/virt/vpm.h"
#include "drivers/virt/vrtc.h"

#include <bh/string.h>
#include <spec/acpi.h>

#define TABLE_MAX     KIB(4)
#define SLP_TYP_S5    VPM_SLEEP_TYPE_S5
#define CREATOR       "BLKH"
#define OEM_ID        "BLKHED"
#define OEM_TABLE_ID  "BULKHEAD"
#define LAPIC_UID_MAX 255u

struct acpi_writer {
	struct gmem *gm;
	uint64_t next; /* GPA of the next table */
	enum status status;
	/* The table being made. */
	uint8_t buf[TABLE_MAX];
	uint32_t len;
};

static struct acpi_writer acpi_writer;

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + p[i]);
	}
	return (uint8_t)(0u - sum);
}

static void append(struct acpi_writer *w, const void *src, size_t len)
{
	if (len > sizeof(w->buf) - w->len) {
		w->status = ERR_TOO_BIG;
		return;
	}
	memcpy(w->buf + w->len, src, len);
	w->len += (uint32_t)len;
}

static struct acpi_header header(const char sig[4], uint8_t revision)
{
	struct acpi_header h = { .revision = revision,
				 .oem_revision = 1,
				 .creator_revision = 1 };

	memcpy(h.signature, sig, sizeof(h.signature));
	memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
	memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
	memcpy(h.creator_id, CREATOR, sizeof(h.creator_id));
	return h;
}

/* Close the table in the buffer, write it; return its address. */
static uint64_t finish(struct acpi_writer *w)
{
	struct acpi_header *h = (void *)w->buf;
	uint64_t at = w->next;

	h->length = w->len;
	h->checksum = 0;
	h->checksum = checksum(w->buf, w->len);
	if (w->status == OK && w->len > GUEST_RESET_GPA - at) {
		w->status = ERR_TOO_BIG;
	}
	if (w->status == OK) {
		w->status = gmem_write(w->gm, gpa(at), w->buf, w->len);
		w->next = align_up(at + w->len, 16);
	}
	w->len = 0;
	return at;
}

/* The DSDT as compiled, with COM1's presence patched in. */
static uint64_t write_dsdt(struct acpi_writer *w, bool has_uart)
{
	/* NameOp "UPRS" BytePrefix; the value is the byte behind it. */
	static const uint8_t uart[] = { 0x08, 'U', 'P', 'R', 'S', 0x0a };

	append(w, dsdt_aml, dsdt_aml_size);
	if (w->status != OK || w->len < sizeof(struct acpi_header)) {
		w->status = ERR_TOO_BIG;
		return 0;
	}
	for (size_t i = 0; !has_uart && i + sizeof(uart) < w->len; i++) {
		if (memcmp(w->buf + i, uart, sizeof(uart)) == 0) {
			w->buf[i + sizeof(uart)] = 0;
		}
	}
	return finish(w);
}

static struct acpi_gas io_byte(uint16_t port)
{
	return (struct acpi_gas){ .space_id = ACPI_SPACE_IO,
				  .bit_width = 8,
				  .access_size = 1,
				  .address = port };
}

static uint64_t write_fadt(struct acpi_writer *w, uint64_t dsdt, bool is_pc)
{
	struct acpi_fadt f = {
		.header = header(ACPI_SIG_FADT, 6),
		.dsdt = (uint32_t)dsdt,
		.preferred_pm_profile = 4, /* enterprise server */
		.p_lvl2_lat = 0xffff,      /* no C2, no C3 */
		.p_lvl3_lat = 0xffff,
		.iapc_boot_arch = ACPI_BOOT_ARCH_VGA_NOT_PRESENT |
				  ACPI_BOOT_ARCH_PCIE_ASPM_OFF,
		.flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 |
			 ACPI_FADT_PWR_BUTTON | ACPI_FADT_SLP_BUTTON |
			 ACPI_FADT_FIX_RTC | ACPI_FADT_RESET_REG_SUP |
			 ACPI_FADT_HEADLESS | ACPI_FADT_HW_REDUCED_ACPI,
		.reset_reg = io_byte(VPM_PORT_RESET),
		.reset_value = VPM_RESET_VALUE,
		.fadt_minor_version = 3,
		.x_dsdt = dsdt,
		.sleep_control_reg = io_byte(VPM_PORT_SLEEP_CONTROL),
		.sleep_status_reg = io_byte(VPM_PORT_SLEEP_STATUS),
	};

	if (is_pc) {
		f.iapc_boot_arch |= ACPI_BOOT_ARCH_8042;
		f.century = VRTC_REG_CENTURY;
	} else {
		f.iapc_boot_arch |= ACPI_BOOT_ARCH_CMOS_RTC_NOT_PRESENT;
	}
	memcpy(&f.hypervisor_vendor_identity, "Bulkhead",
	       sizeof(f.hypervisor_vendor_identity));
	append(w, &f, sizeof(f));
	return finish(w);
}

static void append_cpu(struct acpi_writer *w, uint32_t id)
{
	const struct acpi_madt_local_apic l = {
		.entry = { ACPI_MADT_LOCAL_APIC, sizeof(l) },
		.processor_uid = (uint8_t)id,
		.apic_id = (uint8_t)id,
		.flags = ACPI_MADT_CPU_ENABLED,
	};
	const struct acpi_madt_local_x2apic x = {
		.entry = { ACPI_MADT_LOCAL_X2APIC, sizeof(x) },
		.x2apic_id = id,
		.flags = ACPI_MADT_CPU_ENABLED,
		.processor_uid = id,
	};

	/* ACPI, "Processor Local x2APIC Structure": ids below 255 use the
	 * older structure, and an OS may ignore them in the newer one. */
	if (id < LAPIC_UID_MAX) {
		append(w, &l, sizeof(l));
	} else {
		append(w, &x, sizeof(x));
	}
}

static uint64_t write_madt(struct acpi_writer *w, uint32_t vcpu_count)
{
	const struct acpi_madt m = {
		.header = header(ACPI_SIG_MADT, 5),
		.local_apic_address = GUEST_LAPIC_GPA,
		.flags = 0, /* no 8259 */
	};
	const struct acpi_madt_io_apic io = {
		.entry = { ACPI_MADT_IO_APIC, sizeof(io) },
		.io_apic_id = 0,
		.address = GUEST_IOAPIC_GPA,
		.gsi_base = 0,
	};

	append(w, &m, sizeof(m));
	for (uint32_t i = 0; i < vcpu_count; i++) {
		append_cpu(w, i);
	}
	append(w, &io, sizeof(io));
	return finish(w);
}

static uint64_t write_xsdt(struct acpi_writer *w, uint64_t fadt, uint64_t madt)
{
	const struct acpi_header h = header(ACPI_SIG_XSDT, 1);
	const uint64_t tables[] = { fadt, madt };

	append(w, &h, sizeof(h));
	append(w, tables, sizeof(tables));
	return finish(w);
}

static void write_rsdp(struct acpi_writer *w, uint64_t xsdt)
{
	struct acpi_rsdp r = { .revision = 2,
			       .length = sizeof(r),
			       .xsdt_address = xsdt };

	memcpy(r.signature, ACPI_SIG_RSDP, sizeof(r.signature));
	memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
	r.checksum = checksum(&r, ACPI_RSDP_V1_SIZE);
	r.extended_checksum = checksum(&r, sizeof(r));
	if (w->status == OK) {
		w->status =
			gmem_write(w->gm, gpa(GUEST_ACPI_GPA), &r, sizeof(r));
	}
}

/* At f000:fff0, in real mode: the reset register, by port. */
static void write_reset_vector(struct acpi_writer *w)
{
	/* clang-format off */
	static const uint8_t code[] = {
		0xba, VPM_PORT_RESET & 0xff, VPM_PORT_RESET >> 8, /* mov dx */
		0xb0, VPM_RESET_VALUE,                            /* mov al */
		0xee,                                             /* out dx, al */
		0xf4,                                             /* hlt */
		0xeb, 0xfd,                                       /* jmp hlt */
	};
	/* clang-format on */
	_Static_assert(sizeof(code) <= GUEST_ACPI_END - GUEST_RESET_GPA,
		       "the reset vector has 16 bytes");

	if (w->status == OK) {
		w->status = gmem_write(w->gm, gpa(GUEST_RESET_GPA), code,
				       sizeof(code));
	}
}

enum status guest_acpi_build(struct gmem *gm, const struct guest_acpi_config *c,
			     gpa_t *rsdp)
{
	struct acpi_writer *w = &acpi_writer;
	uint64_t dsdt, fadt, madt, xsdt;

	if (c->vcpu_count == 0 || c->vcpu_count > GUEST_ACPI_MAX_CPUS) {
		return ERR_RANGE;
	}
	memset(w, 0, sizeof(*w));
	w->gm = gm;
	w->next = GUEST_ACPI_GPA + align_up(sizeof(struct acpi_rsdp), 16);
	dsdt = write_dsdt(w, c->has_uart);
	fadt = write_fadt(w, dsdt, c->is_pc);
	madt = write_madt(w, c->vcpu_count);
	xsdt = write_xsdt(w, fadt, madt);
	write_rsdp(w, xsdt);
	write_reset_vector(w);
	*rsdp = gpa(GUEST_ACPI_GPA);
	return w->status;
}
