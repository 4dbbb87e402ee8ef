/* SPDX-License-Identifier: MIT */
/*
 * Finding Bochs in this process and hooking it.
 *
 * Debian builds Bochs with --enable-instrumentation: it calls an empty,
 * exported bx_instr_* function at each instruction, VM exit, port write and
 * so on. This file writes a jump to ours over those it wants. A stub is one
 * RET and padding up to 16 bytes, the jump takes 14.
 *
 * 1. In a process without Bochs (a shell that the preload is inherited by)
 *    nothing happens.
 * 2. In another build of Bochs the layout is unknown: it ends the process
 *    with a message instead of counting nonsense.
 * 3. Random numbers are made reproducible: see srand() below.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bochs_count.h"

struct bochs bochs;

enum { STUB_SIZE = 16, JUMP_SIZE = 14, BUILD_ID_MAX = 64 };

static _Noreturn void patch_refuse(const char *what, const char *detail)
{
	fprintf(stderr,
		"bochs-count: %s (%s). It was made for Debian's package "
		"\"%s\"; run without LD_PRELOAD, or see "
		"tools/bochs-count/README.md\n",
		what, detail, BOCHS_PACKAGE);
	_exit(2);
}

/* patch_note() - the build id in hex, if that is what the note at @at holds.
 * Where the next note begins. */
static const uint8_t *patch_note(const uint8_t *at, const uint8_t *end,
				 char *hex)
{
	const ElfW(Nhdr) *note = (const void *)at;
	const uint8_t *id = at + sizeof(*note) + ((note->n_namesz + 3) & ~3u);
	const uint8_t *next = id + ((note->n_descsz + 3) & ~3u);
	if (note->n_type != NT_GNU_BUILD_ID || next > end ||
	    note->n_descsz * 2 >= BUILD_ID_MAX) {
		return next;
	}
	for (size_t k = 0; k < note->n_descsz; k++) {
		snprintf(hex + 2 * k, 3, "%02x", id[k]);
	}
	return next;
}

/* patch_build_id() - the main program's GNU build id in hex. */
static int patch_build_id(struct dl_phdr_info *info, size_t size, void *arg)
{
	char *hex = arg;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_NOTE) {
			continue;
		}
		const uint8_t *at = (void *)(info->dlpi_addr + ph->p_vaddr);
		const uint8_t *end = at + ph->p_memsz;
		while (at + sizeof(ElfW(Nhdr)) <= end) {
			at = patch_note(at, end, hex);
		}
	}
	return 1; /* the main program comes first: look no further */
}

static void *patch_symbol(const char *name)
{
	void *at = dlsym(RTLD_DEFAULT, name);
	if (at == NULL) {
		patch_refuse("this Bochs does not export a symbol", name);
	}
	return at;
}

/* patch_stub() - make the empty function @name jump to @hook. */
static void patch_stub(const char *name, void (*hook)(void))
{
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	uint8_t *at = patch_symbol(name);
	if (at[0] != 0xc3 || ((uintptr_t)at & (STUB_SIZE - 1)) != 0) {
		patch_refuse("this Bochs has a stub that is not empty", name);
	}
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *start = (uint8_t *)((uintptr_t)at & ~(page - 1));
	if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) {
		patch_refuse("cannot make Bochs' code writable", name);
	}
	memcpy(at, jump, sizeof(jump));
	memcpy(at + sizeof(jump), &hook, sizeof(hook));
	if (mprotect(start, page, PROT_READ | PROT_EXEC) != 0) {
		patch_refuse("cannot make Bochs' code executable", name);
	}
}

/* patch_entry_uses() - is @want the handler of an opcode's memory form (the
 * entry's first member) or of its register form (the second)? */
static bool patch_entry_uses(const uint8_t *entry, const void *want)
{
	const void *handlers[2];
	memcpy(&handlers[0], entry, sizeof(void *));
	memcpy(&handlers[1], entry + 0x10, sizeof(void *));
	return handlers[0] == want || handlers[1] == want;
}

/* patch_opcode() - Bochs' numbers of one opcode, handled by @want. */
static bool patch_opcode(const uint8_t *table, unsigned int op,
			 const void *want)
{
	bool is_found = false;
	for (size_t i = 0; i < BOCHS_OPCODE_COUNT; i++) {
		if (patch_entry_uses(table + i * BOCHS_OPCODE_SIZE, want)) {
			bochs.op_of[i] = (uint8_t)op;
			is_found = true;
		}
	}
	return is_found;
}

/* patch_opcodes() - learn Bochs' numbers of the opcodes in OP_LIST. */
static void patch_opcodes(void)
{
	static const char *const symbols[OP_COUNT] = {
#define X(id, symbol, name) [OP_##id] = symbol,
		OP_LIST(X)
#undef X
	};
	const uint8_t *table = patch_symbol("BxOpcodesTable");
	for (unsigned int op = OP_NONE + 1; op < OP_COUNT; op++) {
		if (!patch_opcode(table, op, patch_symbol(symbols[op]))) {
			patch_refuse("no opcode uses a handler", symbols[op]);
		}
	}
}

/**
 * srand() - stands in for the C library's.
 * @seed: the time, in the one call that Bochs makes
 *
 * RDRAND and RDSEED are rand() in Bochs; with the time as the seed no two
 * boots of an operating system would be equal, so the seed is constant.
 */
void srand(unsigned int seed)
{
	static const unsigned int constant = 1;
	void (*next)(unsigned int);
	void *symbol = dlsym(RTLD_NEXT, "srand");
	memcpy(&next, &symbol, sizeof(next));
	const char *wish = getenv("BHCOUNT_SEED");
	bool is_bochs = bochs.clock != NULL;
	if (is_bochs) {
		seed = wish == NULL ? constant
				    : (unsigned int)strtoul(wish, NULL, 0);
	}
	next(seed);
}

__attribute__((constructor)) static void patch_start(void)
{
	if (dlsym(RTLD_DEFAULT, "_Z17bx_instr_init_envv") == NULL) {
		return;
	}
	char id[BUILD_ID_MAX] = "none";
	dl_iterate_phdr(patch_build_id, id);
	if (strcmp(id, BOCHS_BUILD_ID) != 0) {
		patch_refuse("this is another build of Bochs, build id", id);
	}
	bochs.cpu_array = patch_symbol("bx_cpu_array");
	bochs.clock = patch_symbol("bx_pc_system");
	patch_opcodes();
	count_start();
	report_start();
	rips_start();
	patch_stub("_Z25bx_instr_before_executionjP15bxInstruction_c",
		   (void (*)(void))count_on_instruction);
	patch_stub("_Z15bx_instr_vmexitjjm", (void (*)(void))count_on_vmexit);
	patch_stub("_Z13bx_instr_outptjj", (void (*)(void))count_on_outp);
	patch_stub("_Z20bx_instr_hwinterruptjjtm",
		   (void (*)(void))count_on_interrupt);
	patch_stub("_Z18bx_instr_exceptionjjj",
		   (void (*)(void))count_on_exception);
	patch_stub("_Z17bx_instr_exit_envv", report_write);
}
