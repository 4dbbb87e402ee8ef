/*
 * partition.c - a partition's life: memory, start, end, report.
 *
 * partition_start() validates and takes everything first and performs last: a
 * start that fails leaves the partition FAILED with a reason and nothing of it
 * running. Whatever ends a partition comes through partition_end(), which only
 * marks: the CPU's loop sees that its vCPUs are STOPPED.
 */
#include "partition.h"

#include "cpu_loop.h"
#include "files.h"
#include "partition_agent.h"
#include "partition_cpu.h"
#include "partition_enter.h"
#include "partition_load.h"
#include "platform.h"
#include "recorder.h"

#include <arch/cpu.h>
#include <arch/time.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>

#include "partition_memory.h"

#define PROGRESS_US 10000000u
#define QUIET_US    1000000u

/* ---- the end ---- */

/* The last WHY_TRACE_MAX of the vCPU's ring, oldest first. */
static void partition_copy_trace(struct partition *p, const struct vcpu *v)
{
	uint32_t end = v->trace_at / sizeof(v->trace[0]);

	for (uint32_t i = VCPU_TRACE - WHY_TRACE_MAX; i < VCPU_TRACE; i++) {
		const struct exit_trace_entry *t =
			&v->trace[(end + i) % VCPU_TRACE];

		if (t->tsc != 0) {
			p->why.trace[p->why.trace_count] = *t;
			p->why.trace[p->why.trace_count++].vcpu = v->id;
		}
	}
}

static void partition_copy_console(struct partition *p)
{
	uint64_t pos = p->console.head > WHY_CONSOLE_MAX
			       ? p->console.head - WHY_CONSOLE_MAX
			       : 0;

	p->why.console_len = (uint32_t)ring_read(
		&p->console, &pos, p->why.console, WHY_CONSOLE_MAX, NULL);
}

static void partition_record(struct partition *p, enum end_reason reason,
			     const struct vcpu *v)
{
	struct why_record *w = &p->why;

	w->reason = reason;
	w->vcpu = v->id;
	w->tsc = time_tsc();
	w->tsc_khz = platform_tsc_khz();
	w->uptime_us = platform_now_us() - p->started_us;
	w->exit_count = vcpu_exit_total(v);
	partition_copy_trace(p, v);
	partition_copy_console(p);
}

/* It leaves its guest at once, wherever it runs. */
static void partition_stop_vcpu(struct guest_cpu *g)
{
	atomic_store32(&g->v.state, VCPU_STOPPED);
	guest_cpu_notify(g, VCPU_REQ_YIELD);
	(void)sched_block(cpu_loop_sched(), &g->sched, time_tsc());
}

static void partition_finish(struct partition *p, enum end_reason reason)
{
	bool is_failure = end_reason_is_failure(reason);

	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		partition_stop_vcpu(p->vcpus[i]);
	}
	p->state = is_failure ? PARTITION_FAILED : PARTITION_STOPPED;
	p->ended_us = platform_now_us();
	p->stop_at_us = 0;
	partition_agent_event(p, PARTITION_AGENT_GONE);
	log_notice("partition %s: %s: %s%s%s", p->config.name,
		   end_reason_word(reason), end_reason_text(reason),
		   p->why.text[0] != 0 ? ": " : "", p->why.text);
	recorder_partition_ended(p);
	partition_life_ended(p, reason);
}

void partition_end(struct partition *p, enum end_reason reason,
		   const char *text, ...)
{
	va_list ap;

	partition_lock_take(&p->lock);
	if (p->state == PARTITION_RUNNING) {
		memset(&p->why, 0, sizeof(p->why));
		va_start(ap, text);
		(void)fmt_vprint(p->why.text, sizeof(p->why.text), text, ap);
		va_end(ap);
		if (p->vcpu_count > 0) {
			partition_record(p, reason, &p->vcpus[0]->v);
		}
		p->why.reason = reason;
		partition_finish(p, reason);
	}
	partition_lock_drop(&p->lock);
}

static void partition_copy_regs(struct guest_cpu *g, struct why_regs *r)
{
	const struct hv_backend *b = backend();
	struct vcpu *v = &g->v;

	memcpy(r->gpr, v->gpr, sizeof(r->gpr));
	r->gpr[GPR_RSP] = b->reg_get(v, VREG_RSP);
	r->rip = b->reg_get(v, VREG_RIP);
	r->rflags = b->reg_get(v, VREG_RFLAGS);
	r->cr0 = b->reg_get(v, VREG_CR0);
	r->cr2 = b->reg_get(v, VREG_CR2);
	r->cr3 = b->reg_get(v, VREG_CR3);
	r->cr4 = b->reg_get(v, VREG_CR4);
	r->efer = b->reg_get(v, VREG_EFER);
	r->cs_base = b->reg_get(v, VREG_CS_BASE);
	r->fs_base = b->reg_get(v, VREG_FS_BASE);
	r->gs_base = b->reg_get(v, VREG_GS_BASE);
	r->cs = (uint16_t)b->reg_get(v, VREG_CS_SELECTOR);
	r->ss = (uint16_t)b->reg_get(v, VREG_SS_SELECTOR);
}

