/* selftest_host_space.c - address spaces of partitions, tried by reading: RAM
 * of one is nowhere to be seen from another. */
#include "arch/x86_64/host_map.h"
#include <arch/cpu.h>
#include <arch/host_space.h>
#include <bh/selftest.h>
#include <bh/string.h>

#define CHUNK MIB(2)
#define ALICE ((frame_owner_t)(FRAME_PARTITION_BASE + 190))
#define BOB   ((frame_owner_t)(FRAME_PARTITION_BASE + 191))

/* One partition's worth: a chunk at @offset of the window of @space. */
struct side {
	struct host_space space;
	frame_owner_t owner;
	uint64_t offset;
	hpa_t frames;
	uint8_t mark;
};

static bool reads(const void *p, uint8_t want)
{
	uint8_t byte;

	return cpu_probe_read8(p, &byte) && byte == want;
}

static bool faults(const void *p)
{
	uint8_t byte;

	return !cpu_probe_read8(p, &byte);
}

static const uint8_t *window_of(const struct side *s)
{
	return host_space_at(s->offset);
}

static const uint8_t *direct_of(const struct side *s)
{
	return phys_to_virt(s->frames);
}

/* The direct map's view is read before, so that a translation is there that
 * has to be forgotten. */
static bool side_make(struct side *s)
{
	if (host_space_create(&s->space, s->owner) != OK ||
	    pmm_alloc(s->owner, CHUNK, CHUNK, &s->frames) != OK ||
	    !reads(direct_of(s), 0) ||
	    host_space_show(&s->space, s->offset, s->frames, CHUNK) != OK) {
		return false;
	}
	if (host_map_is_synced(0)) {
		return false; /* this CPU does not know yet */
	}
	host_map_sync();
	if (!host_map_is_synced(0) || !faults(direct_of(s))) {
		return false;
	}
	(void)host_space_enter(&s->space);
	memset(host_space_at(s->offset), s->mark, CHUNK);
	(void)host_space_enter(NULL);
	return true;
}

static void side_end(struct side *s)
{
	(void)host_space_enter(&s->space);
	frames_zero(host_space_at(s->offset), CHUNK);
	(void)host_space_enter(NULL);
	(void)host_space_hide(&s->space, s->offset, CHUNK);
	pmm_free_clean(s->owner, s->frames, CHUNK);
	host_space_destroy(&s->space);
}

/* From here: @s's chunk in its window, at both ends; and not a byte beside. */
static bool sees_own(const struct side *s)
{
	const uint8_t *w = window_of(s);

	return reads(w, s->mark) && reads(w + CHUNK - 1, s->mark) &&
	       faults(w + CHUNK);
}

static bool sees_nothing(const struct side *s)
{
	const uint8_t *w = window_of(s);
	const uint8_t *d = direct_of(s);

	return faults(w) && faults(w + CHUNK - 1) && faults(d) &&
	       faults(d + CHUNK / 2) && faults(d + CHUNK - 1);
}

static bool is_clean(const struct side *s)
{
	const uint64_t *words = phys_to_virt(s->frames);
	uint64_t any = 0;

	for (uint32_t i = 0; i < CHUNK / sizeof(*words); i++) {
		any |= words[i];
	}
	return any == 0;
}

TEST(a_partition_sees_only_its_own_ram)
{
	static struct side a = { .owner = ALICE, .offset = CHUNK, .mark = 0xa };
	static struct side b = { .owner = BOB, .offset = 0, .mark = 0xb };
	uint64_t was_free = pmm_count(FRAME_FREE);
	uint64_t was_ours = pmm_count(FRAME_VMM);

	SELFTEST_EXPECT(side_make(&a) && side_make(&b));
	SELFTEST_EXPECT(sees_nothing(&a) && sees_nothing(&b));
	(void)host_space_enter(&a.space);
	SELFTEST_EXPECT(sees_own(&a) && sees_nothing(&b));
	SELFTEST_EXPECT(faults(direct_of(&a)));
	SELFTEST_EXPECT(host_space_enter(&b.space) == &a.space);
	SELFTEST_EXPECT(sees_own(&b) && faults(window_of(&a)));
	SELFTEST_EXPECT(faults(direct_of(&a)) && faults(direct_of(&b)));
	SELFTEST_EXPECT(host_space_enter(NULL) == &b.space);
	SELFTEST_EXPECT(sees_nothing(&a) && sees_nothing(&b));
	side_end(&a);
	side_end(&b);
	SELFTEST_EXPECT(is_clean(&a) && is_clean(&b));
	SELFTEST_EXPECT(pmm_count(ALICE) == 0 && pmm_count(BOB) == 0);
	SELFTEST_EXPECT(pmm_count(FRAME_FREE) == was_free);
	SELFTEST_EXPECT(pmm_count(FRAME_VMM) == was_ours);
}

