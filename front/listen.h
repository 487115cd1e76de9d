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

#endif
