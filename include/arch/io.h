/*
 * io.h - reaching the machine's devices: I/O ports and memory-mapped registers.
 *
 * Implemented by arch/x86_64/io.c, and by tests/fake_arch/io.c, where a test
 * answers each access with a callback: so drivers/phys runs hosted.
 * Context: any; each call is exactly one access of exactly that width.
 */
#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <bh/attr.h>

uint8_t io_in8(uint16_t port);
uint16_t io_in16(uint16_t port);
uint32_t io_in32(uint16_t port);
void io_out8(uint16_t port, uint8_t value);
void io_out16(uint16_t port, uint16_t value);
void io_out32(uint16_t port, uint32_t value);

uint8_t mmio_read8(const volatile void *reg);
uint32_t mmio_read32(const volatile void *reg);
uint64_t mmio_read64(const volatile void *reg);
void mmio_write8(volatile void *reg, uint8_t value);
void mmio_write32(volatile void *reg, uint32_t value);
void mmio_write64(volatile void *reg, uint64_t value);

#endif
