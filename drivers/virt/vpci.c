/*
 * vpci.c - PCI configuration space behind ports 0xcf8-0xcff.
 *
 * PCI Local Bus Specification 3.0, "Software Generation of Configuration
 * Transactions": a 32-bit write to 0xcf8 latches bus, device, function and
 * register; 0xcfc-0xcff is the window on those four bytes.
 *
 * Invariants
 *  1. What does not exist (another bus, an empty slot, a function other than
 *     0, a disabled latch, an access that straddles) reads as all ones, and
 *     writes to it are dropped.
 *  2. A guest's write changes only bits set in `writable`.
 *  3. BAR addresses never change (vpci.h); so nothing is ever remapped.
 * Locks: none of its own; the owner serializes the accesses of one partition.
 */
#include "vpci.h"

#include <bh/nospec.h>
#include <bh/string.h>

static uint32_t vpci_ones(uint32_t size)
{
	return UINT32_MAX >> (32 - 8 * size);
}

static bool vpci_size_ok(uint32_t offset, uint32_t size)
{
	return (size == 1 || size == 2 || size == 4) &&
	       offset <= PCI_CONFIG_SPACE_SIZE - size;
}

/* ---- One function ---- */

/**
 * vpci_func_init() - a function with a type 0 header and no BARs.
 * @ops: may be NULL
 */
void vpci_func_init(struct vpci_func *f, const struct vpci_id *id,
		    const struct vpci_func_ops *ops)
{
	memset(f, 0, sizeof(*f));
	f->ops = ops;
	f->cap_free = PCI_HEADER_SIZE;
	vpci_put16(f, PCI_VENDOR_ID, id->vendor);
	vpci_put16(f, PCI_DEVICE_ID, id->device);
	vpci_put16(f, PCI_CLASS_DEVICE, id->class_code);
	vpci_put16(f, PCI_SUBSYSTEM_VENDOR_ID, id->subsystem_vendor);
	vpci_put16(f, PCI_SUBSYSTEM_ID, id->subsystem);
	f->config[PCI_REVISION_ID] = id->revision;
	f->writable[PCI_COMMAND] =
		PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	f->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	f->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	f->writable[PCI_INTERRUPT_LINE] = 0xff;
}

/**
 * vpci_func_set_bar() - BAR @bar is at @value, which holds the type bits too.
 * @size: bytes or ports, a power of two, at least 4 ports or 16 bytes
 */
void vpci_func_set_bar(struct vpci_func *f, uint32_t bar, uint32_t value,
		       uint32_t size)
{
	uint32_t type = value & PCI_BASE_ADDRESS_SPACE_IO
				? value & ~PCI_BASE_ADDRESS_IO_MASK
				: value & ~PCI_BASE_ADDRESS_MEM_MASK;

	vpci_put32(f, PCI_BASE_ADDRESS_0 + 4 * bar, value);
	f->bar_mask[bar] = ~(size - 1) | type;
}

/**
 * vpci_func_add_capability() - append a capability of @len bytes, zeroed.
 * Return: its offset; 0 if there is no room.
 */
uint8_t vpci_func_add_capability(struct vpci_func *f, uint8_t id, uint8_t len)
{
	uint8_t at = f->cap_free;
	uint32_t end = at + (uint32_t)align_up(len, 4);

	if (end > PCI_CONFIG_SPACE_SIZE - 4) {
		return 0;
	}
	f->config[at] = id;
	f->config[f->cap_last ? f->cap_last + 1 : PCI_CAPABILITY_LIST] = at;
	f->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	f->cap_last = at;
	f->cap_free = (uint8_t)end;
	return at;
}

/**
 * vpci_func_add_msix() - a table of @count vectors in memory BAR @bar.
 * Return: the capability's offset; 0 if there is no room.
 */
