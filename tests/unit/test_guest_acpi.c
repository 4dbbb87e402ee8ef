/* test_guest_acpi.c - the tables are well formed and say what they should. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "drivers/virt/vpm.h"
#include "drivers/virt/vuart.h"
#include "vmm/guest_acpi.h"
#include "vmm/linux_boot.h"

#include <spec/acpi.h>
#include <string.h>

static struct gmem gm;
static uint8_t table[8192]; /* the latest one that find() read */

static int setup(void **state)
{
	(void)state;
	big_gmem_init(&gm, 4, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static uint8_t sum(const void *p, size_t len)
{
	uint8_t s = 0;

	for (size_t i = 0; i < len; i++) {
		s = (uint8_t)(s + ((const uint8_t *)p)[i]);
	}
	return s;
}

static uint32_t read_table(uint64_t at)
{
	struct acpi_header h;

	assert_true(at >= GUEST_ACPI_GPA && at < GUEST_ACPI_END);
	assert_int_equal(gmem_read(&gm, gpa(at), &h, sizeof(h)), OK);
	assert_true(h.length <= GUEST_ACPI_END - at);
	assert_true(h.length <= sizeof(table));
	assert_int_equal(gmem_read(&gm, gpa(at), table, h.length), OK);
	assert_int_equal(sum(table, h.length), 0);
	return h.length;
}

static void find(gpa_t rsdp, const char *sig)
{
	struct acpi_rsdp r;
	uint64_t entries[8];
	uint32_t len;

	assert_int_equal(gmem_read(&gm, rsdp, &r, sizeof(r)), OK);
	assert_memory_equal(r.signature, ACPI_SIG_RSDP, 8);
	assert_int_equal(sum(&r, ACPI_RSDP_V1_SIZE), 0);
	assert_int_equal(sum(&r, sizeof(r)), 0);
	assert_int_equal(r.revision, 2);
	len = read_table(r.xsdt_address);
	assert_memory_equal(table, ACPI_SIG_XSDT, 4);
	len -= (uint32_t)sizeof(struct acpi_header);
	assert_true(len <= sizeof(entries));
	memcpy(entries, table + sizeof(struct acpi_header), len);
	for (uint32_t i = 0; i < len / 8; i++) {
		read_table(entries[i]);
		if (memcmp(table, sig, 4) == 0) {
			return;
		}
	}
	fail_msg("no %s", sig);
}

static gpa_t build(uint32_t vcpus, bool has_uart)
{
	const struct guest_acpi_config c = { .vcpu_count = vcpus,
					     .has_uart = has_uart };
	gpa_t rsdp;

	assert_int_equal(guest_acpi_build(&gm, &c, &rsdp), OK);
	return rsdp;
}

static void test_fadt_is_hardware_reduced(void **state)
{
	const struct acpi_fadt *f = (void *)table;

	(void)state;
	find(build(1, true), ACPI_SIG_FADT);
	assert_true(f->flags & ACPI_FADT_HW_REDUCED_ACPI);
	assert_true(f->flags & ACPI_FADT_RESET_REG_SUP);
	assert_false(f->iapc_boot_arch & ACPI_BOOT_ARCH_8042);
	assert_false(f->iapc_boot_arch & ACPI_BOOT_ARCH_LEGACY_DEVICES);
	assert_true(f->iapc_boot_arch & ACPI_BOOT_ARCH_VGA_NOT_PRESENT);
	assert_true(f->iapc_boot_arch & ACPI_BOOT_ARCH_CMOS_RTC_NOT_PRESENT);
	assert_int_equal(f->reset_reg.address, VPM_PORT_RESET);
	assert_int_equal(f->reset_value, VPM_RESET_VALUE);
	assert_int_equal(f->sleep_control_reg.address, VPM_PORT_SLEEP_CONTROL);
	assert_int_equal(f->sleep_status_reg.address, VPM_PORT_SLEEP_STATUS);
	assert_int_equal(f->pm_tmr_blk, 0);
}

static void test_fadt_tells_of_a_pc(void **state)
{
	const struct acpi_fadt *f = (void *)table;
	const struct guest_acpi_config c = { .vcpu_count = 1, .is_pc = true };
	gpa_t rsdp;

	(void)state;
	assert_int_equal(guest_acpi_build(&gm, &c, &rsdp), OK);
	find(rsdp, ACPI_SIG_FADT);
	assert_true(f->iapc_boot_arch & ACPI_BOOT_ARCH_8042);
	assert_false(f->iapc_boot_arch & ACPI_BOOT_ARCH_CMOS_RTC_NOT_PRESENT);
	assert_int_equal(f->century, 0x32);
}

static void test_madt_lists_cpus_and_the_ioapic(void **state)
{
	const struct acpi_madt *m = (void *)table;

	(void)state;
	for (uint32_t n = 1; n <= GUEST_ACPI_MAX_CPUS; n *= 4) {
		uint32_t at = sizeof(*m), cpus = 0, ioapics = 0;

		find(build(n, true), ACPI_SIG_MADT);
		assert_int_equal(m->flags & ACPI_MADT_PCAT_COMPAT, 0);
		while (at < m->header.length) {
			const struct acpi_madt_entry *e = (void *)(table + at);

			assert_true(e->length >= 2);
			if (e->type == ACPI_MADT_LOCAL_APIC) {
				const struct acpi_madt_local_apic *l =
					(const void *)e;

				assert_int_equal(l->apic_id, cpus);
				assert_int_equal(l->flags, 1);
				cpus++;
			} else {
				const struct acpi_madt_io_apic *io =
					(const void *)e;

				assert_int_equal(e->type, ACPI_MADT_IO_APIC);
				assert_int_equal(io->address, 0xfec00000);
				assert_int_equal(io->gsi_base, 0);
				ioapics++;
			}
			at += e->length;
		}
		assert_int_equal(at, m->header.length);
		assert_int_equal(cpus, n);
		assert_int_equal(ioapics, 1);
	}
}

static void read_dsdt(gpa_t rsdp)
{
	const struct acpi_fadt *f = (void *)table;

	find(rsdp, ACPI_SIG_FADT);
	assert_int_equal(f->dsdt, f->x_dsdt);
	read_table(f->x_dsdt);
	assert_memory_equal(table, ACPI_SIG_DSDT, 4);
}

static bool dsdt_has(const void *bytes, size_t len)
{
	return memmem(table, ((struct acpi_header *)(void *)table)->length,
		      bytes, len) != NULL;
}

static void test_dsdt_agrees_with_c(void **state)
{
	/* IO descriptor of COM1, SLP_TYP of _S5, the PCI windows. */
	const uint8_t com1[] = { 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 1, 8 };
	const uint8_t s5[] = { '_',  'S',  '5',
			       '_',  0x12, 0x08,
			       0x04, 0x0a, VPM_SLEEP_TYPE_S5 };
	const uint16_t io[] = { GUEST_PCI_IO_FIRST, GUEST_PCI_IO_LAST };
	const uint32_t mem[] = { GUEST_PCI_MEM_BASE, GUEST_PCI_MEM_LAST };

	(void)state;
	/* the event device: its interrupt (edge, active high, exclusive) and
	 * the region of its register */
	const uint8_t ged[] = { 0x89, 0x06, 0x00, 0x03, 0x01, VPM_BUTTON_GSI };
	const uint8_t event[] = { 'E',
				  'V',
				  'R',
				  'G',
				  0x01,
				  0x0b,
				  VPM_PORT_EVENT & 0xff,
				  VPM_PORT_EVENT >> 8 };

	read_dsdt(build(1, true));
	assert_true(dsdt_has(ged, sizeof(ged)));
	assert_true(dsdt_has(event, sizeof(event)));
	assert_int_equal(VUART_COM1, 0x3f8);
	assert_true(dsdt_has(com1, sizeof(com1)));
	assert_true(dsdt_has(s5, sizeof(s5)));
	assert_true(dsdt_has(io, sizeof(io)));
	assert_true(dsdt_has(mem, sizeof(mem)));
}

static void test_uart_can_be_left_out(void **state)
{
	const uint8_t on[] = { 'U', 'P', 'R', 'S', 0x0a, 0x0f };
	const uint8_t off[] = { 'U', 'P', 'R', 'S', 0x0a, 0x00 };

	(void)state;
	read_dsdt(build(1, true));
	assert_true(dsdt_has(on, sizeof(on)));
	read_dsdt(build(1, false)); /* the checksum is checked, too */
	assert_false(dsdt_has(on, sizeof(on)));
	assert_true(dsdt_has(off, sizeof(off)));
}

static void test_tables_lie_in_the_reserved_range(void **state)
{
	(void)state;
	assert_true(GUEST_ACPI_GPA >= KERNEL_LOW_TOP);
	assert_int_equal(GUEST_ACPI_END, KERNEL_HIGH_GPA);
	assert_true(build(1, true).v >= GUEST_ACPI_GPA);
}

/* A kernel that resets as by firmware gets to the reset register. */
static void test_reset_vector_resets(void **state)
{
	static const uint8_t code[] = { 0xba, 0x02, 0x06, 0xb0, 0x5a,
					0xee, 0xf4, 0xeb, 0xfd };
	uint8_t found[sizeof(code)];

	(void)state;
	assert_int_equal(VPM_PORT_RESET, 0x602);
	assert_int_equal(VPM_RESET_VALUE, 0x5a);
	build(GUEST_ACPI_MAX_CPUS, true);
	assert_int_equal(gmem_read(&gm, gpa(0xffff0), found, sizeof(found)),
			 OK);
	assert_memory_equal(found, code, sizeof(code));
}

static void test_bad_counts_are_refused(void **state)
{
	struct guest_acpi_config c = { .has_uart = true };
	gpa_t rsdp;

	(void)state;
	assert_int_equal(guest_acpi_build(&gm, &c, &rsdp), ERR_RANGE);
	c.vcpu_count = GUEST_ACPI_MAX_CPUS + 1;
	assert_int_equal(guest_acpi_build(&gm, &c, &rsdp), ERR_RANGE);
	c.vcpu_count = 1;
	gm.low_size = 0; /* no RAM at all */
	assert_int_equal(guest_acpi_build(&gm, &c, &rsdp), ERR_FAULT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fadt_is_hardware_reduced),
		T(test_fadt_tells_of_a_pc),
		T(test_madt_lists_cpus_and_the_ioapic),
		T(test_dsdt_agrees_with_c),
		T(test_uart_can_be_left_out),
		T(test_tables_lie_in_the_reserved_range),
		T(test_reset_vector_resets),
		T(test_bad_counts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
