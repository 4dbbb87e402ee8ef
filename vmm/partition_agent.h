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

/* Where output and events of containers go; set once by main.c. */
struct partition_agent_hooks {
	/* whole lines for the operator's console */
	void (*show)(const char *text, size_t len);
	/* a notification of a container, for subscribers */
	void (*notify)(const char *partition, const char *method,
		       const char *params, size_t len);
	bool first_job; /* start the container that the config describes */
};
void partition_agent_set_hooks(const struct partition_agent_hooks *hooks);

#endif
