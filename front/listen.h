/* SPDX-License-Identifier: MIT */
/*
 * listen.h - a listening socket at "HOST:PORT", "[V6]:PORT" or "unix:PATH"
 */
#ifndef FRONT_LISTEN_H
#define FRONT_LISTEN_H

/* The descriptor, non-blocking and close-on-exec; -EINVAL: no such address;
 * or -errno.  A socket file that nobody listens at is replaced. */
int listen_open(const char *at) __attribute__((warn_unused_result));

#endif
