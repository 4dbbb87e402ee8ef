/*
 * platform.h - the physical machine's devices, as the VMM uses them.
 *
 * The one place in vmm/ that knows drivers/phys (docs/adr/0001): consoles,
 * clock, timer, power.
 */
#ifndef VMM_PLATFORM_H
#define VMM_PLATFORM_H

#include <bh/boot_info.h>
#include <bh/status.h>
#include <stdbool.h>

/** platform_console_init() - COM1, COM2 and screen become log sinks. */
void platform_console_init(const struct boot_info *bi);

/**
 * platform_init() - clock, local APIC, interrupt controllers; after the map.
 * Return: what failed; each failure was logged with its remedy.
 */
must_check enum status platform_init(const struct boot_info *bi);

/** platform_tsc_khz() - frequency of the TSC. */
uint64_t platform_tsc_khz(void);
/** platform_now_us() - microseconds since the VMM started. */
uint64_t platform_now_us(void);
/** platform_tsc_to_us() - a span of TSC ticks in microseconds. */
uint64_t platform_tsc_to_us(uint64_t ticks);
/** platform_us_to_tsc() - a span in TSC ticks. */
uint64_t platform_us_to_tsc(uint64_t us);
/** platform_wall_seconds() - seconds since 1970 when the VMM started. */
uint64_t platform_wall_seconds(void);

/** platform_timer_arm() - interrupt this CPU at TSC @when; UINT64_MAX: never.
 */
void platform_timer_arm(uint64_t when);

/** platform_cpu_init() - local APIC and timer of another CPU, which calls it.
 */
must_check enum status platform_cpu_init(void);
/* Messages to another CPU's local APIC. Context: any CPU. */
void platform_send_nmi(uint32_t apic_id);
void platform_send_init(uint32_t apic_id);
void platform_send_startup(uint32_t apic_id, uint8_t page);

struct lapic_phys;
/** platform_lapic() - this CPU's local APIC; NULL before platform_init(). */
struct lapic_phys *platform_lapic(void);

/**
 * platform_poll() - move console bytes, without waiting: log to the screens,
 * COM1 input to @shell, COM2 input to @rpc.
 */
typedef void platform_input_fn(const uint8_t *bytes, size_t len);
void platform_poll(platform_input_fn *shell, platform_input_fn *rpc);
/** platform_take_input() - an NMI on CPU 0 may be a UART's: take what was
 * received out of its small FIFO. Context: that NMI. */
void platform_take_input(void);
/** platform_has_input() - do received bytes wait for platform_poll()? */
bool platform_has_input(void);
/** platform_is_quiet() - is nothing waiting to go out? */
bool platform_is_quiet(void);

/** platform_shell_write() - text for COM1 and the screen. */
void platform_shell_write(const char *text, size_t len);
/** platform_rpc_write() - bytes for COM2; how many it took. */
size_t platform_rpc_write(const char *text, size_t len);

struct machine_fact;
/** platform_facts() - what the firmware's tables tell; rows written. */
uint32_t platform_facts(struct machine_fact *rows, uint32_t max);

/** platform_poweroff() - flush the consoles and switch the machine off. */
no_return void platform_poweroff(void);
/** platform_reboot() - flush the consoles and start the machine anew. */
no_return void platform_reboot(void);

/** platform_random() - @len bytes of whatever randomness the machine has. */
void platform_random(void *dst, size_t len);

#endif