/* The same address is another's RAM after the switch, not what was cached. */
TEST(windows_lie_at_one_address)
{
	static struct side a = { .owner = ALICE, .mark = 0x11 };
	static struct side b = { .owner = BOB, .mark = 0x22 };

	SELFTEST_EXPECT(side_make(&a) && side_make(&b));
	for (uint32_t i = 0; i < 3; i++) {
		(void)host_space_enter(&a.space);
		SELFTEST_EXPECT(sees_own(&a));
		(void)host_space_enter(&b.space);
		SELFTEST_EXPECT(sees_own(&b));
	}
	(void)host_space_enter(NULL);
	side_end(&a);
	side_end(&b);
}

/* All of the VMM is in every space: what follows would not run otherwise. */
TEST(a_space_shows_the_vmm)
{
	static struct side a = { .owner = ALICE, .mark = 1 };
	uint8_t *stack;

	SELFTEST_EXPECT(side_make(&a));
	(void)host_space_enter(&a.space);
	stack = host_map_stack(PAGE_SIZE); /* made while it is loaded */
	SELFTEST_EXPECT(stack != NULL);
	stack[-1] = 7;
	(void)host_space_enter(NULL);
	SELFTEST_EXPECT(reads(stack - 1, 7));
	side_end(&a);
}

TEST(a_space_that_is_gone_is_the_vmms_own)
{
	static struct side a = { .owner = ALICE, .mark = 1 };

	SELFTEST_EXPECT(side_make(&a));
	(void)host_space_enter(&a.space);
	frames_zero(host_space_at(0), CHUNK);
	(void)host_space_hide(&a.space, 0, CHUNK);
	pmm_free_clean(ALICE, a.frames, CHUNK);
	host_space_destroy(&a.space); /* the CPU is in it */
	SELFTEST_EXPECT(host_space_enter(&a.space) == NULL);
	SELFTEST_EXPECT(host_space_enter(NULL) == NULL);
	SELFTEST_EXPECT(faults(window_of(&a)));
	host_space_destroy(&a.space); /* again: nothing */
	SELFTEST_EXPECT(pmm_count(ALICE) == 0);
}

TEST(what_cannot_be_shown_stays_in_the_direct_map)
{
	static struct side a = { .owner = ALICE, .mark = 1 };
	hpa_t more;

	SELFTEST_EXPECT(side_make(&a));
	SELFTEST_EXPECT(pmm_alloc(ALICE, 2 * CHUNK, CHUNK, &more) == OK);
	SELFTEST_EXPECT(host_space_show(&a.space, 0, more, CHUNK) == ERR_EXIST);
	SELFTEST_EXPECT(host_space_show(&a.space, HOST_SPACE_WINDOW_SIZE, more,
					CHUNK) == ERR_TOO_BIG);
	SELFTEST_EXPECT(host_space_show(&a.space,
					HOST_SPACE_WINDOW_SIZE - CHUNK, more,
					2 * CHUNK) == ERR_TOO_BIG);
	SELFTEST_EXPECT(host_space_show(&a.space, 0ull - CHUNK, more,
					2 * CHUNK) == ERR_TOO_BIG);
	host_map_sync();
	SELFTEST_EXPECT(reads(phys_to_virt(more), 0));
	/* the second of two is in the way: the first has not stayed, either */
	SELFTEST_EXPECT(host_space_show(&a.space, 2 * CHUNK, more, CHUNK) ==
			OK);
	SELFTEST_EXPECT(host_space_show(&a.space, CHUNK, hpa(more.v + CHUNK),
					2 * CHUNK) == ERR_EXIST);
	(void)host_space_enter(&a.space);
	SELFTEST_EXPECT(faults(host_space_at(CHUNK)));
	SELFTEST_EXPECT(reads(host_space_at(2 * CHUNK), 0));
	(void)host_space_enter(NULL);
	SELFTEST_EXPECT(reads(phys_to_virt(hpa(more.v + CHUNK)), 0));
	SELFTEST_EXPECT(host_space_hide(&a.space, 2 * CHUNK, CHUNK).v ==
			more.v);
	pmm_free(ALICE, more, 2 * CHUNK);
	side_end(&a);
	SELFTEST_EXPECT(pmm_count(ALICE) == 0);
}
