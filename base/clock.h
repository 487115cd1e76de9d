/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the time in milliseconds
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/*
 * `which` is CLOCK_MONOTONIC or CLOCK_BOOTTIME for intervals, CLOCK_REALTIME
 * for times that are stored or shown.
 */
static inline int64_t
clock_now_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
