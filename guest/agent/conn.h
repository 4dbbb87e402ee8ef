/*
 * conn.h - the one connection to the VMM: connect, frame lines, queue output.
 *
 * The agent connects out, over whatever bulkhead.transport names: "vsock"
 * (CID 2, port RPC_VSOCK_PORT_AGENT) or a character device. When the
 * connection goes, the agent tries again with a growing, bounded pause;
 * containers keep running. A queue that stays full means that nobody reads:
 * the connection is given up.
 */
#ifndef AGENT_CONN_H
#define AGENT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** conn_start() - begin to connect to @transport ("vsock" or a path). */
void conn_start(const char *transport);
/** conn_is_up() - is somebody there? */
bool conn_is_up(void);
/** conn_generation() - counts connections; tells old calls from new ones. */
uint32_t conn_generation(void);
/** conn_has_room() - may output (not replies, not events) be queued? */
bool conn_has_room(void);
/** conn_send() - queue one line; the LF is added. */
void conn_send(const char *text, size_t len);
/** conn_flush() - write what the peer takes now; for the last words. */
void conn_flush(void);

/* What the connection tells the layer above (rpc.c) */
void conn_on_up(void);
void conn_on_line(char *line, size_t len);
void conn_on_too_long(void);
void conn_on_room(void);
void conn_on_down(void);

#endif
