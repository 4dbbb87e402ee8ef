/*
 * flat_boot.c - load a file as it is, for real mode.
 *
 * As a PC's firmware starts a boot sector: interrupts off, the other segments
 * 0, SP below 7C00H. There is no firmware to call. So that a program does not
 * run away when it does, INT 10H to 6FH come back with CF = 1, as from a BIOS
 * that lacks the function, and the other vectors with nothing done:
 *
 *	0x00000  interrupt vector table
 *	0x00400  where a BIOS keeps its data: the size of low memory
 *	0xfff53  IRET, where PCs have theirs; before it the one with CF
 */
#include "flat_boot.h"

#include <bh/string.h>

#define FLAT_SP       0x7c00u
#define BIOS_SEGMENT  0xf000u
#define BIOS_IRET     0xff53u
#define VECTOR_COUNT  256u
#define SERVICE_FIRST 0x10u
#define SERVICE_LAST  0x6fu

/* push bp; mov bp, sp; or byte [bp + 6], 1; pop bp; iret */
static const uint8_t bios_code[] = { 0x55,
				     0x89,
				     0xe5,
				     0x80,
				     0x4e,
				     0x06,
				     0x01,
				     0x5d,
				     0xcf,
				     /* BIOS_IRET: */ 0xcf };

#define BIOS_UNSUPPORTED (BIOS_IRET - (sizeof(bios_code) - 1))

static enum status flat_check(const struct kernel_args *a,
			      struct kernel_error *err)
{
	uint64_t entry = ((uint64_t)a->flat_cs << 4) + a->flat_ip;

	if (a->kernel == NULL || a->kernel_size == 0) {
		return kernel_refuse(ERR_INVALID, err,
				     "kernel: size = 0, need a file with "
				     "content");
	}
	if (a->flat_address < FLAT_BOOT_FIRST ||
	    a->flat_address >= KERNEL_LOW_TOP ||
	    a->kernel_size > KERNEL_LOW_TOP - a->flat_address) {
		return kernel_refuse(
			ERR_INVALID, err,
			"kernel: %llu bytes at 0x%x, need them from 0x%x to "
			"0x%x (annotation boot.address)",
			(unsigned long long)a->kernel_size, a->flat_address,
			FLAT_BOOT_FIRST, KERNEL_LOW_TOP);
	}
	if (entry < a->flat_address ||
	    entry - a->flat_address >= a->kernel_size) {
		return kernel_refuse(
			ERR_INVALID, err,
			"kernel: entry %x:%x, need an address in its %llu "
			"bytes at 0x%x (annotation boot.entry)",
			a->flat_cs, a->flat_ip,
			(unsigned long long)a->kernel_size, a->flat_address);
	}
	if (a->initrd != NULL) {
		return kernel_refuse(ERR_UNSUPPORTED, err,
				     "initrd: a flat kernel gets none: leave "
				     "vm.kernel.initrd out");
	}
	return OK;
}

static enum status flat_write(struct gmem *gm, const struct kernel_args *a)
{
	uint16_t vectors[VECTOR_COUNT][2];
	const struct {
		uint64_t at;
		const void *src;
		uint64_t len;
	} writes[] = {
		{ 0, vectors, sizeof(vectors) },
		{ (BIOS_SEGMENT << 4) + BIOS_UNSUPPORTED, bios_code,
		  sizeof(bios_code) },
		{ a->flat_address, a->kernel, a->kernel_size },
	};
	enum status s = kernel_write_bda(gm);

	for (uint32_t i = 0; i < VECTOR_COUNT; i++) {
		bool is_service = i >= SERVICE_FIRST && i <= SERVICE_LAST;

		vectors[i][0] =
			is_service ? (uint16_t)BIOS_UNSUPPORTED : BIOS_IRET;
		vectors[i][1] = BIOS_SEGMENT;
	}
	for (size_t i = 0; i < ARRAY_COUNT(writes) && s == OK; i++) {
		s = gmem_write(gm, gpa(writes[i].at), writes[i].src,
			       writes[i].len);
	}
	return s;
}

enum status flat_boot_load(struct gmem *gm, const struct kernel_args *a,
			   struct vcpu_entry *out, struct kernel_error *err)
{
	enum status s;

	err->text[0] = '\0';
	s = flat_check(a, err);
	if (s != OK) {
		return s;
	}
	s = flat_write(gm, a);
	if (s != OK) {
		return kernel_refuse(s, err, "partition memory: %s",
				     status_text(s));
	}
	*out = (struct vcpu_entry){
		.mode = VCPU_ENTRY_REAL,
		.rip = a->flat_ip,
		.cs = a->flat_cs,
		.gpr[GPR_RSP] = FLAT_SP,
		.gpr[GPR_RDX] = a->flat_drive,
	};
	return OK;
}
