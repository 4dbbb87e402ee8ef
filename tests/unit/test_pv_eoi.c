/* test_pv_eoi.c - interrupts that a guest ends by memory. */
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "tests/lib/apic_set.h"
#include "vmm/pv_eoi.h"

#include <spec/kvm_para.h>

#define AT 0x3044ull

static struct gmem gm;
static struct pv_eoi p;
static struct vlapic *l = &apics[0];

static int setup(void **state)
{
	(void)state;
	apic_set_init(1);
	big_gmem_init(&gm, 4, 0);
	pv_eoi_init(&p, &gm);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static uint32_t word(void)
{
	uint32_t w;

	assert_int_equal(gmem_read(&gm, gpa(AT), &w, sizeof(w)), OK);
	return w;
}

/* What the kernel does in place of an EOI. */
static bool guest_eoi(void)
{
	uint32_t w = word(), now = w & ~KVM_PV_EOI_PENDING;

	assert_int_equal(gmem_write(&gm, gpa(AT), &now, sizeof(now)), OK);
	return (w & KVM_PV_EOI_PENDING) != 0;
}

static void serve(uint8_t vector, bool is_level)
{
	assert_true(vlapic_accept(l, vector, is_level));
	assert_int_equal(vlapic_deliverable(l), vector);
	vlapic_ack(l, vector);
}

static void test_ended_by_memory(void **state)
{
	(void)state;
	assert_int_equal(pv_eoi_msr_write(&p, AT | 1), OK);
	pv_eoi_entry(&p, l); /* nothing in service */
	assert_int_equal(word(), 0);
	serve(0x41, false);
	pv_eoi_entry(&p, l);
	assert_int_equal(word(), KVM_PV_EOI_PENDING);
	assert_true(guest_eoi());
	pv_eoi_look(&p, l);
	assert_int_equal(vlapic_highest_isr(l), -1);
	pv_eoi_look(&p, l); /* once */
	assert_int_equal(vlapic_highest_isr(l), -1);
}

static void test_not_ended_yet(void **state)
{
	(void)state;
	assert_int_equal(pv_eoi_msr_write(&p, AT | 1), OK);
	serve(0x41, false);
	pv_eoi_entry(&p, l);
	pv_eoi_look(&p, l); /* some other exit comes first */
	assert_int_equal(vlapic_highest_isr(l), 0x41);
	assert_int_equal(word(), 0);
	assert_false(guest_eoi()); /* so it writes the register */
	pv_eoi_entry(&p, l);       /* or gets another chance */
	assert_true(guest_eoi());
	pv_eoi_look(&p, l);
	assert_int_equal(vlapic_highest_isr(l), -1);
}

static void test_when_an_eoi_must_exit(void **state)
{
	(void)state;
	assert_int_equal(pv_eoi_msr_write(&p, AT | 1), OK);
	/* level-triggered: the I/O APIC waits */
	serve(0x51, true);
	pv_eoi_entry(&p, l);
	assert_int_equal(word(), 0);
	vlapic_eoi(l);
	/* another is pending: the EOI lets it in */
	serve(0x61, false);
	assert_true(vlapic_accept(l, 0x41, false));
	pv_eoi_entry(&p, l);
	assert_int_equal(word(), 0);
	/* nested: the inner one may, the outer one waits */
	vlapic_ack(l, 0x41);
	pv_eoi_entry(&p, l);
	assert_true(guest_eoi());
	pv_eoi_look(&p, l);
	assert_int_equal(vlapic_highest_isr(l), 0x41);
}

static void test_off_and_bad_values(void **state)
{
	static const uint64_t bad[] = { AT | 3,     AT | 2,     MIB(4) | 1,
					GIB(3) | 1, UINT64_MAX, ~2ull };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(pv_eoi_msr_write(&p, bad[i]), ERR_INVALID);
	}
	assert_int_equal(p.msr, 0);
	serve(0x41, false);
	pv_eoi_entry(&p, l);
	assert_int_equal(pv_eoi_msr_write(&p, AT), OK); /* not enabled */
	pv_eoi_entry(&p, l);
	pv_eoi_look(&p, l);
	assert_int_equal(word(), 0);
	assert_int_equal(vlapic_highest_isr(l), 0x41);
	/* switched off while the guest may still end one */
	assert_int_equal(pv_eoi_msr_write(&p, AT | 1), OK);
	pv_eoi_entry(&p, l);
	pv_eoi_look(&p, l);
	assert_int_equal(pv_eoi_msr_write(&p, 0), OK);
	pv_eoi_look(&p, l);
	assert_int_equal(vlapic_highest_isr(l), 0x41);
}

/* A guest that clears or sets what it likes ends interrupts of its own. */
static void test_scribbling_guest(void **state)
{
	uint32_t ones = UINT32_MAX;

	(void)state;
	assert_int_equal(pv_eoi_msr_write(&p, AT | 1), OK);
	assert_int_equal(gmem_write(&gm, gpa(AT), &ones, 4), OK);
	pv_eoi_entry(&p, l);
	pv_eoi_look(&p, l);
	assert_int_equal(word(), ones);
	serve(0x41, false);
	pv_eoi_entry(&p, l);
	assert_int_equal(gmem_write(&gm, gpa(AT), &ones, 4), OK);
	pv_eoi_look(&p, l);
	assert_int_equal(vlapic_highest_isr(l), 0x41);
	assert_int_equal(word(), ones & ~KVM_PV_EOI_PENDING);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ended_by_memory),       T(test_not_ended_yet),
		T(test_when_an_eoi_must_exit), T(test_off_and_bad_values),
		T(test_scribbling_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
