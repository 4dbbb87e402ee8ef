/*
 * boot_con.h - progress and refusals, on the firmware's console and on COM1.
 *
 * Where the firmware itself shows its console on COM1 (OVMF does), we do not
 * write there a second time.
 */
#ifndef BOOT_CON_H
#define BOOT_CON_H

#include <bh/attr.h>
#include <efi.h>

/** boot_con_init() - find COM1 and whether the firmware already uses it. */
void boot_con_init(EFI_SYSTEM_TABLE *st);
/** boot_con_uart() - COM1's I/O port if there is a UART, else 0. */
uint16_t boot_con_uart(void);

/**
 * boot_con_print() - formatted text, at most 255 characters.
 * @fmt: gnu-efi's formats: %s CHAR16 *, %a char *, %d %x int, %ld %lx 64 bit,
 *	 %r EFI_STATUS; '\n' becomes CR LF
 *
 * Context: boot services only.
 */
void boot_con_print(const CHAR16 *fmt, ...);

/**
 * boot_con_refuse() - one line: "bulkhead: cannot start: <cause>; <remedy>".
 * @status: handed back, so that a caller can return the call
 */
EFI_STATUS boot_con_refuse(EFI_STATUS status, const CHAR16 *fmt, ...);

/** boot_con_raw() - text on COM1 alone; works without boot services. */
void boot_con_raw(const char *text);

#endif
