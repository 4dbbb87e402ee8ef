/*
 * recorder.c - keeps the black box (black_box.h, docs/black-box.md).
 *
 * What is written when, so that no exit of a guest pays for it:
 *   each line of the log    before log_printf() returns
 *   exits of what runs      once a second, those vCPUs that exited last
 *   exits of a partition    when it ends
 *   exits of what ran       in a panic
 *   why the run ends        panic, refusal, power-off, reboot; else nothing,
 *                           and that is what the next run then says
 *
 * Locks: the log's writer runs behind log_lock, the writers of exits behind
 * recorder_lock (a leaf). A panic takes neither: it never returns to whom it
 * interrupted, and a block that is torn by that is left out by its CRC.
 */
#include "recorder.h"

#include "platform.h"
#include "smp.h"

#include "lib/log_sink.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>
#include <bh/sync.h>

#define POLL_US     1000000u
#define POLL_TRACE  16u /* exits then, of each: cheap enough */
#define LIVE_SLOTS  8u  /* then come those of partitions that ended */
#define ENDED_SLOTS (BLACK_BOX_EXITS - LIVE_SLOTS)
#define TEXT_SIZE   KIB(128)

/* A vCPU whose exits are in a slot, and its last one's time. */
struct live_slot {
	const struct guest_cpu *cpu;
	uint64_t tsc;
};

static struct spinlock recorder_lock = SPINLOCK_INIT;
static struct black_box box;
static struct black_box_previous before;
static struct ring before_text;      /* (c) after recorder_load() */
static const char *no_text;          /* why there is none; NULL: there is one */
static struct black_box_exits exits; /* [recorder_lock] */
static struct live_slot written[LIVE_SLOTS]; /* [recorder_lock] */
static uint32_t ended_count;                 /* [recorder_lock] */
static uint64_t next_poll_us;
static enum boot_panic at_panic;
static uint32_t panic_wait_s;
static bool can_inject;
static bool is_panicking;

/* ---- the run before ---- */

static void recorder_say_before(const struct boot_info *bi)
{
	const struct black_box_last *l = &before.last;
	bool is_orderly = l->end == BLACK_BOX_END_POWEROFF ||
			  l->end == BLACK_BOX_END_REBOOT;

	if (before.verdict != BLACK_BOX_GOOD) {
		log_printf(before.verdict == BLACK_BOX_EMPTY ? LOG_INFO
							     : LOG_WARN,
			   "black box: at 0x%llx: %s",
			   (unsigned long long)bi->black_box, no_text);
		return;
	}
	log_printf(is_orderly ? LOG_INFO : LOG_WARN,
		   "black box: at 0x%llx: run %u ended %s%s%s; dmesg "
		   "--previous shows it",
		   (unsigned long long)bi->black_box, before.generation,
		   black_box_end_text(l->end), l->text[0] != '\0' ? ": " : "",
		   l->text);
	if (before.is_newer_lost) {
		log_warn("black box: one half of it is damaged; a later run "
			 "may have been in it");
	}
}

static void recorder_log(void *ctx, const char *text, size_t len)
{
	black_box_log(ctx, text, len);
}

/*
 * Written around the caches: a reset may empty those without writing back.
 */
void recorder_init(const struct boot_info *bi)
{
	void *mem = NULL;

	no_text = "the firmware had no memory for it where it survives a "
		  "reset";
	if (bi->black_box != 0) {
		mem = machine_map_framebuffer(hpa(bi->black_box),
					      BOOT_BLACK_BOX_SIZE);
	}
	if (mem == NULL) {
		log_warn("black box: %s", no_text);
		return;
	}
	black_box_open(&box, mem, BULKHEAD_VERSION, &before);
	no_text = black_box_verdict_text(before.verdict);
	recorder_say_before(bi);
	log_set_tap(recorder_log, &box);
}

void recorder_options(const struct boot_opts *o)
{
	at_panic = o->panic;
	panic_wait_s = o->panic_seconds;
	can_inject = o->fault_injection;
}

static void recorder_put(void *ctx, const char *text, size_t len)
{
	ring_write(ctx, text, len);
}

static const char *recorder_exit_name(const char *name, uint32_t reason)
{
	return strcmp(name, backend()->name) == 0 ? backend()->exit_name(reason)
						  : NULL;
}

void recorder_load(void)
{
	const struct black_box_out out = { recorder_put, &before_text,
					   recorder_exit_name };
	hpa_t at;

	if (before.verdict != BLACK_BOX_GOOD) {
		return;
	}
	if (pmm_alloc(FRAME_VMM, TEXT_SIZE, PAGE_SIZE, &at) != OK) {
		no_text = "there is no memory to show it";
		return;
	}
	ring_init(&before_text, phys_to_virt(at), TEXT_SIZE);
	black_box_render(&box, &before, &out);
	no_text = NULL;
}

void ops_machine_log_before(struct machine_log_before *out)
{
	*out = (struct machine_log_before){
		.text = no_text == NULL ? &before_text : NULL,
		.why_not = no_text,
		.run = before.generation,
		.end = black_box_end_word(before.last.end),
		.end_text = before.last.text,
	};
}

/* ---- this run ---- */

static void recorder_lock_take(void)
{
	if (!is_panicking) {
		spin_lock(&recorder_lock);
	}
}

static void recorder_lock_drop(void)
{
	if (!is_panicking) {
		spin_unlock(&recorder_lock);
	}
}

static void recorder_write(uint32_t slot, const struct partition *p,
			   uint32_t vcpu, enum black_box_cause cause)
{
	str_copy(exits.partition, sizeof(exits.partition), p->config.name);
	str_copy(exits.backend, sizeof(exits.backend), backend()->name);
	exits.vcpu = vcpu;
	exits.cause = cause;
	exits.us = platform_now_us();
	exits.tsc_khz = (uint32_t)platform_tsc_khz();
	black_box_exits(&box, slot, &exits);
}

