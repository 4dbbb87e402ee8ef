/*
 * platform.c - glue between the VMM and the machine's devices.
 *
 * COM1 and the screen carry the log and the shell, COM2 carries JSON-RPC; where
 * ACPI's SPCR names another port, log and shell go on there. The UARTs raise an
 * NMI when bytes arrive (their FIFO holds 16), so that the CPU's loop goes
 * round and polls them, whatever a guest does; nothing is done in the NMI
 * itself.
 */
#include "platform.h"

#include "lib/log_sink.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>
#include <drivers/phys/acpi_phys.h>
#include <drivers/phys/fbcon.h>
#include <drivers/phys/hpet.h>
#include <drivers/phys/ioapic_phys.h>
#include <drivers/phys/lapic_phys.h>
#include <drivers/phys/pic_phys.h>
#include <drivers/phys/power.h>
#include <drivers/phys/rtc_phys.h>
#include <drivers/phys/tsc_calibrate.h>
#include <drivers/phys/uart16550.h>
#include <hv/partition_ops.h>
#include <hv/vcpu.h>
#include <spec/acpi.h>

#define VECTOR_PIC      0xe0 /* 16 vectors, all masked */
#define VECTOR_TIMER    0x40
#define VECTOR_SPURIOUS 0xff
#define IRQ_COM1        4
#define IRQ_COM2        3
#define COM_BAUD        115200
#define RX_BYTES        64 /* at a time: four times what a FIFO holds */

struct com_port {
	struct uart16550 uart;
	bool is_present;
	bool has_line; /* its interrupt's line is known */
	struct acpi_line line;
};

static struct com_port console;  /* log and shell: COM1, or as SPCR says */
static struct com_port rpc_port; /* COM2, or COM1 if SPCR names COM2 */
static struct fbcon screen;
static struct lapic_phys lapics[MACHINE_CPU_MAX]; /* by CPU number */
static struct ioapic_phys ioapics[ACPI_PHYS_IOAPIC_MAX];
static struct acpi_phys acpi;
static struct power_info power;
static struct tsc_rate tsc_rate;
static uint64_t tsc_start;
static uint64_t wall_seconds;
static uint64_t random_state;
static bool has_rdrand;
static bool has_lapic;

static struct log_sink console_sink = {
	.write = uart16550_write,
	.write_sync = uart16550_write_sync,
	.ctx = &console.uart,
};
static struct log_sink screen_sink = {
	.write = fbcon_write,
	.write_sync = fbcon_write_sync,
	.ctx = &screen,
};

static bool com_init(struct com_port *c, uint16_t port, uint32_t baud)
{
	c->is_present = uart16550_init(&c->uart, port, baud) == OK;
	return c->is_present;
}

/* COM1's or COM2's interrupt, as the MADT says or the ISA has it. */
static void com_isa_irq(struct com_port *c, uint32_t irq)
{
	c->has_line = true;
	c->line = acpi.isa_irqs[irq];
}

static void console_init(uint16_t port, uint32_t baud)
{
	bool was_present = console.is_present;

	if (!com_init(&console, port, baud)) {
		return;
	}
	uart16550_set_text(&console.uart, true);
	if (!was_present) {
		log_add_sink(&console_sink);
	}
}

void platform_console_init(const struct boot_info *bi)
{
	(void)bi;
	log_init();
	console_init(UART16550_COM1, COM_BAUD);
	(void)com_init(&rpc_port, UART16550_COM2, COM_BAUD);
}

/* Log and shell move to the port that the firmware's SPCR names. */
static void console_move(void)
{
	struct acpi_console to;
	const char *why_not;

	com_isa_irq(&console, IRQ_COM1);
	com_isa_irq(&rpc_port, IRQ_COM2);
	if (!acpi_phys_console(&acpi, &to, &why_not)) {
		if (why_not != NULL) {
			log_notice("console: SPCR names a port, but %s: COM1 "
				   "stays the console",
				   why_not);
		}
		return;
	}
	if (!uart16550_probe(to.port)) {
		log_warn("console: no UART answers at port 0x%x, which SPCR "
			 "names: COM1 stays the console",
			 to.port);
		return;
	}
	log_info("console: goes on at port 0x%x, as SPCR says", to.port);
	log_panic_flush(); /* the last that the old port gets */
	if (to.port == UART16550_COM2) {
		com_isa_irq(&rpc_port, IRQ_COM1);
		(void)com_init(&rpc_port, UART16550_COM1, COM_BAUD);
	}
	console_init(to.port, to.baud != 0 ? to.baud : UART16550_BAUD_KEEP);
	console.has_line = to.has_line;
	console.line = to.line;
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

static struct lapic_phys *lapic_here(void)
{
	return &lapics[cpu_index()];
}

static void timer_irq(void)
{
	lapic_phys_eoi(lapic_here());
}

static void spurious_irq(void) {}

/* Registers at @pa, unless memory is there: a table may name any address. */
static volatile void *map_registers(uint64_t pa, uint64_t size)
{
	return pa >= GIB(4) || pmm_owner_of(hpa(pa)) != FRAME_NOT_RAM
		       ? NULL
		       : machine_map_device(hpa(pa), size);
}

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
	return map_registers(pa, 1);
}

