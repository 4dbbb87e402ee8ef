/*
 * rpc.h - what VMM, agent and bhk agree on: ports, limits, method names.
 *
 * JSON-RPC 2.0, one JSON text a line (LF), UTF-8, no batch. The same methods
 * travel on virtio-vsock (VMM to agent), on COM2 (bhk to VMM) and inside the
 * VMM (shell). docs/protocol.md describes parameters and results.
 */
#ifndef PROTO_RPC_H
#define PROTO_RPC_H

#define RPC_VERSION 1

/* virtio-vsock: the VMM is CID 2 (VMADDR_CID_HOST), the guest is CID 3. */
#define RPC_VSOCK_PORT_AGENT 1024 /* the agent connects out to it when up */
#define RPC_VSOCK_PORT_ECHO  7    /* sends back what it gets; any number */

#define RPC_LINE_MAX     32768 /* bytes of one line, LF included */
#define RPC_OUTPUT_CHUNK 2048  /* container output bytes a notification */
#define RPC_NAME_MAX     63    /* names: [a-z0-9][a-z0-9_.-]{0,62} */
#define RPC_CALLS_MAX    16    /* calls under way on one connection */

/* JSON-RPC's own error codes, and ours from -32000 down */
#define RPC_ERR_PARSE       (-32700)
#define RPC_ERR_REQUEST     (-32600)
#define RPC_ERR_METHOD      (-32601)
#define RPC_ERR_PARAMS      (-32602)
#define RPC_ERR_INTERNAL    (-32603)
#define RPC_ERR_NOENT       (-32001) /* no such partition, container, exec */
#define RPC_ERR_EXIST       (-32002) /* the name is taken */
#define RPC_ERR_STATE       (-32003) /* not possible in the present state */
#define RPC_ERR_UNSUPPORTED (-32004) /* a field that we refuse to ignore */
#define RPC_ERR_BUSY        (-32005)
#define RPC_ERR_LIMIT       (-32006)
#define RPC_ERR_GONE        (-32007) /* the partition or its agent went away */
#define RPC_ERR_SYSTEM      (-32008) /* a system call failed; data.errno */

#endif
