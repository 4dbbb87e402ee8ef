/*
 * crc32.h - CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320).
 *
 * In pieces: crc = CRC32_START; crc = crc32_add(crc, ...) ...; the value is
 * crc32_value(crc).
 */
#ifndef VMM_LIB_CRC32_H
#define VMM_LIB_CRC32_H

#include <bh/attr.h>

#define CRC32_START 0xffffffffu

/** crc32_add() - go on with @len bytes. */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t len);

/** crc32_value() - the CRC of all bytes added. */
static inline uint32_t crc32_value(uint32_t crc)
{
	return ~crc;
}

#endif
