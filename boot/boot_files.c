/*
 * boot_files.c - every file below \bulkhead\ on our own ESP into memory.
 *
 * The folders are walked with a stack of open directories, at most FOLDER_MAX
 * deep. Each file gets pages of its own and a line of progress; boot.cfg is
 * also copied into boot_info.options.
 */
#include "boot.h"
#include "boot_con.h"
#include "boot_path.h"

#include <efilib.h>

#define FOLDER_MAX   8u
#define CHUNK        MIB(1)
#define ENTRY_BYTES  1024u
#define OPTIONS_FILE "boot.cfg"

struct walk {
	EFI_FILE_HANDLE folders[FOLDER_MAX];
	uint32_t depth; /* open folders */
	struct boot_path path;
	union {
		EFI_FILE_INFO info;
		uint8_t bytes[ENTRY_BYTES];
	} entry; /* the directory entry being looked at */
};

static EFI_STATUS open_volume(struct boot_ctx *ctx, EFI_FILE_HANDLE *root)
{
	EFI_GUID image_guid = gEfiLoadedImageProtocolGuid;
	EFI_GUID volume_guid = gEfiSimpleFileSystemProtocolGuid;
	void *image = NULL;
	void *volume = NULL;

	EFI_STATUS st =
		ctx->bs->HandleProtocol(ctx->image, &image_guid, &image);
	if (!EFI_ERROR(st)) {
		EFI_HANDLE device = ((EFI_LOADED_IMAGE *)image)->DeviceHandle;
		st = ctx->bs->HandleProtocol(device, &volume_guid, &volume);
	}
	if (!EFI_ERROR(st)) {
		EFI_FILE_IO_INTERFACE *fs = volume;
		st = fs->OpenVolume(fs, root);
	}
	if (EFI_ERROR(st)) {
		return boot_con_refuse(
			st,
			L"cannot open the volume that BOOTX64.EFI came "
			L"from (%r); boot it from a FAT partition",
			st);
	}
	return EFI_SUCCESS;
}

static EFI_STATUS open_top(struct boot_ctx *ctx, EFI_FILE_HANDLE *top)
{
	EFI_FILE_HANDLE root = NULL;
	EFI_STATUS st = open_volume(ctx, &root);
	if (EFI_ERROR(st)) {
		return st;
	}
	st = root->Open(root, top, L"\\bulkhead", EFI_FILE_MODE_READ, 0);
	(void)root->Close(root);
	if (EFI_ERROR(st)) {
		return boot_con_refuse(
			st,
			L"no folder \\bulkhead on the boot volume (%r); "
			L"make the image again (make image)",
			st);
	}
	return EFI_SUCCESS;
}

/* The bytes of one file, a megabyte at a time. */
static EFI_STATUS read_bytes(EFI_FILE_HANDLE file, const char *path,
			     uint8_t *dst, uint64_t size)
{
	uint64_t done = 0;
	uint64_t shown = 0;

	while (done < size) {
		UINTN part = size - done < CHUNK ? size - done : CHUNK;
		EFI_STATUS st = file->Read(file, &part, dst + done);
		if (EFI_ERROR(st)) {
			return boot_con_refuse(
				st,
				L"cannot read \\bulkhead\\%a at byte %ld (%r); "
				L"check the disk, make the image again",
				path, done, st);
		}
		if (part == 0) {
			return boot_con_refuse(
				EFI_VOLUME_CORRUPTED,
				L"\\bulkhead\\%a ends at byte %ld of %ld; the "
				L"FAT is damaged, make the image again",
				path, done, size);
		}
		done += part;
		uint64_t percent = done * 100 / size;
		if (size > CHUNK && (percent >= shown + 20 || done == size)) {
			boot_con_print(L" %ld%%", percent);
			shown = percent;
		}
	}
	return EFI_SUCCESS;
}

/* boot.cfg goes into boot_info as text. */
static EFI_STATUS take_options(struct boot_ctx *ctx, const struct boot_file *f)
{
	if (f->size >= BOOT_OPTIONS_MAX) {
		return boot_con_refuse(
			EFI_BAD_BUFFER_SIZE,
			L"\\bulkhead"
			L"\\" OPTIONS_FILE L" has %ld bytes; at most %d are "
			L"allowed, shorten it",
			f->size, (int)BOOT_OPTIONS_MAX - 1);
	}
	ctx->bs->CopyMem(ctx->info->options, (void *)(uintptr_t)f->base,
			 f->size);
	ctx->info->options[f->size] = '\0';
	return EFI_SUCCESS;
}

