/* test_ap_state.c - INIT and SIPI, in every order. */
#include "tests/lib/unit.h"

#include "vmm/ap_state.h"

#include <drivers/virt/vlapic.h>

#define NMI     VLAPIC_SIGNAL_NMI
#define INIT    VLAPIC_SIGNAL_INIT
#define SIPI(v) (VLAPIC_SIGNAL_SIPI | (uint32_t)(v) << 8)

static enum ap_state s;

static struct ap_step step(uint32_t signals)
{
	return ap_state_signals(&s, false, signals);
}

static bool is_nothing(struct ap_step x)
{
	return !x.is_shutdown && !x.is_reset && !x.is_start && !x.has_nmi;
}

static void test_first(void **state)
{
	(void)state;
	assert_int_equal(ap_state_first(true), AP_RUNNING);
	assert_int_equal(ap_state_first(false), AP_WAIT_FOR_SIPI);
}

static void test_start(void **state)
{
	struct ap_step x;

	(void)state;
	s = AP_WAIT_FOR_SIPI;
	assert_true(is_nothing(step(0)));
	x = step(INIT);
	assert_true(x.is_reset && !x.is_start);
	assert_int_equal(s, AP_WAIT_FOR_SIPI);
	x = step(SIPI(0x9a));
	assert_true(x.is_start && !x.is_reset);
	assert_int_equal(x.vector, 0x9a);
	assert_int_equal(s, AP_RUNNING);
	assert_true(is_nothing(step(SIPI(0x11)))); /* the second one */
	assert_int_equal(s, AP_RUNNING);
}

static void test_all_at_once(void **state)
{
	struct ap_step x;

	(void)state;
	s = AP_RUNNING;
	x = step(INIT | SIPI(0) | NMI);
	assert_true(x.is_reset && x.is_start && x.has_nmi);
	assert_int_equal(x.vector, 0);
	assert_int_equal(s, AP_RUNNING);
}

static void test_nmi(void **state)
{
	(void)state;
	s = AP_WAIT_FOR_SIPI;
	assert_true(is_nothing(step(NMI)));
	assert_int_equal(s, AP_WAIT_FOR_SIPI);
	assert_false(step(NMI | INIT).has_nmi);
	s = AP_RUNNING;
	assert_true(step(NMI).has_nmi);
}

static void test_init_of_the_boot_processor(void **state)
{
	struct ap_step x;

	(void)state;
	s = AP_RUNNING;
	x = ap_state_signals(&s, true, INIT | SIPI(0x10) | NMI);
	assert_true(x.is_shutdown);
	assert_false(x.is_reset || x.is_start || x.has_nmi);
	assert_true(is_nothing(ap_state_signals(&s, true, SIPI(0x10))));
	assert_true(ap_state_signals(&s, true, NMI).has_nmi);
}

/* A running AP that is taken down and started again, as hot-plug does. */
static void test_again(void **state)
{
	(void)state;
	s = AP_RUNNING;
	for (uint32_t i = 0; i < 256; i++) {
		assert_true(step(INIT).is_reset);
		assert_true(step(INIT).is_reset);
		assert_int_equal(step(SIPI(i)).vector, i);
		assert_int_equal(s, AP_RUNNING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_first),
		UNIT(test_start),
		UNIT(test_all_at_once),
		UNIT(test_nmi),
		UNIT(test_init_of_the_boot_processor),
		UNIT(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
