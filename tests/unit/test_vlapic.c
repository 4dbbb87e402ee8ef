/* test_vlapic.c - the local APIC: registers, priority, timer, messages. */
#include "tests/lib/unit.h"

#include "drivers/virt/vlapic.h"

#include <spec/x86_msr.h>
#include <string.h>

static _Alignas(4096) uint32_t page[1024];
static struct vlapic l;
static uint64_t tsc;
static uint32_t kicks, nmis, ipis, eois, timer_changes, notifies;
static uint8_t eoi_vector, kick_vector;
static struct vlapic_message ipi;
static struct vlapic_set alone = { .all = { &l }, .count = 1 };

static uint64_t fake_tsc(void *ctx)
{
	(void)ctx;
	return tsc;
}

static void fake_ipi(void *ctx, const struct vlapic_message *m)
{
	(void)ctx;
	ipis++;
	ipi = *m;
	(void)vlapic_route(&alone, &l, m);
}

static void fake_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	eois++;
	eoi_vector = vector;
}

static void fake_nmi(void *ctx)
{
	(void)ctx;
	nmis++;
}

static void fake_kick(void *ctx, uint8_t vector)
{
	(void)ctx;
	kick_vector = vector;
	kicks++;
}

static bool fake_timer_changed(void *ctx)
{
	(void)ctx;
	timer_changes++;
	return vlapic_timer_deadline(&l) > tsc;
}

static void fake_notify(void *ctx)
{
	(void)ctx;
	notifies++;
}

static const struct vlapic_ops ops = {
	.tsc = fake_tsc,
	.send_ipi = fake_ipi,
	.eoi = fake_eoi,
	.nmi = fake_nmi,
	.kick = fake_kick,
	.timer_changed = fake_timer_changed,
	.notify = fake_notify,
};

static int setup(void **state)
{
	(void)state;
	tsc = 1000;
	kicks = nmis = ipis = eois = timer_changes = notifies = 0;
	vlapic_init(&l, page, 0, &ops, NULL);
	assert_int_equal(vlapic_msr_write(&l, MSR_IA32_X2APIC_SIVR, 0x1ff), OK);
	return 0;
}

static bool writes(uint32_t msr, uint64_t v)
{
	return vlapic_msr_write(&l, msr, v) == OK;
}

static uint64_t get(uint32_t msr)
{
	uint64_t v = 0;

	assert_int_equal(vlapic_msr_read(&l, msr, &v), OK);
	return v;
}

static bool reads(uint32_t msr)
{
	uint64_t v;

	return vlapic_msr_read(&l, msr, &v) == OK;
}

static void test_reset_values(void **state)
{
	(void)state;
	vlapic_init(&l, page, 0x25, &ops, NULL);
	assert_int_equal(get(MSR_IA32_X2APIC_APICID), 0x25);
	assert_int_equal(get(MSR_IA32_X2APIC_VERSION), 0x50014);
	assert_int_equal(get(MSR_IA32_X2APIC_LDR), 0x20020);
	assert_int_equal(get(MSR_IA32_X2APIC_SIVR), 0xff);
	assert_int_equal(get(MSR_IA32_X2APIC_LVT_TIMER), VLAPIC_LVT_MASKED);
	assert_int_equal(get(MSR_IA32_APIC_BASE), 0xfee00c00);
	vlapic_init(&l, page, 0, &ops, NULL);
	assert_int_equal(get(MSR_IA32_APIC_BASE), 0xfee00d00);
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
}

/* A guest stays in x2APIC mode, at the one address (B45). */
static void test_apic_base_is_fixed(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_APIC_BASE, 0xfee00d00));
	assert_false(writes(MSR_IA32_APIC_BASE, 0xfee00900)); /* xAPIC */
	assert_false(writes(MSR_IA32_APIC_BASE, 0xfee00100)); /* off */
	assert_false(writes(MSR_IA32_APIC_BASE, 0xfee00500));
	assert_false(writes(MSR_IA32_APIC_BASE, 0x10000d00));
	assert_false(writes(MSR_IA32_APIC_BASE, UINT64_MAX));
	assert_int_equal(get(MSR_IA32_APIC_BASE), 0xfee00d00);
}

