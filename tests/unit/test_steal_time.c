/* test_steal_time.c - steal time, preempted and the TLB flush that is left. */
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "vmm/steal_time.h"

#include <pthread.h>

#define AT 0x3040ull

static struct gmem gm;
static struct steal_time st;

static int setup(void **state)
{
	(void)state;
	big_gmem_init(&gm, 4, 2);
	steal_time_init(&st, &gm);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static struct kvm_pv_steal_time guest(void)
{
	struct kvm_pv_steal_time t;

	assert_int_equal(gmem_read(&gm, gpa(AT), &t, sizeof(t)), OK);
	return t;
}

static volatile struct kvm_pv_steal_time *shared(void)
{
	return gmem_map(&gm, gpa(AT), sizeof(struct kvm_pv_steal_time));
}

static void test_counts_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(steal_time_msr_write(&st, AT | 1, 5000), OK);
	assert_int_equal(guest().steal, 0); /* what was before is not its */
	assert_int_equal(guest().version & 1, 0);
	steal_time_update(&st, 5700);
	assert_int_equal(guest().steal, 700);
	steal_time_update(&st, 5700);
	steal_time_update(&st, 100); /* never backwards */
	assert_int_equal(guest().steal, 700);
	assert_int_equal(guest().version & 1, 0);
	assert_int_equal(guest().flags, 0);
	/* switched off and on: what passed meanwhile was not stolen */
	assert_int_equal(steal_time_msr_write(&st, 0, 6000), OK);
	steal_time_update(&st, 7000);
	assert_int_equal(guest().steal, 700);
	assert_int_equal(steal_time_msr_write(&st, AT | 1, 8000), OK);
	steal_time_update(&st, 8001);
	assert_int_equal(guest().steal, 701);
}

static void test_preempted_and_flush(void **state)
{
	(void)state;
	assert_int_equal(steal_time_msr_write(&st, AT | 1, 0), OK);
	assert_int_equal(guest().preempted, 0);
	steal_time_leave(&st);
	assert_int_equal(guest().preempted, KVM_PV_VCPU_PREEMPTED);
	assert_false(steal_time_enter(&st, 10));
	assert_int_equal(guest().preempted, 0);
	assert_int_equal(guest().steal, 10);
	/* another vCPU asks meanwhile */
	steal_time_leave(&st);
	shared()->preempted |= KVM_PV_VCPU_FLUSH_TLB;
	steal_time_leave(&st); /* again: the request stays */
	assert_true(steal_time_enter(&st, 20));
	assert_int_equal(guest().preempted, 0);
	assert_false(steal_time_enter(&st, 20)); /* once */
}

static void test_off(void **state)
{
	(void)state;
	steal_time_leave(&st);
	steal_time_update(&st, 1000);
	assert_false(steal_time_enter(&st, 1000));
	assert_int_equal(steal_time_msr_write(&st, AT, 0),
			 OK); /* not enabled */
	assert_int_equal(st.msr, AT);
	steal_time_leave(&st);
	assert_int_equal(big_gmem_populated(&gm), 0);
}

static void test_bad_values(void **state)
{
	static const uint64_t bad[] = {
		MIB(4) | 1,
		GIB(3) | 1,
		(GIB(4) + MIB(2)) | 1,
		UINT64_MAX & ~KVM_PV_STEAL_TIME_RESERVED,
	};

	(void)state;
	for (uint32_t bit = 1; bit < 6; bit++) {
		assert_int_equal(
			steal_time_msr_write(&st, AT | 1 | 1u << bit, 0),
			ERR_INVALID);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(steal_time_msr_write(&st, bad[i], 0),
				 ERR_INVALID);
	}
	assert_int_equal(st.msr, 0);
	assert_null(st.page);
	assert_int_equal(big_gmem_populated(&gm), 0);
	/* the last 64 bytes of a chunk, and of high memory */
	assert_int_equal(steal_time_msr_write(&st, (MIB(4) - 64) | 1, 0), OK);
	assert_int_equal(
		steal_time_msr_write(&st, (GIB(4) + MIB(2) - 64) | 1, 0), OK);
}

/* A guest that scribbles over it harms nobody but itself. */
static void test_scribbling_guest(void **state)
{
	struct kvm_pv_steal_time t;

	(void)state;
	assert_int_equal(steal_time_msr_write(&st, AT | 1, 0), OK);
	for (uint32_t i = 0; i < 64; i++) {
		uint8_t ff[64];

		for (uint32_t k = 0; k < 64; k++) {
			ff[k] = 0xff;
		}
		assert_int_equal(gmem_write(&gm, gpa(AT), ff, 64), OK);
		assert_true(steal_time_enter(&st, i));
		t = guest();
		assert_int_equal(t.steal, i);
		assert_int_equal(t.version & 1, 0);
		assert_int_equal(t.preempted, 0);
		assert_int_equal(t.pad[0], 0xffffffff); /* not ours */
	}
}

/* As the kernel's flush: a thread asks while the vCPU is out, else counts an
 * interrupt. No request is lost, and none is made up. */
#define ROUNDS 30000u

static void *flusher(void *arg)
{
	uint32_t *asked = arg;
	volatile struct kvm_pv_steal_time *s = shared();
	uint8_t *byte = (uint8_t *)&s->preempted;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint8_t old = __atomic_load_n(byte, __ATOMIC_SEQ_CST);

		if ((old & KVM_PV_VCPU_PREEMPTED) != 0 &&
		    __atomic_compare_exchange_n(
			    byte, &old, old | KVM_PV_VCPU_FLUSH_TLB, false,
			    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			*asked += (old & KVM_PV_VCPU_FLUSH_TLB) == 0;
		}
	}
	return NULL;
}

static void test_flush_race(void **state)
{
	uint32_t asked = 0, flushed = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(steal_time_msr_write(&st, AT | 1, 0), OK);
	assert_int_equal(pthread_create(&thread, NULL, flusher, &asked), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		steal_time_leave(&st);
		flushed += steal_time_enter(&st, i);
	}
	pthread_join(thread, NULL);
	steal_time_leave(&st);
	flushed += steal_time_enter(&st, ROUNDS);
	assert_int_equal(flushed, asked);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_counts_from_the_start),
		T(test_preempted_and_flush),
		T(test_off),
		T(test_bad_values),
		T(test_scribbling_guest),
		T(test_flush_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
