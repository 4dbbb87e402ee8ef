/*
 * event_word.h - an event on its way into a guest, in one word.
 *
 * VT-x's interruption information (SDM vol. 3, "VM-Entry Controls for Event
 * Injection") and AMD-V's EVENTINJ (APM vol. 2, "Event Injection") have the
 * same vector, type, error-code and valid bits; so has vcpu.event.
 */
#ifndef HV_EVENT_WORD_H
#define HV_EVENT_WORD_H

#include <bh/attr.h>

/* clang-format off */
#define EVENT_VECTOR(e)        ((uint32_t)(e) & 0xff)
#define EVENT_TYPE(e)          ((uint32_t)((e) >> 8) & 7)
#define EVENT_TYPE_SHIFT       8
#define EVENT_ERROR_CODE_VALID BIT(11) /* "deliver" on entry */
#define EVENT_VALID            BIT(31)
/* clang-format on */

enum event_type {
	EVENT_EXTERNAL_INTERRUPT = 0,
	EVENT_RESERVED_TYPE = 1,
	EVENT_NMI = 2,
	EVENT_HARDWARE_EXCEPTION = 3, /* AMD-V: and INT3, INTO, INT1 */
	EVENT_SOFTWARE_INTERRUPT = 4,
	EVENT_PRIVILEGED_SOFTWARE_EXCEPTION = 5, /* this and more: VT-x */
	EVENT_SOFTWARE_EXCEPTION = 6,
	EVENT_OTHER = 7,
};

/** event_word() - valid, without an error code. */
static inline uint32_t event_word(enum event_type type, uint32_t vector)
{
	return (uint32_t)EVENT_VALID | (uint32_t)type << EVENT_TYPE_SHIFT |
	       vector;
}

#endif