static void test_access_rights(void **state)
{
	uint32_t readable = 0;

	(void)state;
	for (uint32_t msr = 0x800; msr <= 0x8ff; msr++) {
		readable += reads(msr);
	}
	/* ID VER TPR PPR LDR SVR, ISR TMR IRR, ESR ICR, 6 LVT, 3 timer */
	assert_int_equal(readable, 6 + 24 + 2 + 6 + 3);
	assert_false(reads(MSR_IA32_X2APIC_EOI));
	assert_false(reads(MSR_IA32_X2APIC_SELF_IPI));
	assert_false(reads(MSR_IA32_X2APIC_LVT_CMCI));
	for (uint32_t msr = 0x810; msr <= 0x827; msr++) {
		assert_false(writes(msr, 0));
	}
	assert_false(writes(MSR_IA32_X2APIC_APICID, 0));
	assert_false(writes(MSR_IA32_X2APIC_VERSION, 0));
	assert_false(writes(MSR_IA32_X2APIC_LDR, 0));
	assert_false(writes(MSR_IA32_X2APIC_PPR, 0));
	assert_false(writes(MSR_IA32_X2APIC_CUR_COUNT, 0));
	assert_false(writes(0x80e, 0)); /* DFR is not there in x2APIC mode */
	assert_false(writes(0x831, 0)); /* nor ICR2 */
	assert_false(writes(0x900, 0));
	assert_false(reads(0x7ff));
}

static void test_reserved_bits(void **state)
{
	/* clang-format off */
	static const struct { uint32_t msr; uint64_t ok; } rows[] = {
		{ MSR_IA32_X2APIC_TPR, 0xff },
		{ MSR_IA32_X2APIC_EOI, 0 },
		{ MSR_IA32_X2APIC_SIVR, 0x3ff },
		{ MSR_IA32_X2APIC_ESR, 0 },
		{ MSR_IA32_X2APIC_LVT_TIMER, 0x750ff },
		{ MSR_IA32_X2APIC_LVT_THERMAL, 0x157ff },
		{ MSR_IA32_X2APIC_LVT_PMI, 0x157ff },
		{ MSR_IA32_X2APIC_LVT_LINT0, 0x1f7ff },
		{ MSR_IA32_X2APIC_LVT_LINT1, 0x1f7ff },
		{ MSR_IA32_X2APIC_LVT_ERROR, 0x151ff & ~0x100ull },
		{ MSR_IA32_X2APIC_INIT_COUNT, 0xffffffff },
		{ MSR_IA32_X2APIC_DIV_CONF, 0xb },
		{ MSR_IA32_X2APIC_SELF_IPI, 0xff },
		{ MSR_IA32_X2APIC_ICR, 0xffffffff000cdfff },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (uint32_t bit = 0; bit < 64; bit++) {
			bool ok = (rows[i].ok >> bit & 1) != 0;

			setup(NULL);
			assert_int_equal(writes(rows[i].msr, 1ull << bit), ok);
		}
	}
	assert_false(writes(MSR_IA32_X2APIC_LVT_TIMER, 3 << 17));
}

static void test_priority_and_nesting(void **state)
{
	(void)state;
	assert_int_equal(vlapic_deliverable(&l), -1);
	vlapic_set_irr(&l, 0x41);
	vlapic_set_irr(&l, 0x62);
	assert_int_equal(vlapic_deliverable(&l), 0x62);
	vlapic_ack(&l, 0x62);
	assert_int_equal(vlapic_highest_isr(&l), 0x62);
	assert_int_equal(get(MSR_IA32_X2APIC_PPR), 0x60);
	assert_int_equal(vlapic_highest_irr(&l), 0x41);
	assert_int_equal(vlapic_deliverable(&l), -1);
	vlapic_set_irr(&l, 0x6f); /* same class: waits */
	assert_int_equal(vlapic_deliverable(&l), -1);
	vlapic_set_irr(&l, 0x70);
	assert_int_equal(vlapic_deliverable(&l), 0x70);
	vlapic_ack(&l, 0x70);
	assert_true(writes(MSR_IA32_X2APIC_EOI, 0));
	assert_int_equal(vlapic_highest_isr(&l), 0x62);
	assert_true(writes(MSR_IA32_X2APIC_EOI, 0));
	assert_int_equal(vlapic_deliverable(&l), 0x6f);
	assert_int_equal(eois, 0); /* all edge */
}

