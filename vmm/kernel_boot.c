/*
 * kernel_boot.c - what the boot protocols have in common: words for a refusal,
 * the memory map, texts, the flat 32-bit state.
 */
#include "kernel_boot.h"

#include <bh/string.h>
#include <spec/linux_boot.h>

#define BDA_MEMORY_GPA 0x413u /* in the BIOS data area: KiB, a word */

enum status kernel_refuse(enum status s, struct kernel_error *err,
			  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return s;
}

uint32_t kernel_memory_map(const struct gmem *gm,
			   struct kernel_range out[KERNEL_RANGE_MAX])
{
	uint32_t n = 0;

	out[n++] = (struct kernel_range){ 0, KERNEL_LOW_TOP, E820_RAM };
	out[n++] = (struct kernel_range){ KERNEL_LOW_TOP,
					  KERNEL_HIGH_GPA - KERNEL_LOW_TOP,
					  E820_RESERVED };
	out[n++] = (struct kernel_range){ KERNEL_HIGH_GPA,
					  gm->low_size - KERNEL_HIGH_GPA,
					  E820_RAM };
	if (gm->high_size != 0) {
		out[n++] = (struct kernel_range){ GMEM_HIGH_BASE, gm->high_size,
						  E820_RAM };
	}
	return n;
}

enum status kernel_check_text(const char *text, uint32_t max, const char *what,
			      const char *limit, size_t *len,
			      struct kernel_error *err)
{
	*len = text != NULL ? strnlen(text, (size_t)max + 1) : 0;
	if (*len > max) {
		return kernel_refuse(
			ERR_INVALID, err,
			"%s: longer than %s = %u, need at most that many "
			"characters",
			what, limit, max);
	}
	for (size_t i = 0; i < *len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c < ' ' || c == 0x7f) {
			return kernel_refuse(
				ERR_INVALID, err,
				"%s: character %zu = 0x%x, need printable text",
				what, i, c);
		}
	}
	return OK;
}

enum status kernel_write_gdt32(struct gmem *gm)
{
	static const uint64_t gdt[] = {
		0, 0x00cf9b000000ffffull, /* KERNEL_CS32: code, accessed */
		0x00cf93000000ffffull,    /* KERNEL_DS32: data, accessed */
	};

	return gmem_write(gm, gpa(KERNEL_GDT_GPA), gdt, sizeof(gdt));
}

enum status kernel_write_bda(struct gmem *gm)
{
	const uint16_t low_kib = KERNEL_LOW_TOP >> 10;

	return gmem_write(gm, gpa(BDA_MEMORY_GPA), &low_kib, sizeof(low_kib));
}

struct vcpu_entry kernel_entry32(uint32_t rip)
{
	return (struct vcpu_entry){
		.mode = VCPU_ENTRY_PROT32,
		.rip = rip,
		.gdt_base = KERNEL_GDT_GPA,
		.gdt_limit = 3 * 8 - 1,
		.cs = KERNEL_CS32,
		.ds = KERNEL_DS32,
		.gpr[GPR_RSP] = KERNEL_TABLES_END,
	};
}
