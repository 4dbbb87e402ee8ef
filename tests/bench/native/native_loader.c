/* SPDX-License-Identifier: MIT */
/*
 * native_loader.c - boot Linux without Bulkhead, for the comparison.
 *
 * A UEFI application that reads vmlinuz, initrd.img and cmdline.txt in
 * \bulkhead on its own volume, and enters the kernel by the same 64-bit boot
 * protocol that the VMM uses: a bzImage at its preferred address, boot_params,
 * an e820 map, no EFI. So both runs execute the same kernel code from the same
 * entry.
 *
 * Just before the jump it writes 1 to the port of the instruction counter's
 * marks (tools/bochs-count/README.md); the end of the measurement is the first
 * instruction at CPL 3, which the counter finds by itself.
 */
#include <efi.h>

#include <spec/linux_boot.h>

#define MARK_PORT         0xbe
#define MARK_KERNEL_ENTRY 1
#define KERNEL_ALIGN      0x200000u
#define LOW_MAX           0x7fffffffu /* kernel, initrd and tables stay below */
#define INFO_BYTES        512
#define MAP_BYTES         16384

struct loaded {
	uint8_t *data;
	UINTN size;
};

struct efi_ctx {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_FILE_HANDLE root;
};

static struct linux_boot_params params __attribute__((aligned(4096)));
static uint8_t map_bytes[MAP_BYTES] __attribute__((aligned(16)));
static const uint64_t gdt[] = {
	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, /* 10h code, 18h data */
};

/* What the compiler may call. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(n)
			 :
			 : "memory");
	return start;
}

void *memset(void *to, int c, size_t n)
{
	void *start = to;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return start;
}

static EFI_STATUS fail(struct efi_ctx *ctx, CHAR16 *what, EFI_STATUS status)
{
	ctx->st->ConOut->OutputString(ctx->st->ConOut, what);
	ctx->st->ConOut->OutputString(ctx->st->ConOut, L"\r\n");
	return status;
}

static EFI_STATUS open_root(struct efi_ctx *ctx)
{
	static EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	static EFI_GUID fs_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	void *image = NULL;
	void *fs = NULL;
	EFI_STATUS st =
		ctx->bs->HandleProtocol(ctx->image, &image_guid, &image);
	if (EFI_ERROR(st)) {
		return st;
	}
	st = ctx->bs->HandleProtocol(((EFI_LOADED_IMAGE *)image)->DeviceHandle,
				     &fs_guid, &fs);
	if (EFI_ERROR(st)) {
		return st;
	}
	return ((EFI_FILE_IO_INTERFACE *)fs)->OpenVolume(fs, &ctx->root);
}

/* load() - a whole file into pages below LOW_MAX, with a NUL after it. */
static EFI_STATUS load(struct efi_ctx *ctx, CHAR16 *path, struct loaded *out)
{
	static EFI_GUID info_guid = EFI_FILE_INFO_ID;
	static union {
		EFI_FILE_INFO info;
		uint8_t bytes[INFO_BYTES];
	} entry;
	EFI_FILE_HANDLE file = NULL;
	EFI_STATUS st =
		ctx->root->Open(ctx->root, &file, path, EFI_FILE_MODE_READ, 0);
	if (EFI_ERROR(st)) {
		return fail(ctx, path, st);
	}
	UINTN size = sizeof(entry);
	st = file->GetInfo(file, &info_guid, &size, &entry);
	if (EFI_ERROR(st)) {
		return fail(ctx, path, st);
	}
	EFI_PHYSICAL_ADDRESS at = LOW_MAX;
	out->size = entry.info.FileSize;
	st = ctx->bs->AllocatePages(AllocateMaxAddress, EfiLoaderData,
				    out->size / 4096 + 1, &at);
	if (EFI_ERROR(st)) {
		return fail(ctx, path, st);
	}
	out->data = (uint8_t *)at;
	UINTN got = out->size;
	st = file->Read(file, &got, out->data);
	out->data[got] = 0;
	return got == out->size ? st : EFI_VOLUME_CORRUPTED;
}

/* place_kernel() - memory for the kernel: where it prefers to be, else any
 * aligned place. */
static EFI_STATUS place_kernel(struct efi_ctx *ctx,
			       const struct linux_setup_header *hdr,
			       EFI_PHYSICAL_ADDRESS *at)
{
	UINTN pages = hdr->init_size / 4096 + 1;
	*at = hdr->pref_address;
	EFI_STATUS st = ctx->bs->AllocatePages(AllocateAddress, EfiLoaderData,
					       pages, at);
	if (!EFI_ERROR(st)) {
		return st;
	}
	*at = LOW_MAX;
	st = ctx->bs->AllocatePages(AllocateMaxAddress, EfiLoaderData,
				    pages + KERNEL_ALIGN / 4096, at);
	*at = (*at + KERNEL_ALIGN - 1) &
	      ~(EFI_PHYSICAL_ADDRESS)(KERNEL_ALIGN - 1);
	return st;
}

