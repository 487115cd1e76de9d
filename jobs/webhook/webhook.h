/* SPDX-License-Identifier: MIT */
/*
 * webhook.h - the built-in job `webhook`: the body is posted to a receiver
 *
 * Signed by Standard Webhooks (webhook_sign.h); webhook-id is the job's id, the
 * same with each attempt.  Where it goes stands in webhook_endpoint.h, what
 * becomes of each answer in docs/webhook.md.
 */
#ifndef JOBS_WEBHOOK_H
#define JOBS_WEBHOOK_H

#include "jobs/job.h"

enum job_verdict webhook_run(struct job *);

/* What an answer of that status means, and why (NULL: nothing to add). */
enum job_verdict webhook_disposition(int status, const char **why);

#endif
