/*
 * virtio_pci.h - virtio structures on a PCI bus in the words of VIRTIO 1.2
 * ("Virtio Over PCI Bus").
 */
#ifndef SPEC_VIRTIO_PCI_H
#define SPEC_VIRTIO_PCI_H

#include <bh/attr.h>

#define VIRTIO_PCI_VENDOR_ID      0x1af4
#define VIRTIO_PCI_DEVICE_ID_BASE 0x1040 /* + virtio device number */

#define VIRTIO_PCI_CAP_COMMON_CFG 1
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2
#define VIRTIO_PCI_CAP_ISR_CFG    3
#define VIRTIO_PCI_CAP_DEVICE_CFG 4
#define VIRTIO_PCI_CAP_PCI_CFG    5

struct virtio_pci_cap {
	uint8_t cap_vndr;
	uint8_t cap_next;
	uint8_t cap_len;
	uint8_t cfg_type;
	uint8_t bar;
	uint8_t id;
	uint8_t padding[2];
	uint32_t offset;
	uint32_t length;
};
_Static_assert(sizeof(struct virtio_pci_cap) == 16, "virtio_pci_cap");
#define VIRTIO_PCI_CAP_TAIL 16 /* notify_off_multiplier or pci_cfg_data */

/* struct virtio_pci_common_cfg: offset, size of each field */
/* clang-format off */
#define VIRTIO_PCI_COMMON_LIST(X)               \
	X(DEVICE_FEATURE_SELECT, 0x00, 4)       \
	X(DEVICE_FEATURE,        0x04, 4)       \
	X(DRIVER_FEATURE_SELECT, 0x08, 4)       \
	X(DRIVER_FEATURE,        0x0c, 4)       \
	X(CONFIG_MSIX_VECTOR,    0x10, 2)       \
	X(NUM_QUEUES,            0x12, 2)       \
	X(DEVICE_STATUS,         0x14, 1)       \
	X(CONFIG_GENERATION,     0x15, 1)       \
	X(QUEUE_SELECT,          0x16, 2)       \
	X(QUEUE_SIZE,            0x18, 2)       \
	X(QUEUE_MSIX_VECTOR,     0x1a, 2)       \
	X(QUEUE_ENABLE,          0x1c, 2)       \
	X(QUEUE_NOTIFY_OFF,      0x1e, 2)       \
	X(QUEUE_DESC_LO,         0x20, 4)       \
	X(QUEUE_DESC_HI,         0x24, 4)       \
	X(QUEUE_DRIVER_LO,       0x28, 4)       \
	X(QUEUE_DRIVER_HI,       0x2c, 4)       \
	X(QUEUE_DEVICE_LO,       0x30, 4)       \
	X(QUEUE_DEVICE_HI,       0x34, 4)
/* clang-format on */

enum virtio_pci_common {
#define X(name, offset, size) VIRTIO_PCI_COMMON_##name = offset,
	VIRTIO_PCI_COMMON_LIST(X)
#undef X
};
#define VIRTIO_PCI_COMMON_SIZE 0x38

#define VIRTIO_MSI_NO_VECTOR  0xffff
#define VIRTIO_PCI_ISR_QUEUE  0x1
#define VIRTIO_PCI_ISR_CONFIG 0x2

#endif
