/* SPDX-License-Identifier: MIT */
/*
 * view.h - the contents of a report at one instant, for show.h
 */
#ifndef REPORT_VIEW_H
#define REPORT_VIEW_H

#include "base/bytes.h"
#include "report/database.h"

enum {
	VIEW_TOP = 10,
	VIEW_CLASSES = 6, /* 1 to 5: 1xx to 5xx; 0: all others */
	VIEW_DAY = 16,
	VIEW_SLOW_MIN = 10, /* least timed requests of a slow path */
	VIEW_SAMPLES = DATABASE_SAMPLES,
};

#define VIEW_NO_TIME INT64_MIN

struct view_path {
	struct bytes path; /* owned by the view */
	uint64_t n;
};

struct view_slow {
	struct bytes path;	     /* owned by the view */
	uint64_t n;		     /* requests with a time */
	uint64_t us, us_p99, us_max; /* us: the sum of all times */
};

struct view_bot {
	struct bytes word; /* owned by the view */
	uint64_t n, bytes;
};

struct view_day {
	char day[VIEW_DAY]; /* 2026-11-25 */
	uint64_t requests, bytes;
	uint64_t sessions, visitors; /* see sessions.h */
	int exact;
};

struct view_sample {
	struct bytes line, why; /* owned by the view */
};

struct report_view {
	uint64_t requests, bad, bytes;
	uint64_t jobs;		 /* merged, each once */
	int64_t first_s, last_s; /* Unix time or VIEW_NO_TIME */
	double visitors;	 /* estimated, see hll.h */
	uint64_t p50, p99;	 /* of the sizes, see base/histogram.h */
	uint64_t classes[VIEW_CLASSES];
	uint64_t n_paths;		/* distinct ones */
	struct view_path top[VIEW_TOP]; /* most requests first, then by path */
	size_t n_top;
	struct view_path errors[2][VIEW_TOP]; /* by answers of 4xx, of 5xx */
	size_t n_errors[2];
	struct view_slow slow[VIEW_TOP]; /* the greatest p99 first */
	size_t n_slow;
	uint64_t bot_requests, bot_bytes;
	struct view_bot bots[VIEW_TOP]; /* most requests first */
	size_t n_bots;
	struct view_day *days; /* all, in order */
	size_t n_days;
	struct view_sample samples[VIEW_SAMPLES];
	size_t n_samples;
};

/*
 * Reads the report in the file `path`, also while jobs add to it.  Errors as
 * of database_snapshot().  Call view_fini on
 * success alone.
 */
int view_init(struct report_view *, const char *path)
	__attribute__((warn_unused_result));
void view_fini(struct report_view *);

/* The query of the slow paths, for a snapshot (it uses time_us()). */
extern const char view_slow_sql[];

#endif
