/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what one job finds in its piece of a log
 *
 * All of it can be merged: the report of a log does not depend on how the
 * log was cut into jobs, nor on the order in which they ran.  (The samples of
 * malformed lines do: they are the first that were merged.)
 */
#ifndef JOBS_TALLY_H
#define JOBS_TALLY_H

#include "hist.h"
#include "hll.h"
#include "scan.h"
#include "topk.h"

enum {
	TALLY_STATUSES = 1000,
	TALLY_SAMPLES = 10, /* malformed lines that are kept */
};

struct tally_sample {
	struct bytes line;
	const char *why; /* static */
};

struct tally {
	uint64_t requests, bad; /* good lines and malformed ones */
	uint64_t bytes;		/* of the answers, as logged */
	uint64_t status[TALLY_STATUSES];
	int64_t first_s, last_s; /* SCAN_NO_TIME: none had a time */
	struct hll visitors;	 /* by client address */
	struct hist sizes;
	struct topk paths;
	struct tally_sample samples[TALLY_SAMPLES];
	size_t n_samples;
	char *scratch;
};

/*
 * Tallies `text`, which is borrowed until tally_fini.  0 or -ENOMEM; call
 * tally_fini in either case.
 */
int tally_init(struct tally *, struct bytes text)
	__attribute__((warn_unused_result));
void tally_fini(struct tally *);

#endif
