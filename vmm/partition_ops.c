/*
 * partition_ops.c - the partition core as management sees it: what
 * hv/partition_ops.h declares, over the partitions and the machine.
 */
#include "management.h"
#include "partition.h"
#include "partition_cpu.h"
#include "partition_enter.h"
#include "partition_memory.h"
#include "platform.h"
#include "smp.h"

#include <arch/cpu.h>
#include <arch/machine.h>
#include <bh/string.h>

#include "lib/log_sink.h"

static struct partition *ops_at(uint32_t index)
{
	uint32_t count;

	return partition_table(&count)[index];
}

uint32_t ops_count(void)
{
	uint32_t count;

	(void)partition_table(&count);
	return count;
}

static uint64_t ops_exit_total(const struct partition *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		n += vcpu_exit_total(&p->vcpus[i]->v);
	}
	return n;
}

static uint64_t ops_restart_in(const struct partition *p)
{
	uint64_t now = platform_now_us();

	return p->restart_at_us > now ? p->restart_at_us - now : 0;
}

void ops_view(uint32_t index, struct partition_view *out)
{
	struct partition *p = ops_at(index);
	bool is_running = p->state == PARTITION_RUNNING;
	uint64_t end = is_running ? platform_now_us() : p->ended_us;

	*out = (struct partition_view){
		.name = p->config.name,
		.group = p->config.group,
		.id = p->index,
		.state = p->life.is_frozen ? PARTITION_PAUSED : p->state,
		.reason = is_running ? END_REASON_NONE : p->why.reason,
		.vcpu_count = p->config.vcpu_count,
		.memory_bytes = p->config.limits.memory_max,
		.exit_count = ops_exit_total(p),
		.uptime_us =
			p->state == PARTITION_CREATED ? 0 : end - p->started_us,
		.agent_ready = agent_link_is_ready(&p->link),
		.restart_count = p->life.restart.count,
		.restart_in_us = ops_restart_in(p),
		.stop_stage = p->life.stop.stage,
		.stopped_by = p->life.stop.by,
		.stop_us = p->life.stop.took_us,
	};
}

static void ops_device(struct partition_stats *out, const char *name,
		       const struct virtio_pci *f, uint64_t in,
		       uint64_t bytes_out)
{
	struct device_stats *d = &out->devices[out->device_count++];

	d->name = name;
	d->kick_count = f->kick_count;
	d->request_count = f->queue_count > 0 ? f->kick_count : 0;
	d->bytes_in = in;
	d->bytes_out = bytes_out;
	d->irq_count = f->interrupt_count;
	d->error_count = f->fault_count;
	out->irq_count += f->interrupt_count;
}

/* All frames with its mark are one of these; what is left is its vCPUs'. */
static void ops_memory(const struct partition *p, struct memory_stat *m)
{
	m->anon = partition_memory_populated(p);
	m->kernel = partition_overhead(p);
	m->devices = align_up(sizeof(*p), PAGE_SIZE) + p->life.text_size;
	if (p->has_memory) {
		m->sec_pagetables = p->vm.npt.table_count * PAGE_SIZE;
		m->devices += partition_memory_index_size(p);
	}
	for (uint32_t i = 0; i < PARTITION_VIRTIO_COUNT; i++) {
		m->devices += p->dev.msix_pages[i].v != 0 ? PAGE_SIZE : 0;
	}
	m->vcpu = m->kernel - m->sec_pagetables - m->devices;
}

void ops_stats(uint32_t index, struct partition_stats *out)
{
	struct partition *p = ops_at(index);
	const struct partition_devices *d = &p->dev;

	*out = (struct partition_stats){
		.limits = p->config.limits,
		.cpus_effective = partition_cpu_mask(p),
		.is_frozen = p->life.is_frozen,
		.memory_current = partition_memory_populated(p),
		.exit_count = ops_exit_total(p),
		.unclaimed_pio = d->bus.pio.unclaimed_count,
		.unclaimed_mmio = d->bus.mmio.unclaimed_count,
	};
	partition_cpu_stat(p, &out->cpu, &out->pressure);
	ops_memory(p, &out->memory);
	if (p->vcpu_count == 0) {
		return;
	}
	ops_device(out, "console", &d->console.pci, d->console.in_bytes,
		   d->console.out_bytes);
	if (d->has_disk) {
		ops_device(out, "blk", &d->blk.pci, d->blk.read_bytes,
			   d->blk.write_bytes);
	}
	ops_device(out, "vsock", &d->vsock.pci, d->vsock.tx_bytes,
		   d->vsock.rx_bytes);
	ops_device(out, "rng", &d->rng.pci, 0, 0);
}

