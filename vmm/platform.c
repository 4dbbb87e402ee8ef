/*
 * platform.c - glue between the VMM and the machine's devices.
 *
 * COM1 and the screen carry the log and the shell, COM2 carries JSON-RPC. The
 * UARTs raise an NMI when bytes arrive (their FIFO holds 16), so that the CPU's
 * loop goes round and polls them, whatever a guest does; nothing is done in the
 * NMI itself.
 */
#include "platform.h"

#include "lib/log_sink.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <bh/log.h>
#include <bh/string.h>
#include <drivers/phys/acpi_phys.h>
#include <drivers/phys/fbcon.h>
#include <drivers/phys/ioapic_phys.h>
#include <drivers/phys/lapic_phys.h>
#include <drivers/phys/pic_phys.h>
#include <drivers/phys/power.h>
#include <drivers/phys/rtc_phys.h>
#include <drivers/phys/tsc_calibrate.h>
#include <drivers/phys/uart16550.h>
#include <hv/vcpu.h>

#define VECTOR_PIC      0xe0 /* 16 vectors, all masked */
#define VECTOR_TIMER    0x40
#define VECTOR_SPURIOUS 0xff
#define IRQ_COM1        4
#define IRQ_COM2        3
#define RX_BYTES        64 /* at a time: four times what a FIFO holds */

struct com_port {
	struct uart16550 uart;
	bool is_present;
};

static struct com_port com1;
static struct com_port com2;
static struct fbcon screen;
static struct lapic_phys lapic;
static struct ioapic_phys ioapic;
static struct acpi_phys acpi;
static struct power_info power;
static struct tsc_rate tsc_rate;
static uint64_t tsc_start;
static uint64_t wall_seconds;
static uint64_t random_state;
static bool has_rdrand;
static bool has_lapic;

static struct log_sink com1_sink = {
	.write = uart16550_write,
	.write_sync = uart16550_write_sync,
	.ctx = &com1.uart,
};
static struct log_sink screen_sink = {
	.write = fbcon_write,
	.write_sync = fbcon_write_sync,
	.ctx = &screen,
};

static bool com_init(struct com_port *c, uint16_t port)
{
	c->is_present = uart16550_init(&c->uart, port, 115200) == OK;
	return c->is_present;
}

void platform_console_init(const struct boot_info *bi)
{
	(void)bi;
	log_init();
	if (com_init(&com1, UART16550_COM1)) {
		uart16550_set_text(&com1.uart, true);
		log_add_sink(&com1_sink);
	}
	(void)com_init(&com2, UART16550_COM2);
}

static void screen_init(const struct boot_info *bi)
{
	void *pixels;

	if (bi->fb.format == BOOT_PIXEL_NONE) {
		return;
	}
	pixels = machine_map_framebuffer(hpa(bi->fb.base), bi->fb.size);
	if (pixels == NULL || fbcon_init(&screen, &bi->fb, pixels) != OK) {
		log_warn("screen: not usable; COM1 has everything");
		return;
	}
	log_add_sink(&screen_sink);
}

static void timer_irq(void)
{
	lapic_phys_eoi(&lapic);
}

static void spurious_irq(void) {}

static const void *acpi_map(void *ctx, uint64_t pa, size_t len)
{
	(void)ctx;
	(void)len;
	return pmm_owner_of(hpa(pa)) == FRAME_NOT_RAM && pa >= GIB(4)
		       ? NULL
		       : machine_map_device(hpa(pa), len);
}

static volatile void *power_map(void *ctx, uint64_t pa)
{
	(void)ctx;
	return machine_map_device(hpa(pa), 8);
}

static void power_message(void *ctx, const char *text)
{
	(void)ctx;
	log_notice("%s", text);
	log_panic_flush();
}

static enum status clock_init(void)
{
	uint16_t pm_port =
		acpi.pm_timer.is_io ? (uint16_t)acpi.pm_timer.address : 0;
	enum status s = tsc_calibrate(pm_port, &tsc_rate);

	if (s != OK) {
		log_error(
			"clock: no PIT, PM timer or CPUID leaf tells the TSC's "
			"frequency; switch the machine's timer on in its "
			"setup");
		return s;
	}
	log_info("clock: TSC runs at %llu kHz (%s; CPUID says %llu)",
		 (unsigned long long)tsc_rate.khz,
		 tsc_source_text(tsc_rate.source),
		 (unsigned long long)tsc_rate.cpuid_khz);
	uart16550_set_clock(&com1.uart, (uint32_t)tsc_rate.khz);
	uart16550_set_clock(&com2.uart, (uint32_t)tsc_rate.khz);
	if (rtc_phys_read(acpi.century_reg, &wall_seconds) != OK) {
		log_warn("clock: no CMOS clock; guests start at 1970");
		wall_seconds = 0;
	}
	return OK;
}

static void route_com(struct com_port *c, uint32_t irq)
{
	if (c->is_present &&
	    ioapic_phys_route_nmi(&ioapic, irq, machine_cpu_id()) == OK) {
		uart16550_rx_irq(&c->uart, true);
	}
}

static enum status irq_init(void)
{
	uint64_t base =
		acpi.ioapic_count > 0 ? acpi.ioapics[0].base : IOAPIC_PHYS_BASE;
	enum status s;

