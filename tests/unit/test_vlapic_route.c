/* test_vlapic_route.c - posts, signals and destinations among 16 local APICs.
 */
#include "tests/lib/unit.h"

#include "tests/lib/apic_set.h"

#include <pthread.h>
#include <spec/x86_msr.h>
#include <string.h>

#define COUNT 16u

static int setup(void **state)
{
	(void)state;
	apic_set_init(COUNT);
	return 0;
}

static void icr(uint32_t from, uint32_t dest, uint32_t value)
{
	assert_int_equal(vlapic_msr_write(&apics[from], MSR_IA32_X2APIC_ICR,
					  (uint64_t)dest << 32 | value),
			 OK);
}

static void test_post_and_take(void **state)
{
	(void)state;
	assert_false(vlapic_take_posted(&apics[1]));
	assert_false(vlapic_has_mail(&apics[1]));
	vlapic_post(&apics[1], 0x41, false);
	vlapic_post(&apics[1], 0x41, false);
	vlapic_post(&apics[1], 0xfe, true);
	assert_int_equal(apic_notifies[1], 3);
	assert_true(vlapic_has_mail(&apics[1]));
	assert_int_equal(vlapic_highest_irr(&apics[1]),
			 -1); /* not before take */
	assert_true(vlapic_take_posted(&apics[1]));
	assert_false(vlapic_has_mail(&apics[1]));
	assert_int_equal(vlapic_highest_irr(&apics[1]), 0xfe);
	assert_true(vlapic_is_level(&apics[1], 0xfe));
	vlapic_ack(&apics[1], 0xfe);
	vlapic_eoi(&apics[1]);
	assert_int_equal(vlapic_highest_irr(&apics[1]), 0x41);
	assert_false(vlapic_is_level(&apics[1], 0x41));
	assert_false(vlapic_take_posted(&apics[1]));
}

static void test_the_later_trigger_mode_counts(void **state)
{
	(void)state;
	vlapic_post(&apics[0], 0x50, true);
	assert_true(vlapic_take_posted(&apics[0]));
	vlapic_post(&apics[0], 0x50, false);
	assert_true(vlapic_take_posted(&apics[0]));
	assert_false(vlapic_is_level(&apics[0], 0x50));
	/* both at once: the EOI must be told */
	vlapic_post(&apics[0], 0x50, true);
	vlapic_post(&apics[0], 0x50, false);
	assert_true(vlapic_take_posted(&apics[0]));
	assert_true(vlapic_is_level(&apics[0], 0x50));
}

static void test_illegal_vector_from_outside(void **state)
{
	const struct vlapic_message m = { .vector = 15, .dest = 2 };
	uint64_t esr;

	(void)state;
	assert_int_equal(vlapic_route(&apic_set, &apics[0], &m), 0);
	assert_true(vlapic_take_posted(&apics[2]));
	assert_int_equal(vlapic_highest_irr(&apics[2]), -1);
	assert_int_equal(apic_pages[2][VLAPIC_IRR / 4], 0);
	assert_int_equal(vlapic_msr_write(&apics[2], MSR_IA32_X2APIC_ESR, 0),
			 OK);
	assert_int_equal(vlapic_msr_read(&apics[2], MSR_IA32_X2APIC_ESR, &esr),
			 OK);
	assert_int_equal(esr, VLAPIC_ESR_RECEIVED_VECTOR);
}

static void test_reset_drops_what_was_posted(void **state)
{
	(void)state;
	vlapic_post(&apics[3], 0x60, false);
	vlapic_post(&apics[3], 0x61, true);
	icr(0, 3, 0x4400);
	vlapic_reset(&apics[3]);
	assert_false(vlapic_take_posted(&apics[3]));
	/* but not a SIPI that follows the INIT at once */
	assert_int_equal(vlapic_take_signals(&apics[3]), VLAPIC_SIGNAL_NMI);
	assert_false(vlapic_has_mail(&apics[3]));
	vlapic_post(&apics[3], 0x62, false);
	assert_int_equal(apic_set_pending(0x61), 0);
	assert_int_equal(apic_set_pending(0x62), 1u << 3);
}

