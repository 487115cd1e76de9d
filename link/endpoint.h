/* SPDX-License-Identifier: MIT */
/*
 * endpoint.h - the broker's default endpoint, and the options of its sockets
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
 * Sets the options of a zmq socket that both ends of a link share: linger,
 * high-water marks, largest message, ZMTP heartbeats, handshake timeout.
 * -errno.
 */
int sw_socket_set(void *socket) __attribute__((warn_unused_result));

#endif
