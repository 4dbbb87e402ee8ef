/* io.c - ports and registers of the fake machine, answered by the test. */
#include "fake_arch.h"
#include <arch/io.h>

static struct fake_io io;
uint64_t fake_io_in_count;
uint64_t fake_io_out_count;

/** fake_io_set() - @set answers from now on; NULL: nobody. */
void fake_io_set(const struct fake_io *set)
{
	io = set != NULL ? *set : (struct fake_io){ 0 };
	fake_io_in_count = 0;
	fake_io_out_count = 0;
}

static uint32_t fake_in(uint16_t port, uint32_t size)
{
	fake_io_in_count++;
	return io.in != NULL ? io.in(io.ctx, port, size) : UINT32_MAX;
}

static void fake_out(uint16_t port, uint32_t size, uint32_t value)
{
	fake_io_out_count++;
	if (io.out != NULL) {
		io.out(io.ctx, port, size, value);
	}
}

static uint64_t fake_read(const volatile void *reg, uint32_t size)
{
	return io.mmio_read != NULL ? io.mmio_read(io.ctx, (uintptr_t)reg, size)
				    : UINT64_MAX;
}

static void fake_write(volatile void *reg, uint32_t size, uint64_t value)
{
	if (io.mmio_write != NULL) {
		io.mmio_write(io.ctx, (uintptr_t)reg, size, value);
	}
}

uint8_t io_in8(uint16_t port)
{
	return (uint8_t)fake_in(port, 1);
}

uint16_t io_in16(uint16_t port)
{
	return (uint16_t)fake_in(port, 2);
}

uint32_t io_in32(uint16_t port)
{
	return fake_in(port, 4);
}

void io_out8(uint16_t port, uint8_t value)
{
	fake_out(port, 1, value);
}

void io_out16(uint16_t port, uint16_t value)
{
	fake_out(port, 2, value);
}

void io_out32(uint16_t port, uint32_t value)
{
	fake_out(port, 4, value);
}

uint8_t mmio_read8(const volatile void *reg)
{
	return (uint8_t)fake_read(reg, 1);
}

uint32_t mmio_read32(const volatile void *reg)
{
	return (uint32_t)fake_read(reg, 4);
}

uint64_t mmio_read64(const volatile void *reg)
{
	return fake_read(reg, 8);
}

void mmio_write8(volatile void *reg, uint8_t value)
{
	fake_write(reg, 1, value);
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	fake_write(reg, 4, value);
}

void mmio_write64(volatile void *reg, uint64_t value)
{
	fake_write(reg, 8, value);
}
