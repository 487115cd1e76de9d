/* SPDX-License-Identifier: MIT */
#include "broker/time/stamp.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

enum { SUM = 8 };

void
stamp_encode(const struct stamp *s, uint8_t row[STAMP_BYTES])
{
	le_set(row + SUM, 8, s->format);
	le_set(row + SUM + 8, 8, s->boot_id);
	le_set(row + SUM + 16, 8, (uint64_t)s->offset_ms);
	le_set(row + SUM + 24, 8, (uint64_t)s->until_ms);
	le_set(row, SUM, XXH3_64bits(row + SUM, STAMP_BYTES - SUM));
}

/* A newer format may have a longer row, and begins alike. */
int
stamp_decode(struct stamp *s, struct bytes row)
{
	const uint8_t *p = row.p;

	if (row.len < STAMP_BYTES ||
		le_get(p, SUM) != XXH3_64bits(p + SUM, row.len - SUM))
		return SW_ECORRUPT;
	s->format = le_get(p + SUM, 8);
	s->boot_id = le_get(p + SUM + 8, 8);
	s->offset_ms = (int64_t)le_get(p + SUM + 16, 8);
	s->until_ms = (int64_t)le_get(p + SUM + 24, 8);
	return 0;
}
