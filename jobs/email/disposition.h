/* SPDX-License-Identifier: MIT */
/*
 * disposition.h - why a mail was not sent, and what becomes of its job
 *
 * Each function that can fail sets a struct email_why before it returns an
 * error: only there is it known whether the job, the server or the
 * configuration is at fault.
 *
 * For the end of an SMTP session neither the server's code nor libcurl's is
 * enough: an untrusted certificate comes with the code of the greeting, 220,
 * and a 554 means one thing as a greeting and another after the message.  So
 * the stage, which is the last command sent, counts too.
 */
#ifndef JOBS_EMAIL_DISPOSITION_H
#define JOBS_EMAIL_DISPOSITION_H

/* First: OpenSSL and curl would get wire/limits.h for <limits.h>. */
#include <stdlib.h>

#include "jobs/job.h"

struct email_why {
	enum job_disposition disposition;
	int alarm;	  /* the configuration is at fault, not this mail */
	int64_t after_ms; /* the retry delay that the server named; 0: none */
	char text[512];
};

/* The mail is wrong, and a retry would fail too: JOB_FAIL; SW_EINVAL. */
int email_refuse(struct email_why *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* JOB_RETRY; -EAGAIN. */
int email_later(struct email_why *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* JOB_RETRY with an alarm: the configuration is at fault; -EAGAIN. */
int email_alarm(struct email_why *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

enum email_stage {
	EMAIL_CONNECT, /* no command sent: up to the greeting */
	EMAIL_HELLO,   /* EHLO, STARTTLS */
	EMAIL_AUTH,
	EMAIL_MAIL,
	EMAIL_RCPT,
	EMAIL_DATA,
	EMAIL_SENT, /* a part of the message was sent */
	EMAIL_STAGES
};

enum { EMAIL_REPLY_MAX = 400 };

struct email_end {
	int rc; /* CURLcode */
	enum email_stage stage;
	int code;	     /* of the last command's reply; 0: none */
	const char *reply;   /* that reply's text with the code, or "" */
	const char *problem; /* libcurl's error text */
	const char *server;  /* its name in the error */
	int own_sender;	     /* the job chose the sender address */
};

/* 0: the mail was sent; else `why` is set as by the functions above. */
int email_judge(const struct email_end *, struct email_why *);

/*
 * The time that a reply's text names ("try again in 300 seconds", "come back in
 * 00:04:59"), or 0.  Only a time after "in", "after" or "for", from a second to
 * a day, counts.
 */
int64_t email_hint_ms(const char *reply);

#endif
