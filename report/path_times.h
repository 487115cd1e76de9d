/* SPDX-License-Identifier: MIT */
/*
 * path_times.h - the times of a path: a histogram, stored as text
 *
 * The column path.times has a JSON object that SQL can read: {"104":3,"110":1}
 * is 3 requests in bucket 104 and 1 in bucket 110.  (A row for each bucket took
 * a third of the time of a job on few lines.)
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

/* The microseconds that represent a bucket: its middle. */
static inline uint64_t
path_time_us(unsigned bucket)
{
	return hist_value(
		(bucket << PATH_TIME_BITS) + (1U << (PATH_TIME_BITS - 1)));
}

/* Longest text: "271":18446744073709551615, for each, and the braces. */
enum { PATH_TIMES_TEXT = 2 + PATH_TIMES * (3 + 20 + 4) };

/* Adds the counts of `text` to `n`; 0, or SW_ECORRUPT: malformed. */
int path_times_read(struct bytes text, uint64_t n[PATH_TIMES])
	__attribute__((warn_unused_result));

/* Writes the text, without a NUL: its length. */
size_t
path_times_write(const uint64_t n[PATH_TIMES], char text[PATH_TIMES_TEXT]);

#endif
