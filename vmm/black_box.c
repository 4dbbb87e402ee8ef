/*
 * black_box.c - writes this run's half of the box and reads the other's.
 * See black_box.h for the format and its invariants.
 *
 * The writers take no lock and fail in no way: the log's writer runs behind
 * the log's lock, the others behind their caller's, and a panic behind none.
 */
#include "black_box.h"

#include <bh/string.h>
#include <bh/sync.h>

#include "json.h"
#include "lib/crc32.h"

#define BLOCK_END   1u
#define BLOCK_EXITS 2u
#define BLOCK_LOG   (BLOCK_EXITS + BLACK_BOX_EXITS)
#define LOG_BLOCKS  (BLACK_BOX_BLOCKS - BLOCK_LOG)

/* What a block's head says it is. */
enum block_kind { KIND_NONE, KIND_END, KIND_EXITS, KIND_LOG };

/* Where the CRC of a block begins, and how much of the head it has. */
#define HEAD_AT   offsetof(struct black_box_head, generation)
#define HEAD_SIZE (sizeof(struct black_box_head) - HEAD_AT)

/** black_box_end_word() - the word for programs; "unknown" if out of range. */
const char *black_box_end_word(uint32_t end)
{
	static const char *const words[] = {
#define X(code, word, text) word,
		BLACK_BOX_END_LIST(X)
#undef X
	};

	return words[end < ARRAY_COUNT(words) ? end : 0];
}

/** black_box_end_text() - the end as the rest of a sentence. */
const char *black_box_end_text(uint32_t end)
{
	static const char *const texts[] = {
#define X(code, word, text) text,
		BLACK_BOX_END_LIST(X)
#undef X
	};

	return texts[end < ARRAY_COUNT(texts) ? end : 0];
}

/** black_box_verdict_text() - what was found, in words. */
const char *black_box_verdict_text(enum black_box_verdict verdict)
{
	static const char *const texts[] = {
#define X(code, text) text,
		BLACK_BOX_VERDICT_LIST(X)
#undef X
	};

	return texts[(uint32_t)verdict < ARRAY_COUNT(texts) ? verdict : 0];
}

/* ---- writing ---- */

static struct black_box_block *box_block(const struct black_box *b,
					 uint32_t index)
{
	return (void *)(b->mem + (size_t)index * BLACK_BOX_BLOCK);
}

static uint32_t box_head_crc(const struct black_box_head *h)
{
	return crc32_add(CRC32_START, (const uint8_t *)h + HEAD_AT, HEAD_SIZE);
}

/* A new head, not valid yet; the CRC so far. */
static uint32_t box_begin(const struct black_box *b, uint32_t index,
			  uint32_t kind, uint64_t serial)
{
	struct black_box_block *to = box_block(b, index);
	const struct black_box_head head = { .generation = b->generation,
					     .kind = kind,
					     .serial = serial };

	atomic_store64((uint64_t *)(void *)&to->head, 0);
	sync_barrier();
	memcpy(&to->head, &head, sizeof(head));
	return box_head_crc(&head);
}

/* Invariant 2: all that came before is there when the block becomes valid. */
static void box_publish(const struct black_box *b, uint32_t index, uint32_t crc,
			uint32_t len)
{
	struct black_box_block *to = box_block(b, index);

	crc = crc32_value(crc32_add(crc, &len, sizeof(len)));
	sync_barrier();
	atomic_store64((uint64_t *)(void *)&to->head,
		       (uint64_t)len << 32 | crc);
	sync_barrier();
}

static void box_write(const struct black_box *b, uint32_t index, uint32_t kind,
		      uint64_t serial, const void *bytes, uint32_t len)
{
	uint32_t crc = box_begin(b, index, kind, serial);

	memcpy(box_block(b, index)->bytes, bytes, len);
	box_publish(b, index, crc32_add(crc, bytes, len), len);
}

static uint32_t box_log_index(uint64_t serial)
{
	return BLOCK_LOG + (uint32_t)(serial % LOG_BLOCKS);
}

/**
 * black_box_log() - append text; the oldest is overwritten, a block at a time.
 * Context: the log's lock, or a panic.
 */
