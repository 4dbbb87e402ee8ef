/*
 * agent_no_conn.h - the agent without a connection, for tests and fuzzers of
 * its decoders: rpc.c is linked in and wants one, nothing uses it.
 */
#ifndef AGENT_NO_CONN_H
#define AGENT_NO_CONN_H

#include "guest/agent/conn.h"

bool conn_is_up(void)
{
	return false;
}

uint32_t conn_generation(void)
{
	return 0;
}

void conn_send(const char *text, size_t len)
{
	(void)text;
	(void)len;
}

#endif