static void recorder_copy_ring(const struct vcpu *v, uint32_t max)
{
	uint32_t end = v->trace_at / sizeof(v->trace[0]);

	exits.count = 0;
	exits.tsc = time_tsc();
	for (uint32_t i = VCPU_TRACE - max; i < VCPU_TRACE; i++) {
		const struct exit_trace_entry *t =
			&v->trace[(end + i) % VCPU_TRACE];

		if (t->tsc != 0) {
			exits.trace[exits.count++] = *t;
		}
	}
}

/* Keep @g among the @best that exited last, newest first. */
static void recorder_rank(struct live_slot best[LIVE_SLOTS],
			  const struct guest_cpu *g)
{
	struct live_slot one = { g, vcpu_exit_tsc(&g->v) };

	if (one.tsc == 0 || g->v.state == VCPU_STOPPED) {
		return;
	}
	for (uint32_t i = 0; i < LIVE_SLOTS; i++) {
		if (one.tsc > best[i].tsc) {
			struct live_slot moved = best[i];

			best[i] = one;
			one = moved;
		}
	}
}

/*
 * The rings of running vCPUs are read while other CPUs write them: an exit that
 * is just being noted may be half of the one before. That is good enough here.
 */
static void recorder_live(enum black_box_cause cause)
{
	struct live_slot best[LIVE_SLOTS] = { 0 };
	uint32_t count;
	struct partition **all = partition_table(&count);

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < all[i]->vcpu_count; j++) {
			recorder_rank(best, all[i]->vcpus[j]);
		}
	}
	recorder_lock_take();
	for (uint32_t i = 0; i < LIVE_SLOTS; i++) {
		const struct guest_cpu *g = best[i].cpu;
		bool is_old =
			g == written[i].cpu && best[i].tsc == written[i].tsc;

		written[i] = best[i];
		if (g == NULL) {
			black_box_exits(&box, i, NULL);
		} else if (!is_old || cause != BLACK_BOX_CAUSE_RUNNING) {
			recorder_copy_ring(&g->v,
					   cause == BLACK_BOX_CAUSE_RUNNING
						   ? POLL_TRACE
						   : BLACK_BOX_TRACE);
			recorder_write(i, g->partition, g->v.id, cause);
		}
	}
	recorder_lock_drop();
}

void recorder_poll(uint64_t now_us)
{
	if (box.mem != NULL && now_us >= next_poll_us) {
		next_poll_us = now_us + POLL_US;
		recorder_live(BLACK_BOX_CAUSE_RUNNING);
	}
}

void recorder_partition_ended(const struct partition *p)
{
	const struct why_record *w = &p->why;
	uint32_t skip = w->trace_count > BLACK_BOX_TRACE
				? w->trace_count - BLACK_BOX_TRACE
				: 0;

	if (box.mem == NULL || w->trace_count == 0) {
		return;
	}
	recorder_lock_take();
	exits.tsc = w->tsc;
	exits.count = w->trace_count - skip;
	memcpy(exits.trace, &w->trace[skip],
	       exits.count * sizeof(exits.trace[0]));
	recorder_write(LIVE_SLOTS + ended_count++ % ENDED_SLOTS, p, w->vcpu,
		       BLACK_BOX_CAUSE_ENDED);
	recorder_lock_drop();
}

void recorder_end(enum black_box_end end, const char *text)
{
	black_box_end(&box, end, platform_now_us(), text);
}

/* ---- panic ---- */

void machine_panic_begin(const char *text)
{
	is_panicking = true;
	smp_stop_others();
	log_panic_begin();
	recorder_end(BLACK_BOX_END_PANIC, text);
}

static void panic_wait(void)
{
	uint64_t start = time_tsc();
	uint64_t ticks = platform_us_to_tsc(panic_wait_s * 1000000ull);

	while (time_tsc() - start < ticks) {
		cpu_pause();
	}
}

/* Looking at the partitions may fault: by then all else is out, and a panic
 * within a panic comes here a second time. */
void machine_panic_end(void)
{
	static uint32_t entered;

	if (entered++ == 0) {
		if (at_panic == BOOT_PANIC_REBOOT) {
			log_error("the machine begins anew in %u s (boot "
				  "option panic)",
				  panic_wait_s);
		} else {
			log_error("the machine is stopped; reset it");
		}
		log_panic_flush();
		if (box.mem != NULL) {
			recorder_live(BLACK_BOX_CAUSE_MACHINE);
		}
	}
	if (at_panic == BOOT_PANIC_REBOOT) {
		panic_wait();
		platform_reboot();
	}
	cpu_stop();
}

/* ---- faults on purpose ---- */

static no_return void fault_bug(void)
{
	panic("the operator asked for it (fault bug)");
}

/* A write to the page that no one has. */
static no_return void fault_fault(void)
{
	volatile uint64_t *nowhere = (volatile uint64_t *)BIT(4);

	__asm__ volatile("" : "+r"(nowhere));
	*nowhere = 0;
	cpu_stop();
}

static no_return void fault_silent(void)
{
	platform_reboot();
}

static no_return void fault_corrupt(void)
{
	if (box.mem != NULL) {
		box.mem[sizeof(BLACK_BOX_MAGIC)] ^= 0x55;
		sync_barrier();
	}
	platform_reboot();
}

enum status ops_machine_fault(enum machine_fault how)
{
	static void (*const faults[])(void) = {
#define X(code, name, text) [MACHINE_FAULT_##code] = fault_##name,
		MACHINE_FAULT_LIST(X)
#undef X
	};

	if (!can_inject) {
		return ERR_STATE;
	}
	faults[how]();
	return OK;
}
