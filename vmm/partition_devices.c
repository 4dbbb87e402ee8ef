/*
 * partition_devices.c - puts a partition's devices together.
 *
 * Devices are told where they are (ports, MSI-X page) and whom to call
 * (interrupts go to the local APICs, console bytes into the ring); none of
 * them knows the partition.
 */
#include "cpu_loop.h"
#include "partition.h"
#include "platform.h"

#include <arch/time.h>
#include <bh/log.h>
#include <bh/string.h>
#include <drivers/virt/vsock_echo.h>

#include "guest_acpi.h"
#include "partition_agent.h"

#define VIRTIO_PORT_BASE 0x1000u
#define UART_GSI         4
#define KEYBOARD_GSI     1
#define PIT_GSI          0 /* no override in the MADT: ISA's IRQ 0 */

enum { SLOT_CONSOLE, SLOT_BLK, SLOT_VSOCK, SLOT_RNG };

/* ---- where devices' interrupts go ---- */

static void devices_msi(void *ctx, uint64_t address, uint32_t data)
{
	struct partition *p = ctx;
	struct guest_cpu *g = cpu_loop_current();
	struct vlapic *here = g != NULL && g->partition == p ? &g->lapic : NULL;

	(void)vlapic_route_msi(&p->lapics, here, address, data);
}

/* A device's wire: COM1's, the power button's. */
static void devices_irq(void *ctx, uint32_t pin, bool level)
{
	struct partition *p = ctx;

	vioapic_set_pin(&p->dev.ioapic, pin, level);
}

/* ---- consoles ---- */

static void devices_console_write(void *ctx, const uint8_t *src, size_t len)
{
	static const char word[] = "Kernel panic";
	struct partition *p = ctx;

	ring_write(&p->console, src, len);
	for (size_t i = 0; i < len; i++) {
		if (p->panic_match == sizeof(word) - 1) {
			break;
		}
		p->panic_match = src[i] == (uint8_t)word[p->panic_match]
					 ? p->panic_match + 1
				 : src[i] == (uint8_t)word[0] ? 1
							      : 0;
	}
}

static size_t devices_random(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	platform_random(dst, len);
	return len;
}

/* ---- power ---- */

static void devices_power(void *ctx, enum vpm_event e)
{
	struct partition *p = ctx;
	enum end_reason reason =
		e == VPM_POWEROFF
			? (p->stop_at_us != 0 ? END_REASON_STOPPED
					      : END_REASON_POWEROFF)
			: (p->panic_match > 11 ? END_REASON_GUEST_PANIC
					       : END_REASON_REBOOT);

	/* An access to a port: one of its vCPUs is in its exit here. */
	partition_end_at(cpu_loop_current(), reason, "%s", "");
}

static const struct vpm_ops power_ops = { devices_power };

static void devices_reset(void *ctx)
{
	devices_power(ctx, VPM_RESET);
}

static void devices_exit(void *ctx, uint16_t port, uint32_t value)
{
	(void)ctx;
	partition_end_at(cpu_loop_current(), END_REASON_POWEROFF,
			 "exit port 0x%x: value 0x%x, exit status %u", port,
			 value, VEXIT_STATUS(value));
}

/* ---- what older kernels look for ---- */

static uint64_t devices_pit_ticks(void *ctx)
{
	uint64_t hz = platform_tsc_khz() * 1000;
	uint64_t tsc = time_tsc();

	(void)ctx;
	/* In two parts, so that nothing overflows. */
	return hz == 0 ? 0 : tsc / hz * VPIT_HZ + tsc % hz * VPIT_HZ / hz;
}

/* The management looks at it when IRQ 0 is due. */
static void devices_pit_changed(void *ctx)
{
	(void)ctx;
	cpu_loop_call_management();
}

static const struct vpit_ops pit_ops = { devices_pit_ticks,
					 devices_pit_changed };

static void devices_pit_poll(struct vpit *pit)
{
	uint64_t hz = platform_tsc_khz() * 1000;
	uint64_t next = vpit_poll(pit);

	/* No PIT makes the management come more often than once a
	 * millisecond: rises in between are one interrupt. */
	if (next != VPIT_NEVER && hz != 0) {
		cpu_loop_manage_at(next / VPIT_HZ * hz +
				   (next % VPIT_HZ * hz + VPIT_HZ - 1) /
					   VPIT_HZ);
	}
}

static uint64_t devices_wall_us(void *ctx)
{
	(void)ctx;
	return platform_wall_seconds() * 1000000 + platform_now_us();
}

static const struct vrtc_ops rtc_ops = { devices_wall_us };

static enum status devices_pc(struct partition *p)
{
	struct partition_devices *d = &p->dev;
	const struct irq_line line = { devices_irq, p, KEYBOARD_GSI };
	const struct irq_line irq0 = { devices_irq, p, PIT_GSI };
	enum status s;

	if (p->config.platform != CONFIG_PLATFORM_PC) {
		return vpm_attach_i8042(&d->pm, &d->bus);
	}
	vpit_init(&d->pit, &pit_ops, p, &irq0);
	s = vpit_attach(&d->pit, &d->bus);
	if (s == OK) {
		vi8042_init(&d->i8042, &line, devices_reset, p);
		s = vi8042_attach(&d->i8042, &d->bus);
	}
	if (s == OK) {
		vrtc_init(&d->rtc, &rtc_ops, p);
		s = vrtc_attach(&d->rtc, &d->bus);
	}
	return s;
}

/* ---- construction ---- */

