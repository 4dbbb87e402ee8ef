/*
 * test_smp.c - processors that start, do not answer, are late, refuse, or have
 * another time. Each processor is a thread that its SIPI creates.
 */
#include "fake_arch.h"
#include "tests/lib/unit.h"

#include <pthread.h>
#include <string.h>

#define time_tsc_ordered  fake_tsc_ordered
#define cpu_stop          fake_cpu_stop
#define mitigate_cpu_on   fake_mitigate_cpu_on
#define platform_cpu_init fake_platform_cpu_init
/* NOLINTNEXTLINE(bugprone-suspicious-include): under other names, see above */
#include "vmm/smp.c"

#define CPUS 5

/* What each processor of the list does. */
enum behaviour { STARTS, SILENT, SECOND_SIPI, REFUSES, NO_MEMORY, AHEAD };

static enum behaviour behaviours[CPUS]; /* by APIC id */
static pthread_t threads[CPUS];
static bool has_thread[CPUS];
static uint32_t inits[CPUS], sipis[CPUS], nmis[CPUS];
static uint32_t up; /* (a) CPU number of the one that came; 0: none */
static uint32_t given_up, looped;
static bool has_page;
static void (*then)(uint32_t cpu);
static struct {
	uint32_t index, apic_id;
} prepared;
static _Thread_local uint32_t my_apic_id;
const struct hv_backend *backend_chosen;

uint64_t fake_tsc_ordered(void)
{
	return time_tsc() + (behaviours[my_apic_id] == AHEAD ? 1000000000u : 0);
}

void fake_cpu_stop(void)
{
	pthread_exit(NULL);
}

void fake_mitigate_cpu_on(void) {}

enum status fake_platform_cpu_init(void)
{
	return OK;
}

void cpu_loop(void)
{
	atomic_add32(&looped, 1);
	pthread_exit(NULL);
}

static enum status fake_cpu_on(void)
{
	return behaviours[my_apic_id] == REFUSES ? ERR_UNSUPPORTED : OK;
}

static const struct hv_backend fake_backend = { .name = "fake",
						.cpu_on = fake_cpu_on };

/* Time stands nearly still while a thread is about to come. */
uint64_t platform_us_to_tsc(uint64_t us)
{
	return us * (behaviours[prepared.apic_id] == SILENT ? 1 : 10000);
}

static bool is_received, is_taken;

void platform_take_input(void)
{
	is_taken = is_received;
}

bool platform_has_input(void)
{
	return is_taken;
}

void platform_send_nmi(uint32_t apic_id)
{
	nmis[apic_id]++;
}

void platform_send_init(uint32_t apic_id)
{
	inits[apic_id]++;
}

static void *processor(void *arg)
{
	my_apic_id = (uint32_t)(uintptr_t)arg;
	atomic_store32(&up, prepared.index);
	then(prepared.index);
	return NULL;
}

void platform_send_startup(uint32_t apic_id, uint8_t page)
{
	assert_int_equal(page, 9);
	assert_int_equal(apic_id, prepared.apic_id);
	sipis[apic_id]++;
	if (has_thread[apic_id] || behaviours[apic_id] == SILENT ||
	    (behaviours[apic_id] == SECOND_SIPI && sipis[apic_id] < 2)) {
		return;
	}
	has_thread[apic_id] = true;
	assert_int_equal(pthread_create(&threads[apic_id], NULL, processor,
					(void *)(uintptr_t)apic_id),
			 0);
}

enum status machine_ap_begin(const struct boot_info *bi, void (*fn)(uint32_t))
{
	(void)bi;
	then = fn;
	return has_page ? OK : ERR_NOENT;
}

enum status machine_ap_prepare(uint32_t index, uint32_t apic_id, uint8_t *page)
{
	if (behaviours[apic_id] == NO_MEMORY) {
		return ERR_NOMEM;
	}
	prepared.index = index;
	prepared.apic_id = apic_id;
	atomic_store32(&up, 0);
	*page = 9;
	return OK;
}

bool machine_ap_is_up(uint32_t index)
{
	return atomic_load32(&up) == index;
}

bool machine_ap_give_up(uint32_t index)
{
	given_up++;
	return !machine_ap_is_up(index);
}

void machine_ap_end(void) {}

static void start(const enum behaviour *b)
{
	static struct boot_info bi;

	bi.cpu_count = CPUS;
	for (uint32_t i = 0; i < CPUS; i++) {
		bi.cpu_apic_ids[i] = i;
		behaviours[i] = b[i];
	}
	smp_start(&bi);
}

