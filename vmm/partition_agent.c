/*
 * partition_agent.c - between a partition's vsock and its agent link.
 *
 * One connection is the agent; a second one while it is open is refused, so a
 * container that got hold of a vsock cannot pose as the agent.
 *
 * The device's callbacks come in the guest's exits, on any CPU, with the
 * partition's lock. Link, first job and whoever waits for a reply are the
 * management's: so a callback only notes what happened, bytes stay in the
 * connection, and partition_agent_poll() acts on it on CPU 0.
 */
#include "partition_agent.h"

#include "cpu_loop.h"
#include "management.h"
#include "partition.h"
#include "partition_enter.h"
#include "platform.h"

#include <bh/log.h>

/* ---- link to stream ---- */

static size_t agent_send(void *ctx, const void *src, size_t len)
{
	struct partition *p = ctx;
	struct host_space *before = partition_enter(p);
	size_t sent = 0;

	if (p->dev.agent_conn != NULL) {
		sent = vsock_conn_send(p->dev.agent_conn, src, len);
	}
	partition_leave(p, before);
	return sent;
}

static void agent_ready(void *ctx, const char *params, size_t len)
{
	struct partition *p = ctx;

	(void)params;
	(void)len;
	log_info("partition %s: agent is ready after %llu ms", p->config.name,
		 (unsigned long long)(platform_now_us() - p->started_us) /
			 1000);
	if (management_opts()->first_job) {
		first_job_ready(&p->job);
	}
}

static void agent_notify(void *ctx, const char *method, const char *params,
			 size_t len)
{
	struct partition *p = ctx;

	first_job_notify(&p->job, method, params, len);
	management_notify(p->config.name, method, params, len);
}

static void agent_closed(void *ctx, const char *why)
{
	struct partition *p = ctx;
	struct host_space *before;

	log_notice("partition %s: agent's connection closed: %s",
		   p->config.name, why);
	before = partition_enter(p);
	if (p->dev.agent_conn != NULL) {
		vsock_conn_close(p->dev.agent_conn);
		p->dev.agent_conn = NULL;
	}
	partition_leave(p, before);
}

static const struct agent_link_ops link_ops = {
	.send = agent_send,
	.ready = agent_ready,
	.notify = agent_notify,
	.closed = agent_closed,
};

/* ---- stream to link ---- */

static bool agent_accept(void *ctx, struct vsock_conn *conn)
{
	struct partition *p = ctx;

	if (p->dev.agent_conn != NULL) {
		log_notice("partition %s: a second agent connection is refused",
			   p->config.name);
		return false;
	}
	p->dev.agent_conn = conn;
	partition_agent_event(p, PARTITION_AGENT_OPENED);
	return true;
}

static size_t agent_data(void *ctx, struct vsock_conn *conn,
			 const uint8_t *bytes, size_t len)
{
	struct partition *p = ctx;

	(void)conn;
	if (!p->agent_is_polled) {
		partition_agent_event(p, PARTITION_AGENT_DATA);
		return 0; /* kept, and offered again then */
	}
	agent_link_input(&p->link, bytes, len);
	return len;
}

static void agent_conn_closed(void *ctx, struct vsock_conn *conn)
{
	struct partition *p = ctx;

	if (p->dev.agent_conn == conn) {
		p->dev.agent_conn = NULL;
		partition_agent_event(p, PARTITION_AGENT_CLOSED);
	}
}

static void agent_writable(void *ctx, struct vsock_conn *conn)
{
	struct partition *p = ctx;

	(void)conn;
	partition_agent_event(p, PARTITION_AGENT_ROOM);
}

const struct vsock_service partition_agent_service = {
	.port = RPC_VSOCK_PORT_AGENT,
	.accept = agent_accept,
	.data = agent_data,
	.closed = agent_conn_closed,
	.writable = agent_writable,
};

static void agent_show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	management_show(text, len);
}

void partition_agent_init(struct partition *p)
{
	agent_link_init(&p->link, &link_ops, p);
	first_job_init(&p->job, &p->config, &p->link, agent_show, p);
}

void partition_agent_event(struct partition *p, uint32_t event)
{
	partition_lock_take(&p->lock);
	p->agent_events |= event;
	partition_lock_drop(&p->lock);
	cpu_loop_call_management();
}

/* With the lock: its end, and the beginning of the next, in that order. */
static void agent_state_changed(struct partition *p, uint32_t events)
{
	if ((events & PARTITION_AGENT_GONE) != 0) {
		p->dev.agent_conn = NULL;
		agent_link_lost(&p->link, "the partition ended");
		first_job_reset(&p->job);
	} else if ((events & PARTITION_AGENT_CLOSED) != 0) {
		agent_link_lost(&p->link, "the agent closed the connection");
	}
	if ((events & PARTITION_AGENT_OPENED) != 0 &&
	    p->dev.agent_conn != NULL) {
		agent_link_open(&p->link);
	}
}

void partition_agent_poll(struct partition *p)
{
	struct host_space *before;
	uint32_t events;

	if (atomic_load32(&p->agent_events) == 0) {
		return;
	}
	before = partition_enter(p);
	events = p->agent_events;
	p->agent_events = 0;
	agent_state_changed(p, events);
	if ((events & PARTITION_AGENT_DATA) != 0 && p->dev.agent_conn != NULL) {
		p->agent_is_polled = true;
		vsock_conn_resume(p->dev.agent_conn);
		p->agent_is_polled = false;
	}
	partition_leave(p, before);
}
