/*
 * fuzz_msr_policy.c - any sequence of RDMSR and WRMSR, with a clock behind its
 * two MSRs that writes into guest memory.
 *
 * Checked: what is refused reaches no operation; what reaches one has passed
 * its row's check; a read has no effect; the clock writes inside RAM or not at
 * all (the address sanitizer sees it).
 */
#include "fake_guest.h"
#include "vmm/msr_policy.h"
#include "vmm/pvclock.h"

#include <spec/kvm_para.h>
#include <stdlib.h>
#include <string.h>

#define STEP 14u /* bytes of input an access */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_guest guest;
static struct guest_msrs msrs;
static struct pvclock vclock;
static uint32_t served;
static uint64_t now;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static enum status on_read(void *ctx, enum guest_msr_place place, uint32_t msr,
			   uint64_t *value)
{
	(void)ctx;
	served++;
	*value = msr;
	return place == GUEST_MSR_CLOCK ? pvclock_msr_read(&vclock, msr, value)
					: OK;
}

static enum status on_write(void *ctx, enum guest_msr_place place, uint32_t msr,
			    uint64_t value)
{
	(void)ctx;
	served++;
	switch (place) {
	case GUEST_MSR_CLOCK:
		return pvclock_msr_write(&vclock, msr, value, now);
	case GUEST_MSR_PAT:
		check(msr_pat_is_valid(value));
		return OK;
	case GUEST_MSR_EFER:
		check((value & ~0xd01ull) == 0);
		return OK;
	case GUEST_MSR_REGISTER:
		check(msr == MSR_IA32_STAR || msr == MSR_IA32_FMASK ||
		      msr == MSR_IA32_SYSENTER_CS || msr == MSR_IA32_TSC_AUX ||
		      msr_is_canonical(value, 48));
		return OK;
	default:
		return OK;
	}
}

static const struct guest_msr_ops ops = { on_read, on_write };

static void start(uint64_t features)
{
	const struct msr_host host = { 0 };

	if (guest.gm.chunk_count == 0) {
		fake_guest_init(&guest);
	}
	now = 1000;
	guest_msrs_init(&msrs, &ops, NULL, features & 0x1f, &host);
	pvclock_init(&vclock, &guest.gm, 2000000, 0, 1);
}

/* The number: one that is known, mostly. */
static uint32_t number(uint32_t n)
{
	static const uint32_t bases[] = { 0x0,        0x100,      0x1000,
					  0xc0000000, 0xc0000100, 0x4b564d00,
					  0xd00,      0x200 };

	return (n & 0x80000000) != 0 ? n : bases[n >> 8 & 7] + (n & 0xff);
}

static void step(const uint8_t *data)
{
	uint32_t msr, was;
	uint64_t value, again;
	enum status s;

	memcpy(&msr, data + 2, sizeof(msr));
	memcpy(&value, data + 6, sizeof(value));
	msr = number(msr);
	now += data[1];
	was = served;
	if ((data[0] & 1) != 0) {
		s = guest_msr_write(&msrs, msr, value);
	} else {
		s = guest_msr_read(&msrs, msr, &value);
		check(guest_msr_read(&msrs, msr, &again) == s);
		check(s != OK || value == again);
	}
	check(s == OK || s == ERR_DENIED || s == ERR_INVALID);
	check(s != ERR_DENIED || served == was);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t features;

	if (size < sizeof(features)) {
		return 0;
	}
	memcpy(&features, data, sizeof(features));
	start(features);
	for (size_t at = 8; at + STEP <= size; at += STEP) {
		step(data + at);
	}
	return 0;
}
