/*
 * sched_plot.c - run the scheduler's simulation and write what it did as CSV.
 *
 *	sched_plot FOLDER
 *
 * shares.csv    what each group had in each half second, beside its ideal:
 *               weights 1:2:7 on two CPUs; then company, a limit, a nap
 * latency.csv   wake-ups of sleepers on loaded CPUs by latency
 * quota.csv     what a group with cpu.max had in each period, with a burst
 * pinned.csv    five vCPUs pinned to a CPU, three free; then 27 more
 * summary.json  the worst errors, what the documents quote
 */
#include "tests/lib/sched_sim.h"

#include <stdio.h>
#include <stdlib.h>

static const char *folder;
static FILE *summary;

static FILE *plot_open(const char *name, const char *head)
{
	char path[512];
	FILE *f;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >=
	    (int)sizeof(path)) {
		fprintf(stderr, "sched_plot: the folder's name is too long\n");
		exit(1);
	}
	f = fopen(path, "w");
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	fputs(head, f);
	return f;
}

static void plot_max(struct sim *m, uint32_t g, uint64_t quota_us,
		     uint64_t burst_us)
{
	if (sched_set_max(&m->s, &m->groups[g].g,
			  (struct sched_max){ quota_us, 100000, burst_us },
			  m->now) != OK) {
		exit(1);
	}
}

static double seconds(const struct sim *m)
{
	return (double)m->now / (double)SIM_S;
}

/* A row for each @step until @end: time, then got and ideal of each group.
 * Returns the worst error of a row, in CPUs. */
static double plot_rows(struct sim *m, FILE *f, uint64_t step, uint64_t end)
{
	double worst = 0;

	while (m->now < end) {
		sim_mark(m);
		sim_run(m, step);
		sim_compare(m, m->s.cpu_count);
		fprintf(f, "%.3f", seconds(m));
		for (uint32_t i = 1; i < m->group_count; i++) {
			const struct sim_group *g = &m->groups[i];
			double off = g->got - g->ideal;

			off = off < 0 ? -off : off;
			worst = off > worst ? off : worst;
			fprintf(f, ",%.5f,%.5f", g->got, g->ideal);
		}
		fprintf(f, "\n");
	}
	return worst;
}

static void plot_shares(void)
{
	struct sim *m = sim_new(2, 16, 1);
	FILE *f = plot_open("shares.csv", "s,a,a_ideal,b,b_ideal,c,c_ideal,d,"
					  "d_ideal\n");
	uint32_t a = sim_group(m, 0, 100), b = sim_group(m, 0, 200);
	uint32_t c = sim_group(m, 0, 700), d = sim_group(m, 0, 500);
	double worst;

	(void)sim_vcpu(m, a, 0, 0);
	(void)sim_vcpu(m, b, 0, 0);
	for (uint32_t i = 0; i < 2; i++) {
		(void)sim_vcpu(m, c, 0, 0);
	}
	worst = plot_rows(m, f, SIM_S / 2, 10 * SIM_S);
	for (uint32_t i = 0; i < 2; i++) {
		(void)sim_vcpu(m, d, 0, 0);
	}
	(void)plot_rows(m, f, SIM_S / 2, 20 * SIM_S);
	plot_max(m, c, 50000, 0);
	(void)plot_rows(m, f, SIM_S / 2, 30 * SIM_S);
	plot_max(m, c, SCHED_QUOTA_NONE, 0);
	if (sched_set_weight(&m->s, &m->groups[a].g, 10000, m->now) != OK) {
		exit(1);
	}
	(void)plot_rows(m, f, SIM_S / 2, 40 * SIM_S);
	fprintf(summary, "  \"worst_error_of_half_a_second_cpus\": %.5f,\n",
		worst);
	fclose(f);
	sim_free(m);
}

static void plot_latency(void)
{
	struct sim *m = sim_new(4, 64, 7);
	FILE *f = plot_open("latency.csv", "us,wakeups\n");
	uint64_t longest = 0;

	for (uint32_t i = 0; i < 8; i++) {
		(void)sim_vcpu(m, sim_group(m, 0, 100), 0, 0);
	}
	for (uint32_t i = 0; i < 8; i++) {
		(void)sim_vcpu(m, sim_group(m, 0, 100), 300 * SIM_US,
			       (5 + i) * SIM_MS);
	}
	sim_run(m, SIM_S);
	sim_mark(m);
	sim_run(m, 120 * SIM_S);
	for (uint32_t i = 0; i < SIM_LATENCY_SLOTS; i++) {
		fprintf(f, "%.3f,%llu\n", (double)(1ull << i) / 1000,
			(unsigned long long)m->latency[i]);
	}
	for (uint32_t i = 0; i < m->vcpu_count; i++) {
		const struct sim_vcpu *v = &m->vcpus[i];

		longest = v->latency_max > longest ? v->latency_max : longest;
	}
	fprintf(summary, "  \"longest_wakeup_us\": %.1f,\n",
		(double)longest / 1000);
	fclose(f);
	sim_free(m);
}

