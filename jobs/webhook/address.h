/* SPDX-License-Identifier: MIT */
/*
 * address.h - the addresses that a webhook may connect to
 *
 * An IPv6 address that contains an IPv4 address (mapped, 6to4, NAT64) is judged
 * as that IPv4 address.
 */
#ifndef JOBS_WEBHOOK_ADDRESS_H
#define JOBS_WEBHOOK_ADDRESS_H

#include <sys/socket.h>

/* "private", "loopback" …, static; NULL: a public address. */
const char *address_kind(const struct sockaddr *);

/*
 * Whether `a` is in one of `networks`, which blanks separate: "10.0.0.0/8 ::1".
 * 1, 0, or SW_EINVAL: a network is malformed.  `a` may be NULL, to check the
 * networks alone.
 */
int address_listed(const struct sockaddr *a, const char *networks)
	__attribute__((warn_unused_result));

#endif
