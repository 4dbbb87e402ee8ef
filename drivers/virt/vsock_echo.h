/* vsock_echo.h - a vsock service that sends back what it gets (port 7). */
#ifndef VIRT_VSOCK_ECHO_H
#define VIRT_VSOCK_ECHO_H

#include "virtio_vsock.h"

#define VSOCK_ECHO_PORT 7

extern const struct vsock_service vsock_echo_service;

#endif
