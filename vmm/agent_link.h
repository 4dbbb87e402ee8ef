/*
 * agent_link.h - the VMM's side of the conversation with one agent.
 *
 * The agent is hostile: every line is bounded, parsed strictly and believed in
 * nothing but form. The first line has to be agent.ready. A breach of the
 * protocol closes the link with a reason; calls under way then end with
 * RPC_ERR_GONE.
 *
 * States: CLOSED -agent_link_open-> WAIT_READY -"agent.ready"-> READY;
 *	   any -agent_link_lost or a breach-> CLOSED.
 * Context: the management context (one CPU at a time). Callbacks are called
 * from agent_link_input(), _poll(), _lost(); they may call agent_link_call()
 * but must not feed the link.
 */
#ifndef VMM_AGENT_LINK_H
#define VMM_AGENT_LINK_H

#include "json.h"
#include <bh/status.h>
#include <proto/rpc.h>

#define AGENT_LINK_TOKEN_MAX  1024
#define AGENT_LINK_CALL_MAX   32
#define AGENT_LINK_TX_MAX     (RPC_LINE_MAX + 4096)
#define AGENT_LINK_TIMEOUT_US 60000000u

enum agent_link_state {
	AGENT_LINK_CLOSED,
	AGENT_LINK_WAIT_READY,
	AGENT_LINK_READY,
};

/* What a call ended with: raw JSON of `result`, or the error's members. */
struct agent_reply {
	int32_t code;     /* 0: success; else an RPC_ERR_ code */
	const char *body; /* raw JSON: the result, or the whole error object */
	size_t len;       /* valid only during the callback */
};

typedef void agent_done_fn(void *ctx, const struct agent_reply *reply);

struct agent_link_ops {
	/* hand bytes to vsock; return how many it took now (maybe 0) */
	size_t (*send)(void *ctx, const void *src, size_t len);
	/* agent.ready came; @params is raw JSON */
	void (*ready)(void *ctx, const char *params, size_t len);
	/* another notification: container.output, container.event */
	void (*notify)(void *ctx, const char *method, const char *params,
		       size_t len);
	/* the link closed itself: the owner resets the stream */
	void (*closed)(void *ctx, const char *why);
};

struct agent_call {
	uint32_t id; /* 0: free */
	uint64_t deadline_us;
	agent_done_fn *done;
	void *ctx;
};

struct agent_link_stats {
	uint64_t line_count;
	uint64_t unknown_id_count;     /* replies that nobody waits for */
	uint64_t unknown_method_count; /* notifications that we do not know */
	uint64_t timeout_count;
};

/* A piece of the params of a call. */
struct agent_part {
	const char *p;
	size_t len;
};

struct agent_link {
	const struct agent_link_ops *ops; /* (c) */
	void *ctx;                        /* (c) */
	enum agent_link_state state;
	bool in_callback; /* ASSERTs the rule on callbacks */
	bool is_flushing; /* send() may lead back here: once is enough */
	const char *why;  /* why it was closed last, or NULL */
	uint32_t next_id;
	uint64_t now_us; /* as of the last poll */
	struct agent_call calls[AGENT_LINK_CALL_MAX];
	struct agent_link_stats stats;
	uint32_t rx_len, tx_head, tx_len;
	struct json_doc doc;
	jsmntok_t tokens[AGENT_LINK_TOKEN_MAX];
	char rx[RPC_LINE_MAX];
	char tx[AGENT_LINK_TX_MAX];
};

void agent_link_init(struct agent_link *l, const struct agent_link_ops *ops,
		     void *ctx);
void agent_link_open(struct agent_link *l);
void agent_link_input(struct agent_link *l, const void *src, size_t len);
void agent_link_poll(struct agent_link *l, uint64_t now_us);
void agent_link_lost(struct agent_link *l, const char *why);
must_check enum status agent_link_call(struct agent_link *l, const char *method,
				       const struct agent_part *params,
				       uint32_t part_count, agent_done_fn *done,
				       void *ctx);
bool agent_link_is_ready(const struct agent_link *l);

#endif
