/* boot_con.c - progress and refusals. See boot_con.h. */
#include "boot_con.h"

#include "boot_cpu.h"

#include <efilib.h>
#include <stdarg.h>
#include <stdbool.h>

#define LINE_MAX 256u

/* 16550 registers, by offset */
#define COM1_PORT             0x3f8u
#define UART_DATA             0u
#define UART_IER              1u
#define UART_FCR              2u
#define UART_LCR              3u
#define UART_MCR              4u
#define UART_LSR              5u
#define UART_SCRATCH          7u
#define UART_LCR_8N1          0x03u
#define UART_LCR_DLAB         0x80u
#define UART_FCR_ENABLE_CLEAR 0x07u
#define UART_MCR_DTR_RTS      0x03u
#define UART_LSR_THR_EMPTY    0x20u
#define UART_DIVISOR_115200   1u
#define UART_SPIN_MAX         100000u

/* EISA id PNP0501: a 16550 */
#define HID_UART 0x050141d0u

static struct {
	SIMPLE_TEXT_OUTPUT_INTERFACE *out;
	uint16_t port;       /* 0: no UART */
	bool is_mirrored;    /* the firmware's console is on COM1, too */
	bool is_uart_ready;  /* we have programmed it */
	bool is_line_broken; /* it stopped taking bytes: leave it alone */
} con;

static void uart_write(uint32_t reg, uint8_t value)
{
	boot_cpu_out8((uint16_t)(con.port + reg), value);
}

static uint8_t uart_read(uint32_t reg)
{
	return boot_cpu_in8((uint16_t)(con.port + reg));
}

static bool uart_probe(void)
{
	con.port = COM1_PORT;
	uint8_t old = uart_read(UART_SCRATCH);
	uart_write(UART_SCRATCH, 0x5a);
	bool is_first = uart_read(UART_SCRATCH) == 0x5a;
	uart_write(UART_SCRATCH, 0xa5);
	bool is_second = uart_read(UART_SCRATCH) == 0xa5;
	uart_write(UART_SCRATCH, old);
	return is_first && is_second;
}

static void uart_setup(void)
{
	uart_write(UART_IER, 0);
	uart_write(UART_LCR, UART_LCR_DLAB);
	uart_write(UART_DATA, UART_DIVISOR_115200);
	uart_write(UART_IER, 0);
	uart_write(UART_LCR, UART_LCR_8N1);
	uart_write(UART_FCR, UART_FCR_ENABLE_CLEAR);
	uart_write(UART_MCR, UART_MCR_DTR_RTS);
	con.is_uart_ready = true;
}

static void uart_put(uint8_t c)
{
	uint32_t spin = 0;
	while (!(uart_read(UART_LSR) & UART_LSR_THR_EMPTY)) {
		if (++spin == UART_SPIN_MAX) {
			con.is_line_broken = true;
			return;
		}
	}
	uart_write(UART_DATA, c);
}

void boot_con_raw(const char *text)
{
	if (con.port == 0 || con.is_line_broken) {
		return;
	}
	if (!con.is_uart_ready) {
		uart_setup();
	}
	for (; *text != '\0' && !con.is_line_broken; text++) {
		uart_put((uint8_t)*text);
	}
}

/* Does a device path lead through the first 16550? */
static bool is_com1_path(EFI_DEVICE_PATH *path)
{
	for (; !IsDevicePathEnd(path); path = NextDevicePathNode(path)) {
		const ACPI_HID_DEVICE_PATH *acpi = (void *)path;
		if (DevicePathNodeLength(path) < (int)sizeof(*path)) {
			return false;
		}
		if (DevicePathType(path) == ACPI_DEVICE_PATH &&
		    DevicePathSubType(path) == ACPI_DP &&
		    acpi->HID == HID_UART && acpi->UID == 0) {
			return true;
		}
	}
	return false;
}

/* edk2 tags each handle that its console goes to with this GUID. */
static bool firmware_uses_com1(EFI_BOOT_SERVICES *bs)
{
	EFI_GUID console_out = { 0xd3b36f2c,
				 0xd551,
				 0x11d4,
				 { 0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1,
				   0x4d } };
	EFI_GUID path_guid = gEfiDevicePathProtocolGuid;
	EFI_HANDLE *handles = NULL;
	UINTN count = 0;
	bool is_found = false;

	if (EFI_ERROR(bs->LocateHandleBuffer(ByProtocol, &console_out, NULL,
					     &count, &handles))) {
		return false;
	}
	for (UINTN i = 0; i < count && !is_found; i++) {
		void *path = NULL;
		if (!EFI_ERROR(bs->HandleProtocol(handles[i], &path_guid,
						  &path)) &&
		    path) {
			is_found = is_com1_path(path);
		}
	}
	(void)bs->FreePool(handles);
	return is_found;
}

void boot_con_init(EFI_SYSTEM_TABLE *st)
{
	con.out = st->ConOut;
	if (!uart_probe()) {
		con.port = 0;
		return;
	}
	con.is_mirrored = firmware_uses_com1(st->BootServices);
	if (!con.is_mirrored) {
		uart_setup();
	}
}

uint16_t boot_con_uart(void)
{
	return con.port;
}

/* One or two characters to COM1; what is not ASCII becomes a '?'. */
static void put_narrow(const CHAR16 *wide)
{
	char narrow[3] = { (char)wide[0], (char)wide[1], 0 };
	if (wide[0] > 0x7e) {
		narrow[0] = '?';
	}
	boot_con_raw(narrow);
}

/* '\n' to CR LF (gnu-efi's printing may have done it), to each console. */
static void emit(const CHAR16 *text)
{
	for (; *text != 0; text++) {
		CHAR16 wide[3] = { *text, 0, 0 };
		if (*text == L'\r') {
			continue;
		}
		if (*text == L'\n') {
			wide[0] = L'\r';
			wide[1] = L'\n';
		}
		if (con.out) {
			(void)con.out->OutputString(con.out, wide);
		}
		if (!con.is_mirrored) {
			put_narrow(wide);
		}
	}
}

static void print_list(const CHAR16 *fmt, va_list args)
{
	CHAR16 line[LINE_MAX];
	UnicodeVSPrint(line, sizeof(line), fmt, args);
	line[LINE_MAX - 1] = 0;
	emit(line);
}

void boot_con_print(const CHAR16 *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	print_list(fmt, args);
	va_end(args);
}

EFI_STATUS boot_con_refuse(EFI_STATUS status, const CHAR16 *fmt, ...)
{
	va_list args;
	emit(L"\nbulkhead: cannot start: ");
	va_start(args, fmt);
	print_list(fmt, args);
	va_end(args);
	emit(L"\n");
	return status;
}
