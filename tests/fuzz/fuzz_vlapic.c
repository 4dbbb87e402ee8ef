/*
 * fuzz_vlapic.c - any sequence of register accesses, messages and time on a
 * two local APICs with an IOAPIC, a UART and the power ports beside them. The
 * first has its vCPU loaded; the second is another CPU's, and is served by its
 * mailbox.
 *
 * Checked after each step, of both: no vector below 16 is pending, PPR is what
 * IRR, ISR and TPR say, remote IRR is set on level pins only, a delivered
 * vector has a higher class than PPR, the mode is one that exists, and one that
 * is off has nothing pending.
 */
#include "drivers/virt/vioapic.h"
#include "drivers/virt/vlapic.h"
#include "drivers/virt/vpm.h"
#include "drivers/virt/vuart.h"

#include <spec/x86_msr.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) uint32_t page[1024], other_page[1024];
static struct vlapic lapic, other;
static struct vlapic_set set;
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
	uint32_t n = vlapic_route(&set, ctx, m);

	check((m->mode != VLAPIC_FIXED && m->mode != VLAPIC_LOWEST) ||
	      m->vector >= 16);
	check(n <= (m->mode == VLAPIC_LOWEST ? 1 : 2));
	check(m->shorthand != VLAPIC_SELF);
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
	check(vector == 0 || vlapic_highest_irr(ctx) >= vector);
}

static void on_notify(void *ctx)
{
	check(ctx == &other || lapic.mail.signals != 0);
	check(vlapic_has_mail(ctx));
}

static bool on_mode(void *ctx, uint32_t base)
{
	check(base != ((struct vlapic *)ctx)->base);
	return true;
}

static bool on_timer(void *ctx)
{
	return vlapic_timer_deadline(ctx) > tsc;
}

static const struct vlapic_ops lapic_ops = {
	.tsc = on_tsc,
	.send_ipi = on_ipi,
	.eoi = on_eoi,
	.nmi = on_event,
	.kick = on_kick,
	.timer_changed = on_timer,
	.mode_changes = on_mode,
	.notify = on_notify,
};

static void on_msi(void *ctx, uint64_t address, uint32_t data)
{
	(void)ctx;
	check(vlapic_route_msi(&set, &lapic, address, data) <= 2);
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
	const struct irq_line button = { on_pin, NULL, VPM_BUTTON_GSI };
	const struct chardev_sink out = { on_output, NULL, NULL };

	tsc = 1000;
	io_space_init(&bus.pio);
	io_space_init(&bus.mmio);
	vlapic_init(&lapic, page, 0, &lapic_ops, &lapic);
	vlapic_init(&other, other_page, 1, &lapic_ops, &other);
	vlapic_set_put(&set, &lapic);
	vlapic_set_put(&set, &other);
	vioapic_init(&ioapic, &sink);
	vuart_init(&uart, &line, &out);
	vpm_init(&pm, &pm_ops, NULL, &button);
	check(vioapic_attach(&ioapic, &bus) == OK);
	check(vuart_attach(&uart, &bus, VUART_COM1) == OK);
	check(vpm_attach(&pm, &bus) == OK);
	check(vpm_attach_i8042(&pm, &bus) == OK);
	check(vlapic_msr_write(&lapic, MSR_IA32_X2APIC_SIVR, 0x1ff) == OK);
	check(vlapic_msr_write(&other, MSR_IA32_X2APIC_SIVR, 0x1ff) == OK);
}

static void check_apic(struct vlapic *l, const uint32_t *regs)
{
	int irr = vlapic_highest_irr(l), v = vlapic_deliverable(l);
	uint64_t value, id;

	check((regs[VLAPIC_IRR / 4] & 0xffff) == 0);
	check((regs[VLAPIC_ISR / 4] & 0xffff) == 0);
	check(v < 0 || (v == irr && (uint32_t)v >> 4 > vlapic_ppr(l) >> 4));
	check(vlapic_msr_read(l, MSR_IA32_APIC_BASE, &value) == OK);
	check((value & ~0xc00ull) == (0xfee00000 | (l->id == 0 ? 0x100 : 0)));
	check((value & 0xc00) != 0x400);
	check(((value & 0xc00) == 0xc00) ==
	      (vlapic_msr_read(l, MSR_IA32_X2APIC_APICID, &id) == OK));
	check(vlapic_is_on(l) || (irr < 0 && v < 0));
}

static void check_state(void)
{
	check_apic(&lapic, page);
	check_apic(&other, other_page);
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

/* Registers in memory; the lowest bit of @v says of which APIC. */
static void memory(uint8_t a, uint32_t size, uint64_t v)
{
	struct vlapic *l = (v & 1) != 0 ? &other : &lapic;
	uint32_t offset = (uint32_t)a << 4 | (v >> 1 & 0xf);
	uint64_t mask = size < 8 ? (1ull << 8 * size) - 1 : UINT64_MAX;

	if ((v & 0x20) != 0) {
		check((vlapic_mmio_read(l, offset, size) & ~mask) == 0);
	} else {
		vlapic_mmio_write(l, (uint32_t)a << 4, 4, (uint32_t)(v >> 8));
		vlapic_mmio_write(l, offset, size, (uint32_t)(v >> 8));
	}
}

/* IA32_APIC_BASE: one of its modes, or anything; more often the registers. */
static enum status base_or_memory(uint8_t a, uint32_t size, uint64_t v)
{
	if ((a & 0xf0) != 0) {
		memory(a, size, v);
		return OK;
	}
	return vlapic_msr_write(&lapic, MSR_IA32_APIC_BASE,
				(a & 1) != 0 ? v : (v & 0xc00) | 0xfee00100);
}

/* What the other CPU does: looks into its mail, or sends. */
static void other_cpu(uint8_t a, uint64_t v)
{
	uint32_t signals;
	enum status s = OK;
	int vector;

	switch (a & 3) {
	case 0:
		(void)vlapic_take_posted(&other);
		signals = vlapic_take_signals(&other);
		check((signals & ~0xff07u) == 0);
		check(!vlapic_has_mail(&other));
		vector = vlapic_deliverable(&other);
		if (vector >= 0) {
			vlapic_ack(&other, (uint8_t)vector);
		}
		return;
	case 1:
		s = vlapic_msr_write(&other, 0x800u + (a >> 2), v & 0x7ffff);
		break;
	case 2:
		s = vlapic_msr_write(&other, MSR_IA32_APIC_BASE,
				     0xfee00000 | (v & 0xc00));
		break;
	default:
		vlapic_reset(&other);
		break;
	}
	check(s == OK || s == ERR_INVALID);
}

static void other_or_power(uint8_t a, uint64_t v)
{
	if ((a & 8) != 0) {
		other_cpu(a >> 4, v);
	} else {
		power(a, v);
	}
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
	case 1: /* small values pass the checks of reserved bits more often */
		s = vlapic_msr_write(&lapic, 0x800u + a,
				     (op & 1) != 0 ? v & 0x7ffff : v);
		break;
	case 2:
		s = vlapic_msr_read(&lapic, 0x800u + a, &value);
		break;
	case 3:
		s = vlapic_msr_write(&lapic, MSR_IA32_TSC_DEADLINE, v);
		break;
	case 4:
		s = base_or_memory(a, size, v);
		break;
	case 5:
		on_msi(NULL, 0xfee00000 | (v >> 32 & 0xfffff), (uint32_t)v);
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
		other_or_power(a, v);
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