static void test_highest_of_any_two_vectors(void **state)
{
	(void)state;
	for (int a = 16; a < 256; a++) {
		for (int b = 16; b <= a; b++) {
			setup(NULL);
			vlapic_set_irr(&l, (uint8_t)b);
			vlapic_set_irr(&l, (uint8_t)a);
			assert_int_equal(vlapic_highest_irr(&l), a);
			assert_int_equal(vlapic_highest_isr(&l), -1);
			vlapic_ack(&l, (uint8_t)a);
			assert_int_equal(vlapic_highest_isr(&l), a);
			assert_int_equal(vlapic_highest_irr(&l),
					 a == b ? -1 : b);
		}
	}
}

static void test_tpr_blocks(void **state)
{
	(void)state;
	vlapic_set_irr(&l, 0x45);
	assert_true(writes(MSR_IA32_X2APIC_TPR, 0x4f));
	assert_int_equal(get(MSR_IA32_X2APIC_PPR), 0x4f);
	assert_int_equal(vlapic_deliverable(&l), -1);
	kicks = 0;
	assert_true(writes(MSR_IA32_X2APIC_TPR, 0x30));
	assert_int_equal(kicks, 1); /* look again */
	assert_int_equal(vlapic_deliverable(&l), 0x45);
	assert_true(writes(MSR_IA32_X2APIC_TPR, 0xff));
	vlapic_set_irr(&l, 0xff);
	assert_int_equal(vlapic_deliverable(&l), -1);
}

static void test_eoi_without_interrupt(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(writes(MSR_IA32_X2APIC_EOI, 0));
	}
	assert_int_equal(vlapic_highest_isr(&l), -1);
	assert_int_equal(eois, 0);
}

static void test_msi(void **state)
{
	(void)state;
	assert_true(vlapic_accept_msi(&l, 0xfee00000, 0x4041));
	assert_int_equal(kicks > 0, 1);
	assert_int_equal(kick_vector, 0x41);
	assert_int_equal(vlapic_deliverable(&l), 0x41);
	assert_true(vlapic_accept_msi(&l, 0xfeeff000, 0x42)); /* all */
	assert_true(vlapic_accept_msi(&l, 0xfee01004, 0x43)); /* logical 1 */
	assert_false(vlapic_accept_msi(&l, 0xfee02004, 0x44));
	assert_false(vlapic_accept_msi(&l, 0xfee01000, 0x45)); /* id 1 */
	assert_false(vlapic_accept_msi(&l, 0xfee00020, 0x46)); /* id 256 */
	assert_int_equal(vlapic_deliverable(&l), 0x43);
	/* Not for local APICs at all (B79). */
	assert_false(vlapic_accept_msi(&l, 0xfed00000, 0x50));
	assert_false(vlapic_accept_msi(&l, 0x1fee00000, 0x50));
	assert_false(vlapic_accept_msi(&l, 0, 0x50));
	assert_false(vlapic_accept_msi(&l, UINT64_MAX, 0x50));
	/* Vectors below 16 and modes that we do not serve. */
	assert_false(vlapic_accept_msi(&l, 0xfee00000, 0x0f));
	assert_false(vlapic_accept_msi(&l, 0xfee00000, 0x0250)); /* SMI */
	assert_false(vlapic_accept_msi(&l, 0xfee00000, 0x0350));
	assert_false(vlapic_accept_msi(&l, 0xfee00000, 0x0650)); /* SIPI */
	assert_false(vlapic_accept_msi(&l, 0xfee00000, 0x0750)); /* ExtINT */
	assert_int_equal(vlapic_highest_irr(&l), 0x43);
	assert_true(vlapic_accept_msi(&l, 0xfee00000, 0x0400));
	assert_int_equal(nmis, 1);
	assert_true(vlapic_accept_msi(&l, 0xfee00000, 0x0550)); /* INIT */
	assert_int_equal(vlapic_take_signals(&l), VLAPIC_SIGNAL_INIT);
	assert_true(writes(MSR_IA32_X2APIC_ESR, 0));
	assert_int_equal(get(MSR_IA32_X2APIC_ESR), VLAPIC_ESR_RECEIVED_VECTOR);
}

