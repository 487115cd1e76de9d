/* SPDX-License-Identifier: MIT */
/*
 * webhook_after.h - what the header Retry-After says
 */
#ifndef JOBS_WEBHOOK_AFTER_H
#define JOBS_WEBHOOK_AFTER_H

#include <stdint.h>

enum { AFTER_MAX_S = 366 * 24 * 3600 };

/*
 * A number of seconds or a date (RFC 9110): so long from `now_s`, a Unix time;
 * at most AFTER_MAX_S.  0: now, or it says nothing.
 */
int64_t after_s(const char *text, int64_t now_s);

#endif
