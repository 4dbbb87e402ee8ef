/*
 * power.c - switching the machine off, and starting it anew.
 *
 * There is no one way that all machines have, so the ways are tried from the
 * best to the crudest; each that works never returns. After each there is a
 * short wait, because a real machine takes its time to go down.
 */
#include "power.h"
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <spec/acpi.h>

/* clang-format off */
#define PM1_SCI_ENABLE  0x0001u
#define PM1_SLP_TYP(t)  ((uint16_t)((t) << 10))
#define PM1_SLP_TYP_ALL 0x1c00u
#define PM1_SLP_ENABLE  0x2000u
#define SLEEP_TYPE(t)   ((uint8_t)((t) << 2)) /* of the sleep control register */
#define SLEEP_ENABLE    0x20u

#define BOCHS_SHUTDOWN_PORT 0x8900 /* Bochs: "Shutdown", byte by byte */
#define QEMU_PIIX4_PM1A     0x604  /* QEMU's machines without our tables */
#define PM1A_S5_TYPE0       0x2000

#define PCI_ADDRESS      0xcf8 /* configuration mechanism #1 */
#define PCI_DATA         0xcfc
#define PCI_ENABLE       0x80000000u
#define RESET_CF9        0xcf9
#define CF9_HARD         0x02
#define CF9_GO           0x06
#define CF9_FULL_GO      0x0e
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_BUSY    0x02
#define KEYBOARD_RESET   0xfe
/* clang-format on */

#define SETTLE_TICKS   50000000u
#define SETTLE_ROUNDS  1000000u /* should the TSC stand still */
#define KEYBOARD_READS 10000u

/* Let the machine go down. */
static void power_settle(void)
{
	uint64_t start = time_tsc();

	for (uint32_t i = 0; i < SETTLE_ROUNDS; i++) {
		if (time_tsc() - start > SETTLE_TICKS) {
			break;
		}
		cpu_pause();
	}
}

static void power_say(const struct power_info *p, const char *text)
{
	if (p->message != NULL) {
		p->message(p->ctx, text);
	}
}

/* A byte to a register wherever it is: a port, memory, configuration space. */
static void power_write8(const struct power_info *p,
			 const struct acpi_register *r, uint8_t value)
{
	uint32_t offset = ACPI_PCI_OFFSET(r->address);
	volatile void *reg;

	switch (r->space) {
	case ACPI_SPACE_IO:
		io_out8((uint16_t)r->address, value);
		break;
	case ACPI_SPACE_PCI_CONFIG:
		io_out32(PCI_ADDRESS,
			 PCI_ENABLE | ACPI_PCI_DEVICE(r->address) << 11 |
				 ACPI_PCI_FUNCTION(r->address) << 8 |
				 (offset & ~3u));
		io_out8((uint16_t)(PCI_DATA + (offset & 3)), value);
		break;
	default:
		reg = p->map != NULL ? p->map(p->ctx, r->address) : NULL;
		if (reg != NULL) {
			mmio_write8(reg, value);
		}
		break;
	}
}

static bool power_has_port(const struct acpi_register *r)
{
	return r->address != 0 && r->space == ACPI_SPACE_IO;
}

/* Put SLP_TYP into one PM1 control register, other bits kept. */
static void power_sleep_type(const struct acpi_register *r, uint8_t type,
			     uint16_t enable)
{
	uint16_t port = (uint16_t)r->address;
	uint16_t v;

	if (power_has_port(r)) {
		v = (uint16_t)(io_in16(port) &
			       ~(PM1_SLP_TYP_ALL | PM1_SLP_ENABLE));
		io_out16(port, (uint16_t)(v | PM1_SLP_TYP(type) | enable));
	}
}

/* The chipset obeys PM1 control only in ACPI mode; the switch takes time. */
static void power_enter_acpi_mode(const struct acpi_phys *a)
{
	uint16_t port = (uint16_t)a->pm1a_control.address;
	uint64_t start = time_tsc();

	if (a->smi_port == 0 || a->smi_port > UINT16_MAX ||
	    a->acpi_enable == 0 || (io_in16(port) & PM1_SCI_ENABLE) != 0) {
		return;
	}
	io_out8((uint16_t)a->smi_port, a->acpi_enable);
	for (uint32_t i = 0; i < SETTLE_ROUNDS; i++) {
		if ((io_in16(port) & PM1_SCI_ENABLE) != 0 ||
		    time_tsc() - start > SETTLE_TICKS) {
			break;
		}
		cpu_pause();
	}
}

