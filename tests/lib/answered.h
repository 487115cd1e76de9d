/* SPDX-License-Identifier: MIT */
/*
 * answered.h - which requests a fake broker has answered on its links
 *
 * A client asks again after a second of silence, so a fake broker that gets
 * no processor for that long sees a request twice.  Tests count requests:
 * what has been answered and comes again on the same link is none, unless the
 * test has not lasted that second: then the client is wrong.
 */
#ifndef TESTS_ANSWERED_H
#define TESTS_ANSWERED_H

#include <stdint.h>

#include "base/bytes.h"

enum { ANSWERED_MAX = 256 }; /* the last ones */

struct answered {
	uint64_t sums[ANSWERED_MAX];
	unsigned n;
	int64_t since_ms;
};

/* Before the first request: none has been answered. */
void answered_begin(struct answered *);

/*
 * `peer` is the link's name, `frame` the whole request.  1: it is a repetition;
 * ends the test as failed where no client had a reason for one yet.
 */
int
answered_has(const struct answered *, struct bytes peer, struct bytes frame);
void answered_add(struct answered *, struct bytes peer, struct bytes frame);

#endif
