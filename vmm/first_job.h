/*
 * first_job.h - the container that a partition's own config describes.
 *
 * When the agent of a partition is ready and the config has a `process`, the
 * VMM has that container created, attached, started and measured, in this
 * order, and shows its output on the operator's console.
 *
 * States: IDLE -first_job_ready-> CREATE -> ATTACH -> START -> STATS ->
 * RUNNING -"exited"-> DONE; FAILED from every call that is refused or lost.
 */
#ifndef VMM_FIRST_JOB_H
#define VMM_FIRST_JOB_H

#include "agent_link.h"
#include "config.h"

enum first_job_state {
	FIRST_JOB_IDLE,
	FIRST_JOB_CREATE,
	FIRST_JOB_ATTACH,
	FIRST_JOB_START,
	FIRST_JOB_STATS,
	FIRST_JOB_RUNNING,
	FIRST_JOB_DONE,
	FIRST_JOB_FAILED,
};

/* Show @len bytes (whole lines) on the operator's console. */
typedef void first_job_show_fn(void *ctx, const char *text, size_t len);

struct first_job {
	const struct partition_config *config; /* (c) */
	struct agent_link *link;               /* (c) */
	first_job_show_fn *show;               /* (c) */
	void *ctx;                             /* (c) */
	enum first_job_state state;
	bool has_exited; /* the event came, maybe before STATS was answered */
	int32_t exit_code;
	uint32_t line_len[2]; /* stdout, stderr: an unfinished line */
	char line[2][256];
	struct json_doc doc;
	jsmntok_t tokens[256];
};

void first_job_init(struct first_job *j, const struct partition_config *config,
		    struct agent_link *link, first_job_show_fn *show,
		    void *ctx);
void first_job_ready(struct first_job *j);
void first_job_notify(struct first_job *j, const char *method,
		      const char *params, size_t len);
void first_job_reset(struct first_job *j);

#endif
