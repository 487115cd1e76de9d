/* SPDX-License-Identifier: MIT */
/*
 * tally.h - the counts of one job's piece of a log
 *
 * All counts can be merged: a report does not depend on how the log was cut
 * into jobs, nor on the order of the jobs.  (Only the samples of malformed
 * lines do: the report has the first that were added.)
 *
 * A tally borrows nothing from the text.  When tally_full() returns 1 the
 * caller adds the tally to the report and resets it: so a log of any length
 * needs bounded memory.
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
	TALLY_LINE_MAX = 200, /* bytes of a sample */
	TALLY_DAYS = 64,
	TALLY_BYTES = 64 * 1024 * 1024, /* of paths; one piece may exceed it */
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

/* Empties a tally.  A new tally must be all zero before its first reset. */
void tally_reset(struct log_tally *);
void tally_fini(struct log_tally *);

/* Counts whole lines; 0 or -ENOMEM. */
int tally_add(struct log_tally *, struct bytes text)
	__attribute__((warn_unused_result));

/* Counts an over-long line, whose `front` becomes the sample, as malformed. */
void tally_add_long(struct log_tally *, struct bytes front);

int tally_full(const struct log_tally *);

#endif