static void power_message(void *ctx, const char *text)
{
	(void)ctx;
	log_notice("%s", text);
	log_panic_flush();
}

static void clock_say(void)
{
	const struct tsc_rate *t = &tsc_rate;
	char check[48] = "";

	if (t->check_khz != 0) {
		fmt_print(check, sizeof(check), ", %s %llu",
			  tsc_source_text(t->check),
			  (unsigned long long)t->check_khz);
	}
	log_info("clock: TSC runs at %llu kHz (%s; measured: %s %llu%s; CPUID "
		 "says %llu)",
		 (unsigned long long)t->khz, tsc_source_text(t->source),
		 tsc_source_text(t->device), (unsigned long long)t->device_khz,
		 check, (unsigned long long)t->cpuid_khz);
	if (t->is_disputed) {
		log_warn("clock: the machine's timers do not agree; guests' "
			 "clocks may be wrong");
	}
}

static enum status clock_init(void)
{
	const struct tsc_rulers rulers = {
		.pmtimer_port = acpi.pm_timer.space == ACPI_SPACE_IO
					? (uint16_t)acpi.pm_timer.address
					: 0,
		.hpet = acpi.hpet_base != 0
				? map_registers(acpi.hpet_base, HPET_SIZE)
				: NULL,
	};
	enum status s = tsc_calibrate(&rulers, &tsc_rate);

	if (s != OK) {
		log_error("clock: no PIT, PM timer, HPET or CPUID leaf tells "
			  "the TSC's frequency; switch the machine's timer on "
			  "in its setup");
		return s;
	}
	clock_say();
	uart16550_set_clock(&console.uart, (uint32_t)tsc_rate.khz);
	uart16550_set_clock(&rpc_port.uart, (uint32_t)tsc_rate.khz);
	if (rtc_phys_read(acpi.century_reg, &wall_seconds) != OK) {
		log_warn("clock: no CMOS clock; guests start at 1970");
		wall_seconds = 0;
	}
	return OK;
}

/* All pins of all I/O APICs masked; false if none answers. */
static bool ioapics_init(void)
{
	bool is_any = false;

	if (acpi.ioapic_count == 0) { /* no table: where PCs have it */
		acpi.ioapics[0].base = IOAPIC_PHYS_BASE;
		acpi.ioapic_count = 1;
	}
	for (uint32_t i = 0; i < acpi.ioapic_count; i++) {
		volatile void *regs =
			map_registers(acpi.ioapics[i].base, PAGE_SIZE);

		is_any |= regs != NULL &&
			  ioapic_phys_init(&ioapics[i], regs) == OK;
	}
	return is_any;
}

/* A port without a line that can be routed is polled. */
static void route_com(struct com_port *c)
{
	if (!c->is_present || !c->has_line) {
		return;
	}
	for (uint32_t i = 0; i < acpi.ioapic_count; i++) {
		uint32_t pin = c->line.gsi - acpi.ioapics[i].gsi_base;

		if (c->line.gsi >= acpi.ioapics[i].gsi_base &&
		    ioapic_phys_route_nmi(&ioapics[i], pin, c->line.is_low,
					  machine_cpu_id()) == OK) {
			uart16550_rx_irq(&c->uart, true);
			return;
		}
	}
}

/* The calling CPU's local APIC and its timer. */
static enum status lapic_init(void)
{
	struct lapic_phys *l = lapic_here();
	enum status s = lapic_phys_init(
		l, machine_map_device(hpa(LAPIC_PHYS_BASE), PAGE_SIZE),
		VECTOR_SPURIOUS);

	return s == OK ? lapic_phys_timer_init(l, VECTOR_TIMER,
					       (uint32_t)tsc_rate.khz, true)
		       : s;
}

enum status platform_cpu_init(void)
{
	return lapic_init();
}

static enum status irq_init(void)
{
	enum status s;

