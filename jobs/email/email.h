/* SPDX-License-Identifier: MIT */
/*
 * email.h - the job `email`: sends one mail to one recipient
 *
 * The body is a JSON object (read.h, docs/email.md); if the body is empty, the
 * job's blob is that object.  The mail server and other settings that all mails
 * share are in [email] of the file of --jobs.
 *
 *	ack	the server has accepted the mail; the result is
 *		{"message_id":"<…>","reply":"250 …"}
 *	fail	a retry would fail too: the job is malformed, or the server
 *		refuses the addresses or the content
 *	retry	the server answers 4xx or cannot be reached, or the
 *		configuration is wrong, which raises an alarm too
 *
 * The Message-ID is made of the job's id.  Two mails with the same Message-ID
 * are the same job, sent again because the first answer was lost.
 */
#ifndef JOBS_EMAIL_H
#define JOBS_EMAIL_H

#include "jobs/job.h"

enum { EMAIL_JSON_MAX = 8 * 1024 * 1024 }; /* of a body that is a blob */

enum job_disposition email_run(struct job *);
extern const struct job_type email_type;
extern const struct config_key email_keys[];
/* Checks [email] when the worker starts, as of struct job_type (job.h). */
int email_conf_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

#endif