void partition_note_regs(struct guest_cpu *g)
{
	struct partition *p = g->partition;
	struct why_record *w = &p->why;
	uint64_t rsp;

	partition_lock_take(&p->lock);
	rsp = w->regs.gpr[GPR_RSP];
	if (w->has_regs && w->vcpu == g->v.id) {
		memcpy(w->regs.gpr, g->v.gpr, sizeof(w->regs.gpr));
		w->regs.gpr[GPR_RSP] = rsp;
	}
	partition_lock_drop(&p->lock);
}

/* What only the vCPU's own CPU, in its exit, can tell. */
static void partition_record_exit(struct guest_cpu *g, struct why_record *w)
{
	w->has_regs = true;
	partition_copy_regs(g, &w->regs);
	w->has_exit = true;
	w->exit_reason = g->v.exit.reason;
	w->qualification = g->v.exit.qualification;
	if (g->v.exit.kind == VM_EXIT_NESTED_FAULT ||
	    g->v.exit.kind == VM_EXIT_NPT_MISCONFIG) {
		w->has_gpa = true;
		w->gpa = g->v.exit.nested_fault.gpa.v;
	}
	w->insn_len = (uint8_t)guest_cpu_fetch(g, w->insn, WHY_INSN_MAX);
}

void partition_end_at(struct guest_cpu *g, enum end_reason reason,
		      const char *text, ...)
{
	struct partition *p = g->partition;
	struct why_record *w = &p->why;
	va_list ap;

	partition_lock_take(&p->lock);
	if (p->state == PARTITION_RUNNING) {
		memset(w, 0, sizeof(*w));
		va_start(ap, text);
		(void)fmt_vprint(w->text, sizeof(w->text), text, ap);
		va_end(ap);
		partition_record(p, reason, &g->v);
		partition_record_exit(g, w);
		partition_finish(p, reason);
	}
	partition_lock_drop(&p->lock);
}

/* First the vCPUs: a CPU with one in its hands may be about to enter the space;
 * once none has, and all are stopped, nobody enters it any more. */
static bool partition_is_quiet(const struct partition *p)
{
	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		if (atomic_load32(&p->vcpus[i]->v.cpu) != VCPU_NO_CPU) {
			return false;
		}
	}
	return !host_space_is_elsewhere(&p->vm.space);
}

/* ---- the start ---- */

static enum status partition_load_failed(struct partition *p,
					 enum end_reason reason, enum status s,
					 const char *text)
{
	p->state = PARTITION_RUNNING; /* so that the end is recorded */
	p->started_us = platform_now_us();
	partition_end(p, reason, "%s", text);
	return s;
}

static enum status partition_open_disk(struct partition *p)
{
	uint64_t size = 0;
	const void *image;

	p->dev.has_disk = p->config.image[0] != 0;
	if (!p->dev.has_disk) {
		return OK;
	}
	image = files_find(p->config.image, &size);
	if (image == NULL) {
		return ERR_NOENT;
	}
	return ramdisk_init(&p->dev.disk, image, size, "bulkhead");
}

static enum status partition_make_vcpus(struct partition *p)
{
	for (uint32_t i = 0; i < p->config.vcpu_count; i++) {
		hpa_t frames;
		enum status s =
			pmm_alloc(p->vm.owner,
				  align_up(sizeof(struct guest_cpu), PAGE_SIZE),
				  PAGE_SIZE, &frames);

		if (s != OK) {
			return s;
		}
		p->vcpus[i] = phys_to_virt(frames);
		s = guest_cpu_init(p->vcpus[i], p, i);
		if (s != OK) {
			pmm_free(p->vm.owner, frames,
				 align_up(sizeof(struct guest_cpu), PAGE_SIZE));
			return s;
		}
		p->vcpu_count = i + 1;
		s = partition_cpu_add_vcpu(p, i);
		if (s != OK) {
			return s;
		}
	}
	return OK;
}

static enum status partition_build(struct partition *p)
{
	enum status s = partition_memory_init(p);
	struct backend_offers offers;

	if (s != OK) {
		return s;
	}
	p->has_memory = true;
	/* The guest's TSC starts at 0, unless it may get the CPU's own timer,
	 * which compares with the CPU's own TSC. */
	backend()->offers(&offers);
	p->clock_start = time_tsc();
	p->wall_ns =
		(platform_wall_seconds() * 1000000 + platform_now_us()) * 1000;
	p->vm.tsc_offset = offers.has_direct_apic ? 0 : 0 - p->clock_start;
	s = partition_make_vcpus(p);
	if (s == OK) {
		s = partition_devices_init(p);
	}
	return s;
}

void partition_release(struct partition *p)
{
	struct host_space *before = partition_enter(p);

	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		partition_cpu_remove_vcpu(p, i);
		backend()->vcpu_destroy(&p->vcpus[i]->v);
		pmm_free(p->vm.owner, virt_to_phys(p->vcpus[i]),
			 align_up(sizeof(struct guest_cpu), PAGE_SIZE));
	}
	p->vcpu_count = 0;
	memset(&p->lapics, 0, sizeof(p->lapics));
	partition_devices_release(p);
	if (p->has_memory) {
		partition_memory_release(p);
	}
	p->has_memory = false;
	partition_leave(p, before);
}

