/* SPDX-License-Identifier: MIT */
/*
 * path_times.h - how often each bucket of times occurred, as text
 *
 * One row of the report holds the times of a path: an object of JSON, so that
 * SQL can read it, such as {"104":3,"110":1}, 3 times in bucket 104.  (A row
 * for each bucket took a third of the time of a job on few lines.)
 */
#ifndef JOBS_PATH_TIMES_H
#define JOBS_PATH_TIMES_H

#include "jobs/logs/paths.h"

/* "271":18446744073709551615, of each, and the braces. */
enum { PATH_TIMES_TEXT = 2 + PATH_TIMES * (3 + 20 + 4) };

/* Adds what the text says to `n`; 0, or SW_ECORRUPT: it is none of ours. */
int path_times_read(struct bytes text, uint64_t n[PATH_TIMES])
	__attribute__((warn_unused_result));

/* Its length. */
size_t
path_times_write(const uint64_t n[PATH_TIMES], char text[PATH_TIMES_TEXT]);

#endif
