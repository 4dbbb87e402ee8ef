/*
 * phys.c - the direct map of the fake machine: an arena on the heap. An address
 * outside of it is a bug of the code under test and ends the test.
 */
#include "fake_phys.h"
#include <bh/pmm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_GARBAGE 0xa5

static uint8_t *fake_phys_base;
static uint64_t fake_phys_size;

void fake_phys_init(uint64_t size)
{
	fake_phys_base = aligned_alloc(PAGE_SIZE, size);
	if (fake_phys_base == NULL) {
		abort();
	}
	fake_phys_size = size;
	memset(fake_phys_base, FAKE_GARBAGE, size);
}

void fake_phys_done(void)
{
	free(fake_phys_base);
	fake_phys_base = NULL;
	fake_phys_size = 0;
}

void *phys_to_virt(hpa_t a)
{
	if (a.v >= fake_phys_size) {
		fprintf(stderr, "fake_arch: no memory at %#llx\n",
			(unsigned long long)a.v);
		abort();
	}
	return fake_phys_base + a.v;
}

hpa_t virt_to_phys(const void *p)
{
	uint64_t offset = (uint64_t)((const uint8_t *)p - fake_phys_base);

	if (offset >= fake_phys_size) {
		abort();
	}
	return hpa(offset);
}

void frames_zero(void *dst, uint64_t size)
{
	memset(dst, 0, size);
}
