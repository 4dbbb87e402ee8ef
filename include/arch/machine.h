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
 * What a panic needs from whoever owns the log (vmm/platform.c).
 */
/** machine_panic_begin() - from now on the log takes no lock. */
void machine_panic_begin(void);
/** machine_panic_flush() - everything logged goes out, synchronously. */
void machine_panic_flush(void);

struct hv_backend;

/** machine_backend() - the virtualization extension this CPU has; NULL: none.
 */
const struct hv_backend *machine_backend(void);

#endif
