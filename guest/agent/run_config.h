/* run_config.h - from the words of container.run to a full config.json. */
#ifndef AGENT_RUN_CONFIG_H
#define AGENT_RUN_CONFIG_H

#include "error.h"

/**
 * run_config() - @base with the changes that @params of container.run ask for.
 * Return: a new document, or NULL with @e.
 */
json_t *run_config(json_t *base, json_t *params, struct agent_error *e);
/**
 * run_process() - @base's process with the args, env, cwd, user and terminal
 * of @params, for container.exec without a "process".
 */
json_t *run_process(json_t *base, json_t *params, struct agent_error *e);

#endif