static void plot_quota(void)
{
	struct sim *m = sim_new(2, 16, 3);
	FILE *f = plot_open("quota.csv", "period,quarter_ms,burst_ms\n");
	uint32_t q = sim_group(m, 0, 100), b = sim_group(m, 0, 100);
	uint64_t last_q = 0, last_b = 0;
	double worst = 0;

	(void)sim_vcpu(m, q, 0, 0);
	(void)sim_vcpu(m, sim_group(m, 0, 100), 0, 0);
	/* Busy now and then: saves up to 20 ms for when it is. */
	(void)sim_vcpu(m, b, 120 * SIM_MS, 500 * SIM_MS);
	plot_max(m, q, 25000, 0);
	plot_max(m, b, 40000, 20000);
	for (uint32_t i = 0; i < 100; i++) {
		double used_q, used_b;

		sim_run(m, 100 * SIM_MS);
		sched_charge_all(&m->s, m->now);
		used_q = (double)(m->groups[q].g.usage - last_q) / SIM_MS;
		used_b = (double)(m->groups[b].g.usage - last_b) / SIM_MS;
		last_q = m->groups[q].g.usage;
		last_b = m->groups[b].g.usage;
		worst = used_q > worst ? used_q : worst;
		fprintf(f, "%u,%.4f,%.4f\n", i, used_q, used_b);
	}
	fprintf(summary, "  \"most_of_25_ms_in_a_period_ms\": %.4f,\n", worst);
	fprintf(summary, "  \"quarter_of_ten_seconds\": %.6f,\n",
		(double)last_q / (double)m->now);
	fclose(f);
	sim_free(m);
}

static void plot_pin(struct sim *m, uint64_t mask)
{
	uint32_t v = sim_vcpu(m, sim_group(m, 0, 100), 0, 0);

	sched_set_affinity(&m->s, &m->vcpus[v].v, mask, m->now);
}

/* The mean of vCPUs @first to @last, in CPUs, since sim_mark(). */
static double plot_mean(struct sim *m, uint32_t first, uint32_t last)
{
	double sum = 0;

	sched_charge_all(&m->s, m->now);
	for (uint32_t i = first; i <= last; i++) {
		sum += (double)m->vcpus[i].v.usage - m->vcpus[i].got;
	}
	return sum / (last - first + 1) / (double)(m->now - m->marked);
}

static void plot_pinned(void)
{
	struct sim *m = sim_new(4, 64, 1);
	FILE *f = plot_open("pinned.csv", "s,pinned,free\n");

	for (uint32_t i = 0; i < 8; i++) {
		plot_pin(m, i < 5 ? 1 : 0xf);
	}
	for (uint32_t i = 0; i < 80; i++) {
		if (i == 40) {
			for (uint32_t j = 0; j < 27; j++) {
				plot_pin(m, 0xf);
			}
		}
		sim_mark(m);
		sim_run(m, SIM_S / 4);
		fprintf(f, "%.2f,%.4f,%.4f\n", seconds(m), plot_mean(m, 0, 4),
			plot_mean(m, 5, i < 40 ? 7 : 34));
	}
	fclose(f);
	sim_free(m);
}

/* Random trees of groups for a minute each. */
static void plot_nested(void)
{
	double most = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *m = sim_new(4, 128, seed);
		uint32_t worst;
		double error;

		for (uint32_t i = 0; i < 24; i++) {
			uint32_t top = i < 6 ? 0 : 1 + i % 6;
			uint32_t g = sim_group(
				m, top, 20 + (uint32_t)sim_random(m, 300));

			for (uint32_t j = 0; i >= 6 && j <= i % 4; j++) {
				(void)sim_vcpu(m, g, 0, 0);
			}
		}
		sim_run(m, SIM_S);
		sim_mark(m);
		sim_run(m, 60 * SIM_S);
		sim_compare(m, 4);
		error = sim_error(m, 0.01, &worst);
		most = error > most ? error : most;
		sim_free(m);
	}
	fprintf(summary, "  \"worst_error_of_nested_groups_percent\": %.3f\n",
		most * 100);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: sched_plot FOLDER\n");
		return 2;
	}
	folder = argv[1];
	summary = plot_open("summary.json", "{\n");
	plot_shares();
	plot_latency();
	plot_quota();
	plot_pinned();
	plot_nested();
	fputs("}\n", summary);
	fclose(summary);
	return 0;
}
