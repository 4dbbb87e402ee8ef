/*
 * fuzz_vpci.c - any accesses of the configuration ports, of a bus with the host
 * bridge and a function that has all that a function can have. Checked: only
 * writable bits change, BARs never, the owner hears of accesses within the
 * space only, what does not exist is all ones.
 */
#include "drivers/virt/vpci.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOT 3

static struct io_space pio;
static struct vpci bus;
static struct vpci_func func;
static struct vpci_func first; /* as built */
static uint32_t resets;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void on_access(struct vpci_func *f, uint32_t offset, uint32_t size)
{
	check(f == &func);
	check(size == 1 || size == 2 || size == 4);
	check(offset <= PCI_CONFIG_SPACE_SIZE - size);
}

static void on_reset(void *ctx, uint8_t value)
{
	(void)ctx;
	(void)value;
	resets++;
}

static void start(void)
{
	static const struct vpci_func_ops ops = { on_access, on_access };
	const struct vpci_id id = { .vendor = 0x1af4, .device = 0x1042 };

	io_space_init(&pio);
	vpci_init(&bus);
	bus.reset_control = on_reset;
	vpci_func_init(&func, &id, &ops);
	vpci_func_set_bar(&func, 0, 0xc000 | PCI_BASE_ADDRESS_SPACE_IO, 256);
	vpci_func_set_bar(&func, 1, 0xfe000000, PAGE_SIZE);
	check(vpci_func_add_msix(&func, 1, 0, 0x800, 3) != 0);
	while (vpci_func_add_capability(&func, PCI_CAP_ID_VNDR, 20) != 0) {
	}
	check(vpci_add(&bus, SLOT, &func) == OK);
	check(vpci_register(&bus, &pio) == OK);
	first = func;
}

static void check_state(void)
{
	for (uint32_t i = 0; i < PCI_CONFIG_SPACE_SIZE; i++) {
		check(((func.config[i] ^ first.config[i]) &
		       ~func.writable[i]) == 0);
	}
	check(memcmp(func.writable, first.writable, sizeof(func.writable)) ==
	      0);
	check(memcmp(func.bar_mask, first.bar_mask, sizeof(func.bar_mask)) ==
	      0);
	check(memcmp(&func.config[PCI_BASE_ADDRESS_0],
		     &first.config[PCI_BASE_ADDRESS_0], 24) == 0);
}

/* Is the selected function one that exists? */
static bool exists(uint32_t address)
{
	uint32_t slot = address >> 11 & 0x1f;

	return (address & 0xffff0700u) == PCI_CONFIG_ENABLE &&
	       (slot == 0 || slot == SLOT);
}

static void step(uint8_t op, uint8_t port, uint32_t value)
{
	static const uint32_t sizes[4] = { 1, 2, 4, 4 };
	uint32_t size = sizes[op & 3];
	uint64_t at = PCI_CONFIG_ADDRESS + (port & 7);

	switch (op >> 2 & 3) {
	case 0: /* select a register of what is there */
		io_space_write(&pio, PCI_CONFIG_ADDRESS, 4,
			       PCI_CONFIG_ENABLE | SLOT << 11 | (value & 0xff));
		break;
	case 1:
		io_space_write(&pio, at, size, value);
		break;
	default:
		value = (uint32_t)io_space_read(&pio, at, size);
		check(size == 4 || value >> 8 * size == 0);
		check(at < PCI_CONFIG_DATA || exists(bus.address) ||
		      value == UINT32_MAX >> (32 - 8 * size));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	for (size_t at = 0; at + 6 <= size; at += 6) {
		uint32_t v;

		memcpy(&v, data + at + 2, sizeof(v));
		step(data[at], data[at + 1], v);
		check_state();
	}
	return 0;
}
