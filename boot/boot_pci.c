/*
 * boot_pci.c - switch bus mastering off before the VMM reuses memory.
 *
 * A network card that the firmware drove goes on writing to its receive ring,
 * which lies in memory that is now free. Left alone are bridges (class 06: with
 * them off, nothing behind them works) and displays (class 03: the framebuffer
 * console may be scanned out by DMA).
 *
 * Configuration mechanism #1 reaches PCI segment 0 only; see
 * docs/limitations.md.
 */
#include "boot.h"
#include "boot_cpu.h"

#define PCI_ADDRESS_PORT 0xcf8u
#define PCI_DATA_PORT    0xcfcu
#define PCI_ENABLE       0x80000000u

#define PCI_REG_ID                0x00u
#define PCI_REG_COMMAND           0x04u
#define PCI_REG_CLASS             0x08u
#define PCI_REG_HEADER            0x0cu
#define PCI_COMMAND_BUS_MASTER    0x0004u
#define PCI_HEADER_MULTI_FUNCTION 0x00800000u
#define PCI_CLASS_DISPLAY         0x03u
#define PCI_CLASS_BRIDGE          0x06u

#define BUS_COUNT      256u
#define DEVICE_COUNT   32u
#define FUNCTION_COUNT 8u

static void select_register(uint32_t function_address, uint32_t reg)
{
	boot_cpu_out32(PCI_ADDRESS_PORT, PCI_ENABLE | function_address | reg);
}

static uint32_t config_read(uint32_t function_address, uint32_t reg)
{
	select_register(function_address, reg);
	return boot_cpu_in32(PCI_DATA_PORT);
}

/* Return: 1 if bus mastering was on. */
static uint32_t quiesce_function(uint32_t address)
{
	uint32_t class = config_read(address, PCI_REG_CLASS) >> 24;
	if (class == PCI_CLASS_BRIDGE || class == PCI_CLASS_DISPLAY) {
		return 0;
	}
	uint32_t command = config_read(address, PCI_REG_COMMAND);
	if (!(command & PCI_COMMAND_BUS_MASTER)) {
		return 0;
	}
	/* 16 bits only: the status half clears bits that are written as 1 */
	select_register(address, PCI_REG_COMMAND);
	boot_cpu_out16(PCI_DATA_PORT,
		       (uint16_t)(command & ~PCI_COMMAND_BUS_MASTER));
	return 1;
}

static uint32_t quiesce_device(uint32_t device_address)
{
	uint32_t changed = 0;
	uint32_t functions = FUNCTION_COUNT;

	for (uint32_t f = 0; f < functions; f++) {
		uint32_t address = device_address | f << 8;
		uint32_t vendor = config_read(address, PCI_REG_ID) & 0xffff;
		bool is_absent = vendor == 0xffff || vendor == 0;
		if (is_absent && f == 0) {
			return 0;
		}
		if (is_absent) {
			continue;
		}
		if (f == 0 && !(config_read(address, PCI_REG_HEADER) &
				PCI_HEADER_MULTI_FUNCTION)) {
			functions = 1;
		}
		changed += quiesce_function(address);
	}
	return changed;
}

uint32_t boot_pci_quiesce(void)
{
	uint32_t changed = 0;
	for (uint32_t bus = 0; bus < BUS_COUNT; bus++) {
		for (uint32_t d = 0; d < DEVICE_COUNT; d++) {
			changed += quiesce_device(bus << 16 | d << 11);
		}
	}
	return changed;
}
