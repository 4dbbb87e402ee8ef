/*
 * kernel_detect.c - by which protocol a file wants to be booted, and that one's
 * loader.
 *
 * In this order: a bzImage says so at 202H; an ELF file with Xen's note is PVH,
 * also if it has a multiboot header (the note is the newer of the two); a
 * multiboot header may be in any file; a boot sector ends in 55H AAH.
 */
#include "kernel_detect.h"

#include "flat_boot.h"
#include "kernel_image.h"
#include "linux_boot.h"
#include "multiboot_boot.h"
#include "pvh_boot.h"

#include <bh/string.h>
#include <spec/linux_boot.h>

#define SECTOR        512u
#define HEADER_OFFSET 0x202u

static bool is_linux(const uint8_t *file, uint64_t size)
{
	uint32_t magic;

	if (size < HEADER_OFFSET + sizeof(magic)) {
		return false;
	}
	memcpy(&magic, file + HEADER_OFFSET, sizeof(magic));
	return magic == LINUX_HEADER_MAGIC;
}

static bool is_pvh(const uint8_t *file, uint64_t size)
{
	static struct kernel_image image; /* partitions load one by one */
	struct kernel_error err;

	return kernel_is_elf(file, size) &&
	       kernel_read_elf(file, size, &image, &err) == OK &&
	       image.has_pvh_entry;
}

static bool is_multiboot(const uint8_t *file, uint64_t size)
{
	return multiboot_is_kernel(file, size);
}

static bool is_boot_sector(const uint8_t *file, uint64_t size)
{
	return size >= SECTOR && file[SECTOR - 2] == 0x55 &&
	       file[SECTOR - 1] == 0xaa;
}

static enum status linux_load(struct gmem *gm, const struct kernel_args *a,
			      struct vcpu_entry *out, struct kernel_error *err)
{
	struct linux_boot_entry e;
	enum status s = linux_boot_load(gm, a, &e, err);

	if (s == OK) {
		*out = (struct vcpu_entry){
			.mode = VCPU_ENTRY_LONG64,
			.rip = e.rip,
			.cr3 = e.cr3,
			.gdt_base = e.gdt_base,
			.gdt_limit = e.gdt_limit,
			.cs = e.cs,
			.ds = e.ds,
			.gpr[GPR_RSP] = e.rsp,
			.gpr[GPR_RSI] = e.rsi,
		};
	}
	return s;
}

static const struct protocol {
	bool (*is_kernel)(const uint8_t *file, uint64_t size);
	enum status (*load)(struct gmem *gm, const struct kernel_args *a,
			    struct vcpu_entry *out, struct kernel_error *err);
} protocols[] = {
	[KERNEL_AUTO] = { NULL, NULL },
	[KERNEL_LINUX] = { is_linux, linux_load },
	[KERNEL_PVH] = { is_pvh, pvh_boot_load },
	[KERNEL_MULTIBOOT] = { is_multiboot, multiboot_boot_load },
	[KERNEL_FLAT] = { is_boot_sector, flat_boot_load },
};

enum kernel_protocol kernel_detect(const void *file, uint64_t size)
{
	for (uint32_t i = KERNEL_LINUX; i < ARRAY_COUNT(protocols); i++) {
		if (file != NULL && protocols[i].is_kernel(file, size)) {
			return i;
		}
	}
	return KERNEL_AUTO;
}

enum status kernel_load(struct gmem *gm, enum kernel_protocol protocol,
			const struct kernel_args *a, struct vcpu_entry *out,
			struct kernel_error *err)
{
	if (protocol == KERNEL_AUTO) {
		protocol = kernel_detect(a->kernel, a->kernel_size);
	}
	if (protocol == KERNEL_AUTO || protocol >= ARRAY_COUNT(protocols)) {
		return kernel_refuse(
			ERR_INVALID, err,
			"kernel: neither a bzImage, nor ELF with Xen's note, "
			"nor multiboot, nor a boot sector; annotation boot, "
			"\"flat\", takes any file");
	}
	return protocols[protocol].load(gm, a, out, err);
}