static uint32_t e820_type(UINT32 efi_type)
{
	switch (efi_type) {
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
	case EfiConventionalMemory:
		return E820_RAM;
	case EfiACPIReclaimMemory:
		return E820_ACPI;
	default:
		return E820_RESERVED;
	}
}

static void fill_e820(UINTN map_size, UINTN desc_size)
{
	struct linux_e820_entry *last = NULL;
	for (UINTN at = 0; at < map_size; at += desc_size) {
		const EFI_MEMORY_DESCRIPTOR *d = (void *)(map_bytes + at);
		uint32_t type = e820_type(d->Type);
		uint64_t size = d->NumberOfPages * 4096;
		if (last != NULL && last->type == type &&
		    last->addr + last->size == d->PhysicalStart) {
			last->size += size;
			continue;
		}
		if (params.e820_entries == LINUX_E820_MAX) {
			return;
		}
		last = &params.e820_table[params.e820_entries++];
		last->addr = d->PhysicalStart;
		last->size = size;
		last->type = type;
	}
}

static EFI_STATUS leave_firmware(struct efi_ctx *ctx)
{
	for (int tries = 0; tries < 4; tries++) {
		UINTN size = MAP_BYTES;
		UINTN key = 0;
		UINTN desc_size = 0;
		UINT32 version = 0;
		EFI_STATUS st = ctx->bs->GetMemoryMap(
			&size, (EFI_MEMORY_DESCRIPTOR *)map_bytes, &key,
			&desc_size, &version);
		if (EFI_ERROR(st)) {
			return st;
		}
		st = ctx->bs->ExitBootServices(ctx->image, key);
		if (!EFI_ERROR(st)) {
			fill_e820(size, desc_size);
			return st;
		}
	}
	return EFI_INVALID_PARAMETER;
}

static _Noreturn void enter_kernel(EFI_PHYSICAL_ADDRESS kernel)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} packed_struct gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	__asm__ volatile("cli\n\t"
			 "lgdt %[gdtr]\n\t"
			 "mov %[data], %%ds\n\t"
			 "mov %[data], %%es\n\t"
			 "mov %[data], %%ss\n\t"
			 "push $0x10\n\t"
			 "push %[entry]\n\t"
			 "out %%ax, %[port]\n\t"
			 "lretq"
			 :
			 : [gdtr] "m"(gdtr), [data] "r"(0x18),
			   [entry] "r"(kernel + LINUX_ENTRY64_OFFSET),
			   [port] "n"(MARK_PORT), "a"(MARK_KERNEL_ENTRY),
			   "S"(&params)
			 : "memory");
	__builtin_unreachable();
}

static EFI_STATUS load_all(struct efi_ctx *ctx, EFI_PHYSICAL_ADDRESS *kernel)
{
	struct loaded image;
	struct loaded initrd;
	struct loaded cmdline;
	EFI_STATUS st = load(ctx, L"\\bulkhead\\vmlinuz", &image);
	if (!EFI_ERROR(st)) {
		st = load(ctx, L"\\bulkhead\\initrd.img", &initrd);
	}
	if (!EFI_ERROR(st)) {
		st = load(ctx, L"\\bulkhead\\cmdline.txt", &cmdline);
	}
	if (EFI_ERROR(st)) {
		return st;
	}
	memcpy(&params.hdr, image.data + LINUX_SETUP_HEADER_OFFSET,
	       sizeof(params.hdr));
	if (params.hdr.header != LINUX_HEADER_MAGIC ||
	    (params.hdr.xloadflags & LINUX_XLF_KERNEL_64) == 0) {
		return fail(ctx, L"\\bulkhead\\vmlinuz is no 64-bit bzImage",
			    EFI_UNSUPPORTED);
	}
	st = place_kernel(ctx, &params.hdr, kernel);
	if (EFI_ERROR(st)) {
		return fail(ctx, L"no memory for the kernel", st);
	}
	UINTN setup = (params.hdr.setup_sects + 1u) * 512u;
	memcpy((void *)*kernel, image.data + setup, image.size - setup);
	params.hdr.type_of_loader = LINUX_LOADER_UNDEFINED;
	params.hdr.ramdisk_image = (uint32_t)(uint64_t)initrd.data;
	params.hdr.ramdisk_size = (uint32_t)initrd.size;
	params.hdr.cmd_line_ptr = (uint32_t)(uint64_t)cmdline.data;
	return EFI_SUCCESS;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	struct efi_ctx ctx = { image, st, st->BootServices, NULL };
	EFI_PHYSICAL_ADDRESS kernel = 0;
	EFI_STATUS status = open_root(&ctx);
	if (!EFI_ERROR(status)) {
		status = load_all(&ctx, &kernel);
	}
	if (!EFI_ERROR(status)) {
		status = leave_firmware(&ctx);
	}
	if (EFI_ERROR(status)) {
		return fail(&ctx, L"native loader: failed", status);
	}
	enter_kernel(kernel);
}