uint8_t vpci_func_add_msix(struct vpci_func *f, uint32_t bar,
			   uint32_t table_offset, uint32_t pba_offset,
			   uint16_t count)
{
	uint8_t at =
		vpci_func_add_capability(f, PCI_CAP_ID_MSIX, PCI_MSIX_CAP_SIZE);

	if (at == 0) {
		return 0;
	}
	vpci_put16(f, at + PCI_MSIX_FLAGS, (uint16_t)(count - 1));
	vpci_put32(f, at + PCI_MSIX_TABLE, table_offset | bar);
	vpci_put32(f, at + PCI_MSIX_PBA, pba_offset | bar);
	f->writable[at + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	return at;
}

/* The BAR whose four bytes hold @offset, or PCI_BAR_COUNT. */
static uint32_t vpci_bar_at(const struct vpci_func *f, uint32_t offset)
{
	uint32_t bar = (offset - PCI_BASE_ADDRESS_0) / 4;

	if (bar >= PCI_BAR_COUNT) {
		return PCI_BAR_COUNT;
	}
	bar = (uint32_t)index_nospec(bar, PCI_BAR_COUNT);
	return f->bar_mask[bar] != 0 ? bar : PCI_BAR_COUNT;
}

/**
 * vpci_func_read() - read configuration space.
 * @size: 1, 2 or 4; anything else, or beyond the end, gives all ones
 */
uint32_t vpci_func_read(struct vpci_func *f, uint32_t offset, uint32_t size)
{
	uint32_t value = 0;
	uint32_t bar;

	if (!vpci_size_ok(offset, size)) {
		return UINT32_MAX;
	}
	if (f->ops && f->ops->before_read) {
		f->ops->before_read(f, offset, size);
	}
	for (uint32_t i = 0; i < size; i++) {
		value |= (uint32_t)f->config[offset + i] << (8 * i);
	}
	bar = vpci_bar_at(f, offset);
	if (bar < PCI_BAR_COUNT && (f->bar_sizing & (1u << bar))) {
		value = f->bar_mask[bar] >> (8 * (offset & 3));
	}
	return value & vpci_ones(size);
}

/**
 * vpci_func_write() - write configuration space, where it is writable.
 * @size: as vpci_func_read()
 */
void vpci_func_write(struct vpci_func *f, uint32_t offset, uint32_t size,
		     uint32_t value)
{
	uint32_t bar = vpci_bar_at(f, offset);

	if (!vpci_size_ok(offset, size)) {
		return;
	}
	if (bar < PCI_BAR_COUNT) {
		bool is_sizing = size == 4 && (value | 0xf) == UINT32_MAX;

		f->bar_sizing &= (uint8_t) ~(1u << bar);
		f->bar_sizing |= (uint8_t)(is_sizing << bar);
		return;
	}
	for (uint32_t i = 0; i < size; i++) {
		uint8_t *byte = &f->config[offset + i];
		uint8_t mask = f->writable[offset + i];

		*byte = (uint8_t)((*byte & ~mask) | (value >> (8 * i) & mask));
	}
	if (f->ops && f->ops->after_write) {
		f->ops->after_write(f, offset, size);
	}
}

/* ---- The bus ---- */

/** vpci_init() - a bus with nothing but the host bridge at 00:00.0. */
void vpci_init(struct vpci *v)
{
	static const struct vpci_id bridge = {
		.vendor = 0x1b36, /* a generic PCI host bridge without quirks */
		.device = 0x0008,
		.class_code = PCI_CLASS_BRIDGE_HOST,
	};

	memset(v, 0, sizeof(*v));
	vpci_func_init(&v->host_bridge, &bridge, NULL);
	v->slots[0] = &v->host_bridge;
}

/**
 * vpci_add() - put function @f at 00:@slot.0.
 * Return: OK; ERR_RANGE for a slot that does not exist; ERR_EXIST if taken.
 */
enum status vpci_add(struct vpci *v, uint32_t slot, struct vpci_func *f)
{
	if (slot >= VPCI_SLOT_COUNT) {
		return ERR_RANGE;
	}
	if (v->slots[slot]) {
		return ERR_EXIST;
	}
	v->slots[slot] = f;
	return OK;
}

/* The function that the latch selects, or NULL. */
static struct vpci_func *vpci_selected(const struct vpci *v)
{
	/* enable, reserved 30:24, bus 23:16, device 15:11, function 10:8 */
	if ((v->address & 0xffff0700u) != PCI_CONFIG_ENABLE) {
		return NULL;
	}
	uint32_t slot = v->address >> 11 & 0x1f;

	return slot < VPCI_SLOT_COUNT
		       ? v->slots[index_nospec(slot, VPCI_SLOT_COUNT)]
		       : NULL;
}

static uint64_t vpci_port_read(void *dev, uint32_t offset, uint32_t size)
{
	struct vpci *v = dev;
	struct vpci_func *f;

	if (offset < 4) {
		return offset == 0 && size == 4 ? v->address : UINT64_MAX;
	}
	f = vpci_selected(v);
	if (!f || size > 8 - offset) {
		return UINT64_MAX;
	}
	return vpci_func_read(f, (v->address & 0xfc) + offset - 4, size);
}

static void vpci_port_write(void *dev, uint32_t offset, uint32_t size,
			    uint64_t value)
{
	struct vpci *v = dev;
	struct vpci_func *f;

	if (offset == 0 && size == 4) {
		v->address = (uint32_t)value & ~3u;
		return;
	}
	if (offset < 4) {
		if (offset == 1 && size == 1 && v->reset_control) {
			v->reset_control(v->reset_ctx, (uint8_t)value);
		}
		return;
	}
	f = vpci_selected(v);
	if (f && size <= 8 - offset) {
		vpci_func_write(f, (v->address & 0xfc) + offset - 4, size,
				(uint32_t)value);
	}
}

static const struct vdev_ops vpci_port_ops = {
	.name = "pci-config",
	.read = vpci_port_read,
	.write = vpci_port_write,
};

/** vpci_register() - answer ports 0xcf8-0xcff of @pio. */
enum status vpci_register(struct vpci *v, struct io_space *pio)
{
	return io_space_add(pio, PCI_CONFIG_ADDRESS, PCI_CONFIG_PORT_COUNT,
			    &vpci_port_ops, v);
}
