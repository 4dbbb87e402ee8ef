/*
 * fuzz_vpc.c - any port accesses to PIT, port 61H, keyboard controller and exit
 * port, while the clock runs. Checked: the invariants of their files.
 */
#include "drivers/virt/vexit.h"
#include "drivers/virt/vi8042.h"
#include "drivers/virt/vpit.h"

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

/* input: port and direction, size and clock, value */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x40, 0x41, 0x42, 0x43,
					  0x60, 0x61, 0x64, 0xf4 };
	static const struct vpit_ops ops = { ticks };
	static const struct irq_line line = { set_line, NULL, 1 };
	struct io_bus bus;
	struct vpit pit;
	struct vi8042 kbc;
	struct vexit x;

	now = 0;
	level = false;
	io_space_init(&bus.pio);
	vpit_init(&pit, &ops, NULL);
	vi8042_init(&kbc, &line, reset, NULL);
	check(vpit_attach(&pit, &bus) == OK);
	check(vi8042_attach(&kbc, &bus) == OK);
	check(vexit_attach(&x, &bus, 0xf4, end, NULL) == OK);
	for (size_t i = 0; i + 2 < size; i += 3) {
		uint16_t port = ports[data[i] % 8];
		uint32_t bytes = 1u << data[i + 1] % 3;

		now += (uint64_t)data[i + 1] << (data[i] >> 4);
		if ((data[i] & 8) != 0) {
			io_space_write(&bus.pio, port, bytes, data[i + 2]);
		} else {
			(void)io_space_read(&bus.pio, port, bytes);
		}
		check_pit(&pit);
		check(kbc.queue_at < VI8042_QUEUE);
		check(kbc.queue_count <= VI8042_QUEUE);
		check(level == (kbc.queue_count > 0 && (kbc.config & 1) != 0));
	}
	return 0;
}
