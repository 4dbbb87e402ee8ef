/*
 * boot_machine.c - what only the firmware knows about the machine: the
 * framebuffer, the ACPI root pointer, the processors.
 *
 * None of it is necessary: what cannot be found is left out and said.
 */
#include "boot.h"
#include "boot_con.h"
#include "boot_cpu.h"

#include <efilib.h>
#include <spec/acpi.h>

#define LEAF_FEATURES     1u
#define LEAF_TOPOLOGY     0xbu
#define TABLE_BYTES_MAX   MIB(1)
#define POINTER_COUNT_MAX 512u

/* UEFI PI specification, "MP Services Protocol", the part that we call */
struct mp_location {
	uint32_t package;
	uint32_t core;
	uint32_t thread;
};

struct mp_processor {
	uint64_t id;    /* APIC id */
	uint32_t flags; /* MP_* */
	struct mp_location location;
	uint32_t extended[6];
};

#define MP_IS_ENABLED BIT(1)
#define MP_IS_HEALTHY BIT(2)

struct mp_services {
	EFI_STATUS(EFIAPI *get_count)
	(struct mp_services *self, UINTN *count, UINTN *enabled);
	EFI_STATUS(EFIAPI *get_info)
	(struct mp_services *self, UINTN index, struct mp_processor *out);
	/* more functions follow */
};

static uint32_t boot_apic_id(void)
{
	struct boot_cpuid id = { 0 };
	boot_cpu_cpuid(0, 0, &id);
	if (id.eax >= LEAF_TOPOLOGY) {
		boot_cpu_cpuid(LEAF_TOPOLOGY, 0, &id);
		if (id.ebx != 0) {
			return id.edx; /* x2APIC id */
		}
	}
	boot_cpu_cpuid(LEAF_FEATURES, 0, &id);
	return id.ebx >> 24;
}

static void find_framebuffer(struct boot_ctx *ctx)
{
	EFI_GUID guid = gEfiGraphicsOutputProtocolGuid;
	void *found = NULL;
	struct boot_framebuffer *fb = &ctx->info->fb;

	fb->format = BOOT_PIXEL_NONE;
	if (EFI_ERROR(ctx->bs->LocateProtocol(&guid, NULL, &found))) {
		boot_con_print(L"screen: none\n");
		return;
	}
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = found;
	if (!gop->Mode || !gop->Mode->Info) {
		return;
	}
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode = gop->Mode->Info;
	if (mode->PixelFormat == PixelRedGreenBlueReserved8BitPerColor) {
		fb->format = BOOT_PIXEL_RGBX;
	} else if (mode->PixelFormat == PixelBlueGreenRedReserved8BitPerColor) {
		fb->format = BOOT_PIXEL_BGRX;
	} else {
		boot_con_print(L"screen: no linear framebuffer\n");
		return;
	}
	fb->base = gop->Mode->FrameBufferBase;
	fb->size = gop->Mode->FrameBufferSize;
	fb->width = mode->HorizontalResolution;
	fb->height = mode->VerticalResolution;
	fb->stride = mode->PixelsPerScanLine;
	boot_con_print(L"screen: %dx%d at 0x%lx\n", fb->width, fb->height,
		       fb->base);
}

/* The firmware's table with that GUID; 0: it has none. */
static uint64_t find_table(const struct boot_ctx *ctx, const EFI_GUID *guid)
{
	const EFI_CONFIGURATION_TABLE *tables = ctx->st->ConfigurationTable;

	for (UINTN i = 0; i < ctx->st->NumberOfTableEntries; i++) {
		if (__builtin_memcmp(&tables[i].VendorGuid, guid,
				     sizeof(EFI_GUID)) == 0) {
			return (uint64_t)(uintptr_t)tables[i].VendorTable;
		}
	}
	return 0;
}

/* By table GUID only, the newer one first; memory is never scanned. */
static void find_rsdp(struct boot_ctx *ctx)
{
	static const EFI_GUID guids[] = {
		ACPI_20_TABLE_GUID,
		ACPI_TABLE_GUID,
	};

	for (uint32_t g = 0; g < ARRAY_COUNT(guids); g++) {
		ctx->info->rsdp = find_table(ctx, &guids[g]);
		if (ctx->info->rsdp != 0) {
			boot_con_print(L"ACPI: RSDP at 0x%lx\n",
				       ctx->info->rsdp);
			return;
		}
	}
	boot_con_print(L"ACPI: none\n");
}

