/* SPDX-License-Identifier: MIT */
/*
 * webhook_address.h - whom a webhook may reach
 *
 * An address in IPv6 that stands for one of IPv4 (mapped, 6to4, NAT64) is
 * taken for that one.
 */
#ifndef JOBS_WEBHOOK_ADDRESS_H
#define JOBS_WEBHOOK_ADDRESS_H

#include <sys/socket.h>

/* "private", "loopback" …, static; NULL: of the public internet. */
const char *address_kind(const struct sockaddr *);

/*
 * Whether it lies in one of `networks`, which are separated by blanks:
 * "10.0.0.0/8 ::1".  1, 0, or SW_EINVAL: one of them is malformed, also where
 * `a` is NULL.
 */
int address_listed(const struct sockaddr *a, const char *networks)
	__attribute__((warn_unused_result));

#endif
