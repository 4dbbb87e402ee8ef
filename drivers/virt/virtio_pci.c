/*
 * virtio_pci.c - virtio over PCI (VIRTIO 1.2, "Virtio Over PCI Bus").
 *
 * From the guest's side: configuration space (vpci.c keeps it), 256 ports with
 * the virtio structures, one page of RAM with the MSI-X table. From the
 * model's side: queues that come alive, notify() and reset().
 *
 * Invariants
 *  1. A model's notify() runs only while the device is live (DRIVER_OK, bus
 *     master enabled, not failed) and the queue is enabled.
 *  2. Features, queue sizes and addresses are fixed from the moment they are
 *     used: features by FEATURES_OK, a queue's by its queue_enable.
 *  3. Whatever is wrong with a queue ends in DEVICE_NEEDS_RESET, a
 *     configuration interrupt and one line in the log; only the driver's
 *     reset leads out of it.
 *  4. The MSI-X page belongs to the guest: an entry is copied once when it is
 *     needed, and only addresses of local APICs leave this file.
 *
 * States (device status): reset -> ACKNOWLEDGE -> DRIVER -> FEATURES_OK ->
 *   DRIVER_OK by virtio_pci_write_status(); DEVICE_NEEDS_RESET by
 *   virtio_pci_fail(); back to reset by a status of 0.
 */
#include "virtio_pci.h"

#include <bh/log.h>
#include <bh/nospec.h>
#include <bh/string.h>
#include <spec/virtio_pci.h>

#define MSI_ADDRESS_BASE 0xfee00000u
#define MSI_ADDRESS_MASK 0xfff00000u
#define QUEUE_NONE       ((struct virtqueue *)NULL)
#define BACKLOG_DROP     0x80u /* the device failed: tell the model to let go */

/* ---- Interrupts ---- */

static volatile uint32_t *virtio_pci_page32(struct virtio_pci *p, uint32_t at)
{
	return (volatile uint32_t *)(void *)(p->env.msix_page + at);
}

static uint32_t virtio_pci_vector_count(const struct virtio_pci *p)
{
	return p->queue_count + 1u;
}

static void virtio_pci_set_pending(struct virtio_pci *p, uint32_t vector,
				   bool is_pending)
{
	p->pending &= ~(1u << vector);
	p->pending |= (uint32_t)is_pending << vector;
	*virtio_pci_page32(p, VIRTIO_PCI_MSIX_PBA) = p->pending;
}

/* What the vectors' own entries do not decide; true: it may be sent. */
static bool virtio_pci_may_send(struct virtio_pci *p, uint32_t vector,
				uint32_t ctrl)
{
	uint16_t flags = vpci_get16(&p->func, p->msix_cap + PCI_MSIX_FLAGS);

	if (!(flags & PCI_MSIX_FLAGS_ENABLE)) {
		p->interrupt_dropped_count++;
		return false;
	}
	if ((flags & PCI_MSIX_FLAGS_MASKALL) ||
	    (ctrl & PCI_MSIX_ENTRY_CTRL_MASKBIT)) {
		virtio_pci_set_pending(p, vector, true);
		return false;
	}
	virtio_pci_set_pending(p, vector, false);
	return true;
}

/* Send the message of @vector, or leave it pending if it is masked. */
static void virtio_pci_raise(struct virtio_pci *p, uint32_t vector)
{
	/* 8 bits: within the page, whatever the vector */
	const volatile uint32_t *entry =
		virtio_pci_page32(p, (uint8_t)vector * 16u);
	uint32_t ctrl;
	uint32_t addr_lo;
	uint32_t addr_hi;
	uint32_t data;

	if (unlikely(vector >= virtio_pci_vector_count(p))) {
		p->interrupt_dropped_count++;
		return;
	}
	ctrl = entry[3];
	if (unlikely(!p->is_msix_on || p->pending != 0 ||
		     (ctrl & PCI_MSIX_ENTRY_CTRL_MASKBIT)) &&
	    !virtio_pci_may_send(p, vector, ctrl)) {
		return;
	}
	addr_lo = entry[0];
	addr_hi = entry[1];
	data = entry[2];
	if (unlikely(addr_hi != 0 ||
		     (addr_lo & MSI_ADDRESS_MASK) != MSI_ADDRESS_BASE)) {
		p->interrupt_dropped_count++;
		return;
	}
	p->interrupt_count++;
	p->env.msi.deliver(p->env.msi.ctx, addr_lo, data);
}