static bool add_from_firmware(struct boot_ctx *ctx, struct boot_cpus *cpus)
{
	EFI_GUID guid = { 0x3fdda605,
			  0xa76e,
			  0x4f46,
			  { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 } };
	void *found = NULL;
	UINTN count = 0;
	UINTN enabled = 0;

	if (EFI_ERROR(ctx->bs->LocateProtocol(&guid, NULL, &found))) {
		return false;
	}
	struct mp_services *mp = found;
	if (EFI_ERROR(mp->get_count(mp, &count, &enabled))) {
		return false;
	}
	for (UINTN i = 0; i < count; i++) {
		struct mp_processor p = { 0 };
		if (EFI_ERROR(mp->get_info(mp, i, &p))) {
			continue;
		}
		if ((p.flags & MP_IS_ENABLED) && (p.flags & MP_IS_HEALTHY)) {
			boot_cpus_add(cpus, (uint32_t)p.id);
		}
	}
	return true;
}

/* A table's bytes as far as its own header says, or 0 if that is absurd. */
static size_t table_bytes(uint64_t address, struct acpi_header *h)
{
	if (address == 0 || address >> 47 != 0) {
		return 0;
	}
	__builtin_memcpy(h, (const void *)(uintptr_t)address, sizeof(*h));
	if (h->length < sizeof(*h) || h->length > TABLE_BYTES_MAX) {
		return 0;
	}
	return h->length;
}

/* The n-th table address of an XSDT (8 bytes each) or RSDT (4 bytes each). */
static uint64_t nth_pointer(uint64_t root, uint32_t width, uint32_t n)
{
	uint64_t address = 0;
	__builtin_memcpy(&address,
			 (const uint8_t *)(uintptr_t)root +
				 sizeof(struct acpi_header) + (size_t)n * width,
			 width);
	return address;
}

static bool add_from_madt(struct boot_ctx *ctx, struct boot_cpus *cpus)
{
	struct acpi_rsdp rsdp;
	struct acpi_header h;

	if (ctx->info->rsdp == 0) {
		return false;
	}
	__builtin_memcpy(&rsdp, (const void *)(uintptr_t)ctx->info->rsdp,
			 ACPI_RSDP_V1_SIZE);
	uint64_t root = rsdp.rsdt_address;
	uint32_t width = 4;
	if (rsdp.revision >= 2) {
		__builtin_memcpy(&rsdp,
				 (const void *)(uintptr_t)ctx->info->rsdp,
				 sizeof(rsdp));
		if (rsdp.xsdt_address != 0) {
			root = rsdp.xsdt_address;
			width = 8;
		}
	}
	size_t size = table_bytes(root, &h);
	if (size == 0) {
		return false;
	}
	uint32_t count = (uint32_t)((size - sizeof(h)) / width);
	for (uint32_t i = 0; i < count && i < POINTER_COUNT_MAX; i++) {
		uint64_t table = nth_pointer(root, width, i);
		size = table_bytes(table, &h);
		if (size > 0 &&
		    __builtin_memcmp(h.signature, ACPI_SIG_MADT, 4) == 0) {
			return boot_madt_cpus((const void *)(uintptr_t)table,
					      size, cpus) == OK;
		}
	}
	return false;
}

static void find_cpus(struct boot_ctx *ctx)
{
	struct boot_cpus cpus;
	const CHAR16 *source = L"firmware";

	boot_cpus_init(&cpus, boot_apic_id());
	if (!add_from_firmware(ctx, &cpus)) {
		source = L"ACPI MADT";
		if (!add_from_madt(ctx, &cpus)) {
			source = L"this one only: no list found";
		}
	}
	for (uint32_t i = 0; i < cpus.count; i++) {
		ctx->info->cpu_apic_ids[i] = cpus.ids[i];
	}
	ctx->info->cpu_count = cpus.count;
	boot_con_print(L"processors: %d (%s)\n", cpus.count, source);
	if (cpus.dropped > 0) {
		boot_con_print(L"processors: %d more are not used, the limit "
			       L"is %d\n",
			       cpus.dropped, (int)BOOT_CPU_MAX);
	}
}

void boot_machine_find(struct boot_ctx *ctx)
{
	find_framebuffer(ctx);
	find_rsdp(ctx);
	find_cpus(ctx);
	ctx->info->uart_port = boot_con_uart();
	ctx->info->trampoline = boot_mem_low_page(ctx);
	if (ctx->info->trampoline == 0) {
		boot_con_print(L"no free page below 1 MiB: other processors "
			       L"will not be started\n");
	}
}