static EFI_STATUS load_file(struct boot_ctx *ctx, struct walk *w,
			    EFI_FILE_HANDLE file)
{
	struct boot_info *info = ctx->info;
	uint64_t size = w->entry.info.FileSize;

	if (info->file_count == BOOT_FILE_MAX) {
		return boot_con_refuse(
			EFI_OUT_OF_RESOURCES,
			L"more than %d files below \\bulkhead; remove those "
			L"that no partition needs",
			(int)BOOT_FILE_MAX);
	}
	boot_con_print(L"  %a, %ld bytes", w->path.text, size);
	uint64_t pages = size / PAGE_SIZE + 1;
	uint64_t base = boot_mem_alloc(ctx, pages, BOOT_RANGE_FILE);
	if (base == 0) {
		return boot_con_refuse(
			EFI_OUT_OF_RESOURCES,
			L"out of memory: \\bulkhead\\%a needs %ld KiB; give "
			L"the machine more memory or remove files",
			w->path.text, pages * 4);
	}
	EFI_STATUS st = read_bytes(file, w->path.text,
				   (uint8_t *)(uintptr_t)base, size);
	if (EFI_ERROR(st)) {
		return st;
	}
	boot_con_print(L"\n");
	struct boot_file *f = &info->files[info->file_count];
	ctx->bs->CopyMem(f->path, w->path.text, BOOT_PATH_MAX);
	f->base = base;
	f->size = size;
	info->file_count++;
	return boot_path_equals(&w->path, OPTIONS_FILE) ? take_options(ctx, f)
							: EFI_SUCCESS;
}

static EFI_STATUS enter_name(struct walk *w)
{
	const CHAR16 *name = w->entry.info.FileName;
	enum status st = boot_path_push(&w->path, name);
	if (st == ERR_TOO_BIG) {
		return boot_con_refuse(
			EFI_INVALID_PARAMETER,
			L"path too long: \\bulkhead\\%a/%s; at most %d "
			L"characters, use shorter names",
			w->path.text, name, (int)BOOT_PATH_MAX - 1);
	}
	if (st != OK) {
		return boot_con_refuse(
			EFI_INVALID_PARAMETER,
			L"the name \"%s\" in \\bulkhead\\%a is not plain "
			L"ASCII; rename it",
			name, w->path.text);
	}
	return EFI_SUCCESS;
}

/* One directory entry: go into a folder, load a file. */
static EFI_STATUS visit(struct boot_ctx *ctx, struct walk *w)
{
	EFI_FILE_HANDLE parent = w->folders[w->depth - 1];
	EFI_FILE_HANDLE child = NULL;
	EFI_STATUS st = enter_name(w);
	if (EFI_ERROR(st)) {
		return st;
	}
	st = parent->Open(parent, &child, w->entry.info.FileName,
			  EFI_FILE_MODE_READ, 0);
	if (EFI_ERROR(st)) {
		return boot_con_refuse(
			st, L"cannot open \\bulkhead\\%a (%r); check the disk",
			w->path.text, st);
	}
	if (!(w->entry.info.Attribute & EFI_FILE_DIRECTORY)) {
		st = load_file(ctx, w, child);
		(void)child->Close(child);
		boot_path_pop(&w->path);
		return st;
	}
	if (w->depth == FOLDER_MAX) {
		(void)child->Close(child);
		return boot_con_refuse(
			EFI_INVALID_PARAMETER,
			L"folders too deep at \\bulkhead\\%a; at most %d",
			w->path.text, (int)FOLDER_MAX);
	}
	w->folders[w->depth] = child;
	w->depth++;
	return EFI_SUCCESS;
}

/* The next entry of the innermost folder; its end means one folder up. */
static EFI_STATUS step(struct boot_ctx *ctx, struct walk *w)
{
	EFI_FILE_HANDLE folder = w->folders[w->depth - 1];
	UINTN size = sizeof(w->entry);
	EFI_STATUS st = folder->Read(folder, &size, &w->entry);
	if (EFI_ERROR(st)) {
		return boot_con_refuse(
			st, L"cannot list \\bulkhead\\%a (%r); check the disk",
			w->path.text, st);
	}
	if (size == 0) {
		(void)folder->Close(folder);
		w->depth--;
		boot_path_pop(&w->path);
		return EFI_SUCCESS;
	}
	if (boot_path_is_dots(w->entry.info.FileName)) {
		return EFI_SUCCESS;
	}
	return visit(ctx, w);
}

EFI_STATUS boot_files_read(struct boot_ctx *ctx)
{
	static struct walk w;
	EFI_STATUS st = open_top(ctx, &w.folders[0]);
	if (EFI_ERROR(st)) {
		return st;
	}
	w.depth = 1;
	boot_path_init(&w.path);
	boot_con_print(L"reading \\bulkhead\\\n");
	while (!EFI_ERROR(st) && w.depth > 0) {
		st = step(ctx, &w);
	}
	while (w.depth > 0) {
		w.depth--;
		(void)w.folders[w.depth]->Close(w.folders[w.depth]);
	}
	if (!EFI_ERROR(st) && ctx->info->file_count == 0) {
		return boot_con_refuse(
			EFI_NOT_FOUND,
			L"the folder \\bulkhead is empty; make the image "
			L"again (make image)");
	}
	return st;
}
