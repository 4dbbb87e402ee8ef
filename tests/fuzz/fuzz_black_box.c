/*
 * fuzz_black_box.c - any memory as a black box. The input is a script: runs
 * write, bytes are changed anywhere, and checksums are made right again over
 * what was changed, so that hostile contents pass for good ones. Whatever is
 * there, the next run opens it, tells what it finds in clean text of bounded
 * size, and its own half is good afterwards.
 */
#include "black_box.h"
#include "lib/crc32.h"
#include <stdlib.h>
#include <string.h>

/* log, and per exits block a title and lines of at most 400 bytes */
#define TEXT_MAX                      \
	(BLACK_BOX_HALF + 100 * 100 + \
	 BLACK_BOX_EXITS * (BLACK_BOX_TRACE + 1) * 400 + 2000)

static uint8_t mem[BOOT_BLACK_BOX_SIZE] align_to(4096);
static struct black_box box;
static struct black_box_previous before;
static const uint8_t *script;
static size_t script_left, text_len;

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static uint32_t take(uint32_t bytes)
{
	uint32_t v = 0;

	for (; bytes > 0 && script_left > 0; bytes--, script_left--) {
		v = v << 8 | *script++;
	}
	return v;
}

static void put(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	text_len += len;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		check(c == '\n' || (c >= 0x20 && c != 0x7f));
	}
}

static const char *exit_name(const char *backend, uint32_t reason)
{
	return strcmp(backend, "vmx") == 0 && reason < 64 ? "NAME" : NULL;
}

static void start(void)
{
	const struct black_box_out out = { put, NULL, exit_name };

	black_box_open(&box, mem, "0.1", &before);
	check(box.mem == mem || box.mem == mem + BLACK_BOX_HALF);
	check(box.generation != 0);
	check((before.verdict == BLACK_BOX_GOOD) == (box.before != NULL));
	text_len = 0;
	black_box_render(&box, &before, &out);
	check(text_len < TEXT_MAX);
}

/* The checksum of block @i of the memory, made right. */
static void reseal(uint32_t i)
{
	uint8_t *at =
		mem + (size_t)(i % (2 * BLACK_BOX_BLOCKS)) * BLACK_BOX_BLOCK;
	struct black_box_header *h = (void *)at;
	struct black_box_block *b = (void *)at;
	uint32_t crc;

	if (i % BLACK_BOX_BLOCKS == 0) {
		h->crc = 0;
		h->crc = crc32_value(crc32_add(CRC32_START, h, sizeof(*h)));
		return;
	}
	b->head.len =
		b->head.len < BLACK_BOX_BYTES ? b->head.len : BLACK_BOX_BYTES;
	crc = crc32_add(CRC32_START, &b->head.generation,
			offsetof(struct black_box_block, bytes) -
				offsetof(struct black_box_head, generation) +
				b->head.len);
	crc = crc32_add(crc, &b->head.len, sizeof(b->head.len));
	b->head.crc = crc32_value(crc);
}

static void change(void)
{
	uint32_t at = take(3) % sizeof(mem);

	for (uint32_t n = take(1) % 16; n > 0 && at < sizeof(mem); n--) {
		mem[at++] = (uint8_t)take(1);
	}
	reseal(at / BLACK_BOX_BLOCK);
}

static void say(void)
{
	char text[256];
	uint32_t len = take(1);

	for (uint32_t i = 0; i < len; i++) {
		text[i] = (char)take(1);
	}
	black_box_log(&box, text, len);
}

static void note(void)
{
	static struct black_box_exits e;
	uint8_t *p = (uint8_t *)&e;

	for (uint32_t n = take(1); n > 0; n--) {
		p[take(2) % sizeof(e)] = (uint8_t)take(1);
	}
	black_box_exits(&box, take(1) % (BLACK_BOX_EXITS + 2), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script = data;
	script_left = size;
	memset(mem, 0, sizeof(mem));
	start();
	while (script_left > 0) {
		switch (take(1) % 6) {
		case 0:
			start();
			break;
		case 1:
			say();
			break;
		case 2:
			note();
			break;
		case 3:
			black_box_end(&box, take(1) % 8, take(4), "a text");
			break;
		case 4:
			change();
			break;
		default:
			reseal(take(1));
			break;
		}
	}
	start();
	/* what this run writes is good, whatever was there */
	start();
	check(before.verdict == BLACK_BOX_GOOD);
	return 0;
}
