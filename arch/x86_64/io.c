/*
 * io.c - the machine's I/O ports and memory-mapped registers.
 *
 * Each function is exactly one access: IN or OUT of that width, or one MOV of
 * that width between memory and a register, which the compiler may neither
 * merge, split nor move across another volatile access.
 */
#include <arch/io.h>

uint8_t io_in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

uint16_t io_in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

uint32_t io_in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

void io_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

void io_out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

void io_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

uint8_t mmio_read8(const volatile void *reg)
{
	uint8_t v;

	__asm__ volatile("movb %1, %0"
			 : "=r"(v)
			 : "m"(*(const volatile uint8_t *)reg)
			 : "memory");
	return v;
}

uint32_t mmio_read32(const volatile void *reg)
{
	uint32_t v;

	__asm__ volatile("movl %1, %0"
			 : "=r"(v)
			 : "m"(*(const volatile uint32_t *)reg)
			 : "memory");
	return v;
}

uint64_t mmio_read64(const volatile void *reg)
{
	uint64_t v;

	__asm__ volatile("movq %1, %0"
			 : "=r"(v)
			 : "m"(*(const volatile uint64_t *)reg)
			 : "memory");
	return v;
}

void mmio_write8(volatile void *reg, uint8_t value)
{
	__asm__ volatile("movb %1, %0"
			 : "=m"(*(volatile uint8_t *)reg)
			 : "r"(value)
			 : "memory");
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	__asm__ volatile("movl %1, %0"
			 : "=m"(*(volatile uint32_t *)reg)
			 : "r"(value)
			 : "memory");
}

void mmio_write64(volatile void *reg, uint64_t value)
{
	__asm__ volatile("movq %1, %0"
			 : "=m"(*(volatile uint64_t *)reg)
			 : "r"(value)
			 : "memory");
}
