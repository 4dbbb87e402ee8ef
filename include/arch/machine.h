/*
 * machine.h - what the architecture does for the VMM at start-up and below it.
 */
#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

#include <bh/addr.h>
#include <bh/boot_info.h>
#include <bh/status.h>

/** machine_early_init() - GDT, TSS, IDT and the direct map of the boot CPU. */
void machine_early_init(const struct boot_info *bi);

/**
 * machine_map_init() - the VMM's own address space; needs the frames (pmm.h).
 * Return: ERR_NOMEM.
 */
must_check enum status machine_map_init(const struct boot_info *bi);

/** machine_map_device() - device registers at @base, uncached; NULL: no memory.
 */
void *machine_map_device(hpa_t base, uint64_t size);
/** machine_map_framebuffer() - as above, write-combining. */
void *machine_map_framebuffer(hpa_t base, uint64_t size);

/** machine_irq_claim() - have @fn called for interrupt @vector (>= 32). */
void machine_irq_claim(uint32_t vector, void (*fn)(void));

/** machine_image_size() - bytes of the VMM image: code, data, stacks. */
uint64_t machine_image_size(void);

/** machine_cpu_id() - APIC id of the calling CPU. */
uint32_t machine_cpu_id(void);

/*
 * Starting the other processors (arch/x86_64/ap_start.c). One after the other:
 * prepare, INIT and SIPI by the caller, wait, give up if it does not come.
 */
#define MACHINE_CPU_MAX 64u

/**
 * machine_ap_begin() - get ready to start processors, each of which calls
 * @then with its number. Return: ERR_NOENT without a page below 1 MiB;
 * ERR_NOMEM.
 */
must_check enum status machine_ap_begin(const struct boot_info *bi,
					void (*then)(uint32_t cpu));
/** machine_ap_prepare() - CPU @index (> 0), whose APIC id is @apic_id, is the
 * next to start, at page *@sipi_page. Return: ERR_NOMEM. */
must_check enum status machine_ap_prepare(uint32_t index, uint32_t apic_id,
					  uint8_t *sipi_page);
/** machine_ap_is_up() - has it come as far as C? */
bool machine_ap_is_up(uint32_t index);
/** machine_ap_give_up() - from now on it halts if it comes; false: it has
 * come. */
bool machine_ap_give_up(uint32_t index);
/** machine_ap_end() - no more are started. */
void machine_ap_end(void);

/*
 * What a panic needs from whoever owns the log (vmm/recorder.c).
 */
/** machine_panic_begin() - from now on the log takes no lock; @text: why. */
void machine_panic_begin(const char *text);
/** machine_panic_end() - everything logged goes out; then the machine stops or
 *  begins anew, as the boot option `panic` says. */
no_return void machine_panic_end(void);

struct hv_backend;

/** machine_backend() - the virtualization extension this CPU has; NULL: none.
 */
const struct hv_backend *machine_backend(void);

#endif
