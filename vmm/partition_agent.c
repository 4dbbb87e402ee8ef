/*
 * partition_agent.c - between a partition's vsock and its agent link.
 *
 * One connection is the agent; a second one while it is open is refused, so a
 * container that got hold of a vsock cannot pose as the agent.
 */
#include "partition_agent.h"

#include "management.h"
#include "partition.h"
#include "platform.h"

#include <bh/log.h>

/* ---- link to stream ---- */

static size_t agent_send(void *ctx, const void *src, size_t len)
{
	struct partition *p = ctx;

	return p->dev.agent_conn != NULL
		       ? vsock_conn_send(p->dev.agent_conn, src, len)
		       : 0;
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

	log_notice("partition %s: agent's connection closed: %s",
		   p->config.name, why);
	if (p->dev.agent_conn != NULL) {
		vsock_conn_close(p->dev.agent_conn);
		p->dev.agent_conn = NULL;
	}
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
	agent_link_open(&p->link);
	return true;
}

static size_t agent_data(void *ctx, struct vsock_conn *conn,
			 const uint8_t *bytes, size_t len)
{
	struct partition *p = ctx;

	(void)conn;
	agent_link_input(&p->link, bytes, len);
	return len;
}

static void agent_conn_closed(void *ctx, struct vsock_conn *conn)
{
	struct partition *p = ctx;

	if (p->dev.agent_conn == conn) {
		p->dev.agent_conn = NULL;
		agent_link_lost(&p->link, "the agent closed the connection");
	}
}

static void agent_writable(void *ctx, struct vsock_conn *conn)
{
	struct partition *p = ctx;

	(void)conn;
	agent_link_poll(&p->link, platform_now_us());
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

void partition_agent_gone(struct partition *p)
{
	p->dev.agent_conn = NULL;
	agent_link_lost(&p->link, "the partition ended");
	first_job_reset(&p->job);
}
