/* SPDX-License-Identifier: MIT */
/*
 * path_times.h - how often each bucket of times occurred, as text
 *
 * One row of the report holds the times of a path: an object of JSON, so that
 * SQL can read it, such as {"104":3,"110":1}, 3 times in bucket 104.  (A row
 * for each bucket took a third of the time of a job on few lines.)
 */
#ifndef REPORT_PATH_TIMES_H
#define REPORT_PATH_TIMES_H

#include "base/bytes.h"
#include "base/histogram.h"

/*
 * The buckets of times: 8 for each power of two of microseconds, so that a
 * quantile is off by at most 1/16 (6 %) of itself.
 */
enum { PATH_TIME_BITS = 4, PATH_TIMES = HIST_LEN >> PATH_TIME_BITS };

/* What stands for the times of a bucket. */
static inline uint64_t
path_time_us(unsigned bucket)
{
	return hist_value(
		(bucket << PATH_TIME_BITS) + (1U << (PATH_TIME_BITS - 1)));
}

/* "271":18446744073709551615, of each, and the braces. */
enum { PATH_TIMES_TEXT = 2 + PATH_TIMES * (3 + 20 + 4) };

/* Adds what the text says to `n`; 0, or SW_ECORRUPT: it is none of ours. */
int path_times_read(struct bytes text, uint64_t n[PATH_TIMES])
	__attribute__((warn_unused_result));

/* Its length. */
size_t
path_times_write(const uint64_t n[PATH_TIMES], char text[PATH_TIMES_TEXT]);

#endif
