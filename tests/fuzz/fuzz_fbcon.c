/* fuzz_fbcon.c - any bytes on the screen, in pieces, with painting between. */
#include "drivers/phys/fbcon.h"
#include "drivers/phys/font8x16.h"
#include <stdlib.h>

const uint8_t font8x16[FONT8X16_COUNT][16];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fbcon con;
	struct boot_framebuffer fb = { .width = 8 * 13,
				       .height = 16 * 5,
				       .stride = 8 * 13 + 3,
				       .format = BOOT_PIXEL_BGRX };
	void *pixels;

	fb.size = (uint64_t)fb.stride * fb.height * 4;
	pixels = malloc(fb.size);
	if (fbcon_init(&con, &fb, pixels) != OK) {
		abort();
	}
	while (size > 0) {
		size_t part = 1 + data[0] % 32;

		part = part < size ? part : size;
		fbcon_write(&con, data, part);
		fbcon_poll(&con, data[0] / 16);
		data += part;
		size -= part;
	}
	fbcon_poll(&con, UINT32_MAX);
	if (con.x > con.cols || con.y >= con.rows || con.top >= con.rows) {
		abort();
	}
	free(pixels);
	return 0;
}
