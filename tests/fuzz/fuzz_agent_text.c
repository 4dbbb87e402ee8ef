/*
 * fuzz_agent_text.c - bytes of programs and words of the command line: UTF-8
 * cleaning (whole and in pieces), the output ring, options, numbers, names.
 */
#include "agent_fuzz.h"
#include "guest/agent/options.h"
#include "guest/agent/out_ring.h"
#include "guest/agent/utf8.h"
#include "tests/unit/agent_no_conn.h"

#define PIECE_MAX 64

/* Cleaned bytes are a JSON string, and cleaning them again changes nothing. */
static char *clean_whole(const char *text, size_t size, size_t *len)
{
	char *out = malloc(3 * size + 1);
	char *again = malloc(9 * size + 1);
	size_t used;
	*len = utf8_clean(text, size, out, NULL);
	REQUIRE(*len <= 3 * size);
	auto_json json_t *s = json_stringn(out, *len);
	REQUIRE(s != NULL);
	size_t n = utf8_clean(out, *len, again, &used);
	REQUIRE(n == *len && used == *len && memcmp(out, again, n) == 0);
	free(again);
	return out;
}

/* In pieces, with the cut character carried on, the result is the same. */
static void clean_pieces(const char *text, size_t size, size_t piece,
			 const char *want, size_t want_len)
{
	char buf[PIECE_MAX + 4];
	char out[3 * sizeof(buf)];
	size_t cut = 0;
	size_t at = 0;
	for (size_t done = 0; done < size;) {
		size_t n = size - done < piece ? size - done : piece;
		size_t used;
		memcpy(buf + cut, text + done, n);
		done += n;
		size_t have = cut + n;
		size_t len =
			utf8_clean(buf, have, out, done < size ? &used : NULL);
		used = done < size ? used : have;
		REQUIRE(have - used < 4);
		REQUIRE(at + len <= want_len &&
			memcmp(want + at, out, len) == 0);
		at += len;
		cut = have - used;
		memmove(buf, buf + used, cut);
	}
	REQUIRE(at == want_len);
}

static void ring(const char *text, size_t size, uint64_t pos)
{
	static struct out_ring r;
	char out[PIECE_MAX];
	uint64_t lost;
	size_t n;
	r.head = 0;
	out_ring_write(&r, text, size);
	while ((n = out_ring_read(&r, &pos, out, sizeof(out), &lost)) > 0) {
		REQUIRE(pos <= size && pos >= n && lost <= size);
		REQUIRE(memcmp(out, text + pos - n, n) == 0);
	}
	REQUIRE(pos == r.head);
}

static void words(const char *text, size_t size)
{
	struct options o;
	uint64_t n;
	char *copy = malloc(size + 1);
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (util_name_ok(copy)) {
		REQUIRE(strlen(copy) <= RPC_NAME_MAX && copy[0] != '.');
		REQUIRE(strchr(copy, '/') == NULL);
	}
	if (util_to_u64(copy, &n)) {
		REQUIRE(copy[0] >= '0' && copy[0] <= '9');
		char *end;
		REQUIRE(strtoull(copy, &end, 10) == n && *end == '\0');
	}
	options_parse(copy, &o);
	REQUIRE(memchr(o.transport, '\0', sizeof(o.transport)) != NULL);
	REQUIRE(memchr(o.cgroup, '\0', sizeof(o.cgroup)) != NULL);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2) {
		return 0;
	}
	size_t piece = 1 + data[0] % PIECE_MAX;
	uint64_t pos = data[1];
	const char *text = (const char *)data + 2;
	size_t len;
	char *clean = clean_whole(text, size - 2, &len);
	clean_pieces(text, size - 2, piece, clean, len);
	ring(text, size - 2, data[1] == 0xff ? UINT64_MAX : pos);
	words(text, size - 2);
	free(clean);
	return 0;
}