static int setup(void **state)
{
	(void)state;
	fake_cpu_reset();
	memset(inits, 0, sizeof(inits));
	memset(sipis, 0, sizeof(sipis));
	memset(nmis, 0, sizeof(nmis));
	memset(has_thread, 0, sizeof(has_thread));
	backend_chosen = &fake_backend;
	has_page = true;
	cpu_count = 1;
	is_tsc_synced = true;
	given_up = looped = go = is_stopping = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	smp_go();
	for (uint32_t i = 0; i < CPUS; i++) {
		if (has_thread[i]) {
			pthread_join(threads[i], NULL);
		}
	}
	return 0;
}

static void test_all_start(void **state)
{
	static const enum behaviour all[CPUS] = { STARTS };
	struct smp_cpu c;

	(void)state;
	start(all);
	assert_int_equal(smp_cpu_count(), CPUS);
	assert_true(smp_is_tsc_synced());
	assert_int_equal(given_up, 0);
	for (uint32_t i = 0; i < CPUS; i++) {
		assert_true(smp_listed(i, &c));
		assert_true(c.is_online && c.why_not == NULL);
		assert_int_equal(inits[i], i > 0);
	}
	assert_false(smp_listed(CPUS, &c));
	(void)teardown(state);
	assert_int_equal(looped, CPUS - 1);
	memset(has_thread, 0, sizeof(has_thread));
}

/* Numbers stay dense; who fails has a reason, and the others go on. */
static void test_some_fail(void **state)
{
	static const enum behaviour some[CPUS] = { STARTS, SILENT, SECOND_SIPI,
						   REFUSES, NO_MEMORY };
	static const char *const reasons[CPUS] = { NULL, "does not answer",
						   NULL, "differs", "memory" };
	struct smp_cpu c;

	(void)state;
	start(some);
	assert_int_equal(smp_cpu_count(), 2);
	assert_int_equal(given_up, 1);
	assert_int_equal(inits[1], 2); /* back to waiting for a SIPI */
	assert_int_equal(sipis[1], 2);
	for (uint32_t i = 0; i < CPUS; i++) {
		assert_true(smp_listed(i, &c));
		assert_int_equal(c.is_online, reasons[i] == NULL);
		if (reasons[i] != NULL) {
			assert_non_null(strstr(c.why_not, reasons[i]));
		}
	}
	/* CPU 1 is the one with APIC id 2. */
	smp_kick(1);
	assert_int_equal(nmis[2], 1);
	assert_int_equal(nmis[1], 0);
}

static void test_other_time(void **state)
{
	static const enum behaviour b[CPUS] = { STARTS, STARTS, AHEAD };

	(void)state;
	start(b);
	assert_int_equal(smp_cpu_count(), CPUS);
	assert_false(smp_is_tsc_synced());
}

static void test_no_page(void **state)
{
	static const enum behaviour all[CPUS] = { STARTS };
	struct smp_cpu c;

	(void)state;
	has_page = false;
	start(all);
	assert_int_equal(smp_cpu_count(), 1);
	assert_true(smp_listed(1, &c));
	assert_non_null(strstr(c.why_not, "below 1 MiB"));
}

static void *stops(void *has_returned)
{
	(void)cpu_nmi_came();
	*(bool *)has_returned = true;
	return NULL;
}

static void test_calls(void **state)
{
	static const enum behaviour all[CPUS] = { STARTS };
	bool has_returned = false;
	pthread_t t;

	(void)state;
	start(all);
	smp_loop_begins();
	assert_false(cpu_nmi_came());
	smp_call_loop(0); /* its own: no NMI is needed */
	assert_int_equal(nmis[0], 0);
	assert_true(cpu_nmi_came());
	smp_loop_begins();
	assert_false(cpu_nmi_came());
	is_received = true; /* CPU 0's NMI may be a UART's */
	assert_true(cpu_nmi_came());
	assert_true(is_taken);
	smp_call_loop(3);
	assert_int_equal(nmis[3], 1);
	smp_stop_others();
	smp_stop_others(); /* once is enough */
	assert_int_equal(nmis[3], 2);
	assert_int_equal(nmis[0], 0);
	assert_int_equal(pthread_create(&t, NULL, stops, &has_returned), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_false(has_returned);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_all_start), T(test_some_fail), T(test_other_time),
		T(test_no_page),   T(test_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