static bool virtio_pci_is_master(const struct virtio_pci *p)
{
	return (p->func.config[PCI_COMMAND] & PCI_COMMAND_MASTER) != 0;
}

/* ---- Life of the device ---- */

static void virtio_pci_update_live(struct virtio_pci *p)
{
	uint8_t seen = p->status & (VIRTIO_STATUS_DRIVER_OK |
				    VIRTIO_STATUS_DEVICE_NEEDS_RESET |
				    VIRTIO_STATUS_FAILED);

	p->is_msix_on = (vpci_get16(&p->func, p->msix_cap + PCI_MSIX_FLAGS) &
			 (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)) ==
			PCI_MSIX_FLAGS_ENABLE;
	p->is_decoding = (p->func.config[PCI_COMMAND] & PCI_COMMAND_IO) != 0;
	p->is_live = seen == VIRTIO_STATUS_DRIVER_OK && virtio_pci_is_master(p);
}

/**
 * virtio_pci_fail() - the driver broke the rules; only a reset helps.
 * @why: in words, a string that stays
 */
void virtio_pci_fail(struct virtio_pci *p, const char *why)
{
	if (p->status & VIRTIO_STATUS_DEVICE_NEEDS_RESET) {
		return;
	}
	p->fault = why;
	if (p->fault_count++ == 0) { /* once: a guest may do it for ever */
		log_notice("%s: device needs reset: %s", p->model->name, why);
	}
	p->status |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
	p->backlog = BACKLOG_DROP;
	virtio_pci_update_live(p);
	p->isr |= VIRTIO_PCI_ISR_CONFIG;
	if ((p->status & VIRTIO_STATUS_DRIVER_OK) && virtio_pci_is_master(p)) {
		virtio_pci_raise(p, p->config_vector);
	}
}

/*
 * The model lets go of what it holds. Called where no other call of it can be
 * in progress (virtio_pci.h).
 */
static void virtio_pci_drop(struct virtio_pci *p)
{
	p->backlog = 0;
	if (p->model->reset) {
		p->model->reset(p);
	}
}

static void virtio_pci_reset(struct virtio_pci *p)
{
	virtio_pci_drop(p);
	for (uint32_t q = 0; q < p->queue_count; q++) {
		virtqueue_reset(&p->queues[q]);
	}
	p->status = 0;
	p->isr = 0;
	p->queue_select = 0;
	p->config_vector = VIRTIO_MSI_NO_VECTOR;
	p->device_feature_select = 0;
	p->driver_feature_select = 0;
	p->driver = 0;
	p->pending = 0;
	*virtio_pci_page32(p, VIRTIO_PCI_MSIX_PBA) = 0;
	virtio_pci_update_live(p);
}

/**
 * virtio_pci_stop() - the guest has ended: its memory is about to go.
 *
 * Call it before guest memory and the MSI-X page are freed, and not from within
 * a call of the model. The model lets go of all it holds, a socket's services
 * hear closed(); afterwards nothing that the VMM's side may still ask of the
 * device touches the guest.
 */
void virtio_pci_stop(struct virtio_pci *p)
{
	virtio_pci_reset(p);
}

/**
 * virtio_pci_queue() - queue @q if it may be used now.
 * Return: NULL while the driver has not set it up, or has lost its rights.
 */
struct virtqueue *virtio_pci_queue(struct virtio_pci *p, uint32_t q)
{
	if (!p->is_live || !p->queues[q].is_ready) {
		return QUEUE_NONE;
	}
	return &p->queues[q];
}

/* virtio_pci_complete(), in line. */
static inline void virtio_pci_finish(struct virtio_pci *p, struct virtqueue *vq)
{
	if (unlikely(vq->fault != NULL)) {
		virtio_pci_fail(p, vq->fault);
		return;
	}
	if (virtqueue_needs_interrupt(vq)) {
		p->isr |= VIRTIO_PCI_ISR_QUEUE;
		virtio_pci_raise(p, vq->msix_vector);
	}
}

/**
 * virtio_pci_complete() - the model has worked on queue @q.
 *
 * Interrupts the driver if it wants to hear of what was pushed; fails the
 * device if the queue turned out to be broken.
 */
