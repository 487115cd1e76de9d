/* SPDX-License-Identifier: MIT */
/*
 * stamp.h - the row `a`: the format of all rows, and broker time
 *
 * Stores of the formats 1 and 2 have no such row.  The file of the store has a
 * format of its own (STORE_FORMAT in store.h), which is never older than that
 * of the rows, so that an older program does not open the file.
 */
#ifndef BROKER_TIME_STAMP_H
#define BROKER_TIME_STAMP_H

#include <stdint.h>

#include "base/bytes.h"

enum { STAMP_BYTES = 8 + 4 * 8 };

struct stamp {
	uint64_t format;

	/* Of broker time, see clocks.h. */
	uint64_t boot_id;
	int64_t offset_ms; /* on the boot clock of that boot */
	int64_t until_ms;  /* no row has a later time than this */
};

void stamp_encode(const struct stamp *, uint8_t row[STAMP_BYTES]);

/* SW_ECORRUPT: a wrong length or checksum. */
int stamp_decode(struct stamp *, struct bytes row)
	__attribute__((warn_unused_result));

#endif
