/*
 * font8x16.h - glyphs of the screen console, generated at build time from a
 * console font of the distribution by tools/gen/psf2c.py.
 */
#ifndef DRIVERS_PHYS_FONT8X16_H
#define DRIVERS_PHYS_FONT8X16_H

#include <bh/attr.h>

#define FONT8X16_FIRST 0x20u /* ' ' */
#define FONT8X16_COUNT 96u   /* up to '~' and one box for all that is unknown */
#define FONT8X16_BOX   0x7fu

/* One byte a row, the most significant bit is the leftmost pixel. */
extern const uint8_t font8x16[FONT8X16_COUNT][16];

#endif
