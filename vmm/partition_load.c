/*
 * partition_load.c - what a partition boots, into its memory. Glue: files and
 * configuration here, everything else in the pure loaders (kernel_detect.c).
 */
#include "partition_load.h"

#include "files.h"
#include "guest_acpi.h"
#include "kernel_detect.h"
#include "partition.h"

/* The bytes of the file @path. */
static enum status load_file(const char *path, const void **bytes,
			     uint64_t *size, struct kernel_error *err)
{
	*bytes = files_find(path, size);
	if (*bytes == NULL) {
		return kernel_refuse(ERR_NOENT, err,
				     "no file %s below \\bulkhead on the ESP",
				     path);
	}
	return OK;
}

/* Without an entry of its own a flat kernel starts where it goes: by segment 0,
 * as boot sectors expect, or by one of its own if that does not reach. */
static uint32_t flat_entry(const struct partition_config *c)
{
	if (c->boot_entry != CONFIG_ENTRY_AT_ADDRESS) {
		return c->boot_entry;
	}
	return c->boot_address <= UINT16_MAX
		       ? c->boot_address
		       : c->boot_address >> 4 << 16 | (c->boot_address & 0xf);
}

static struct kernel_args load_args(const struct partition_config *c)
{
	uint32_t entry = flat_entry(c);

	return (struct kernel_args){
		.cmdline = c->cmdline,
		.initrd_name = c->initrd,
		.has_text_screen = c->platform == CONFIG_PLATFORM_PC,
		.flat_address = c->boot_address,
		.flat_cs = (uint16_t)(entry >> 16),
		.flat_ip = (uint16_t)entry,
		.flat_drive = (uint8_t)c->boot_drive,
	};
}

enum status partition_load(struct partition *p, struct vcpu_entry *out,
			   struct kernel_error *err)
{
	const struct partition_config *c = &p->config;
	const struct guest_acpi_config acpi = {
		p->vcpu_count, true, c->platform == CONFIG_PLATFORM_PC
	};
	struct kernel_args args = load_args(c);
	enum status s =
		load_file(c->kernel, &args.kernel, &args.kernel_size, err);

	if (s == OK && c->initrd[0] != '\0') {
		s = load_file(c->initrd, &args.initrd, &args.initrd_size, err);
	}
	if (s != OK) {
		return s;
	}
	s = guest_acpi_build(&p->vm.gmem, &acpi, &args.rsdp);
	if (s != OK) {
		return kernel_refuse(s, err, "ACPI tables do not fit: %s",
				     status_text(s));
	}
	return kernel_load(&p->vm.gmem, c->boot, &args, out, err);
}
