/* selftest_host_map.c - the VMM's own address spaces, tried by reading. */
#include "arch/x86_64/host_map.h"
#include <arch/cpu.h>
#include <bh/selftest.h>
#include <bh/string.h>

#define STACK_BYTES KIB(16)

/* Each stack ends below at a page that faults, also where the next begins. */
TEST(stacks_have_guard_pages)
{
	uint8_t *first = host_map_stack(STACK_BYTES);
	uint8_t *second = host_map_stack(STACK_BYTES);
	uint8_t byte;

	SELFTEST_EXPECT(first != NULL && second != NULL);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *top = i == 0 ? first : second;

		memset(top - STACK_BYTES, 0x5a, STACK_BYTES);
		SELFTEST_EXPECT(cpu_probe_read8(top - 1, &byte));
		SELFTEST_EXPECT(byte == 0x5a);
		SELFTEST_EXPECT(cpu_probe_read8(top - STACK_BYTES, &byte));
		SELFTEST_EXPECT(!cpu_probe_read8(top - STACK_BYTES - 1, &byte));
		SELFTEST_EXPECT(
			!cpu_probe_read8(top - STACK_BYTES - PAGE_SIZE, &byte));
		SELFTEST_EXPECT(!cpu_probe_read8(top, &byte));
	}
}

TEST(null_faults)
{
	uint8_t byte;

	SELFTEST_EXPECT(!cpu_probe_read8((const void *)8, &byte));
}
