/* pic_phys.h - silencing the machine's two 8259 interrupt controllers. */
#ifndef DRIVERS_PHYS_PIC_PHYS_H
#define DRIVERS_PHYS_PIC_PHYS_H

#include <bh/attr.h>

/**
 * pic_phys_disable() - move both 8259s to @vector_base (16 vectors, a multiple
 * of 8) and mask all their lines.
 */
void pic_phys_disable(uint8_t vector_base);

#endif