static void test_physical(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		icr(5, i, 0x4000 | (0x40 + i));
		assert_int_equal(apic_set_pending((uint8_t)(0x40 + i)),
				 1u << i);
		assert_int_equal(apic_notifies[i], i == 5 ? 0 : 1);
	}
	assert_int_equal(apic_kicks[5] > 0, 1); /* its own: at once */
	icr(5, COUNT, 0x4070);                  /* nobody */
	icr(5, 0xff, 0x4070); /* no broadcast in x2APIC mode */
	icr(5, 0x7fffffff, 0x4070);
	assert_int_equal(apic_set_pending(0x70), 0);
	icr(5, VLAPIC_BROADCAST, 0x4071);
	assert_int_equal(apic_set_pending(0x71), 0xffff);
}

static void test_shorthands(void **state)
{
	(void)state;
	icr(7, 0, 0x44041); /* self */
	assert_int_equal(apic_set_pending(0x41), 1u << 7);
	icr(7, 0, 0x84042); /* all */
	assert_int_equal(apic_set_pending(0x42), 0xffff);
	icr(7, 0, 0xc4043); /* all but self */
	assert_int_equal(apic_set_pending(0x43), 0xffff & ~(1u << 7));
	icr(7, 0, 0xc4400); /* NMI to the others */
	assert_int_equal(apic_set_signalled(VLAPIC_SIGNAL_NMI),
			 0xffff & ~(1u << 7));
	icr(7, 0, 0x84400); /* not for shorthands with the sender */
	icr(7, 0, 0x84500);
	icr(7, 0, 0x44600);
	assert_int_equal(apic_set_signalled(0), 0xffff);
	assert_int_equal(apic_nmis[7], 0);
}

/* LDR in x2APIC mode: cluster id >> 4 in the upper half, 1 << id & 15. */
static void test_logical_cluster(void **state)
{
	(void)state;
	icr(0, 0x8006, 0x4841); /* cluster 0: ids 1, 2 and 15 */
	assert_int_equal(apic_set_pending(0x41), 1u << 1 | 1u << 2 | 1u << 15);
	icr(0, 0x10006, 0x4842); /* cluster 1: none here */
	icr(0, 0, 0x4842);       /* no bit: none */
	assert_int_equal(apic_set_pending(0x42), 0);
	icr(0, VLAPIC_BROADCAST, 0x4843);
	assert_int_equal(apic_set_pending(0x43), 0xffff);
	/* ids above 15 have their cluster */
	vlapic_init(&apics[1], apic_pages[1], 0x25, &apic_ops, &apics[1]);
	assert_int_equal(apic_pages[1][VLAPIC_LDR / 4], 0x20020);
	assert_true(vlapic_is_dest(
		&apics[1], &(struct vlapic_message){ .is_logical = true,
						     .dest = 0x20030 }));
	assert_false(vlapic_is_dest(
		&apics[1], &(struct vlapic_message){ .is_logical = true,
						     .dest = 0x10020 }));
}

static void set_tpr(uint32_t i, uint32_t tpr)
{
	assert_int_equal(vlapic_msr_write(&apics[i], MSR_IA32_X2APIC_TPR, tpr),
			 OK);
}

