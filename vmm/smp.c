/*
 * smp.c - bring the other processors up, and call them.
 *
 * States of a processor in firmware's list and what makes each transition:
 *   listed   -smp_start_one->  starting   (INIT, SIPI, SIPI sent)
 *   starting -smp_ap_main->    ready      (it runs guests like this one)
 *   starting -smp_start_one->  left out   (no answer, or it said why not)
 *   ready    -smp_go->         in cpu_loop()
 *
 * CPU numbers are dense: a processor that is left out takes none.
 */
#include "smp.h"

#include "cpu_loop.h"
#include "platform.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <bh/log.h>
#include <bh/sync.h>
#include <hv/backend.h>
#include <hv/mitigation.h>

/* SDM vol. 3, "MP Initialization Protocol Algorithm": 10 ms after INIT, 200 us
 * between two SIPIs. A processor that needs longer than a second is none. */
#define INIT_US    10000u
#define SIPI_US    200u
#define ANSWER_US  1000000u
#define TSC_ROUNDS 32u
/* A difference that no guest can see: less than a cache line takes. */
#define TSC_SLACK 64

enum start_state { AP_STARTING, AP_READY, AP_REFUSED };

static uint32_t cpu_count = 1;    /* online */
static uint32_t ap_state;         /* (a) enum start_state of the one starting */
static const char *ap_why_not;    /* set before AP_REFUSED */
static uint32_t go;               /* (a) */
static uint32_t is_stopping;      /* (a) */
static bool is_tsc_synced = true; /* until proved otherwise */
static uint32_t apic_ids[MACHINE_CPU_MAX]; /* by CPU number */
static struct smp_cpu listed[BOOT_CPU_MAX];
static uint32_t listed_count;

/* A line of the cache for each CPU, which others write. */
static struct {
	uint32_t is_called align_to(64); /* (a) */
} calls[MACHINE_CPU_MAX];

/* The meeting of two processors that compare their clocks. */
static struct {
	uint32_t turn; /* (a) odd: the new one's */
	uint64_t tsc;  /* the new one's answer */
} meeting;

uint32_t smp_cpu_count(void)
{
	return cpu_count;
}

bool smp_is_tsc_synced(void)
{
	return is_tsc_synced;
}

bool smp_listed(uint32_t n, struct smp_cpu *out)
{
	if (n >= listed_count) {
		return false;
	}
	*out = listed[n];
	return true;
}

void smp_kick(uint32_t index)
{
	platform_send_nmi(apic_ids[index]);
}

void smp_call_loop(uint32_t index)
{
	/* Who called first has sent the NMI, or is about to. */
	if (atomic_swap32(&calls[index].is_called, 1) == 0 &&
	    index != cpu_index()) {
		smp_kick(index);
	}
}

bool smp_loop_is_called(void)
{
	return atomic_load32(&calls[cpu_index()].is_called) != 0;
}

void smp_loop_begins(void)
{
	(void)atomic_swap32(&calls[cpu_index()].is_called, 0);
}

void smp_stop_others(void)
{
	if (atomic_swap32(&is_stopping, 1) != 0) {
		return;
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (i != cpu_index()) {
			smp_kick(i);
		}
	}
}

/* On CPU 0 it may as well be a UART: management looks at what it brought. */
bool cpu_nmi_came(void)
{
	if (unlikely(atomic_load32(&is_stopping) != 0)) {
		cpu_stop();
	}
	if (cpu_index() != 0) {
		return smp_loop_is_called();
	}
	platform_take_input();
	return smp_loop_is_called() || platform_has_input();
}

/* ---- the new processor's side ---- */

static const char *ap_init(void)
{
	mitigate_cpu_on();
	if (platform_cpu_init() != OK) {
		return "its local APIC does not work";
	}
	switch (backend()->cpu_on()) {
	case OK:
		return NULL;
	case ERR_UNSUPPORTED:
		return "its virtualization differs from the first one's";
	case ERR_NOMEM:
		return "there is no memory for it";
	default:
		return "its virtualization cannot be switched on";
	}
}

/* The other half of compare_tsc(). */
static void ap_answer_tsc(void)
{
	for (uint32_t i = 0; i < TSC_ROUNDS; i++) {
		while (atomic_load32(&meeting.turn) != 2 * i + 1) {
			cpu_pause();
		}
		meeting.tsc = time_tsc_ordered();
		atomic_store32(&meeting.turn, 2 * i + 2);
	}
}