static enum status devices_env(struct partition *p, uint32_t n,
			       struct virtio_pci_env *env)
{
	enum status s = pmm_alloc(p->vm.owner, PAGE_SIZE, PAGE_SIZE,
				  &p->dev.msix_pages[n]);

	if (s != OK) {
		return s;
	}
	*env = (struct virtio_pci_env){
		.gm = &p->vm.gmem,
		.msi = { devices_msi, p },
		.pio = &p->dev.bus.pio,
		.bus = &p->dev.pci,
		.slot = n + 1,
		.port_base = (uint16_t)(VIRTIO_PORT_BASE +
					n * VIRTIO_PCI_PORT_COUNT),
		.msix_page = phys_to_virt(p->dev.msix_pages[n]),
		.msix_gpa = gpa(GUEST_PCI_MEM_BASE + n * PAGE_SIZE),
	};
	return pt_map(&p->vm.npt, env->msix_gpa.v, p->dev.msix_pages[n],
		      PAGE_SIZE, PT_GUEST_SHARED);
}

static enum status devices_virtio(struct partition *p)
{
	struct partition_devices *d = &p->dev;
	const struct chardev_sink sink = { devices_console_write, NULL, p };
	const struct virtio_rng_source random = { devices_random, p };
	struct virtio_pci_env env;
	enum status s = devices_env(p, SLOT_CONSOLE, &env);

	if (s == OK) {
		s = virtio_console_init(&d->console, &env, &sink);
		d->functions[SLOT_CONSOLE] = &d->console.pci;
	}
	if (s == OK && d->has_disk) {
		s = devices_env(p, SLOT_BLK, &env);
	}
	if (s == OK && d->has_disk) {
		s = virtio_blk_init(&d->blk, &env, &d->disk.dev);
		d->functions[SLOT_BLK] = &d->blk.pci;
	}
	if (s == OK) {
		s = devices_env(p, SLOT_VSOCK, &env);
	}
	if (s == OK) {
		s = virtio_vsock_init(&d->vsock, &env);
		d->functions[SLOT_VSOCK] = &d->vsock.pci;
	}
	if (s == OK) {
		s = devices_env(p, SLOT_RNG, &env);
	}
	if (s == OK) {
		s = virtio_rng_init(&d->rng, &env, &random);
		d->functions[SLOT_RNG] = &d->rng.pci;
	}
	return s;
}

static enum status devices_legacy(struct partition *p)
{
	struct partition_devices *d = &p->dev;
	const struct chardev_sink sink = { devices_console_write, NULL, p };
	const struct msi_sink msi = { devices_msi, p };
	const struct irq_line line = { devices_irq, p, UART_GSI };
	const struct irq_line button = { devices_irq, p, VPM_BUTTON_GSI };
	enum status s;

	vpm_init(&d->pm, &power_ops, p, &button);
	s = vpm_attach(&d->pm, &d->bus);
	if (s == OK) {
		d->pci.reset_control = vpm_reset_control;
		d->pci.reset_ctx = &d->pm;
		s = vpci_register(&d->pci, &d->bus.pio);
	}
	if (s == OK) {
		vioapic_init(&d->ioapic, &msi);
		s = vioapic_attach(&d->ioapic, &d->bus);
	}
	if (s == OK) {
		vuart_init(&d->uart, &line, &sink);
		s = vuart_attach(&d->uart, &d->bus, 0x3f8);
	}
	if (s == OK) {
		s = devices_pc(p);
	}
	return s;
}

/* Last, so that the devices have their ports. */
static enum status devices_exit_port(struct partition *p)
{
	uint16_t port = (uint16_t)p->config.exit_port;

	return port == 0 ? OK
			 : vexit_attach(&p->dev.exit, &p->dev.bus, port,
					devices_exit, p);
}

enum status partition_devices_init(struct partition *p)
{
	struct partition_devices *d = &p->dev;
	enum status s;

	io_space_init(&d->bus.pio);
	io_space_init(&d->bus.mmio);
	vpci_init(&d->pci);
	memset(d->functions, 0, sizeof(d->functions));
	memset(d->msix_pages, 0, sizeof(d->msix_pages));
	d->agent_conn = NULL;
	s = devices_legacy(p);
	if (s == OK) {
		s = devices_virtio(p);
	}
	if (s == OK) {
		s = virtio_vsock_listen(&d->vsock, &vsock_echo_service, NULL);
	}
	if (s == OK) {
		s = virtio_vsock_listen(&d->vsock, &partition_agent_service, p);
	}
	return s == OK ? devices_exit_port(p) : s;
}

void partition_devices_release(struct partition *p)
{
	for (uint32_t i = 0; i < PARTITION_VIRTIO_COUNT; i++) {
		if (p->dev.functions[i] != NULL) {
			virtio_pci_stop(p->dev.functions[i]);
			p->dev.functions[i] = NULL;
		}
		if (p->dev.msix_pages[i].v != 0) {
			pmm_free(p->vm.owner, p->dev.msix_pages[i], PAGE_SIZE);
			p->dev.msix_pages[i] = hpa(0);
		}
	}
}

void partition_devices_poll(struct partition *p)
{
	for (uint32_t i = 0; i < PARTITION_VIRTIO_COUNT; i++) {
		if (p->dev.functions[i] != NULL) {
			virtio_pci_poll_pending(p->dev.functions[i]);
		}
	}
	if (p->config.platform == CONFIG_PLATFORM_PC) {
		devices_pit_poll(&p->dev.pit);
	}
}
