/* virtio_console.h - VIRTIO 1.2, "Console Device". */
#ifndef SPEC_VIRTIO_CONSOLE_H
#define SPEC_VIRTIO_CONSOLE_H

#include <bh/attr.h>

#define VIRTIO_CONSOLE_F_SIZE BIT(0)

struct virtio_console_config {
	uint16_t cols;
	uint16_t rows;
	uint32_t max_nr_ports;
	uint32_t emerg_wr;
};
_Static_assert(sizeof(struct virtio_console_config) == 12, "console config");

#endif
