/*
 * partition_devices.h - the small PC a partition sees.
 *
 *   00:01.0 virtio-console (hvc0)   ports 0x1000
 *   00:02.0 virtio-blk (vda)        ports 0x1100
 *   00:03.0 virtio-vsock            ports 0x1200
 *   00:04.0 virtio-rng              ports 0x1300
 *   COM1 0x3f8 (GSI 4), IOAPIC, power management, PCI configuration ports
 *   platform pc: PIT (GSI 0) and port 0x61, keyboard controller (GSI 1), clock
 *   chip 0x70
 *   exit-port: what the configuration says
 */
#ifndef VMM_PARTITION_DEVICES_H
#define VMM_PARTITION_DEVICES_H

#include <bh/ring.h>
#include <drivers/virt/ramdisk.h>
#include <drivers/virt/vexit.h>
#include <drivers/virt/vi8042.h>
#include <drivers/virt/vioapic.h>
#include <drivers/virt/virtio_blk.h>
#include <drivers/virt/virtio_console.h>
#include <drivers/virt/virtio_rng.h>
#include <drivers/virt/virtio_vsock.h>
#include <drivers/virt/vpci.h>
#include <drivers/virt/vpit.h>
#include <drivers/virt/vpm.h>
#include <drivers/virt/vrtc.h>
#include <drivers/virt/vuart.h>

#define PARTITION_VIRTIO_COUNT 4

struct partition;

struct partition_devices {
	struct io_bus bus;
	struct vpci pci;
	struct vpm pm;
	struct vuart uart;
	struct vioapic ioapic;
	struct vpit pit;     /* only with CONFIG_PLATFORM_PC */
	struct vi8042 i8042; /* the same */
	struct vrtc rtc;     /* the same */
	struct vexit exit;   /* only with an exit port */
	struct virtio_console console;
	struct virtio_blk blk;
	struct virtio_vsock vsock;
	struct virtio_rng rng;
	struct ramdisk disk;
	bool has_disk;
	struct vsock_conn *agent_conn;
	struct virtio_pci *functions[PARTITION_VIRTIO_COUNT]; /* NULL: none */
	hpa_t msix_pages[PARTITION_VIRTIO_COUNT];
};

/**
 * partition_devices_init() - build all devices in their reset state and map
 * their MSI-X pages. Return: ERR_NOMEM or what a device's init returns.
 */
must_check enum status partition_devices_init(struct partition *p);

/** partition_devices_release() - give the MSI-X pages back. */
void partition_devices_release(struct partition *p);

/** partition_devices_poll() - interrupts held back, queues with more work. */
void partition_devices_poll(struct partition *p);

#endif
