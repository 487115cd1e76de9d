/* SPDX-License-Identifier: MIT */
/*
 * util_answered.h - which requests a fake broker has answered on its links
 *
 * A client asks again after a second of silence, so a fake broker that gets
 * no processor for that long sees a request twice.  Tests count requests:
 * what has been answered and comes again on the same link is none.
 */
#ifndef UTIL_ANSWERED_H
#define UTIL_ANSWERED_H

#include <stdint.h>

#include "base/bytes.h"

enum { ANSWERED_MAX = 256 }; /* the last ones */

struct answered { /* zeroed: none */
	uint64_t sums[ANSWERED_MAX];
	unsigned n;
};

/* `peer` is the link's name, `frame` the whole request. */
int
answered_has(const struct answered *, struct bytes peer, struct bytes frame);
void answered_add(struct answered *, struct bytes peer, struct bytes frame);

#endif
