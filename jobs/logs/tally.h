/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what one job finds in its piece of a log
 *
 * All of it can be merged: the report of a log does not depend on how the
 * log was cut into jobs, nor on the order in which they ran.  (The samples of
 * malformed lines do: they are the first that were merged.)
 *
 * Nothing is borrowed from the text.  When tally_full() says so, what was
 * counted must go to the report and the tally be emptied: so a log of any
 * length is read in bounded memory.
 */
#ifndef JOBS_TALLY_H
#define JOBS_TALLY_H

#include "base/histogram.h"
#include "jobs/logs/bots.h"
#include "jobs/logs/paths.h"
#include "jobs/logs/scan.h"
#include "jobs/logs/sessions.h"
#include "report/database.h"
#include "report/hll.h"

enum {
	TALLY_STATUSES = 1000,
	TALLY_SAMPLES = DATABASE_SAMPLES,
	TALLY_LINE_MAX = 200, /* bytes of each */
	TALLY_DAYS = 64,
	TALLY_BYTES = 64 * 1024 * 1024, /* of paths; a piece may go beyond */
};

struct tally_sample {
	char line[TALLY_LINE_MAX];
	size_t len;
	const char *why; /* static */
};

struct tally_bot {
	uint64_t requests, bytes;
};

struct tally_day {
	int64_t day; /* since 1970-01-01 */
	uint64_t requests, bytes;
	struct log_sessions sessions;
};

struct log_tally {
	uint64_t requests, bad; /* good lines and malformed ones */
	uint64_t bytes;		/* of the answers, as logged */
	uint64_t status[TALLY_STATUSES];
	int64_t first_s, last_s; /* SCAN_NO_TIME: none had a time */
	struct hll visitors;	 /* by client address */
	struct hist sizes;
	struct log_paths paths;
	struct tally_bot bots[BOTS_MAX]; /* by word */
	struct tally_day *days;		 /* in order of appearance */
	size_t n_days, days_cap, day_at; /* the last one used */
	struct tally_sample samples[TALLY_SAMPLES];
	size_t n_samples;
	struct log_bots known; /* agents */
	char *scratch;
	size_t scratch_cap;
};

/* Empties it, a new one and a used one alike: zero it before the first. */
void tally_reset(struct log_tally *);
void tally_fini(struct log_tally *);

/* Whole lines; 0 or -ENOMEM. */
int tally_add(struct log_tally *, struct bytes text)
	__attribute__((warn_unused_result));

/* A line too long to be one, by its front. */
void tally_add_long(struct log_tally *, struct bytes front);

int tally_full(const struct log_tally *);

#endif