bool ops_exits(uint32_t index, uint32_t n, struct exit_count *out)
{
	struct partition *p = ops_at(index);

	if (n >= VCPU_EXIT_REASONS) {
		return false;
	}
	*out = (struct exit_count){ .reason = backend()->exit_name(n) };
	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		out->count += p->vcpus[i]->v.exit_counts[n];
		out->root_tsc += p->vcpus[i]->v.exit_tsc[n];
	}
	return true;
}

const struct why_record *ops_why(uint32_t index)
{
	struct partition *p = ops_at(index);

	return p->why.reason != END_REASON_NONE ? &p->why : NULL;
}

const struct ring *ops_console(uint32_t index)
{
	return &ops_at(index)->console;
}

size_t ops_console_write(uint32_t index, const void *src, size_t len)
{
	struct partition *p = ops_at(index);
	struct host_space *before;
	size_t n;

	if (p->state != PARTITION_RUNNING) {
		return 0;
	}
	before = partition_enter(p);
	n = p->config.console == CONFIG_CONSOLE_TTYS0
		    ? vuart_input(&p->dev.uart, src, len)
		    : virtio_console_input(&p->dev.console, src, len);
	partition_leave(p, before);
	return n;
}

bool ops_cpuid(uint32_t index, uint32_t n, struct cpuid_row *out)
{
	struct partition *p = ops_at(index);
	const struct cpuid_table *t;

	if (p->vcpu_count == 0) {
		return false;
	}
	t = &p->vcpus[0]->cpuid;
	if (n + 1 >= t->row_count) {
		return false;
	}
	n++; /* row 0 is the answer to leaves that are not there */
	*out = (struct cpuid_row){ t->keys[n].leaf, t->keys[n].subleaf,
				   t->rows[n].eax,  t->rows[n].ebx,
				   t->rows[n].ecx,  t->rows[n].edx };
	return true;
}

struct agent_link *ops_agent_link(uint32_t index)
{
	return &ops_at(index)->link;
}

const char *ops_exit_name(uint32_t reason)
{
	return backend()->exit_name(reason);
}

/* ---- the machine ---- */

static void machine_brand(char text[49])
{
	uint32_t *words = (uint32_t *)(void *)text;

	for (uint32_t i = 0; i < 3; i++) {
		cpu_cpuid(0x80000002 + i, 0, &words[(size_t)i * 4]);
	}
	text[48] = 0;
}

uint64_t ops_now_us(void)
{
	return platform_now_us();
}

void ops_machine_info(struct machine_info *out)
{
	static char vendor[13];
	static char brand[52] align_to(4);
	uint32_t r[4];

	cpu_cpuid(0, 0, r);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	machine_brand(brand);
	*out = (struct machine_info){
		.version = BULKHEAD_VERSION,
		.cpu_vendor = vendor,
		.cpu_brand = brand,
		.backend = backend()->name,
		.cpu_count = smp_cpu_count(),
		.memory_bytes = pmm_total(),
		.tsc_khz = platform_tsc_khz(),
		.uptime_us = platform_now_us(),
	};
	out->feature_count =
		backend()->features(out->features, MACHINE_FEATURE_MAX);
	out->fact_count = platform_facts(out->facts, MACHINE_FACT_MAX);
}

static void mem_row(struct machine_mem *m, const char *name, const char *what,
		    uint64_t bytes)
{
	if (m->owner_count < MACHINE_MEM_MAX) {
		m->owners[m->owner_count++] =
			(struct mem_owner){ name, what, bytes };
	}
}

void ops_machine_mem(struct machine_mem *out)
{
	uint64_t image = machine_image_size();
	uint32_t count;
	struct partition **all = partition_table(&count);

	memset(out, 0, sizeof(*out));
	out->total_bytes = pmm_total();
	out->free_bytes = pmm_count(FRAME_FREE);
	mem_row(out, "free", "free", out->free_bytes);
	mem_row(out, "vmm", "image", image);
	mem_row(out, "vmm", "data", pmm_count(FRAME_VMM) - image);
	mem_row(out, "boot", "files", pmm_count(FRAME_BOOT));
	for (uint32_t i = 0; i < count; i++) {
		mem_row(out, all[i]->config.name, "ram",
			partition_memory_populated(all[i]));
		mem_row(out, all[i]->config.name, "overhead",
			partition_overhead(all[i]));
	}
}

const struct ring *ops_machine_log(void)
{
	return log_bytes();
}

bool ops_mitigation(uint32_t n, struct mitigation_row *out)
{
	struct cpu_facts facts;

	mitigations_read(&facts);
	return mitigations_row(&facts, management_opts()->mitigations, n, out);
}

const char *ops_mitigations_mode(void)
{
	return mitigations_mode_word(management_opts()->mitigations);
}

void ops_machine_poweroff(void)
{
	management_poweroff();
}

void ops_machine_reboot(void)
{
	management_reboot();
}
