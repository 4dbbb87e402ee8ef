/*
 * guest_state.c - the guest state that the processor does not switch.
 */
#include "guest_state.h"

#include "cpu_local.h"

#include <arch/cpu.h>
#include <bh/string.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

#define FPU_SIZE_MIN 1024u

enum status guest_state_create(struct guest_state *s, frame_owner_t owner,
			       bool has_tsc_aux)
{
	uint32_t r[4];

	cpu_cpuid(0xd, 0, r);
	s->fpu_size =
		align_up(r[2] < FPU_SIZE_MIN ? FPU_SIZE_MIN : r[2], PAGE_SIZE);
	s->has_tsc_aux = has_tsc_aux;
	return pmm_alloc(owner, s->fpu_size, PAGE_SIZE, &s->fpu_page);
}

void guest_state_destroy(struct guest_state *s, frame_owner_t owner)
{
	pmm_free(owner, s->fpu_page, s->fpu_size);
}

void guest_state_reset(struct guest_state *s)
{
	uint8_t *area = phys_to_virt(s->fpu_page);

	memset(s->dr, 0, sizeof(s->dr));
	s->tsc_aux = 0;
	memset(area, 0, s->fpu_size);
	*(uint16_t *)area = 0x37f;
	*(uint32_t *)(area + 24) = 0x1f80;
}

static bool has_xsave(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return (cr4 & CR4_OSXSAVE) != 0;
}

static void xsetbv(uint64_t xcr0)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(0), "a"((uint32_t)xcr0),
			   "d"((uint32_t)(xcr0 >> 32)));
}

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

/*
 * All components the guest may ever use, whatever XCR0 it has now. XCR0 is
 * looked at: QEMU 7.2's TCG never asks the intercept of XSETBV, so the guest
 * may have changed it unseen.
 */
static void fpu_save(struct vcpu *v, const struct guest_state *s)
{
	void *area = phys_to_virt(s->fpu_page);

	if (has_xsave()) {
		v->xcr0 = xgetbv() & (v->vm->xcr0_allowed | XCR0_X87);
		xsetbv(v->vm->xcr0_allowed);
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
	} else {
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	}
}

static void fpu_restore(const struct vcpu *v, const struct guest_state *s)
{
	void *area = phys_to_virt(s->fpu_page);

	if (has_xsave()) {
		xsetbv(v->vm->xcr0_allowed);
		__asm__ volatile("xrstor64 (%0)"
				 :
				 : "r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
		xsetbv(v->xcr0);
	} else {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	}
}

void guest_state_save(struct vcpu *v, struct guest_state *s)
{
	fpu_save(v, s);
	if (s->has_tsc_aux) {
		s->tsc_aux = rdmsr(MSR_IA32_TSC_AUX);
	}
	__asm__ volatile("mov %%dr0, %0" : "=r"(s->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(s->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(s->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(s->dr[3]));
}

void guest_state_restore(const struct vcpu *v, const struct guest_state *s)
{
	fpu_restore(v, s);
	if (s->has_tsc_aux) {
		wrmsr(MSR_IA32_TSC_AUX, s->tsc_aux);
	}
	__asm__ volatile("mov %0, %%dr0" : : "r"(s->dr[0]));
	__asm__ volatile("mov %0, %%dr1" : : "r"(s->dr[1]));
	__asm__ volatile("mov %0, %%dr2" : : "r"(s->dr[2]));
	__asm__ volatile("mov %0, %%dr3" : : "r"(s->dr[3]));
}

void guest_xcr0_set(struct vcpu *v, uint64_t xcr0)
{
	v->xcr0 = xcr0;
	if (cpu_this()->loaded == v && has_xsave()) {
		xsetbv(xcr0);
	}
}
