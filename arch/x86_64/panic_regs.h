/* panic_regs.h - the report of a fault in the VMM itself. */
#ifndef ARCH_X86_64_PANIC_REGS_H
#define ARCH_X86_64_PANIC_REGS_H

#include "trap.h"

/** panic_with_frame() - report the fault in @f with registers and stop. */
no_return void panic_with_frame(const struct trap_frame *f);

#endif