static void test_lowest_priority(void **state)
{
	(void)state;
	/* equals take turns */
	for (uint32_t i = 0; i < 2 * COUNT; i++) {
		icr(0, VLAPIC_BROADCAST, 0x4100 | (0x40 + i));
		assert_int_equal(apic_set_pending((uint8_t)(0x40 + i)),
				 1u << (i % COUNT));
	}
	/* the least busy of those named */
	for (uint32_t i = 0; i < COUNT; i++) {
		set_tpr(i, 0x80 - i * 4);
	}
	icr(0, VLAPIC_BROADCAST, 0x4190);
	assert_int_equal(apic_set_pending(0x90), 1u << 15);
	icr(0, 0x0016, 0x4991); /* 1, 2 or 4 */
	assert_int_equal(apic_set_pending(0x91), 1u << 4);
	/* what is in service counts, too */
	vlapic_set_irr(&apics[15], 0xa1);
	vlapic_ack(&apics[15], 0xa1);
	icr(0, VLAPIC_BROADCAST, 0x4192);
	assert_int_equal(apic_set_pending(0x92), 1u << 14);
	/* one that is disabled is no candidate; if all are, it is lost */
	for (uint32_t i = COUNT; i-- > 0;) {
		assert_int_equal(
			vlapic_msr_write(&apics[i], MSR_IA32_X2APIC_SIVR, 0xff),
			OK);
		icr(0, VLAPIC_BROADCAST, 0x4193);
		assert_int_equal(apic_set_pending(0x93) >> i, 0);
		if (i > 0) {
			assert_int_equal(apic_set_pending(0x93) >> (i - 1), 1);
			memset(&apic_pages[i - 1][VLAPIC_IRR / 4], 0, 0x80);
		}
	}
	icr(0, VLAPIC_BROADCAST, 0x4194);
	icr(0, 3, 0x4194);
	assert_int_equal(apic_set_pending(0x94), 0);
}

static void test_disabled_takes_no_interrupt_but_signals(void **state)
{
	const struct vlapic_message fixed = { .vector = 0x41, .dest = 4 };
	const struct vlapic_message nmi = { .mode = VLAPIC_NMI, .dest = 4 };

	(void)state;
	assert_int_equal(
		vlapic_msr_write(&apics[4], MSR_IA32_X2APIC_SIVR, 0xff), OK);
	assert_int_equal(vlapic_route(&apic_set, NULL, &fixed), 0);
	assert_int_equal(apic_set_pending(0x41), 0);
	assert_int_equal(vlapic_route(&apic_set, NULL, &nmi), 1);
	assert_int_equal(apic_set_signalled(VLAPIC_SIGNAL_NMI), 1u << 4);
}

static void test_msi(void **state)
{
	(void)state;
	/* from a device: to whom this CPU has loaded at once, else by post */
	assert_int_equal(
		vlapic_route_msi(&apic_set, &apics[2], 0xfee02000, 0x4041), 1);
	assert_int_equal(apic_notifies[2], 0);
	assert_int_equal(apic_kicks[2] > 0, 1);
	assert_int_equal(vlapic_highest_irr(&apics[2]), 0x41);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee02000, 0x4042),
			 1);
	assert_int_equal(apic_notifies[2], 1);
	assert_int_equal(vlapic_highest_irr(&apics[2]), 0x41);
	assert_int_equal(apic_set_pending(0x42), 1u << 2);
	/* logical, lowest priority, broadcast */
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee0c004, 0x4043),
			 2);
	assert_int_equal(apic_set_pending(0x43), 3u << 2);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee0c004, 0x4144),
			 1);
	assert_int_equal(__builtin_popcount(apic_set_pending(0x44)), 1);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfeeff000, 0x4045),
			 16);
	/* level */
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee03000, 0xc046),
			 1);
	assert_int_equal(apic_set_pending(0x46), 1u << 3);
	assert_true(vlapic_is_level(&apics[3], 0x46));
	/* not for local APICs, nobody's id, reserved modes (B79) */
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfed00000, 0x4050),
			 0);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, UINT64_MAX, 0x4050),
			 0);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee10000, 0x4050),
			 0);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee00000, 0x4250),
			 0);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee00000, 0x4350),
			 0);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee00000, 0x4650),
			 0);
	assert_int_equal(vlapic_route_msi(&apic_set, NULL, 0xfee00000, 0x4750),
			 0);
	assert_int_equal(apic_set_pending(0x50), 0);
}

