/*
 * virtio_config.h - device status, reserved feature bits and device numbers in
 * the words of "Virtual I/O Device (VIRTIO) Version 1.2" ("Device Status
 * Field", "Reserved Feature Bits", "Device Types").
 */
#ifndef SPEC_VIRTIO_CONFIG_H
#define SPEC_VIRTIO_CONFIG_H

#include <bh/attr.h>

#define VIRTIO_STATUS_ACKNOWLEDGE        0x01
#define VIRTIO_STATUS_DRIVER             0x02
#define VIRTIO_STATUS_DRIVER_OK          0x04
#define VIRTIO_STATUS_FEATURES_OK        0x08
#define VIRTIO_STATUS_DEVICE_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED             0x80

#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)

#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_ENTROPY 4
#define VIRTIO_ID_VSOCK   19

#endif