void black_box_log(struct black_box *b, const char *text, size_t len)
{
	while (b->mem != NULL && len > 0) {
		uint32_t room = BLACK_BOX_BYTES - b->log_len;
		uint32_t part = len < room ? (uint32_t)len : room;
		uint32_t index;

		if (part == 0) {
			b->log_serial++;
			b->log_len = 0;
			b->log_crc = box_begin(b, box_log_index(b->log_serial),
					       KIND_LOG, b->log_serial);
			continue;
		}
		index = box_log_index(b->log_serial);
		memcpy(box_block(b, index)->bytes + b->log_len, text, part);
		b->log_len += part;
		b->log_crc = crc32_add(b->log_crc, text, part);
		box_publish(b, index, b->log_crc, b->log_len);
		text += part;
		len -= part;
	}
}

/* Bytes of an exits block that holds @count of them. */
static uint32_t box_exits_len(uint32_t count)
{
	count = count < BLACK_BOX_TRACE ? count : BLACK_BOX_TRACE;
	return (uint32_t)offsetof(struct black_box_exits, trace) +
	       count * (uint32_t)sizeof(struct exit_trace_entry);
}

/**
 * black_box_exits() - note the last exits of a vCPU in block @slot (below
 * BLACK_BOX_EXITS), over those that were there; NULL: forget those.
 * Context: the caller serializes, or a panic.
 */
void black_box_exits(struct black_box *b, uint32_t slot,
		     const struct black_box_exits *e)
{
	if (b->mem == NULL || slot >= BLACK_BOX_EXITS) {
		return;
	}
	if (e == NULL) {
		(void)box_begin(b, BLOCK_EXITS + slot, KIND_NONE, 0);
	} else {
		box_write(b, BLOCK_EXITS + slot, KIND_EXITS, ++b->exits_serial,
			  e, box_exits_len(e->count));
	}
}

/**
 * black_box_end() - note why this run ends; the last word counts.
 * @us: since the run's start; @text: what happened, may be ""
 */
void black_box_end(struct black_box *b, enum black_box_end end, uint64_t us,
		   const char *text)
{
	struct black_box_last last = { .end = end, .us = us };

	if (b->mem != NULL) {
		str_copy(last.text, sizeof(last.text), text);
		box_write(b, BLOCK_END, KIND_END, 0, &last, sizeof(last));
	}
}

/* ---- reading ---- */

/* A string of @size bytes that was found: ended, and fit for a terminal. */
static void box_clean(char *s, size_t size)
{
	s[size - 1] = '\0';
	for (; *s != '\0'; s++) {
		*s = text_visible(*s);
	}
}

static uint32_t box_header_crc(struct black_box_header h)
{
	h.crc = 0;
	return crc32_value(crc32_add(CRC32_START, &h, sizeof(h)));
}

static enum black_box_verdict box_judge(const uint8_t *half,
					struct black_box_header *h)
{
	memcpy(h, half, sizeof(*h));
	if (memcmp(h->magic, BLACK_BOX_MAGIC, sizeof(h->magic)) != 0) {
		return BLACK_BOX_EMPTY;
	}
	if (h->crc != box_header_crc(*h) || h->generation == 0) {
		return BLACK_BOX_DAMAGED;
	}
	if (h->version != BLACK_BOX_VERSION || h->half_size != BLACK_BOX_HALF) {
		return BLACK_BOX_OTHER;
	}
	box_clean(h->vmm, sizeof(h->vmm));
	return BLACK_BOX_GOOD;
}

/* A copy of block @index of the run before in b->block; false if it is none. */
static bool box_read(struct black_box *b, uint32_t index, uint32_t kind)
{
	struct black_box_block *c = &b->block;
	uint32_t crc;

	memcpy(c, b->before + (size_t)index * BLACK_BOX_BLOCK, sizeof(*c));
	if (c->head.len > BLACK_BOX_BYTES || c->head.kind != kind ||
	    c->head.generation != b->before_generation) {
		return false;
	}
	crc = crc32_add(box_head_crc(&c->head), c->bytes, c->head.len);
	crc = crc32_add(crc, &c->head.len, sizeof(c->head.len));
	return crc32_value(crc) == c->head.crc;
}

