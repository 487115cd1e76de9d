/* SPDX-License-Identifier: MIT */
/*
 * id.h - job ids: UUID version 7 (RFC 9562), made by the producer
 *
 * The ids of one process sort in the order in which they were made, also
 * within a millisecond: new jobs are appended at the end of the store's order.
 */
#ifndef SW_ID_H
#define SW_ID_H

#include <stdint.h>
#include <string.h>

#include "wire/limits.h"

struct sw_id {
	uint8_t b[SW_ID_LEN];
};

/*
 * Makes an id for `now_ms` (Unix time).  The 12 bits of rand_a count up
 * within a millisecond (RFC 9562, 6.2, method 1) and overflow into the time;
 * the rest is random.  Safe to call from any thread.
 */
struct sw_id sw_id_make(int64_t now_ms);

/* Whether all bytes are 0: no job and no worker has such an id. */
static inline int
sw_id_is_nil(const struct sw_id *id)
{
	static const struct sw_id nil;

	return memcmp(id, &nil, sizeof(nil)) == 0;
}

/* Reads a UUID of any version: 0, or SW_EID: `text` is not a UUID. */
int sw_id_parse(const char *text, struct sw_id *)
	__attribute__((warn_unused_result));

/* Writes 36 lower-case characters and a NUL. */
void sw_id_format(const struct sw_id *, char text[SW_ID_TEXT]);

#endif
