/* methods.h - the agent's JSON-RPC methods; docs/protocol.md describes them. */
#ifndef AGENT_METHODS_H
#define AGENT_METHODS_H

#include "rpc.h"

/** methods_init() - register; @default_config: path of container.run's. */
int methods_init(const char *default_config);
/** methods_info() - the members of agent.ready. */
json_t *methods_info(void);

#endif