static void test_ext_dest_id(void **state)
{
	(void)state;
	vlapic_init(&l, page, 0x123, &ops, NULL);
	assert_true(writes(MSR_IA32_X2APIC_SIVR, 0x1ff));
	assert_true(vlapic_accept_msi(&l, 0xfee23020, 0x41));
	assert_false(vlapic_accept_msi(&l, 0xfee23000, 0x41));
}

static void test_level_interrupts_tell_the_ioapic(void **state)
{
	(void)state;
	assert_true(vlapic_accept_msi(&l, 0xfee00000, 0xc051));
	assert_true(vlapic_is_level(&l, 0x51));
	vlapic_ack(&l, 0x51);
	assert_true(writes(MSR_IA32_X2APIC_EOI, 0));
	assert_int_equal(eois, 1);
	assert_int_equal(eoi_vector, 0x51);
	vlapic_eoi_done(&l, 0x51); /* as after a virtualized EOI */
	assert_int_equal(eois, 2);
	assert_true(vlapic_accept_msi(&l, 0xfee00000, 0x0051)); /* now edge */
	assert_false(vlapic_is_level(&l, 0x51));
	vlapic_eoi_done(&l, 0x51);
	assert_int_equal(eois, 2);
}

static void test_disabled_apic_accepts_nothing(void **state)
{
	(void)state;
	vlapic_set_irr(&l, 0x60);
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, 0x31));
	assert_true(writes(MSR_IA32_X2APIC_SIVR, 0xff));
	assert_int_equal(vlapic_deliverable(&l), -1);
	assert_false(vlapic_accept_msi(&l, 0xfee00000, 0x70));
	assert_true(get(MSR_IA32_X2APIC_LVT_TIMER) & VLAPIC_LVT_MASKED);
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, 0x31));
	assert_true(get(MSR_IA32_X2APIC_LVT_TIMER) & VLAPIC_LVT_MASKED);
	assert_true(writes(MSR_IA32_X2APIC_SIVR, 0x1ff));
	assert_int_equal(vlapic_deliverable(&l), 0x60); /* was kept */
}

static void test_icr(void **state)
{
	(void)state;
	/* to itself, by id */
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0x4031));
	assert_int_equal(vlapic_deliverable(&l), 0x31);
	assert_int_equal(ipis, 1);
	assert_int_equal(get(MSR_IA32_X2APIC_ICR), 0x4031);
	/* self shorthand */
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0x44032));
	assert_int_equal(vlapic_deliverable(&l), 0x32);
	assert_int_equal(ipis, 1);
	ipis = 0;
	/* to number 7 */
	assert_true(writes(MSR_IA32_X2APIC_ICR, 7ull << 32 | 0x4033));
	assert_int_equal(vlapic_deliverable(&l), 0x32);
	assert_int_equal(ipis, 1);
	assert_int_equal(ipi.dest, 7);
	assert_int_equal(ipi.vector, 0x33);
	assert_int_equal(ipi.shorthand, VLAPIC_NO_SHORTHAND);
	/* all but self, all */
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0xc4034));
	assert_int_equal(vlapic_deliverable(&l), 0x32);
	assert_int_equal(ipi.shorthand, VLAPIC_OTHERS);
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0x84035));
	assert_int_equal(vlapic_deliverable(&l), 0x35);
	assert_int_equal(ipis, 3);
	/* INIT and SIPI */
	assert_true(writes(MSR_IA32_X2APIC_ICR, 1ull << 32 | 0x4500));
	assert_int_equal(ipi.mode, VLAPIC_INIT);
	assert_true(writes(MSR_IA32_X2APIC_ICR, 1ull << 32 | 0x4608));
	assert_int_equal(ipi.mode, VLAPIC_SIPI);
	assert_int_equal(ipi.vector, 8);
	/* NMI by shorthand self or all is not allowed: nobody gets it */
	ipis = 0;
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0x44400));
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0x84400));
	assert_int_equal(nmis + ipis, 0);
	assert_true(writes(MSR_IA32_X2APIC_ICR, 0x4400)); /* to id 0 */
	assert_int_equal(nmis, 1);
}

