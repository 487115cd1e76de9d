/* SPDX-License-Identifier: MIT */
/*
 * clock.h - what time it is, in ms
 */
#ifndef FRONT_CLOCK_H
#define FRONT_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC for limits, CLOCK_REALTIME for what others read. */
static inline int64_t
clock_now_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