	pic_phys_disable(VECTOR_PIC);
	s = lapic_phys_init(&lapic,
			    machine_map_device(hpa(LAPIC_PHYS_BASE), PAGE_SIZE),
			    VECTOR_SPURIOUS);
	if (s == OK) {
		s = lapic_phys_timer_init(&lapic, VECTOR_TIMER,
					  (uint32_t)tsc_rate.khz, true);
	}
	if (s != OK) {
		log_error("interrupts: the local APIC does not work (%s)",
			  status_text(s));
		return s;
	}
	has_lapic = true;
	machine_irq_claim(VECTOR_TIMER, timer_irq);
	machine_irq_claim(VECTOR_SPURIOUS, spurious_irq);
	if (ioapic_phys_init(&ioapic,
			     machine_map_device(hpa(base), PAGE_SIZE)) != OK) {
		log_warn("interrupts: no I/O APIC; the consoles are polled");
		return OK;
	}
	route_com(&com1, IRQ_COM1);
	route_com(&com2, IRQ_COM2);
	return OK;
}

static void random_init(void)
{
	uint32_t r[4];

	cpu_cpuid(1, 0, r);
	has_rdrand = (r[2] & BIT(30)) != 0;
	random_state = time_tsc() ^ wall_seconds << 20;
}

enum status platform_init(const struct boot_info *bi)
{
	const struct acpi_window window = { acpi_map, NULL };
	enum status s;

	tsc_start = time_tsc();
	screen_init(bi);
	if (acpi_phys_parse(&window, bi->rsdp, &acpi) == OK) {
		power.acpi = &acpi;
	} else {
		log_info("ACPI: no tables; devices are taken where PCs have "
			 "them");
	}
	power.map = power_map;
	power.message = power_message;
	s = clock_init();
	if (s == OK) {
		log_set_clock(platform_now_us);
		s = irq_init();
	}
	random_init();
	return s;
}

uint64_t platform_tsc_khz(void)
{
	return tsc_rate.khz;
}

uint64_t platform_now_us(void)
{
	return platform_tsc_to_us(time_tsc() - tsc_start);
}

uint64_t platform_tsc_to_us(uint64_t ticks)
{
	uint64_t khz = tsc_rate.khz;

	/* In two parts, so that nothing overflows. */
	return khz == 0 ? 0 : ticks / khz * 1000 + ticks % khz * 1000 / khz;
}

uint64_t platform_us_to_tsc(uint64_t us)
{
	return us * tsc_rate.khz / 1000;
}

uint64_t platform_wall_seconds(void)
{
	return wall_seconds;
}

void platform_timer_arm(uint64_t when)
{
	if (!has_lapic) {
		return;
	}
	if (when == UINT64_MAX) {
		lapic_phys_timer_stop(&lapic);
	} else {
		lapic_phys_timer_arm(&lapic, when);
	}
}

struct lapic_phys *platform_lapic(void)
{
	return has_lapic ? &lapic : NULL;
}

void cpu_timer_arm(uint64_t when)
{
	platform_timer_arm(when);
}

static void com_deliver(struct com_port *c, platform_input_fn *to)
{
	uint8_t bytes[RX_BYTES];
	size_t n = 0;

	if (c->is_present) {
		n = uart16550_poll(&c->uart, bytes, sizeof(bytes));
	}
	if (n > 0) {
		to(bytes, n);
	}
}

/* What was written since the UART was last looked at. */
static void com_send(struct com_port *c)
{
	if (c->is_present) {
		(void)uart16550_poll(&c->uart, NULL, 0);
	}
}

void platform_poll(platform_input_fn *shell, platform_input_fn *rpc)
{
	com_deliver(&com1, shell);
	com_deliver(&com2, rpc);
	(void)log_drain();
	com_send(&com1);
	com_send(&com2);
	(void)fbcon_poll(&screen, 64);
}

bool platform_is_quiet(void)
{
	return !uart16550_tx_pending(&com1.uart) &&
	       !uart16550_tx_pending(&com2.uart) && !screen.is_dirty;
}

void platform_shell_write(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t done = 0;

	(void)log_drain();
	/* The shell never loses text: when the ring is full, wait for it. */
	while (com1.is_present && done < len) {
		size_t n = uart16550_write(&com1.uart, p + done, len - done);

		done += n;
		if (n == 0) {
			uart16550_write_sync(&com1.uart, p + done, 1);
			done++;
		}
	}
	(void)fbcon_write(&screen, p, len);
}

size_t platform_rpc_write(const char *text, size_t len)
{
	if (!com2.is_present) {
		return len;
	}
	return uart16550_write(&com2.uart, (const uint8_t *)text, len);
}

void machine_panic_begin(void)
{
	log_panic_begin();
}

void machine_panic_flush(void)
{
	log_panic_flush();
}

void platform_poweroff(void)
{
	log_panic_flush();
	uart16550_write_sync(&com1.uart, (const uint8_t *)"", 0);
	uart16550_write_sync(&com2.uart, (const uint8_t *)"", 0);
	power_off(&power);
}

/* SplitMix64 over the TSC where there is no RDRAND: enough to start a guest's
 * own collector, and docs/limitations.md says so. */
static uint64_t random_word(void)
{
	uint64_t z;

	if (has_rdrand && cpu_random(&z)) {
		return z;
	}
	random_state += 0x9e3779b97f4a7c15ull + time_tsc();
	z = random_state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void platform_random(void *dst, size_t len)
{
	uint8_t *p = dst;

	while (len > 0) {
		uint64_t w = random_word();
		size_t n = len < sizeof(w) ? len : sizeof(w);

		memcpy(p, &w, n);
		p += n;
		len -= n;
	}
}
