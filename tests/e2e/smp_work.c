/*
 * smp_work.c - work for all CPUs of a Linux guest, which notices what an SMP
 * guest must never see.
 *
 * A thread is bound to each CPU. In each round one of them maps a fresh page in
 * the place of a shared one, writes the round's number and the time, and says
 * so; the others read the page all the while. Who knows of the round and still
 * reads the page before it has a translation that should have been flushed
 * before mmap() returned; who reads a clock that is behind the writer's has
 * another time. The barrier between rounds makes CPUs sleep and wake others.
 *
 * usage: smp_work ROUNDS
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CPU_MAX 64

static long cpu_count, rounds;
static _Atomic long published = -1; /* round whose page is there */
static _Atomic long *page;
static int64_t stamp; /* ns, of the writer */
static pthread_barrier_t barrier;
static atomic_int failures;
static atomic_long moved; /* rounds not on the CPU that was asked for */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void fail(const char *what, long round, long a, long b)
{
	if (atomic_fetch_add(&failures, 1) < 5) {
		printf("smp_work: round %ld: %s: %ld, %ld\n", round, what, a,
		       b);
	}
}

static void write_page(long round)
{
	void *at = mmap((void *)page, 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (at != (void *)page) {
		perror("mmap");
		exit(2);
	}
	*page = round;
	stamp = now_ns();
	atomic_store(&published, round);
}

static void read_page(long round)
{
	long known, value;

	do {
		known = atomic_load(&published);
		value = *page;
		/* before the page was mapped, mapped, written */
		if (value != round &&
		    (known == round || (value != round - 1 && value != 0))) {
			fail("stale page", round, known, value);
		}
	} while (known != round);
	if (now_ns() < stamp) {
		fail("time went back", round, (long)(stamp - now_ns()), 0);
	}
}

static void *work(void *arg)
{
	long me = (long)(intptr_t)arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)me, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		perror("sched_setaffinity");
		exit(2);
	}
	for (long round = 1; round <= rounds; round++) {
		pthread_barrier_wait(&barrier);
		moved += sched_getcpu() != me;
		if (round % cpu_count == me) {
			write_page(round);
		} else {
			read_page(round);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[CPU_MAX];
	int64_t begin = now_ns();

	setvbuf(stdout, NULL, _IOLBF, 0);
	rounds = argc > 1 ? atol(argv[1]) : 100;
	cpu_count = sysconf(_SC_NPROCESSORS_ONLN);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (cpu_count > CPU_MAX || (void *)page == MAP_FAILED ||
	    pthread_barrier_init(&barrier, NULL, (unsigned)cpu_count) != 0) {
		return 2;
	}
	for (long i = 0; i < cpu_count; i++) {
		if (pthread_create(&threads[i], NULL, work,
				   (void *)(intptr_t)i) != 0) {
			return 2;
		}
	}
	for (long i = 0; i < cpu_count; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("smp_work: %ld CPUs, %ld rounds, %d failures, %ld elsewhere, "
	       "%lld ms\n",
	       cpu_count, rounds, atomic_load(&failures), (long)moved,
	       (long long)(now_ns() - begin) / 1000000);
	return failures != 0 || moved != 0;
}
