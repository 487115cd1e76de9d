/* SPDX-License-Identifier: MIT */
/*
 * listen.h - a listening socket at "ADDRESS:PORT", "[V6]:PORT", ":PORT" or
 * "unix:PATH"; names are not looked up
 */
#ifndef FRONT_LISTEN_H
#define FRONT_LISTEN_H

/* Whether `at` has one of these forms. */
int listen_is_address(const char *at);

/*
 * A listening descriptor, non-blocking and close-on-exec, the caller's.
 * -EINVAL: `at` is not an address; or -errno.  A stale socket file is replaced.
 */
int listen_socket_open(const char *at) __attribute__((warn_unused_result));

/*
 * Whether a socket of the file system can be made at `at`: 0, -EADDRINUSE: a
 * file that is no socket is there, or another -errno.  Of an address of a
 * network nothing is known before listen_socket_open().
 */
int listen_place_check(const char *at) __attribute__((warn_unused_result));

#endif
