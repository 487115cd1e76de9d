/* SPDX-License-Identifier: MIT */
/*
 * endpoint.h - endpoints of a broker, and the options of its sockets
 */
#ifndef LINK_ENDPOINT_H
#define LINK_ENDPOINT_H

#include <stddef.h>

/*
 * Writes the default endpoint, NUL included, to `buf` of `cap` bytes: ipc:// in
 * $RUNTIME_DIRECTORY (set by systemd for the broker), else in /run/spillway for
 * root, else in $XDG_RUNTIME_DIR/spillway.  -ENOENT: neither variable is set;
 * -ENAMETOOLONG: `buf` is too small.
 */
int
sw_endpoint_default(char *buf, size_t cap) __attribute__((warn_unused_result));

/*
 * Check an endpoint without using it: one to connect to, and one to listen at,
 * which is ipc:// or loopback and whose port may be 0 or *, any that is free.
 * 0; or -EINVAL and what the endpoint must be, "must be ...", in `why`.
 */
int sw_endpoint_check(const char *endpoint, char *why, size_t why_cap)
	__attribute__((warn_unused_result));
int sw_listen_check(const char *endpoint, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/*
 * Sets the options of a zmq socket that both ends of a link share: linger,
 * high-water marks, largest message, ZMTP heartbeats, handshake timeout.
 * -errno.
 */
int sw_socket_set(void *socket) __attribute__((warn_unused_result));

#endif
