/*
 * vsock_echo.c - RFC 862's echo over vsock: the smallest service there is, for
 * tests and as an example. It keeps no state: what cannot be sent back yet is
 * not consumed, so the guest's own credit bounds it.
 */
#include "vsock_echo.h"

static bool vsock_echo_accept(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
	return true;
}

static size_t vsock_echo_data(void *ctx, struct vsock_conn *conn,
			      const uint8_t *bytes, size_t len)
{
	(void)ctx;
	return vsock_conn_send(conn, bytes, len);
}

static void vsock_echo_closed(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
}

static void vsock_echo_writable(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	vsock_conn_resume(conn);
}

/* Listen with virtio_vsock_listen(v, &vsock_echo_service, NULL). */
const struct vsock_service vsock_echo_service = {
	.port = VSOCK_ECHO_PORT,
	.accept = vsock_echo_accept,
	.data = vsock_echo_data,
	.closed = vsock_echo_closed,
	.writable = vsock_echo_writable,
};
