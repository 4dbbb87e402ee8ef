/*
 * pic_phys.c - silencing the machine's two 8259 interrupt controllers.
 *
 * Even a fully masked 8259 can raise a spurious interrupt, so the pair is moved
 * away from the exceptions' vectors before it is masked. On a machine without
 * one the writes go nowhere.
 */
#include "pic_phys.h"
#include <arch/io.h>

/* clang-format off */
#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1

#define ICW1_INIT_ICW4 0x11 /* edge, cascade, ICW4 follows */
#define ICW3_MASTER    0x04 /* the second one hangs on line 2 */
#define ICW3_SLAVE     0x02
#define ICW4_8086      0x01
#define MASK_ALL       0xff
/* clang-format on */

/**
 * pic_phys_disable() - move both 8259s to @vector_base (16 vectors, a multiple
 * of 8) and mask all their lines.
 */
void pic_phys_disable(uint8_t vector_base)
{
	io_out8(PIC1_DATA, MASK_ALL);
	io_out8(PIC2_DATA, MASK_ALL);
	io_out8(PIC1_COMMAND, ICW1_INIT_ICW4);
	io_out8(PIC2_COMMAND, ICW1_INIT_ICW4);
	io_out8(PIC1_DATA, vector_base);
	io_out8(PIC2_DATA, (uint8_t)(vector_base + 8));
	io_out8(PIC1_DATA, ICW3_MASTER);
	io_out8(PIC2_DATA, ICW3_SLAVE);
	io_out8(PIC1_DATA, ICW4_8086);
	io_out8(PIC2_DATA, ICW4_8086);
	io_out8(PIC1_DATA, MASK_ALL); /* the initialisation cleared the masks */
	io_out8(PIC2_DATA, MASK_ALL);
}
