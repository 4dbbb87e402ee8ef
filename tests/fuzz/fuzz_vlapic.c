/*
 * fuzz_vlapic.c - any sequence of register accesses, messages and time on a
 * local APIC with an IOAPIC, a UART and the power ports beside it.
 *
 * Checked after each step: no vector below 16 is pending, PPR is what IRR, ISR
 * and TPR say, remote IRR is set on level pins only, a delivered vector has a
 * higher class than PPR, and the APIC is still in x2APIC mode.
 */
#include "drivers/virt/vioapic.h"
#include "drivers/virt/vlapic.h"
#include "drivers/virt/vpm.h"
#include "drivers/virt/vuart.h"

#include <spec/x86_msr.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) uint32_t page[1024];
static struct vlapic lapic;
static struct vioapic ioapic;
static struct vuart uart;
static struct vpm pm;
static struct io_bus bus;
static uint64_t tsc;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static uint64_t on_tsc(void *ctx)
{
	(void)ctx;
	return tsc;
}

static void on_ipi(void *ctx, const struct vlapic_message *m)
{
	(void)ctx;
	check((m->mode != VLAPIC_FIXED && m->mode != VLAPIC_LOWEST) ||
	      m->vector >= 16);
}

static void on_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	check(vector >= 16);
	vioapic_eoi(&ioapic, vector);
}

static void on_event(void *ctx)
{
	(void)ctx;
}

static void on_kick(void *ctx, uint8_t vector)
{
	(void)ctx;
	check(vector == 0 || vlapic_highest_irr(&lapic) >= vector);
}

static bool on_timer(void *ctx)
{
	(void)ctx;
	return vlapic_timer_deadline(&lapic) > tsc;
}

static const struct vlapic_ops lapic_ops = {
	.tsc = on_tsc,
	.send_ipi = on_ipi,
	.eoi = on_eoi,
	.nmi = on_event,
	.kick = on_kick,
	.timer_changed = on_timer,
	.notify = on_event,
};

static void on_msi(void *ctx, uint64_t address, uint32_t data)
{
	(void)ctx;
	vlapic_accept_msi(&lapic, address, data);
}

static void on_pin(void *ctx, uint32_t pin, bool level)
{
	(void)ctx;
	vioapic_set_pin(&ioapic, pin, level);
}

static void on_output(void *ctx, const uint8_t *src, size_t len)
{
	(void)ctx;
	(void)src;
	check(len == 1);
}

static void on_power(void *ctx, enum vpm_event e)
{
	(void)ctx;
	check(e == VPM_POWEROFF || e == VPM_RESET);
}

static const struct vpm_ops pm_ops = { on_power };

static void start(void)
{
	const struct msi_sink sink = { on_msi, NULL };
	const struct irq_line line = { on_pin, NULL, 4 };
	const struct chardev_sink out = { on_output, NULL, NULL };

	tsc = 1000;
	io_space_init(&bus.pio);
	io_space_init(&bus.mmio);
	vlapic_init(&lapic, page, 0, &lapic_ops, NULL);
	vioapic_init(&ioapic, &sink);
	vuart_init(&uart, &line, &out);
	vpm_init(&pm, &pm_ops, NULL);
	check(vioapic_attach(&ioapic, &bus) == OK);
	check(vuart_attach(&uart, &bus, VUART_COM1) == OK);
	check(vpm_attach(&pm, &bus) == OK);
	check(vlapic_msr_write(&lapic, MSR_IA32_X2APIC_SIVR, 0x1ff) == OK);
}

static void check_state(void)
{
	int irr = vlapic_highest_irr(&lapic), v = vlapic_deliverable(&lapic);
	uint64_t value;

	check((page[VLAPIC_IRR / 4] & 0xffff) == 0);
	check((page[VLAPIC_ISR / 4] & 0xffff) == 0);
	check(v < 0 ||
	      (v == irr && (uint32_t)v >> 4 > vlapic_ppr(&lapic) >> 4));
	check(vlapic_msr_read(&lapic, MSR_IA32_APIC_BASE, &value) == OK);
	check(value == 0xfee00d00);
	for (uint32_t i = 0; i < VIOAPIC_PIN_COUNT; i++) {
		check((ioapic.rte[i] & VIOAPIC_RTE_REMOTE_IRR) == 0 ||
		      (ioapic.rte[i] & VIOAPIC_RTE_LEVEL) != 0);
	}
	check(uart.fifo_count <= VUART_FIFO_SIZE);
}

static void take_interrupt(void)
{
	int vector = vlapic_deliverable(&lapic);

	if (vector >= 0) {
		vlapic_ack(&lapic, (uint8_t)vector);
	}
}

static void power(uint8_t a, uint64_t v)
{
	io_space_write(&bus.pio, VPM_PORT_BASE + (a & 3), 1, v & 0xff);
	vpm_reset_control(&pm, a);
}

static void uart_in(uint8_t a, uint64_t v)
{
	io_space_read(&bus.pio, VUART_COM1 + (a & 7), 1);
	vuart_input(&uart, (const uint8_t *)&v, a & 7);
}

/* One step: an operation, a small number and a value. */
static void step(uint8_t op, uint8_t a, uint64_t v)
{
	const uint32_t sizes[] = { 1, 2, 4, 8 };
	uint32_t size = sizes[op >> 4 & 3];
	uint64_t value;
	enum status s;

	switch (op & 15) {
	case 0:
		s = vlapic_msr_write(&lapic, 0x800u + a, v);
		break;
	case 1: /* small values pass the checks of reserved bits more often */
		s = vlapic_msr_write(&lapic, 0x800u + a, v & 0x7ffff);
		break;
	case 2:
		s = vlapic_msr_read(&lapic, 0x800u + a, &value);
		break;
	case 3:
		s = vlapic_msr_write(&lapic, MSR_IA32_TSC_DEADLINE, v);
		break;
	case 4:
		s = vlapic_msr_write(&lapic, MSR_IA32_APIC_BASE, v);
		break;
	case 5:
		vlapic_accept_msi(&lapic, 0xfee00000 | (v >> 32 & 0xfffff),
				  (uint32_t)v);
		return;
	case 6:
		tsc += v >> (a & 63);
		vlapic_timer_expire(&lapic, tsc);
		return;
	case 7:
		take_interrupt();
		return;
	case 8:
		vlapic_page_written(&lapic, (uint32_t)a << 4);
		return;
	case 9:
	case 10:
		io_space_write(&bus.mmio, VIOAPIC_GPA + (a & 0x7f), size, v);
		return;
	case 11:
		io_space_read(&bus.mmio, VIOAPIC_GPA + (a & 0x7f), size);
		return;
	case 12:
		vioapic_set_pin(&ioapic, a, (v & 1) != 0);
		return;
	case 13:
		io_space_write(&bus.pio, VUART_COM1 + (a & 7),
			       size > 4 ? 1 : size, v);
		return;
	case 14:
		uart_in(a, v);
		return;
	default:
		power(a, v);
		return;
	}
	check(s == OK || s == ERR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	for (size_t at = 0; at + 10 <= size; at += 10) {
		uint64_t v;

		memcpy(&v, data + at + 2, sizeof(v));
		step(data[at], data[at + 1], v);
		check_state();
	}
	return 0;
}
