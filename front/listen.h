/* SPDX-License-Identifier: MIT */
/*
 * listen.h - a listening socket at "ADDRESS:PORT", "[V6]:PORT", ":PORT" or
 * "unix:PATH"; names are not looked up
 */
#ifndef FRONT_LISTEN_H
#define FRONT_LISTEN_H

/* Whether it is one of these. */
int listen_is_address(const char *at);

/* The descriptor, non-blocking and close-on-exec; -EINVAL: no such address;
 * or -errno.  A socket file that nobody listens at is replaced. */
int listen_socket_open(const char *at) __attribute__((warn_unused_result));

#endif