	pic_phys_disable(VECTOR_PIC);
	s = lapic_init();
	if (s != OK) {
		log_error("interrupts: the local APIC does not work (%s)",
			  status_text(s));
		return s;
	}
	has_lapic = true;
	machine_irq_claim(VECTOR_TIMER, timer_irq);
	machine_irq_claim(VECTOR_SPURIOUS, spurious_irq);
	if (!ioapics_init()) {
		log_warn("interrupts: no I/O APIC; the consoles are polled");
		return OK;
	}
	route_com(&console);
	route_com(&rpc_port);
	return OK;
}

static void random_init(void)
{
	uint32_t r[4];

	cpu_cpuid(1, 0, r);
	has_rdrand = (r[2] & BIT(30)) != 0;
	random_state = time_tsc() ^ wall_seconds << 20;
}

/* The tables, and what they say of a console and of the processors. */
static void acpi_init(const struct boot_info *bi)
{
	static char text[512];
	const struct acpi_window window = { acpi_map, NULL };

	if (acpi_phys_parse(&window, bi->rsdp, &acpi) == OK) {
		power.acpi = &acpi;
		acpi_facts_line(&acpi, text, sizeof(text));
		log_info("ACPI: %s", text);
	} else {
		log_info("ACPI: no tables; devices are taken where PCs have "
			 "them");
	}
	power.map = power_map;
	power.message = power_message;
	console_move();
	if (acpi_cpus_differ(&acpi, bi->cpu_apic_ids, bi->cpu_count, text,
			     sizeof(text))) {
		log_warn("processors: the boot stage's list and the MADT "
			 "differ: %s; the boot stage's counts",
			 text);
	}
}

enum status platform_init(const struct boot_info *bi)
{
	enum status s;

	tsc_start = time_tsc();
	screen_init(bi);
	acpi_init(bi);
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
		lapic_phys_timer_stop(lapic_here());
	} else {
		lapic_phys_timer_arm(lapic_here(), when);
	}
}

struct lapic_phys *platform_lapic(void)
{
	return has_lapic ? lapic_here() : NULL;
}

/* A local APIC that stays busy for a million reads is broken. */
static void check_sent(enum status s, uint32_t apic_id)
{
	if (s != OK) {
		panic("no message to the CPU with APIC id %u: %s", apic_id,
		      status_text(s));
	}
}

void platform_send_nmi(uint32_t apic_id)
{
	check_sent(lapic_phys_send_nmi(lapic_here(), apic_id), apic_id);
}

void platform_send_init(uint32_t apic_id)
{
	check_sent(lapic_phys_send_init(lapic_here(), apic_id), apic_id);
}

void platform_send_startup(uint32_t apic_id, uint8_t page)
{
	check_sent(lapic_phys_send_startup(lapic_here(), apic_id, page),
		   apic_id);
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
	com_deliver(&console, shell);
	com_deliver(&rpc_port, rpc);
	(void)log_drain();
	com_send(&console);
	com_send(&rpc_port);
	(void)fbcon_poll(&screen, 64);
}

void platform_take_input(void)
{
	uart16550_take(&console.uart);
	uart16550_take(&rpc_port.uart);
}

bool platform_has_input(void)
{
	return uart16550_has_input(&console.uart) ||
	       uart16550_has_input(&rpc_port.uart);
}

bool platform_is_quiet(void)
{
	return !uart16550_tx_pending(&console.uart) &&
	       !uart16550_tx_pending(&rpc_port.uart) && !screen.is_dirty;
}

void platform_shell_write(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t done = 0;

	(void)log_drain();
	/* The shell never loses text: when the ring is full, wait for it. */
	while (console.is_present && done < len) {
		size_t n = uart16550_write(&console.uart, p + done, len - done);

		done += n;
		if (n == 0) {
			uart16550_write_sync(&console.uart, p + done, 1);
			done++;
		}
	}
	(void)fbcon_write(&screen, p, len);
}

size_t platform_rpc_write(const char *text, size_t len)
{
	if (!rpc_port.is_present) {
		return len;
	}
	return uart16550_write(&rpc_port.uart, (const uint8_t *)text, len);
}

uint32_t platform_facts(struct machine_fact *rows, uint32_t max)
{
	uint32_t n;

	for (n = 0; n < ACPI_FACT_COUNT && n < max; n++) {
		rows[n].name = acpi_fact_key((enum acpi_fact)n);
		(void)acpi_fact_text(&acpi, (enum acpi_fact)n, rows[n].text,
				     sizeof(rows[n].text));
	}
	return n;
}

static void consoles_flush(void)
{
	log_panic_flush();
	uart16550_write_sync(&console.uart, (const uint8_t *)"", 0);
	uart16550_write_sync(&rpc_port.uart, (const uint8_t *)"", 0);
}

void platform_poweroff(void)
{
	consoles_flush();
	power_off(&power);
}

void platform_reboot(void)
{
	consoles_flush();
	power_reset(&power);
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