void virtio_pci_complete(struct virtio_pci *p, uint32_t q)
{
	virtio_pci_finish(p, &p->queues[q]);
}

/* Have the model work on queue @q. Not in line, to keep empty kicks short. */
static __attribute__((noinline)) void
virtio_pci_serve(struct virtio_pci *p, struct virtqueue *vq, uint32_t q)
{
	if (unlikely(!vq->is_ready)) {
		return;
	}
	p->model->notify(p, q);
	virtio_pci_finish(p, vq);
	if (unlikely(p->backlog & BACKLOG_DROP)) {
		virtio_pci_drop(p);
	}
}

static inline void virtio_pci_kick(struct virtio_pci *p, uint32_t q)
{
	struct virtqueue *vq = &p->queues[q & p->queue_span];

	if (unlikely(q >= p->queue_count || !p->is_live)) {
		p->kick_ignored_count++;
		return;
	}
	p->kick_count++;
	if (!virtqueue_is_idle(vq)) {
		virtio_pci_serve(p, vq, (uint32_t)(q & p->queue_span));
	}
}

/** virtio_pci_poll_slow() - virtio_pci_poll_pending() with something to do. */
void virtio_pci_poll_slow(struct virtio_pci *p)
{
	uint32_t backlog = p->backlog;
	uint32_t pending = p->pending;

	if (backlog & BACKLOG_DROP) {
		virtio_pci_drop(p);
	}
	if (!virtio_pci_is_master(p)) {
		return;
	}
	p->backlog = 0;
	for (uint32_t q = 0; q < p->queue_count; q++) {
		if ((backlog & (1u << q)) && virtio_pci_queue(p, q)) {
			virtio_pci_serve(p, &p->queues[q], q);
		}
	}
	for (uint32_t v = 0; v < virtio_pci_vector_count(p); v++) {
		if (pending & (1u << v)) {
			virtio_pci_raise(p, v);
		}
	}
}

/* ---- Common configuration ---- */

/* The member that holds a register: of the device or of the selected queue. */
struct virtio_pci_member {
	uint8_t bytes; /* 0: none, the register is computed */
	bool is_queue;
	bool is_plain; /* it takes what is written, whatever that is */
	uint16_t at;
};

#define MEMBER(is_queue, is_plain, type, m)                        \
	{                                                          \
		sizeof(((struct type *)0)->m), is_queue, is_plain, \
			offsetof(struct type, m)                   \
	}
#define HALF(m, byte)                                                 \
	{                                                             \
		4, true, true, offsetof(struct virtqueue, m) + (byte) \
	}

/* clang-format off */
static const struct virtio_pci_member members[VIRTIO_PCI_COMMON_SIZE] = {
	[VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT] =
		MEMBER(false, true, virtio_pci, device_feature_select),
	[VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT] =
		MEMBER(false, true, virtio_pci, driver_feature_select),
	[VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR] =
		MEMBER(false, false, virtio_pci, config_vector),
	[VIRTIO_PCI_COMMON_NUM_QUEUES] =
		MEMBER(false, false, virtio_pci, queue_count),
	[VIRTIO_PCI_COMMON_DEVICE_STATUS] =
		MEMBER(false, false, virtio_pci, status),
	[VIRTIO_PCI_COMMON_QUEUE_SELECT] =
		MEMBER(false, true, virtio_pci, queue_select),
	[VIRTIO_PCI_COMMON_QUEUE_SIZE] = MEMBER(true, false, virtqueue, size),
	[VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR] =
		MEMBER(true, false, virtqueue, msix_vector),
	[VIRTIO_PCI_COMMON_QUEUE_ENABLE] =
		MEMBER(true, false, virtqueue, is_ready),
	[VIRTIO_PCI_COMMON_QUEUE_DESC_LO]   = HALF(desc_gpa, 0),
	[VIRTIO_PCI_COMMON_QUEUE_DESC_HI]   = HALF(desc_gpa, 4),
	[VIRTIO_PCI_COMMON_QUEUE_DRIVER_LO] = HALF(avail_gpa, 0),
	[VIRTIO_PCI_COMMON_QUEUE_DRIVER_HI] = HALF(avail_gpa, 4),
	[VIRTIO_PCI_COMMON_QUEUE_DEVICE_LO] = HALF(used_gpa, 0),
	[VIRTIO_PCI_COMMON_QUEUE_DEVICE_HI] = HALF(used_gpa, 4),
};
/* clang-format on */

