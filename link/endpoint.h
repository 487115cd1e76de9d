/* SPDX-License-Identifier: MIT */
/*
 * endpoint.h - where the broker is when nobody says, and how sockets are set
 */
#ifndef SW_ENDPOINT_H
#define SW_ENDPOINT_H

#include <stddef.h>

/*
 * The default endpoint: ipc:// in $RUNTIME_DIRECTORY (set by systemd for the
 * broker), else /run/spillway for root, else $XDG_RUNTIME_DIR/spillway.
 * 0, -ENOENT: none of these is known, -ENAMETOOLONG.
 */
int sw_endpoint_default(char *buf, size_t cap)
	__attribute__((warn_unused_result));

/*
 * Sets the options that both ends of a link share on a zmq socket: linger,
 * high-water marks, largest message, heartbeats, handshake time.
 * 0 or -errno.
 */
int sw_socket_set(void *socket) __attribute__((warn_unused_result));

#endif