/* ACPI specification, "Transitioning from the Working to the Soft Off State":
 * both blocks know the type before either is told to go. */
static void power_off_pm1(const struct acpi_phys *a)
{
	if (!power_has_port(&a->pm1a_control)) {
		return;
	}
	power_enter_acpi_mode(a);
	power_sleep_type(&a->pm1a_control, a->s5_type_a, 0);
	power_sleep_type(&a->pm1b_control, a->s5_type_b, 0);
	power_sleep_type(&a->pm1a_control, a->s5_type_a, PM1_SLP_ENABLE);
	power_sleep_type(&a->pm1b_control, a->s5_type_b, PM1_SLP_ENABLE);
	power_settle();
}

static void power_off_acpi(const struct power_info *p)
{
	const struct acpi_phys *a = p->acpi;

	if (!a->has_s5) {
		return;
	}
	if (!a->is_hw_reduced) {
		power_off_pm1(a);
	} else if (a->sleep_control.address != 0) {
		power_write8(
			p, &a->sleep_control,
			(uint8_t)(SLEEP_TYPE(a->s5_type_a) | SLEEP_ENABLE));
		power_settle();
	}
}

static void power_off_emulators(void)
{
	static const char word[] = "Shutdown";

	for (uint32_t i = 0; i < sizeof(word) - 1; i++) {
		io_out8(BOCHS_SHUTDOWN_PORT, (uint8_t)word[i]);
	}
	power_settle();
}

/**
 * power_off() - switch the machine off.
 * @p: what is known of the machine
 *
 * ACPI S5; Bochs' port; with no ACPI tables at all QEMU's PM1a (a port that a
 * real machine could use for something else, hence last); then a halt with a
 * message. Context: interrupts off, other CPUs stopped.
 */
void power_off(const struct power_info *p)
{
	irq_disable();
	if (p->acpi != NULL) {
		power_off_acpi(p);
	}
	power_off_emulators();
	if (p->acpi == NULL || !p->acpi->has_fadt) {
		io_out16(QEMU_PIIX4_PM1A, PM1A_S5_TYPE0);
		power_settle();
	}
	power_say(p, "power: this machine cannot be switched off by software; "
		     "it is halted now and may be switched off by hand");
	cpu_stop();
}

static void power_reset_acpi(const struct power_info *p)
{
	if (p->acpi->reset.address != 0) {
		power_write8(p, &p->acpi->reset, p->acpi->reset_value);
		power_settle();
	}
}

static void power_reset_keyboard(void)
{
	for (uint32_t i = 0; i < KEYBOARD_READS; i++) {
		if ((io_in8(KEYBOARD_COMMAND) & KEYBOARD_BUSY) == 0) {
			break;
		}
	}
	io_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	power_settle();
}

static void power_reset_chipset(void)
{
	io_out8(RESET_CF9, CF9_HARD);
	io_out8(RESET_CF9, CF9_GO);
	io_out8(RESET_CF9, CF9_FULL_GO);
	power_settle();
}

/**
 * power_reset() - start the machine anew.
 * @p: what is known of the machine
 *
 * ACPI's reset register, port CF9, the keyboard controller, a triple fault; in
 * this order. A machine without tables has the keyboard controller's reset for
 * certain and CF9 perhaps, so they change places there: in Bochs CF9 resets
 * the PCI devices halfway, and OVMF then waits for a timer that is gone.
 * Context: interrupts off, other CPUs stopped.
 */
void power_reset(const struct power_info *p)
{
	irq_disable();
	if (p->acpi != NULL) {
		power_reset_acpi(p);
		power_reset_chipset();
		power_reset_keyboard();
	} else {
		power_reset_keyboard();
		power_reset_chipset();
	}
	cpu_triple_fault();
}