static void test_illegal_vectors_set_esr(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_X2APIC_LVT_ERROR, 0x3f));
	for (uint32_t v = 0; v < 16; v++) {
		assert_true(writes(MSR_IA32_X2APIC_ICR, 0x44000 | v));
		assert_true(writes(MSR_IA32_X2APIC_SELF_IPI, v));
	}
	assert_int_equal(vlapic_highest_irr(&l), 0x3f);
	assert_int_equal(get(MSR_IA32_X2APIC_ESR), 0); /* not latched yet */
	assert_true(writes(MSR_IA32_X2APIC_ESR, 0));
	assert_int_equal(get(MSR_IA32_X2APIC_ESR), VLAPIC_ESR_SEND_VECTOR);
	assert_true(writes(MSR_IA32_X2APIC_ESR, 0));
	assert_int_equal(get(MSR_IA32_X2APIC_ESR), 0);
	/* an error LVT with an illegal vector must not recurse */
	assert_true(writes(MSR_IA32_X2APIC_LVT_ERROR, 0x3));
	assert_true(writes(MSR_IA32_X2APIC_SELF_IPI, 1));
}

static void test_self_ipi(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_X2APIC_SELF_IPI, 0x77));
	assert_int_equal(vlapic_deliverable(&l), 0x77);
	page[VLAPIC_SELF_IPI / 4] = 0x88; /* as the CPU would write it */
	vlapic_page_written(&l, VLAPIC_SELF_IPI);
	assert_int_equal(vlapic_deliverable(&l), 0x88);
	vlapic_ack(&l, 0x88);
	vlapic_page_written(&l, VLAPIC_EOI);
	assert_int_equal(vlapic_highest_isr(&l), -1);
	vlapic_page_written(&l, 0xffffffff);
}

static void test_tsc_deadline(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 5000)); /* not that mode */
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, VLAPIC_DEADLINE | 0xec));
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 5000));
	assert_int_equal(get(MSR_IA32_TSC_DEADLINE), 5000);
	assert_int_equal(vlapic_timer_deadline(&l), 5000);
	vlapic_timer_expire(&l, 4999);
	assert_int_equal(vlapic_deliverable(&l), -1);
	vlapic_timer_expire(&l, 5000);
	assert_int_equal(vlapic_deliverable(&l), 0xec);
	assert_int_equal(get(MSR_IA32_TSC_DEADLINE), 0);
	vlapic_ack(&l, 0xec);
	vlapic_timer_expire(&l, UINT64_MAX); /* once only */
	assert_int_equal(vlapic_highest_irr(&l), -1);
	/* past: at once; 0: disarm; ~0: far away, not "none" (B46, B74) */
	vlapic_eoi(&l);
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 1));
	assert_int_equal(vlapic_deliverable(&l), 0xec);
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
	assert_true(writes(MSR_IA32_TSC_DEADLINE, UINT64_MAX));
	assert_int_equal(vlapic_timer_deadline(&l), UINT64_MAX - 1);
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 0));
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
	/* changing the mode disarms */
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 9000));
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, 0xec));
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
	/* masked: expires silently */
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER,
			   VLAPIC_DEADLINE | VLAPIC_LVT_MASKED | 0xed));
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 9000));
	vlapic_timer_expire(&l, 9000);
	assert_int_equal(vlapic_highest_irr(&l), 0xec);
	assert_int_equal(get(MSR_IA32_TSC_DEADLINE), 0);
}