static void box_find_end(struct black_box *b, struct black_box_previous *before)
{
	struct black_box_last *last = &before->last;

	if (box_read(b, BLOCK_END, KIND_END) &&
	    b->block.head.len == sizeof(*last)) {
		memcpy(last, b->block.bytes, sizeof(*last));
		box_clean(last->text, sizeof(last->text));
	}
}

/* Begin this run's half: no block of an older run may pass for one of ours. */
static void box_create(struct black_box *b, const char *vmm)
{
	struct black_box_header h = { .version = BLACK_BOX_VERSION,
				      .half_size = BLACK_BOX_HALF,
				      .generation = b->generation };

	for (uint32_t i = 0; i < BLACK_BOX_BLOCKS; i++) {
		const struct black_box_head none = { 0 };

		memcpy(&box_block(b, i)->head, &none, sizeof(none));
	}
	sync_barrier();
	memcpy(h.magic, BLACK_BOX_MAGIC, sizeof(h.magic));
	str_copy(h.vmm, sizeof(h.vmm), vmm);
	h.crc = box_header_crc(h);
	memcpy(b->mem, &h, sizeof(h));
	b->log_crc = box_begin(b, box_log_index(0), KIND_LOG, 0);
}

/**
 * black_box_open() - find the run before, and begin this one.
 * @mem:    BOOT_BLACK_BOX_SIZE bytes, as the last run left them
 * @vmm:    this version of Bulkhead
 * @before: what was found
 *
 * The run before keeps its half until the run after this one.
 */
void black_box_open(struct black_box *b, void *mem, const char *vmm,
		    struct black_box_previous *before)
{
	uint8_t *halves[2] = { mem, (uint8_t *)mem + BLACK_BOX_HALF };
	struct black_box_header h[2];
	enum black_box_verdict v[2];
	uint32_t old = 0;

	for (uint32_t i = 0; i < 2; i++) {
		v[i] = box_judge(halves[i], &h[i]);
	}
	/*
	 * The newer of two; generations go round. If none is good, the one
	 * that is not empty says more.
	 */
	if (v[0] == BLACK_BOX_GOOD && v[1] == BLACK_BOX_GOOD) {
		old = (int32_t)(h[1].generation - h[0].generation) > 0;
	} else if (v[0] != BLACK_BOX_GOOD) {
		old = v[1] == BLACK_BOX_GOOD || v[0] == BLACK_BOX_EMPTY;
	}
	*b = (struct black_box){ .mem = halves[!old], .generation = 1 };
	*before = (struct black_box_previous){ .verdict = v[old] };
	if (v[old] == BLACK_BOX_GOOD) {
		b->before = halves[old];
		b->before_generation = h[old].generation;
		b->generation = h[old].generation + 1;
		b->generation += b->generation == 0;
		before->generation = h[old].generation;
		before->is_newer_lost =
			v[!old] != BLACK_BOX_GOOD && v[!old] != BLACK_BOX_EMPTY;
		memcpy(before->vmm, h[old].vmm, sizeof(before->vmm));
		box_find_end(b, before);
	}
	box_create(b, vmm);
}

/* ---- the run before as text ---- */

static printf_like(2, 3) void box_say(const struct black_box_out *o,
				      const char *fmt, ...)
{
	char line[400];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = fmt_vprint(line, sizeof(line), fmt, ap);
	va_end(ap);
	o->put(o->ctx, line, len < sizeof(line) ? len : sizeof(line) - 1);
}

/* The serials that the log's blocks have: from *@first on; how many. */
static uint64_t box_log_range(struct black_box *b, uint64_t *first)
{
	uint64_t last = 0;
	bool is_any = false;

	for (uint32_t i = 0; i < LOG_BLOCKS; i++) {
		if (box_read(b, BLOCK_LOG + i, KIND_LOG) &&
		    b->block.head.serial % LOG_BLOCKS == i &&
		    b->block.head.serial >= last) {
			last = b->block.head.serial;
			is_any = true;
		}
	}
	*first = last < LOG_BLOCKS ? 0 : last - LOG_BLOCKS + 1;
	return is_any ? last - *first + 1 : 0;
}

