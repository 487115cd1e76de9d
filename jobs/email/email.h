/* SPDX-License-Identifier: MIT */
/*
 * email.h - the job `email`: one mail to one recipient
 *
 * The body is a JSON object (email_read.h, docs/email.md); where it is empty,
 * the job's blob is that object.  The mail server and all else that is the
 * same for every mail stands in [email] of the file of --jobs.
 *
 *	ack	the server has taken the mail over; the result is
 *		{"message_id":"<…>","reply":"250 …"}
 *	fail	the mail cannot be sent, today or tomorrow: the job is
 *		malformed, or the server refuses its addresses or its content
 *	retry	the server says so (4xx), or cannot be reached, or the set-up
 *		is wrong, which raises an alarm too
 *
 * The Message-ID is made of the job's id: of two mails with the same one, the
 * second was sent because the answer to the first had been lost.
 */
#ifndef JOBS_EMAIL_H
#define JOBS_EMAIL_H

#include "jobs/job.h"

enum { EMAIL_JSON_MAX = 8 * 1024 * 1024 }; /* of a body that is a blob */

enum job_verdict email_run(struct job *);
extern const struct config_key email_keys[];
/* All that can be said without a job (job.h). */
int email_conf_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

#endif
