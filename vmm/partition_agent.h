/*
 * partition_agent.h - the agent of a partition: vsock stream, link, first job.
 */
#ifndef VMM_PARTITION_AGENT_H
#define VMM_PARTITION_AGENT_H

#include <drivers/virt/virtio_vsock.h>

struct partition;

/* Port 1024: the agent connects when it is up. */
extern const struct vsock_service partition_agent_service;

/** partition_agent_init() - link and first job of @p, closed. */
void partition_agent_init(struct partition *p);

/*
 * What happened to the agent's connection in an exit, for management to act on:
 * the link, its callers and the consoles are management's alone.
 */
#define PARTITION_AGENT_CLOSED BIT(0)
#define PARTITION_AGENT_OPENED BIT(1)
#define PARTITION_AGENT_DATA   BIT(2)
#define PARTITION_AGENT_ROOM   BIT(3) /* to send */
#define PARTITION_AGENT_GONE   BIT(4) /* with the partition */

/** partition_agent_event() - note it and call management. Takes the lock. */
void partition_agent_event(struct partition *p, uint32_t event);

/** partition_agent_poll() - act on what was noted. Context: management. */
void partition_agent_poll(struct partition *p);

#endif
