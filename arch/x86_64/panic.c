/*
 * panic.c - the end of the machine, with a report: our own bugs only.
 */
#include "cpu_local.h"
#include "panic_regs.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>

extern char __text_start[], __text_end[];

static uint32_t panicking_cpu; /* (a) its number + 1; 0: none */

/* There are no frame pointers: show what looks like a return address. */
static void panic_backtrace(uint64_t rsp)
{
	const uint64_t *at = (const uint64_t *)align_down(rsp, 8);
	uint32_t shown = 0;

	/* A stack ends at a page boundary at the latest. */
	while (shown < 12 && ((uint64_t)at & (PAGE_SIZE - 1)) != 0) {
		if (*at >= (uint64_t)__text_start &&
		    *at < (uint64_t)__text_end) {
			log_error("  maybe called from %#llx",
				  (unsigned long long)*at);
			shown++;
		}
		at++;
	}
}

static no_return void panic_stop(void)
{
	log_error("addresses: addr2line -e build/bulkhead.elf ADDRESS");
	machine_panic_end();
}

/* @text: what is wrong, in a line. A panic within a panic only ends it. */
static void panic_begin(const char *text)
{
	uint32_t me = cpu_this()->index + 1;
	uint32_t first = 0;

	if (!__atomic_compare_exchange_n(&panicking_cpu, &first, me, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (first == me) {
			machine_panic_end();
		}
		cpu_stop(); /* one report is enough */
	}
	machine_panic_begin(text);
	log_error("BUG in the VMM: %s", text);
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	panic_begin(text);
	panic_backtrace((uint64_t)__builtin_frame_address(0));
	panic_stop();
}

static void panic_log_pair(const char *a, uint64_t va, const char *b,
			   uint64_t vb)
{
	log_error("  %-6s %016llx   %-6s %016llx", a, (unsigned long long)va, b,
		  (unsigned long long)vb);
}

void panic_with_frame(const struct trap_frame *f)
{
	char text[96];
	uint64_t cr2;
	uint64_t cr3;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	(void)fmt_print(text, sizeof(text),
			"exception %llu, error code %#llx, rip %#llx, CPU %u",
			(unsigned long long)f->vector,
			(unsigned long long)f->error_code,
			(unsigned long long)f->rip, cpu_this()->index);
	panic_begin(text);
	panic_log_pair("rip", f->rip, "rflags", f->rflags);
	panic_log_pair("rsp", f->rsp, "rbp", f->rbp);
	panic_log_pair("cr2", cr2, "cr3", cr3);
	panic_log_pair("rax", f->rax, "rbx", f->rbx);
	panic_log_pair("rcx", f->rcx, "rdx", f->rdx);
	panic_log_pair("rsi", f->rsi, "rdi", f->rdi);
	panic_log_pair("r8", f->r8, "r9", f->r9);
	panic_log_pair("r10", f->r10, "r11", f->r11);
	panic_log_pair("r12", f->r12, "r13", f->r13);
	panic_log_pair("r14", f->r14, "r15", f->r15);
	panic_backtrace(f->rsp);
	panic_stop();
}
