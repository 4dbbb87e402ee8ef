/*
 * why.c - how a partition ended, told to people and to programs.
 *
 * The report goes from the general to the particular: the word and what it
 * means, what to do, where the vCPU was, its registers, the last exits with the
 * time before the end, the last lines of the console. Console bytes are the
 * guest's: control characters are never passed on to the operator's terminal.
 */
#include "why.h"
#include <bh/string.h>
#include <hv/partition_ops.h>

#define WHY_LINE_MAX 160

static const char *const why_gpr_names[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

struct why_row {
	const char *word, *text, *remedy;
	bool is_failure;
};

static const struct why_row why_rows[] = {
#define X(code, word, failure, text, remedy) { word, text, remedy, failure },
	END_REASON_LIST(X)
#undef X
};

static const struct why_row *why_row(enum end_reason reason)
{
	static const struct why_row unknown = { "?", "?", "?", true };

	return (uint32_t)reason < END_REASON_COUNT ? &why_rows[reason]
						   : &unknown;
}

/** end_reason_word() - see reason.h. */
const char *end_reason_word(enum end_reason reason)
{
	return why_row(reason)->word;
}

/** end_reason_text() - see reason.h. */
const char *end_reason_text(enum end_reason reason)
{
	return why_row(reason)->text;
}

/** end_reason_remedy() - see reason.h. */
const char *end_reason_remedy(enum end_reason reason)
{
	return why_row(reason)->remedy;
}

/** end_reason_is_failure() - see reason.h. */
bool end_reason_is_failure(enum end_reason reason)
{
	return why_row(reason)->is_failure;
}

/* Microseconds from @tsc to the end; 0 if the clock is unknown. */
static uint64_t why_before_end_us(const struct why_record *r, uint64_t tsc)
{
	uint64_t ticks = r->tsc > tsc ? r->tsc - tsc : 0;

	if (r->tsc_khz == 0) {
		return 0;
	}
	/* in two parts, so that nothing overflows */
	return ticks / r->tsc_khz * 1000 +
	       ticks % r->tsc_khz * 1000 / r->tsc_khz;
}

static uint32_t why_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void why_json_regs(struct json_writer *w, const struct why_regs *g)
{
	json_print(w, "'registers':{");
	for (uint32_t i = 0; i < 16; i++) {
		json_print(w, "'%s':'0x%lx'", why_gpr_names[i], g->gpr[i]);
	}
	json_print(w,
		   "'rip':'0x%lx','rflags':'0x%lx','cr0':'0x%lx',"
		   "'cr2':'0x%lx','cr3':'0x%lx','cr4':'0x%lx','efer':'0x%lx',"
		   "'cs':'0x%x','ss':'0x%x','cs_base':'0x%lx',"
		   "'fs_base':'0x%lx','gs_base':'0x%lx'}",
		   g->rip, g->rflags, g->cr0, g->cr2, g->cr3, g->cr4, g->efer,
		   g->cs, g->ss, g->cs_base, g->fs_base, g->gs_base);
}

static void why_insn_text(const struct why_record *r, char *dst, size_t size)
{
	size_t at = 0;

	dst[0] = '\0';
	for (uint32_t i = 0; i < r->insn_len && i < WHY_INSN_MAX; i++) {
		at += fmt_print(dst + at, size - at, "%s%02x", i ? " " : "",
				(unsigned int)r->insn[i]);
	}
}

/**
 * why_write_json() - the report as one JSON object (partition.why).
 */
void why_write_json(struct json_writer *w, const char *partition,
		    const struct why_record *r)
{
	const struct why_row *row = why_row(r->reason);
	char insn[64];

	json_print(w,
		   "{'name':'%s','reason':'%s','failure':%s,'sentence':'%s',"
		   "'text':'%s','remedy':'%s','vcpu':%u,'tsc':%lu,"
		   "'uptime_us':%lu",
		   partition, row->word, row->is_failure ? "true" : "false",
		   row->text, r->text, row->remedy, r->vcpu, r->tsc,
		   r->uptime_us);
	if (r->has_exit) {
		json_print(w,
			   "'exit':{'reason':'%s','number':%u,"
			   "'qualification':'0x%lx','count':%lu}",
			   ops_exit_name(r->exit_reason), r->exit_reason,
			   r->qualification, r->exit_count);
	}
	if (r->has_gpa) {
		json_print(w, "'gpa':'0x%lx'", r->gpa);
	}
	if (r->insn_len > 0) {
		why_insn_text(r, insn, sizeof(insn));
		json_print(w, "'instruction':'%s'", insn);
	}
	if (r->has_regs) {
		why_json_regs(w, &r->regs);
	}
	json_print(w, "'trace':[");
	for (uint32_t i = 0; i < why_min(r->trace_count, WHY_TRACE_MAX); i++) {
		const struct exit_trace_entry *t = &r->trace[i];

		json_print(w,
			   "{'tsc':%lu,'before_end_us':%lu,'vcpu':%u,"
			   "'reason':'%s','rip':'0x%lx',"
			   "'qualification':'0x%lx'}",
			   t->tsc, why_before_end_us(r, t->tsc), t->vcpu,
			   ops_exit_name(t->reason), t->rip, t->qualification);
	}
	json_print(w, "],'console':'%.*s'}",
		   (int)why_min(r->console_len, WHY_CONSOLE_MAX), r->console);
}

/* The lines go out through this. */
struct why_out {
	why_line_fn *line;
	void *ctx;
};

static printf_like(2, 3) void why_say(const struct why_out *o, const char *fmt,
				      ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->line(o->ctx, text);
}

static void why_print_regs(const struct why_out *o, const struct why_regs *g)
{
	why_say(o, "registers");
	for (uint32_t i = 0; i < 16; i += 4) {
		why_say(o,
			"  %-3s %016lx  %-3s %016lx  %-3s %016lx  %-3s "
			"%016lx",
			why_gpr_names[i], g->gpr[i], why_gpr_names[i + 1],
			g->gpr[i + 1], why_gpr_names[i + 2], g->gpr[i + 2],
			why_gpr_names[i + 3], g->gpr[i + 3]);
	}
	why_say(o, "  rip %016lx  rflags %08lx  cs %04x  ss %04x", g->rip,
		g->rflags, (unsigned int)g->cs, (unsigned int)g->ss);
	why_say(o, "  cr0 %08lx  cr2 %016lx  cr3 %016lx  cr4 %08lx", g->cr0,
		g->cr2, g->cr3, g->cr4);
	why_say(o, "  efer %lx  cs.base %lx  fs.base %lx  gs.base %lx", g->efer,
		g->cs_base, g->fs_base, g->gs_base);
}

static void why_print_trace(const struct why_out *o, const struct why_record *r)
{
	uint32_t count = why_min(r->trace_count, WHY_TRACE_MAX);

	why_say(o, "last %u exits (microseconds before the end)", count);
	for (uint32_t i = 0; i < count; i++) {
		const struct exit_trace_entry *t = &r->trace[i];

		why_say(o, "  -%-10lu vcpu %u  %-28s rip %lx  qual %lx",
			why_before_end_us(r, t->tsc), t->vcpu,
			ops_exit_name(t->reason), t->rip, t->qualification);
	}
}

static void why_print_console(const struct why_out *o,
			      const struct why_record *r)
{
	uint32_t len = why_min(r->console_len, WHY_CONSOLE_MAX);
	char line[WHY_LINE_MAX];
	size_t at = 0;

	why_say(o, "last console lines");
	for (uint32_t i = 0; i < len; i++) {
		char c = r->console[i];

		if (c == '\n' || at == sizeof(line) - 1) {
			line[at] = '\0';
			why_say(o, "  | %s", line);
			at = 0;
		}
		if (c != '\n' && c != '\r') {
			line[at++] = text_visible(c);
		}
	}
	if (at > 0) {
		line[at] = '\0';
		why_say(o, "  | %s", line);
	}
}

/** why_print() - the report as lines of text, one call of @line each. */
void why_print(const char *partition, const struct why_record *r,
	       why_line_fn *line, void *ctx)
{
	struct why_out o = { .line = line, .ctx = ctx };
	const struct why_row *row = why_row(r->reason);
	char insn[64];

	why_say(&o, "partition %s: %s: %s", partition, row->word, row->text);
	if (r->text[0] != '\0') {
		why_say(&o, "what      %s", r->text);
	}
	why_say(&o, "remedy    %s", row->remedy);
	why_say(&o, "when      after %lu.%06lu s, vCPU %u",
		r->uptime_us / 1000000, r->uptime_us % 1000000, r->vcpu);
	if (r->has_exit) {
		why_say(&o, "exit      %s (%u), qualification %lx, number %lu",
			ops_exit_name(r->exit_reason), r->exit_reason,
			r->qualification, r->exit_count);
	}
	if (r->has_gpa) {
		why_say(&o, "address   guest-physical %lx", r->gpa);
	}
	if (r->insn_len > 0) {
		why_insn_text(r, insn, sizeof(insn));
		why_say(&o, "bytes     %s", insn);
	}
	if (r->has_regs) {
		why_print_regs(&o, &r->regs);
	}
	if (r->trace_count > 0) {
		why_print_trace(&o, r);
	}
	if (r->console_len > 0) {
		why_print_console(&o, r);
	}
}