static void test_one_shot(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, 0x40));
	assert_true(writes(MSR_IA32_X2APIC_DIV_CONF, 0xa)); /* by 128 */
	assert_true(writes(MSR_IA32_X2APIC_INIT_COUNT, 100));
	assert_int_equal(vlapic_timer_deadline(&l), 1000 + 12800);
	assert_int_equal(get(MSR_IA32_X2APIC_CUR_COUNT), 100);
	tsc += 6400;
	assert_int_equal(get(MSR_IA32_X2APIC_CUR_COUNT), 50);
	tsc += 6400;
	assert_int_equal(get(MSR_IA32_X2APIC_CUR_COUNT), 0);
	vlapic_timer_expire(&l, tsc);
	assert_int_equal(vlapic_deliverable(&l), 0x40);
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
	assert_true(writes(MSR_IA32_X2APIC_DIV_CONF, 0xb)); /* by 1 */
	assert_true(writes(MSR_IA32_X2APIC_INIT_COUNT, 0xffffffff));
	assert_int_equal(vlapic_timer_deadline(&l), tsc + 0xffffffff);
	assert_true(writes(MSR_IA32_X2APIC_INIT_COUNT, 0));
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
}

static void test_every_divisor(void **state)
{
	static const struct {
		uint32_t value, divisor;
	} rows[] = { { 0, 2 },  { 1, 4 },  { 2, 8 },    { 3, 16 },
		     { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_true(writes(MSR_IA32_X2APIC_DIV_CONF, rows[i].value));
		assert_true(writes(MSR_IA32_X2APIC_INIT_COUNT, 1));
		assert_int_equal(vlapic_timer_deadline(&l),
				 tsc + rows[i].divisor);
	}
}

static void test_periodic(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_X2APIC_DIV_CONF, 0xb));
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, VLAPIC_PERIODIC | 0x50));
	assert_true(writes(MSR_IA32_X2APIC_INIT_COUNT, 1000));
	assert_int_equal(vlapic_timer_deadline(&l), 2000);
	vlapic_timer_expire(&l, 2100);
	assert_int_equal(vlapic_deliverable(&l), 0x50);
	assert_int_equal(vlapic_timer_deadline(&l), 3000);
	/* Missed periods are one interrupt, and the phase is kept. */
	vlapic_timer_expire(&l, 7654321);
	assert_int_equal(vlapic_timer_deadline(&l), 7655000);
	tsc = 7654400;
	assert_int_equal(get(MSR_IA32_X2APIC_CUR_COUNT), 600);
	/* The shortest period is limited (B74). */
	l.min_period = 50000;
	assert_true(writes(MSR_IA32_X2APIC_INIT_COUNT, 1));
	assert_int_equal(vlapic_timer_deadline(&l), tsc + 50000);
	/* To one-shot: the current period is the last one. */
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, 0x50));
	vlapic_timer_expire(&l, tsc + 50000);
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
}

static void test_reset_clears_everything(void **state)
{
	(void)state;
	assert_true(writes(MSR_IA32_X2APIC_LVT_TIMER, VLAPIC_DEADLINE | 0xec));
	assert_true(writes(MSR_IA32_TSC_DEADLINE, 5000));
	vlapic_set_irr(&l, 0x99);
	vlapic_reset(&l);
	assert_int_equal(vlapic_highest_irr(&l), -1);
	assert_int_equal(vlapic_timer_deadline(&l), VLAPIC_NO_DEADLINE);
	assert_int_equal(get(MSR_IA32_X2APIC_SIVR), 0xff);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reset_values),
		T(test_apic_base_is_fixed),
		T(test_access_rights),
		T(test_reserved_bits),
		T(test_priority_and_nesting),
		T(test_highest_of_any_two_vectors),
		T(test_tpr_blocks),
		T(test_eoi_without_interrupt),
		T(test_msi),
		T(test_ext_dest_id),
		T(test_level_interrupts_tell_the_ioapic),
		T(test_disabled_apic_accepts_nothing),
		T(test_icr),
		T(test_illegal_vectors_set_esr),
		T(test_self_ipi),
		T(test_tsc_deadline),
		T(test_one_shot),
		T(test_every_divisor),
		T(test_periodic),
		T(test_reset_clears_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
