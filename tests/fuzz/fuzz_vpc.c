/*
 * fuzz_vpc.c - any port accesses to PIT, port 61H, keyboard controller, clock
 * chip and exit port, while the clock runs. Checked: the invariants of their
 * files, and that IRQ 0 is never due in the past.
 */
#include "drivers/virt/vexit.h"
#include "drivers/virt/vi8042.h"
#include "drivers/virt/vpit.h"
#include "drivers/virt/vrtc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now;
static bool level;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static uint64_t ticks(void *ctx)
{
	(void)ctx;
	return now;
}

static void set_line(void *ctx, uint32_t pin, bool on)
{
	(void)ctx;
	check(pin == 1);
	level = on;
}

static void set_irq_0(void *ctx, uint32_t pin, bool on)
{
	(void)ctx;
	(void)on;
	check(pin == 0);
}

static void changed(void *ctx)
{
	(void)ctx;
}

static void reset(void *ctx)
{
	(void)ctx;
}

static void end(void *ctx, uint16_t port, uint32_t value)
{
	(void)ctx;
	(void)value;
	check(port == 0xf4);
}

static void check_pit(const struct vpit *pit)
{
	for (uint32_t i = 0; i < VPIT_CHANNEL_COUNT; i++) {
		const struct vpit_channel *c = &pit->channels[i];

		check(c->reload >= 1 && c->reload <= 65536);
		check(c->access >= VPIT_LOW && c->access <= VPIT_BOTH);
		check(c->mode <= 5);
	}
}

static void check_rtc(const struct vrtc *rtc, struct io_bus *bus)
{
	uint32_t shown = (uint32_t)io_space_read(&bus->pio, 0x71, 1);

	check(rtc->index < VRTC_REG_COUNT);
	check(rtc->index != 0 || (shown & 0xf) < 10 ||
	      (rtc->regs[0xb] & 4) != 0);
}

/* input: port and direction, size and clock, value */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x40, 0x41, 0x42, 0x43, 0x60, 0x61,
					  0x64, 0xf4, 0x70, 0x71, 0x71, 0x70 };
	static const struct vpit_ops ops = { ticks, changed };
	static const struct vrtc_ops rtc_ops = { ticks };
	static const struct irq_line line = { set_line, NULL, 1 };
	static const struct irq_line irq_0 = { set_irq_0, NULL, 0 };
	struct io_bus bus;
	struct vpit pit;
	struct vi8042 kbc;
	struct vexit x;
	struct vrtc rtc;

	now = 0;
	level = false;
	io_space_init(&bus.pio);
	vpit_init(&pit, &ops, NULL, &irq_0);
	vrtc_init(&rtc, &rtc_ops, NULL);
	vi8042_init(&kbc, &line, reset, NULL);
	check(vpit_attach(&pit, &bus) == OK);
	check(vrtc_attach(&rtc, &bus) == OK);
	check(vi8042_attach(&kbc, &bus) == OK);
	check(vexit_attach(&x, &bus, 0xf4, end, NULL) == OK);
	for (size_t i = 0; i + 2 < size; i += 3) {
		uint16_t port = ports[data[i] % 8 + (data[i + 1] & 4)];
		uint32_t bytes = 1u << data[i + 1] % 3;

		now += (uint64_t)data[i + 1] << (data[i] >> 4);
		if ((data[i] & 8) != 0) {
			io_space_write(&bus.pio, port, bytes, data[i + 2]);
		} else {
			(void)io_space_read(&bus.pio, port, bytes);
		}
		check_pit(&pit);
		check(vpit_poll(&pit) > now);
		check_rtc(&rtc, &bus);
		check(kbc.queue_at < VI8042_QUEUE);
		check(kbc.queue_count <= VI8042_QUEUE);
		check(level == (kbc.queue_count > 0 && (kbc.config & 1) != 0));
	}
	return 0;
}
