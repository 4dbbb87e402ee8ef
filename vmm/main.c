/*
 * main.c - from boot_info to the operator's prompt, and the CPU's loop.
 *
 * The steps, in order: consoles, GDT/IDT, frames, address space, clock and
 * interrupts, virtualization, files and options, partitions, shell and RPC;
 * then vmm_loop() for ever. A step that fails says what, why and what to do.
 *
 * The loop (design.md, "Run loop"): pick a vCPU, run it until a handler or a
 * request brings it back, let the management look around, repeat. Nothing in
 * it waits, except the idle CPU for its next interrupt.
 */
#include "cpu_loop.h"
#include "files.h"
#include "lib/log_sink.h"
#include "management.h"
#include "partition.h"
#include "partition_memory.h"
#include "platform.h"
#include "recorder.h"
#include "smp.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/selftest.h>
#include <bh/string.h>

#ifndef BULKHEAD_VERSION
#error "the Makefile defines BULKHEAD_VERSION"
#endif

static struct boot_info boot;
static struct boot_opts opts;
const struct hv_backend *backend_chosen;

static no_return void main_refuse(const char *what)
{
	log_error("bulkhead: cannot start: %s", what);
	recorder_end(BLACK_BOX_END_REFUSED, what);
	platform_poweroff();
}

static void main_options(void)
{
	static struct boot_opts_report report;
	char line[320];

	boot_opts_default(&opts);
	if (boot_opts_parse(&opts, boot.options,
			    strnlen(boot.options, BOOT_OPTIONS_MAX),
			    &report) == OK) {
		return;
	}
	for (uint32_t i = 0; i < report.count; i++) {
		(void)boot_opts_error_print(&report.errors[i], "boot.cfg", line,
					    sizeof(line));
		log_error("%s", line);
	}
}

static void main_memory(void)
{
	if (pmm_init(&boot) != OK) {
		main_refuse("no range of free memory holds the frame table; "
			    "give the machine more memory");
	}
	if (machine_map_init(&boot) != OK) {
		main_refuse("no memory for page tables");
	}
	pmm_release_boot(&boot);
	log_info("memory: %llu MiB free; VMM image %llu KiB",
		 (unsigned long long)(pmm_count(FRAME_FREE) >> 20),
		 (unsigned long long)(machine_image_size() >> 10));
}

/* Before the backend: what it builds depends on it. */
static void main_mitigations(void)
{
	struct cpu_facts facts;
	struct mitigation_row row;
	uint32_t vulnerable = 0;

	mitigations_read(&facts);
	mitigate_init(mitigations_actions(&facts, opts.mitigations));
	mitigate_cpu_on();
	for (uint32_t i = 0; mitigations_row(&facts, opts.mitigations, i, &row);
	     i++) {
		vulnerable += row.state == MITIGATION_VULNERABLE ||
			      row.state == MITIGATION_OFF;
	}
	log_printf(vulnerable != 0 ? LOG_NOTICE : LOG_INFO,
		   "mitigations: %s; %u flaws of the processor are open; type "
		   "mitigations",
		   mitigations_mode_word(opts.mitigations), vulnerable);
}

static void main_virtualization(void)
{
	const struct backend_switches off = {
#define X(member, option) .no_##member = !opts.member,
		BACKEND_SWITCH_LIST(X)
#undef X
	};
	struct machine_feature rows[MACHINE_FEATURE_MAX];
	uint32_t n;

	backend_chosen = machine_backend();
	if (backend_chosen == NULL) {
		main_refuse("this processor has neither VT-x nor AMD-V; under "
			    "QEMU use -cpu max,+svm,+npt, or KVM with nested "
			    "virtualization; or Bochs");
	}
	if (backend_chosen->init(&off) != OK ||
	    backend_chosen->cpu_on() != OK) {
		main_refuse("VT-x or AMD-V is there, but not what is needed of "
			    "it: see the lines above");
	}
	n = backend_chosen->features(rows, MACHINE_FEATURE_MAX);
	for (uint32_t i = 0; i < n; i++) {
		log_debug("%s: %s: %s", backend_chosen->title, rows[i].name,
			  rows[i].state == MACHINE_FEATURE_USED  ? "used"
			  : rows[i].state == MACHINE_FEATURE_OFF ? "off"
								 : "absent");
	}
	log_info("virtualization: %s is on", backend_chosen->title);
}

/**
 * vmm_start() - the VMM's first C function; called by entry.asm.
 * @bi: the hand-over (boot_info.h), identity-mapped
 */
no_return void vmm_start(const struct boot_info *bi);

void vmm_start(const struct boot_info *bi)
{
	platform_console_init(bi);
	if (bi->magic != BOOT_INFO_MAGIC || bi->version != BOOT_INFO_VERSION) {
		log_error("the boot loader and this image do not match; build "
			  "both anew");
		platform_poweroff();
	}
	memcpy(&boot, bi, sizeof(boot));
	machine_early_init(&boot);
	log_info("Bulkhead %s", BULKHEAD_VERSION);
	main_memory();
	recorder_init(&boot);
	main_options();
	log_set_level(opts.log);
	recorder_options(&opts);
	if (platform_init(&boot) != OK) {
		main_refuse("see the lines above");
	}
	vm_exit_times = opts.exit_times;
	main_mitigations();
	main_virtualization();
	smp_start(&boot);
	cpu_loop_init();
	recorder_load();
	files_init(&boot);
	if (opts.selftest) {
		(void)selftest_run_all(log_panic_flush);
		recorder_end(BLACK_BOX_END_POWEROFF, "selftest");
		platform_poweroff();
	}
	partition_memory_set_lazy(opts.populate == BOOT_POPULATE_LAZY);
	management_init(&opts);
	smp_go();
	cpu_loop();
}
