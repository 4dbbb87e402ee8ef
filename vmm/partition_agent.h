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
/** partition_agent_gone() - the partition ended: every call ends with GONE. */
void partition_agent_gone(struct partition *p);

#endif
