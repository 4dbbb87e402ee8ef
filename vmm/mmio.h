/* mmio.h - a guest's accesses to device memory, and string port I/O. */
#ifndef VMM_MMIO_H
#define VMM_MMIO_H

#include "guest_cpu.h"

/** mmio_is_apic() - is @at a register of @g's local APIC, in xAPIC mode? */
bool mmio_is_apic(struct guest_cpu *g, uint64_t at);
/** mmio_access() - decode and carry out the access that faulted at e->…gpa. */
enum vm_verdict mmio_access(struct guest_cpu *g, struct vm_exit *e);
/** string_pio() - INS and OUTS, with or without REP, in bounded steps. */
enum vm_verdict string_pio(struct guest_cpu *g, struct vm_exit *e);

#endif
