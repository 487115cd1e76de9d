/* SPDX-License-Identifier: MIT */
/*
 * email_why.h - why a mail is not sent, and what becomes of its job
 *
 * Whatever can refuse takes one of these and fills it before it returns an
 * error: who is to blame is known there and nowhere else.
 */
#ifndef JOBS_EMAIL_WHY_H
#define JOBS_EMAIL_WHY_H

/* Before our limits.h, which OpenSSL and curl else get from <limits.h>. */
#include <stdlib.h>

#include "jobs/job.h"

struct email_why {
	enum job_verdict verdict;
	int alarm;	  /* not this mail is to blame, but the set-up */
	int64_t after_ms; /* the server's hint, 0: none */
	char text[512];
};

/* The mail itself is wrong, and will be tomorrow; SW_EINVAL. */
int email_refuse(struct email_why *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Try again; -EAGAIN. */
int email_later(struct email_why *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Try again, and somebody must look at the set-up; -EAGAIN. */
int email_alarm(struct email_why *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
