/*
 * pvh_boot.c - load a kernel by Xen's PVH boot protocol.
 *
 * "x86/HVM direct boot ABI": 32-bit protected mode, flat, paging and interrupts
 * off, EBX = struct hvm_start_info. What is where:
 *
 *	0x1000  GDT: null, code (0x08), data (0x10)
 *	0x2000  struct hvm_start_info, 0x2800 the module's entry
 *	0x3000  the memory map
 *	0x4000  the module's text, 0x9000 the command line
 *	the ELF file's segments at their physical addresses
 *	behind them, page aligned: the module (the initrd)
 */
#include "pvh_boot.h"

#include "kernel_image.h"

#include <bh/string.h>
#include <spec/xen_pvh.h>

struct pvh_plan {
	struct kernel_image image;
	struct kernel_extras extras;
};

static enum status pvh_plan_make(const struct gmem *gm,
				 const struct kernel_args *a,
				 struct pvh_plan *p, struct kernel_error *err)
{
	uint64_t end = 0;
	enum status s =
		kernel_read_elf(a->kernel, a->kernel_size, &p->image, err);

	if (s != OK) {
		return s;
	}
	if (!p->image.has_pvh_entry) {
		return kernel_refuse(ERR_INVALID, err,
				     "kernel: no ELF note \"Xen\" of type 18 "
				     "(PHYS32_ENTRY): not a PVH kernel");
	}
	s = kernel_place(gm, &p->image, &end, err);
	if (s != OK) {
		return s;
	}
	if (!kernel_is_code(&p->image, p->image.pvh_entry)) {
		return kernel_refuse(
			ERR_INVALID, err,
			"kernel: PHYS32_ENTRY = 0x%llx, need an address in a "
			"segment's bytes",
			(unsigned long long)p->image.pvh_entry);
	}
	return kernel_place_extras(gm, a, end, &p->extras, err);
}

static uint32_t pvh_memory_map(const struct gmem *gm,
			       struct hvm_memmap_table_entry *out)
{
	struct kernel_range ranges[KERNEL_RANGE_MAX];
	uint32_t n = kernel_memory_map(gm, ranges);

	for (uint32_t i = 0; i < n; i++) {
		out[i] = (struct hvm_memmap_table_entry){ ranges[i].addr,
							  ranges[i].size,
							  ranges[i].type, 0 };
	}
	return n;
}

static enum status pvh_write(struct gmem *gm, const struct kernel_args *a,
			     const struct pvh_plan *p)
{
	struct hvm_memmap_table_entry map[KERNEL_RANGE_MAX];
	uint32_t map_count = pvh_memory_map(gm, map);
	const struct hvm_modlist_entry module = {
		.paddr = p->extras.module_gpa,
		.size = p->extras.module_size,
		.cmdline_paddr = KERNEL_NAMES_GPA,
	};
	const struct hvm_start_info info = {
		.magic = HVM_START_MAGIC_VALUE,
		.version = HVM_START_VERSION,
		.nr_modules = p->extras.module_size != 0,
		.modlist_paddr =
			p->extras.module_size != 0 ? KERNEL_MODULES_GPA : 0,
		.cmdline_paddr = KERNEL_CMDLINE_GPA,
		.rsdp_paddr = a->rsdp.v,
		.memmap_paddr = KERNEL_MAP_GPA,
		.memmap_entries = map_count,
	};
	const struct {
		uint64_t at;
		const void *src;
		uint64_t len;
	} writes[] = {
		{ KERNEL_INFO_GPA, &info, sizeof(info) },
		{ KERNEL_MODULES_GPA, &module, sizeof(module) },
		{ KERNEL_MAP_GPA, map, map_count * sizeof(map[0]) },
	};
	enum status s = kernel_write_gdt32(gm);

	for (size_t i = 0; i < ARRAY_COUNT(writes) && s == OK; i++) {
		s = gmem_write(gm, gpa(writes[i].at), writes[i].src,
			       writes[i].len);
	}
	if (s == OK) {
		s = kernel_write_extras(gm, a, &p->extras);
	}
	return s == OK ? kernel_write(gm, &p->image) : s;
}

enum status pvh_boot_load(struct gmem *gm, const struct kernel_args *a,
			  struct vcpu_entry *out, struct kernel_error *err)
{
	static struct pvh_plan p; /* large; partitions are loaded one by one */
	enum status s;

	err->text[0] = '\0';
	s = pvh_plan_make(gm, a, &p, err);
	if (s != OK) {
		return s;
	}
	s = pvh_write(gm, a, &p);
	if (s != OK) {
		return kernel_refuse(s, err, "partition memory: %s",
				     status_text(s));
	}
	*out = kernel_entry32((uint32_t)p.image.pvh_entry);
	out->gpr[GPR_RBX] = KERNEL_INFO_GPA;
	return OK;
}
