/* SPDX-License-Identifier: MIT */
/*
 * email_verdict.h - what the end of a conversation means for the job
 *
 * Neither the server's code nor libcurl's is enough.  A certificate that is
 * not trusted comes with the code of the greeting, 220; a 554 means one thing
 * when it greets us and another behind the message.  So the stage counts too,
 * that is, what was said last.
 */
#ifndef JOBS_EMAIL_DISPOSITION_H
#define JOBS_EMAIL_DISPOSITION_H

/* Before our limits.h, which OpenSSL and curl else get from <limits.h>. */
#include <stdlib.h>

#include "jobs/job.h"

struct email_why {
	enum job_verdict disposition;
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

enum email_stage {
	EMAIL_CONNECT, /* nothing said: up to the greeting */
	EMAIL_HELLO,   /* EHLO, STARTTLS */
	EMAIL_AUTH,
	EMAIL_MAIL,
	EMAIL_RCPT,
	EMAIL_DATA,
	EMAIL_SENT, /* the message is on its way */
	EMAIL_STAGES
};

enum { EMAIL_REPLY_MAX = 400 };

struct email_end {
	int rc; /* CURLcode */
	enum email_stage stage;
	int code;	     /* of the reply to what was said last, 0: none */
	const char *reply;   /* its text with the code, "" */
	const char *problem; /* libcurl's words */
	const char *server;  /* whom this is about */
	int own_sender;	     /* the job chose the sender, not the set-up */
};

/* 0: sent.  Otherwise `why` and an error. */
int email_judge(const struct email_end *, struct email_why *);

/*
 * "try again in 300 seconds", "come back in 00:04:59": the time that the text
 * of a reply names, or 0.  Taken only where "in", "after" or "for" stands
 * before it and where it is between a second and a day.
 */
int64_t email_hint_ms(const char *reply);

#endif