/* Make text of the log fit for a terminal; its last character. @len: not 0 */
static char box_clean_log(char *text, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (text[i] != '\n') {
			text[i] = text_visible(text[i]);
		}
	}
	return text[len - 1];
}

static void box_put_log(struct black_box *b, const struct black_box_out *o)
{
	uint64_t first;
	uint64_t count = box_log_range(b, &first);
	char last = '\n';

	if (first > 0) {
		box_say(o, "(what came before is overwritten)\n");
	}
	for (uint64_t serial = first; serial < first + count; serial++) {
		char *text = (char *)b->block.bytes;

		if (!box_read(b, box_log_index(serial), KIND_LOG) ||
		    b->block.head.serial != serial) {
			box_say(o,
				"%s(up to %u bytes are damaged and left "
				"out)\n",
				last == '\n' ? "" : "\n", BLACK_BOX_BYTES);
			last = '\n';
			continue;
		}
		if (b->block.head.len > 0) {
			last = box_clean_log(text, b->block.head.len);
		}
		o->put(o->ctx, text, b->block.head.len);
	}
	if (last != '\n') {
		box_say(o, "\n");
	}
}

static uint64_t box_us_before(const struct black_box_exits *e, uint64_t tsc)
{
	uint64_t ticks = e->tsc > tsc ? e->tsc - tsc : 0;

	if (e->tsc_khz == 0) {
		return 0;
	}
	/* in two parts, so that nothing overflows */
	return ticks / e->tsc_khz * 1000 +
	       ticks % e->tsc_khz * 1000 / e->tsc_khz;
}

/* A copy of exits block @i with its strings made safe; NULL: there is none. */
static const struct black_box_exits *box_exits(struct black_box *b, uint32_t i)
{
	struct black_box_exits *e = (void *)b->block.bytes;

	if (!box_read(b, BLOCK_EXITS + i, KIND_EXITS) ||
	    b->block.head.len < box_exits_len(0) ||
	    e->count > BLACK_BOX_TRACE ||
	    b->block.head.len != box_exits_len(e->count)) {
		return NULL;
	}
	box_clean(e->partition, sizeof(e->partition));
	box_clean(e->backend, sizeof(e->backend));
	return e;
}

static void box_put_exits(const struct black_box_exits *e,
			  const struct black_box_out *o)
{
	static const char *const causes[] = {
#define X(code, text) text,
		BLACK_BOX_CAUSE_LIST(X)
#undef X
	};

	box_say(o,
		"last %u exits of vCPU %u of %s, noted %s, at [%5lu.%06lu] "
		"(microseconds before that)\n",
		e->count, e->vcpu, e->partition,
		e->cause < ARRAY_COUNT(causes) ? causes[e->cause] : "?",
		e->us / 1000000, e->us % 1000000);
	for (uint32_t i = 0; i < e->count; i++) {
		const struct exit_trace_entry *t = &e->trace[i];
		const char *name = o->exit_name(e->backend, t->reason);
		char number[16];

		(void)fmt_print(number, sizeof(number), "reason %u", t->reason);
		box_say(o, "  -%-10lu %-28s rip %lx  qual %lx\n",
			box_us_before(e, t->tsc), name != NULL ? name : number,
			t->rip, t->qualification);
	}
}

/**
 * black_box_render() - the run before as text: its log, the last exits, its
 * end. Nothing if none was found.
 */
void black_box_render(struct black_box *b,
		      const struct black_box_previous *before,
		      const struct black_box_out *o)
{
	const struct black_box_last *l = &before->last;

	if (b->before == NULL) {
		return;
	}
	box_put_log(b, o);
	for (uint32_t i = 0; i < BLACK_BOX_EXITS; i++) {
		const struct black_box_exits *e = box_exits(b, i);

		if (e != NULL) {
			box_put_exits(e, o);
		}
	}
	box_say(o, "run %u of Bulkhead %s ended %s%s%s\n", before->generation,
		before->vmm, black_box_end_text(l->end),
		l->text[0] != '\0' ? ": " : "", l->text);
	if (before->is_newer_lost) {
		box_say(o, "(the other half of the box is damaged: it may have "
			   "held a later run)\n");
	}
}