/* Its vCPUs leave their guests within an exit or two. */
bool partition_wait_quiet(const struct partition *p)
{
	uint64_t limit = time_tsc() + platform_us_to_tsc(QUIET_US);

	while (!partition_is_quiet(p)) {
		if (time_tsc() > limit) {
			log_error("partition %s: a vCPU does not leave its CPU",
				  p->config.name);
			return false;
		}
		cpu_pause();
	}
	return true;
}

/* Its vCPUs are there; the first one begins, the others await a SIPI. */
static void partition_go(struct partition *p)
{
	backend()->vcpu_unload(); /* guest_cpu_reset() loaded it */
	(void)host_space_enter(NULL);
	p->state = PARTITION_RUNNING;
	p->started_us = platform_now_us();
	p->progress_us = p->started_us + PROGRESS_US;
	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		atomic_store32(&p->vcpus[i]->v.state, VCPU_STARTED);
	}
	cpu_loop_wake(p->vcpus[0]);
}

/* What can be refused before anything is taken. */
static enum status partition_check(struct partition *p)
{
	if (p->config.fault[0] != '\0') {
		return partition_load_failed(p, END_REASON_CONFIG_ERROR,
					     ERR_INVALID, p->config.fault);
	}
	if (partition_open_disk(p) != OK) {
		return partition_load_failed(
			p, END_REASON_LOAD_FAILED, ERR_NOENT,
			"its disk image is missing or not a multiple of 512 "
			"bytes");
	}
	return OK;
}

enum status partition_start(struct partition *p)
{
	struct vcpu_entry e;
	struct kernel_error err = { "" };
	struct host_space *before;
	enum status s;

	if (p->state == PARTITION_RUNNING) {
		return ERR_STATE;
	}
	if (!partition_wait_quiet(p)) {
		return ERR_BUSY;
	}
	partition_agent_poll(p);
	partition_release(p);
	p->restart_at_us = 0;
	p->panic_match = 0;
	s = partition_check(p);
	if (s != OK) {
		return s;
	}
	s = partition_build(p);
	if (s != OK) {
		/* a port that two devices want: only exit-port can do that */
		return partition_load_failed(
			p,
			s == ERR_EXIST ? END_REASON_CONFIG_ERROR
				       : END_REASON_OUT_OF_MEMORY,
			s,
			s == ERR_EXIST ? "io.bulkhead.exit-port names a port "
					 "that a device has; choose another"
				       : status_text(s));
	}
	before = partition_enter(p);
	s = partition_load(p, &e, &err);
	partition_leave(p, before);
	if (s != OK) {
		return partition_load_failed(p, END_REASON_LOAD_FAILED, s,
					     err.text);
	}
	s = guest_cpu_reset(p->vcpus[0], &e);
	if (s != OK) {
		return partition_load_failed(p, END_REASON_VMM_BUG, s,
					     status_text(s));
	}
	partition_go(p);
	log_info("partition %s: started: %llu MiB, %u vCPU, kernel %s",
		 p->config.name,
		 (unsigned long long)(p->config.limits.memory_max >> 20),
		 p->vcpu_count, p->config.kernel);
	return OK;
}

/* ---- management ---- */

/* A boot under emulation takes half a minute: say that it goes on. */
static void partition_show_progress(struct partition *p, uint64_t now)
{
	if (!p->config.has_process || now < p->progress_us ||
	    agent_link_is_ready(&p->link) || p->job.state != FIRST_JOB_IDLE) {
		return;
	}
	log_info("partition %s: its kernel boots (%llu s so far)",
		 p->config.name,
		 (unsigned long long)(now - p->started_us) / 1000000);
	p->progress_us = now + PROGRESS_US;
}

void partition_poll(struct partition *p)
{
	uint64_t now = platform_now_us();
	struct host_space *before;

	partition_agent_poll(p);
	if (p->state == PARTITION_RUNNING) {
		before = partition_enter(p);
		agent_link_poll(&p->link, now);
		partition_show_progress(p, now);
		partition_devices_poll(p);
		partition_leave(p, before);
		if (p->stop_at_us != 0 && now > p->stop_at_us) {
			partition_end(p, END_REASON_KILLED, "%s",
				      "it did not power off in time");
		}
	}
	if (p->reset_wanted ||
	    (p->restart_at_us != 0 && now >= p->restart_at_us)) {
		if (p->state == PARTITION_RUNNING) {
			partition_end(p, END_REASON_REBOOT, "%s",
				      "the operator asked for it");
		}
		if (p->reset_wanted) { /* its policy has counted the end */
			p->life.restart = (struct restart_state){ 0 };
		}
		p->reset_wanted = false;
		p->restart_at_us = 0;
		if (partition_start(p) != OK) {
			log_error("partition %s: not started again",
				  p->config.name);
		}
	}
}

uint64_t partition_overhead(const struct partition *p)
{
	return pmm_count(p->vm.owner) - partition_memory_populated(p);
}