static struct virtqueue *virtio_pci_selected(struct virtio_pci *p)
{
	if (p->queue_select >= p->queue_count) {
		return QUEUE_NONE;
	}
	return &p->queues[p->queue_select & p->queue_span];
}

/* Where @m is; NULL if it belongs to a queue and there is no such queue. */
static uint8_t *virtio_pci_member(struct virtio_pci *p,
				  const struct virtio_pci_member *m)
{
	uint8_t *base =
		m->is_queue ? (void *)virtio_pci_selected(p) : (void *)p;

	return base ? base + m->at : NULL;
}

static uint32_t virtio_pci_feature_word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

/* What no member holds reads as 0, as does a queue that is not there. */
static uint32_t virtio_pci_read_common(struct virtio_pci *p, uint32_t offset)
{
	const uint8_t *at;
	uint32_t value = 0;

	offset = (uint32_t)index_nospec(offset, VIRTIO_PCI_COMMON_SIZE);
	at = virtio_pci_member(p, &members[offset]);
	switch (offset) {
	case VIRTIO_PCI_COMMON_DEVICE_FEATURE:
		return virtio_pci_feature_word(p->offered,
					       p->device_feature_select);
	case VIRTIO_PCI_COMMON_DRIVER_FEATURE:
		return virtio_pci_feature_word(p->driver,
					       p->driver_feature_select);
	case VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF:
		return virtio_pci_selected(p) ? p->queue_select : 0;
	default:
		if (at) {
			memcpy(&value, at, members[offset].bytes);
		}
		return value;
	}
}

static bool virtio_pci_features_ok(const struct virtio_pci *p)
{
	return (p->driver & ~p->offered) == 0 &&
	       (p->driver & VIRTIO_F_VERSION_1);
}

/*
 * VIRTIO 1.2, "Device Initialization": each step needs the one before it.
 * Bits come, in this order, and never go; a step out of order is not taken.
 */
static void virtio_pci_write_status(struct virtio_pci *p, uint8_t value)
{
	static const struct {
		uint8_t bit, needs;
	} steps[] = {
		{ VIRTIO_STATUS_ACKNOWLEDGE, 0 },
		{ VIRTIO_STATUS_DRIVER, VIRTIO_STATUS_ACKNOWLEDGE },
		{ VIRTIO_STATUS_FEATURES_OK, VIRTIO_STATUS_DRIVER },
		{ VIRTIO_STATUS_DRIVER_OK, VIRTIO_STATUS_FEATURES_OK },
		{ VIRTIO_STATUS_FAILED, 0 },
	};

	if (value == 0) {
		virtio_pci_reset(p);
		return;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(steps); i++) {
		bool may = (p->status & steps[i].needs) == steps[i].needs;

		if (steps[i].bit == VIRTIO_STATUS_FEATURES_OK) {
			may = may && virtio_pci_features_ok(p);
		}
		if ((value & steps[i].bit) && may) {
			p->status |= steps[i].bit;
		}
	}
	virtio_pci_update_live(p);
}

static void virtio_pci_write_feature(struct virtio_pci *p, uint32_t value)
{
	uint32_t shift = 32 * p->driver_feature_select;

	if (p->driver_feature_select > 1 ||
	    (p->status & VIRTIO_STATUS_FEATURES_OK)) {
		return;
	}
	p->driver &= ~((uint64_t)UINT32_MAX << shift);
	p->driver |= (uint64_t)value << shift;
}

static uint16_t virtio_pci_vector(const struct virtio_pci *p, uint32_t value)
{
	return value < virtio_pci_vector_count(p) ? (uint16_t)value
						  : VIRTIO_MSI_NO_VECTOR;
}

static void virtio_pci_enable_queue(struct virtio_pci *p, struct virtqueue *vq)
{
	if (!(p->status & VIRTIO_STATUS_FEATURES_OK)) {
		return;
	}
	if (virtqueue_enable(vq, p->driver & p->offered) == ERR_FAULT) {
		virtio_pci_fail(p, vq->fault);
		virtio_pci_drop(p);
	}
}

/* Size and addresses may be written until the queue is enabled. */
static bool virtio_pci_is_fixed(const struct virtqueue *vq, uint32_t offset)
{
	return (vq->is_ready || vq->fault) &&
	       offset != VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR;
}

