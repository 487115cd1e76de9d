/* SPDX-License-Identifier: MIT */
/*
 * endpoint.h - endpoints of a broker, and the options of its sockets
 */
#ifndef LINK_ENDPOINT_H
#define LINK_ENDPOINT_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes the default endpoint, NUL included, to `buf` of `cap` bytes: ipc:// in
 * $RUNTIME_DIRECTORY (set by systemd for the broker), else in /run/spillway for
 * root, else in $XDG_RUNTIME_DIR/spillway.  -ENOENT: neither variable is set;
 * -ENAMETOOLONG: `buf` is too small, or the path longer than SW_IPC_PATH_MAX.
 */
int
sw_endpoint_default(char *buf, size_t cap) __attribute__((warn_unused_result));

/* Why there is no default, for a message: "no default without ...". */
const char *sw_endpoint_default_why(int err);

/* Whether the endpoint is ipc:// with a path beyond SW_IPC_PATH_MAX. */
int sw_endpoint_is_long(const char *endpoint);

/*
 * Tries to connect to an ipc:// endpoint: 0; or -ENOENT: there is no socket,
 * -ECONNREFUSED: nobody listens, -EACCES: this process may not connect, or
 * another -errno.  0 for tcp://, which is not tried.  *listener, unless NULL:
 * the process that listens; 0: not known.
 */
int sw_endpoint_probe(const char *endpoint, pid_t *listener);

/* Why nobody is reached there, in a few words, as sw_endpoint_probe() finds:
 * "there is no socket", "permission denied"; "no answer": it finds nothing. */
const char *sw_endpoint_away(const char *endpoint);

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
