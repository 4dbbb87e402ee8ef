/*
 * pci.h - PCI configuration space in the words of the PCI Local Bus
 * Specification 3.0 ("Configuration Space", "Message Signaled Interrupts").
 */
#ifndef SPEC_PCI_H
#define SPEC_PCI_H

#include <bh/attr.h>

/* Configuration mechanism #1 */
#define PCI_CONFIG_ADDRESS    0xcf8
#define PCI_CONFIG_DATA       0xcfc
#define PCI_CONFIG_PORT_COUNT 8
#define PCI_CONFIG_ENABLE     0x80000000u
#define PCI_CONFIG_SPACE_SIZE 256

/* Type 0 header: offsets */
#define PCI_VENDOR_ID           0x00
#define PCI_DEVICE_ID           0x02
#define PCI_COMMAND             0x04
#define PCI_STATUS              0x06
#define PCI_REVISION_ID         0x08
#define PCI_CLASS_DEVICE        0x0a
#define PCI_CACHE_LINE_SIZE     0x0c
#define PCI_HEADER_TYPE         0x0e
#define PCI_BASE_ADDRESS_0      0x10
#define PCI_BAR_COUNT           6
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID        0x2e
#define PCI_ROM_ADDRESS         0x30
#define PCI_CAPABILITY_LIST     0x34
#define PCI_INTERRUPT_LINE      0x3c
#define PCI_HEADER_SIZE         0x40

#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_STATUS_CAP_LIST      0x0010

#define PCI_BASE_ADDRESS_SPACE_IO 0x1u
#define PCI_BASE_ADDRESS_IO_MASK  0xfffffffcu
#define PCI_BASE_ADDRESS_MEM_MASK 0xfffffff0u

#define PCI_CLASS_BRIDGE_HOST 0x0600
#define PCI_CAP_ID_VNDR       0x09
#define PCI_CAP_ID_MSIX       0x11

/* MSI-X capability: offsets from its start */
#define PCI_MSIX_FLAGS         2
#define PCI_MSIX_FLAGS_MASKALL 0x4000
#define PCI_MSIX_FLAGS_ENABLE  0x8000
#define PCI_MSIX_TABLE         4
#define PCI_MSIX_PBA           8
#define PCI_MSIX_CAP_SIZE      12

/* One entry of the MSI-X table */
struct pci_msix_entry {
	uint32_t addr_lo;
	uint32_t addr_hi;
	uint32_t data;
	uint32_t vector_ctrl;
};
#define PCI_MSIX_ENTRY_CTRL_MASKBIT 0x1u
_Static_assert(sizeof(struct pci_msix_entry) == 16, "MSI-X table entry");

#endif