static void virtio_pci_set_size(struct virtqueue *vq, uint32_t value)
{
	if (value != 0 && value <= vq->max_size && (value & (value - 1)) == 0) {
		vq->size = (uint16_t)value;
	}
}

static void virtio_pci_write_common(struct virtio_pci *p, uint32_t offset,
				    uint32_t value)
{
	const struct virtio_pci_member *m =
		&members[index_nospec(offset, VIRTIO_PCI_COMMON_SIZE)];
	struct virtqueue *vq = virtio_pci_selected(p);

	if (m->is_queue && (!vq || virtio_pci_is_fixed(vq, offset))) {
		return;
	}
	if (m->is_plain) {
		memcpy(virtio_pci_member(p, m), &value, m->bytes);
		return;
	}
	switch (offset) {
	case VIRTIO_PCI_COMMON_DRIVER_FEATURE:
		virtio_pci_write_feature(p, value);
		break;
	case VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR:
		p->config_vector = virtio_pci_vector(p, value);
		break;
	case VIRTIO_PCI_COMMON_DEVICE_STATUS:
		virtio_pci_write_status(p, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_QUEUE_SIZE:
		virtio_pci_set_size(vq, value);
		break;
	case VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR:
		vq->msix_vector = virtio_pci_vector(p, value);
		break;
	case VIRTIO_PCI_COMMON_QUEUE_ENABLE:
		if (value == 1) {
			virtio_pci_enable_queue(p, vq);
		}
		break;
	default: /* read-only */
		break;
	}
}

/*
 * VIRTIO 1.2: the driver accesses each field with the width of the field. Other
 * widths read as zero and write nothing.
 */
static bool virtio_pci_common_width_ok(uint32_t offset, uint32_t size)
{
	static const uint8_t width[VIRTIO_PCI_COMMON_SIZE] = {
#define X(name, at, size) [at] = size,
		VIRTIO_PCI_COMMON_LIST(X)
#undef X
	};

	return offset < VIRTIO_PCI_COMMON_SIZE &&
	       width[index_nospec(offset, VIRTIO_PCI_COMMON_SIZE)] == size;
}

/* ---- BAR 0 ---- */

static uint64_t virtio_pci_read_device(const struct virtio_pci *p,
				       uint32_t offset, uint32_t size)
{
	uint64_t value = 0;

	/* bytes beyond the configuration read as zero */
	if (offset < p->config_size) {
		uint32_t left = p->config_size - offset;

		offset = (uint32_t)index_nospec(offset, p->config_size);
		memcpy(&value, (const uint8_t *)p->config + offset,
		       size < left ? size : left);
	}
	return value;
}

/* Read BAR 0; @size is 1, 2 or 4. */
static uint32_t virtio_pci_bar_read(struct virtio_pci *p, uint32_t offset,
				    uint32_t size)
{
	uint32_t value = 0;

	if (virtio_pci_common_width_ok(offset, size)) {
		return virtio_pci_read_common(p, offset);
	}
	if (offset == VIRTIO_PCI_REGION_ISR) {
		value = p->isr; /* reading it acknowledges */
		p->isr = 0;
		return value;
	}
	if (offset - VIRTIO_PCI_REGION_DEVICE < VIRTIO_PCI_REGION_DEVICE_SIZE) {
		return (uint32_t)virtio_pci_read_device(
			p, offset - VIRTIO_PCI_REGION_DEVICE, size);
	}
	return 0;
}

static inline bool virtio_pci_is_notify(uint32_t offset)
{
	return offset - VIRTIO_PCI_REGION_NOTIFY <
	       VIRTIO_PCI_QUEUE_MAX * VIRTIO_PCI_NOTIFY_MULTIPLIER;
}

static inline uint32_t virtio_pci_notify_queue(uint32_t offset)
{
	return (offset - VIRTIO_PCI_REGION_NOTIFY) /
	       VIRTIO_PCI_NOTIFY_MULTIPLIER;
}

/* Write BAR 0. The device configuration of no model can be written. */
static __attribute__((noinline)) void virtio_pci_bar_write(struct virtio_pci *p,
							   uint32_t offset,
							   uint32_t size,
							   uint32_t value)
{
	if (virtio_pci_is_notify(offset)) {
		virtio_pci_kick(p, virtio_pci_notify_queue(offset));
	} else if (virtio_pci_common_width_ok(offset, size)) {
		virtio_pci_write_common(p, offset, value);
	}
}

static uint64_t virtio_pci_port_read(void *dev, uint32_t offset, uint32_t size)
{
	struct virtio_pci *p = dev;

	return p->is_decoding ? virtio_pci_bar_read(p, offset, size)
			      : UINT64_MAX;
}

static void virtio_pci_port_write(void *dev, uint32_t offset, uint32_t size,
				  uint64_t value)
{
	struct virtio_pci *p = dev;

	if (unlikely(!p->is_decoding)) {
		return;
	}
	if (likely(virtio_pci_is_notify(offset))) {
		virtio_pci_kick(p, virtio_pci_notify_queue(offset));
	} else {
		virtio_pci_bar_write(p, offset, size, (uint32_t)value);
	}
}

static const struct vdev_ops virtio_pci_port_ops = {
	.name = "virtio-pci",
	.read = virtio_pci_port_read,
	.write = virtio_pci_port_write,
};

/* ---- Configuration space ---- */

#define CAP_BAR    4
#define CAP_OFFSET 8
#define CAP_LENGTH 12

/*
 * VIRTIO 1.2, "PCI configuration access capability": may the driver reach
 * BAR 0 with what it wrote into the capability?
 */
static bool virtio_pci_cfg_target(const struct virtio_pci *p, uint32_t *offset,
				  uint32_t *size)
{
	const struct vpci_func *f = &p->func;

	*offset = vpci_get32(f, p->pci_cfg_cap + CAP_OFFSET);
	*size = vpci_get32(f, p->pci_cfg_cap + CAP_LENGTH);
	return f->config[p->pci_cfg_cap + CAP_BAR] == 0 &&
	       (*size == 1 || *size == 2 || *size == 4) &&
	       *offset % *size == 0 && *offset < VIRTIO_PCI_PORT_COUNT;
}

static void virtio_pci_before_read(struct vpci_func *f, uint32_t offset,
				   uint32_t size)
{
	struct virtio_pci *p = CONTAINER_OF(f, struct virtio_pci, func);
	uint32_t data = p->pci_cfg_cap + VIRTIO_PCI_CAP_TAIL;
	uint32_t value = UINT32_MAX;
	uint32_t at;
	uint32_t len;

	(void)size;
	if (offset != data) {
		return;
	}
	if (virtio_pci_cfg_target(p, &at, &len)) {
		value = virtio_pci_bar_read(p, at, len);
	}
	vpci_put32(f, data, value);
}

static void virtio_pci_after_write(struct vpci_func *f, uint32_t offset,
				   uint32_t size)
{
	struct virtio_pci *p = CONTAINER_OF(f, struct virtio_pci, func);
	uint32_t data = p->pci_cfg_cap + VIRTIO_PCI_CAP_TAIL;
	uint32_t at;
	uint32_t len;

	(void)size;
	virtio_pci_update_live(p);  /* COMMAND may have changed */
	virtio_pci_poll_pending(p); /* so may the MSI-X mask */
	if (offset == data && virtio_pci_cfg_target(p, &at, &len)) {
		uint32_t value = vpci_get32(f, data);

		virtio_pci_bar_write(p, at, len,
				     value & (UINT32_MAX >> (32 - 8 * len)));
	}
}

static const struct vpci_func_ops virtio_pci_func_ops = {
	.before_read = virtio_pci_before_read,
	.after_write = virtio_pci_after_write,
};

/* One virtio capability; @tail bytes follow struct virtio_pci_cap. */
static uint8_t virtio_pci_add_cap(struct vpci_func *f, uint8_t type,
				  uint32_t offset, uint32_t length,
				  uint8_t tail)
{
	uint8_t len = (uint8_t)(sizeof(struct virtio_pci_cap) + tail);
	uint8_t at = vpci_func_add_capability(f, PCI_CAP_ID_VNDR, len);

	f->config[at + 2] = len;
	f->config[at + 3] = type;
	vpci_put32(f, at + CAP_OFFSET, offset);
	vpci_put32(f, at + CAP_LENGTH, length);
	return at;
}

static void virtio_pci_build_func(struct virtio_pci *p,
				  const struct virtio_pci_params *params)
{
	const struct virtio_model *m = params->model;
	const struct vpci_id id = {
		.vendor = VIRTIO_PCI_VENDOR_ID,
		.device = (uint16_t)(VIRTIO_PCI_DEVICE_ID_BASE + m->device_id),
		.subsystem_vendor = VIRTIO_PCI_VENDOR_ID,
		.subsystem = m->device_id,
		.class_code = m->class_code,
		.revision = 1, /* modern only */
	};
	struct vpci_func *f = &p->func;
	uint8_t at;

	vpci_func_init(f, &id, &virtio_pci_func_ops);
	vpci_func_set_bar(f, 0, p->env.port_base | PCI_BASE_ADDRESS_SPACE_IO,
			  VIRTIO_PCI_PORT_COUNT);
	vpci_func_set_bar(f, 1, (uint32_t)p->env.msix_gpa.v, PAGE_SIZE);
	p->msix_cap = vpci_func_add_msix(f, 1, 0, VIRTIO_PCI_MSIX_PBA,
					 (uint16_t)(params->queue_count + 1));
	(void)virtio_pci_add_cap(f, VIRTIO_PCI_CAP_COMMON_CFG,
				 VIRTIO_PCI_REGION_COMMON,
				 VIRTIO_PCI_COMMON_SIZE, 0);
	at = virtio_pci_add_cap(
		f, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_PCI_REGION_NOTIFY,
		VIRTIO_PCI_NOTIFY_MULTIPLIER * params->queue_count, 4);
	vpci_put32(f, at + VIRTIO_PCI_CAP_TAIL, VIRTIO_PCI_NOTIFY_MULTIPLIER);
	(void)virtio_pci_add_cap(f, VIRTIO_PCI_CAP_ISR_CFG,
				 VIRTIO_PCI_REGION_ISR, 1, 0);
	if (params->config_size > 0) {
		(void)virtio_pci_add_cap(
			f, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_REGION_DEVICE,
			(uint32_t)align_up(params->config_size, 4), 0);
	}
	at = virtio_pci_add_cap(f, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 4);
	memset(&f->writable[at + CAP_BAR], 0xff, 1);
	memset(&f->writable[at + CAP_OFFSET], 0xff, 12);
	p->pci_cfg_cap = at;
}

/**
 * virtio_pci_init() - a device in reset, on the bus and at its ports.
 * @p:	    embedded in the model's state
 * @env:    copied
 * @params: copied; what it points to stays
 *
 * Return: OK; ERR_INVALID if addresses or sizes do not fit the transport;
 *	   else why the bus or the ports were refused.
 */
enum status virtio_pci_init(struct virtio_pci *p,
			    const struct virtio_pci_env *env,
			    const struct virtio_pci_params *params)
{
	enum status s;

	if (params->queue_count > VIRTIO_PCI_QUEUE_MAX ||
	    params->queue_size > VIRTQUEUE_SIZE_MAX ||
	    params->config_size > VIRTIO_PCI_REGION_DEVICE_SIZE ||
	    env->port_base % VIRTIO_PCI_PORT_COUNT != 0 ||
	    env->msix_gpa.v % PAGE_SIZE != 0 || env->msix_gpa.v >> 32 != 0) {
		return ERR_INVALID;
	}
	memset(p, 0, sizeof(*p));
	p->env = *env;
	p->model = params->model;
	p->queues = params->queues;
	p->queue_count = params->queue_count;
	p->queue_span = nospec_span(params->queue_count);
	p->config = params->config;
	p->config_size = params->config_size;
	p->offered = params->features | VIRTIO_F_VERSION_1 |
		     VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
	p->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (uint32_t q = 0; q < p->queue_count; q++) {
		virtqueue_init(&p->queues[q], env->gm, params->queue_size);
	}
	virtio_pci_build_func(p, params);
	/* after reset each vector is masked (PCI 3.0, "MSI-X Table") */
	memset(env->msix_page, 0, PAGE_SIZE);
	for (uint32_t v = 0; v < virtio_pci_vector_count(p); v++) {
		*virtio_pci_page32(p, v * 16 + 12) =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	s = vpci_add(env->bus, env->slot, &p->func);
	if (s != OK) {
		return s;
	}
	return io_space_add(env->pio, env->port_base, VIRTIO_PCI_PORT_COUNT,
			    &virtio_pci_port_ops, p);
}