/* machine_ap_begin()'s @then: C on a new processor. */
static void smp_ap_main(uint32_t cpu)
{
	(void)cpu;
	ap_why_not = ap_init();
	if (ap_why_not != NULL) {
		atomic_store32(&ap_state, AP_REFUSED);
		cpu_stop();
	}
	atomic_store32(&ap_state, AP_READY);
	ap_answer_tsc();
	for (;;) {
		uint64_t seen = irq_nmi_count();

		if (atomic_load32(&go) != 0) {
			cpu_loop();
		}
		irq_wait(seen);
	}
}

/* ---- the boot processor's side ---- */

static void wait_us(uint64_t us)
{
	uint64_t end = time_tsc() + platform_us_to_tsc(us);

	while (time_tsc() < end) {
		cpu_pause();
	}
}

static bool wait_for(uint64_t us, uint32_t index)
{
	uint64_t end = time_tsc() + platform_us_to_tsc(us);

	while (!machine_ap_is_up(index)) {
		if (time_tsc() >= end) {
			return false;
		}
		cpu_pause();
	}
	return true;
}

/* A round trip bounds the difference: the answer was between both looks. */
static void compare_tsc(uint32_t index)
{
	int64_t ahead = INT64_MIN;
	int64_t behind = INT64_MIN;

	for (uint32_t i = 0; i < TSC_ROUNDS; i++) {
		uint64_t before = time_tsc_ordered();
		uint64_t after;

		atomic_store32(&meeting.turn, 2 * i + 1);
		while (atomic_load32(&meeting.turn) != 2 * i + 2) {
			cpu_pause();
		}
		after = time_tsc_ordered();
		if ((int64_t)(meeting.tsc - after) > ahead) {
			ahead = (int64_t)(meeting.tsc - after);
		}
		if ((int64_t)(before - meeting.tsc) > behind) {
			behind = (int64_t)(before - meeting.tsc);
		}
	}
	atomic_store32(&meeting.turn, 0);
	if (ahead > TSC_SLACK || behind > TSC_SLACK) {
		is_tsc_synced = false;
		log_warn("CPU %u: its TSC is %s by at least %lld ticks; guests "
			 "are not told that the clock is stable",
			 index, ahead > 0 ? "ahead" : "behind",
			 (long long)(ahead > 0 ? ahead : behind));
	}
}

/* INIT, SIPI, SIPI. NULL, or why it is left out. */
static const char *start_one(uint32_t index, uint32_t apic_id)
{
	uint8_t page;

	if (machine_ap_prepare(index, apic_id, &page) != OK) {
		return "there is no memory for its stacks";
	}
	atomic_store32(&ap_state, AP_STARTING);
	platform_send_init(apic_id);
	wait_us(INIT_US);
	platform_send_startup(apic_id, page);
	if (!wait_for(SIPI_US, index)) {
		platform_send_startup(apic_id, page);
		if (!wait_for(ANSWER_US, index) && machine_ap_give_up(index)) {
			platform_send_init(apic_id);
			return "it does not answer INIT and SIPI";
		}
	}
	while (atomic_load32(&ap_state) == AP_STARTING) {
		cpu_pause();
	}
	return atomic_load32(&ap_state) == AP_READY ? NULL : ap_why_not;
}

static void start_listed(struct smp_cpu *c)
{
	c->why_not = start_one(cpu_count, c->apic_id);
	if (c->why_not != NULL) {
		log_error("CPU with APIC id %u is left out: %s", c->apic_id,
			  c->why_not);
		return;
	}
	compare_tsc(cpu_count);
	c->is_online = true;
	apic_ids[cpu_count++] = c->apic_id;
}

void smp_start(const struct boot_info *bi)
{
	enum status s = ERR_STATE;

	apic_ids[0] = bi->cpu_apic_ids[0];
	listed_count = bi->cpu_count;
	for (uint32_t i = 0; i < listed_count; i++) {
		listed[i] =
			(struct smp_cpu){ bi->cpu_apic_ids[i], i == 0, NULL };
	}
	if (listed_count > 1) {
		s = machine_ap_begin(bi, smp_ap_main);
	}
	for (uint32_t i = 1; i < listed_count; i++) {
		if (s == OK) {
			start_listed(&listed[i]);
		} else {
			listed[i].why_not = s == ERR_NOENT
						    ? "no page below 1 MiB "
						      "was free"
						    : "out of memory";
		}
	}
	machine_ap_end();
	log_info("processors: %u of %u", cpu_count, listed_count);
}

void smp_go(void)
{
	atomic_store32(&go, 1);
	for (uint32_t i = 1; i < cpu_count; i++) {
		smp_kick(i);
	}
}