static void test_signals(void **state)
{
	const uint32_t sipi = VLAPIC_SIGNAL_SIPI | 0x9a00;

	(void)state;
	/* Linux: INIT asserted, INIT de-asserted, SIPI, SIPI */
	icr(0, 1, 0xc500);
	icr(0, 1, 0x8500);
	icr(0, 1, 0x469a);
	icr(0, 1, 0x4611); /* the first vector stays */
	assert_int_equal(apic_notifies[1], 3 + 0);
	assert_int_equal(vlapic_take_signals(&apics[1]),
			 VLAPIC_SIGNAL_INIT | sipi);
	assert_int_equal(VLAPIC_SIGNAL_VECTOR(sipi), 0x9a);
	assert_int_equal(vlapic_take_signals(&apics[1]), 0);
	/* what came before an INIT is void */
	icr(0, 1, 0x4400);
	icr(0, 1, 0x469a);
	icr(0, 1, 0x4500);
	assert_int_equal(vlapic_take_signals(&apics[1]), VLAPIC_SIGNAL_INIT);
	/* SIPI of vector 0; INIT to all others */
	icr(0, 1, 0x4600);
	assert_int_equal(vlapic_take_signals(&apics[1]), VLAPIC_SIGNAL_SIPI);
	icr(0, 0, 0xc4500);
	assert_int_equal(apic_set_signalled(VLAPIC_SIGNAL_INIT), 0xfffe);
	/* to itself, by id: for the state machine to answer */
	icr(0, 0, 0x4500);
	assert_int_equal(apic_set_signalled(VLAPIC_SIGNAL_INIT), 1);
}

static void test_set(void **state)
{
	struct vlapic far = { .id = VLAPIC_SET_MAX };
	const struct vlapic_message m = { .vector = 0x41, .dest = 0 };

	(void)state;
	assert_int_equal(apic_set.count, COUNT);
	vlapic_set_put(&apic_set, &far); /* beyond the set: not there */
	assert_int_equal(apic_set.count, COUNT);
	vlapic_set_put(&apic_set,
		       &apics[0]); /* a new life starts with the first */
	assert_int_equal(apic_set.count, 1);
	apic_set.count = 0;
	assert_int_equal(vlapic_route(&apic_set, NULL, &m), 0);
}

/* Four CPUs post to one vCPU that takes: each post is taken once or more, none
 * is lost. */
#define ROUNDS 20000u

static void *poster(void *arg)
{
	uint8_t vector = *(uint8_t *)arg;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		vlapic_post(&apics[9], vector, (vector & 1) != 0);
		while ((__atomic_load_n(&apics[9].mail.edge[vector >> 5],
					__ATOMIC_RELAXED) |
			__atomic_load_n(&apics[9].mail.level[vector >> 5],
					__ATOMIC_RELAXED)) >>
			       (vector & 31) &
		       1) {
			sched_yield();
		}
	}
	return NULL;
}

static void test_posts_from_threads(void **state)
{
	static uint8_t vectors[] = { 0x41, 0x42, 0x80, 0xff };
	pthread_t threads[ARRAY_COUNT(vectors)];
	uint32_t taken[ARRAY_COUNT(vectors)] = { 0 };
	uint64_t left = ROUNDS * ARRAY_COUNT(vectors);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		assert_int_equal(
			pthread_create(&threads[i], NULL, poster, &vectors[i]),
			0);
	}
	while (left > 0) {
		int v;

		(void)vlapic_take_posted(&apics[9]);
		while ((v = vlapic_highest_irr(&apics[9])) >= 0) {
			assert_int_equal(vlapic_is_level(&apics[9], (uint8_t)v),
					 v & 1);
			vlapic_ack(&apics[9], (uint8_t)v);
			vlapic_eoi(&apics[9]);
			for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
				taken[i] += vectors[i] == v;
			}
			left--;
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(taken[i], ROUNDS);
	}
	assert_int_equal(apic_notifies[9], ROUNDS * ARRAY_COUNT(vectors));
	assert_false(vlapic_has_mail(&apics[9]));
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_post_and_take),
		T(test_the_later_trigger_mode_counts),
		T(test_illegal_vector_from_outside),
		T(test_reset_drops_what_was_posted),
		T(test_physical),
		T(test_shorthands),
		T(test_logical_cluster),
		T(test_lowest_priority),
		T(test_disabled_takes_no_interrupt_but_signals),
		T(test_msi),
		T(test_signals),
		T(test_set),
		T(test_posts_from_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
