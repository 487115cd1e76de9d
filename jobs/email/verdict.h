/* SPDX-License-Identifier: MIT */
/*
 * email_verdict.h - what the end of a conversation means for the job
 *
 * Neither the server's code nor libcurl's is enough.  A certificate that is
 * not trusted comes with the code of the greeting, 220; a 554 means one thing
 * when it greets us and another behind the message.  So the stage counts too,
 * that is, what was said last.
 */
#ifndef JOBS_EMAIL_VERDICT_H
#define JOBS_EMAIL_VERDICT_H

#include "jobs/email/why.h"

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
