/* SPDX-License-Identifier: MIT */
/*
 * view.h - what a report says at one instant
 */
#ifndef JOBS_VIEW_H
#define JOBS_VIEW_H

#include "tally.h"

enum {
	VIEW_TOP = 10,
	VIEW_CLASSES = 6, /* 1 to 5: 1xx to 5xx; 0: all other */
};

struct view_path {
	struct bytes path; /* owned by the view */
	uint64_t n;
};

struct view_sample {
	struct bytes line, why; /* owned by the view */
};

struct view {
	uint64_t requests, bad, bytes;
	uint64_t jobs;		 /* merged, each once */
	int64_t first_s, last_s; /* Unix time or SCAN_NO_TIME */
	double visitors;	 /* estimated, see hll.h */
	uint64_t p50, p99;	 /* of the sizes, see hist.h */
	uint64_t classes[VIEW_CLASSES];
	uint64_t n_paths;		/* distinct ones */
	struct view_path top[VIEW_TOP]; /* most requests first, then by path */
	size_t n_top;
	struct view_sample samples[TALLY_SAMPLES];
	size_t n_samples;
};

/*
 * Reads the report in the file `path`, also while jobs add to it.  Errors as
 * of report_open; SW_EFORMAT also for an empty file.  Call view_fini on
 * success alone.
 */
int
view_init(struct view *, const char *path) __attribute__((warn_unused_result));
void view_fini(struct view *);

#endif
