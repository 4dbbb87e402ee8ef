/*
 * vmcs.c - the tables of vmcs.h and vmx_exit.h as data: names for dumps and
 * reports, and the compile-time check that each field sits in its own group.
 */
#include "vmcs.h"

/* clang-format off */
#define CHECK(encoding, width, area)                                           \
	_Static_assert(VMCS_FIELD_WIDTH(encoding) == (width) &&                \
		       VMCS_FIELD_TYPE(encoding) == (area) &&                  \
		       ((encoding) & 1) == 0, "field in the wrong group");
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_16, VMCS_AREA_CONTROL)
VMCS_16_CONTROL_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_16, VMCS_AREA_GUEST)
VMCS_16_GUEST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_16, VMCS_AREA_HOST)
VMCS_16_HOST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_64, VMCS_AREA_CONTROL)
VMCS_64_CONTROL_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_64, VMCS_AREA_READ_ONLY)
VMCS_64_READ_ONLY_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_64, VMCS_AREA_GUEST)
VMCS_64_GUEST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_64, VMCS_AREA_HOST)
VMCS_64_HOST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_32, VMCS_AREA_CONTROL)
VMCS_32_CONTROL_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_32, VMCS_AREA_READ_ONLY)
VMCS_32_READ_ONLY_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_32, VMCS_AREA_GUEST)
VMCS_32_GUEST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_32, VMCS_AREA_HOST)
VMCS_32_HOST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_NATURAL, VMCS_AREA_CONTROL)
VMCS_NATURAL_CONTROL_LIST(X)
#undef X
#define X(name, encoding)                                                      \
	CHECK(encoding, VMCS_WIDTH_NATURAL, VMCS_AREA_READ_ONLY)
VMCS_NATURAL_READ_ONLY_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_NATURAL, VMCS_AREA_GUEST)
VMCS_NATURAL_GUEST_LIST(X)
#undef X
#define X(name, encoding) CHECK(encoding, VMCS_WIDTH_NATURAL, VMCS_AREA_HOST)
VMCS_NATURAL_HOST_LIST(X)
#undef X
/* clang-format on */

const struct vmcs_field_row vmcs_field_table[] = {
#define X(name, encoding) { encoding, #name },
	VMCS_FIELD_LIST(X)
#undef X
};

const uint32_t vmcs_field_count = ARRAY_COUNT(vmcs_field_table);

const char *vmcs_field_name(uint32_t encoding)
{
	for (uint32_t i = 0; i < vmcs_field_count; i++) {
		if (vmcs_field_table[i].encoding == encoding) {
			return vmcs_field_table[i].name;
		}
	}
	return "?";
}

const char *vmx_exit_reason_name(uint32_t basic_reason)
{
	static const char *const names[EXIT_REASON_COUNT] = {
#define X(name, number, text) [number] = (text),
		VMX_EXIT_REASON_LIST(X)
#undef X
	};

	if (basic_reason >= ARRAY_COUNT(names) || !names[basic_reason]) {
		return "?";
	}
	return names[basic_reason];
}

const char *vmx_instruction_error_text(uint32_t error)
{
	static const char *const texts[] = {
#define X(number, text) [number] = (text),
		VMX_INSTRUCTION_ERROR_LIST(X)
#undef X
	};

	if (error >= ARRAY_COUNT(texts) || !texts[error]) {
		return "unknown VM-instruction error";
	}
	return texts[error];
}
