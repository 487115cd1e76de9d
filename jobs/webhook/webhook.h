/* SPDX-License-Identifier: MIT */
/*
 * webhook.h - the job `webhook`: posts the body to a receiver
 *
 * The post is signed by Standard Webhooks (sign.h); its webhook-id is the job's
 * id, the same at each attempt.  endpoint.h says how a job chooses the
 * receiver, docs/webhook.md which answers ack, retry or fail the job.
 */
#ifndef JOBS_WEBHOOK_H
#define JOBS_WEBHOOK_H

#include "jobs/job.h"

enum job_disposition webhook_run(struct job *);
extern const struct job_type webhook_type;

/*
 * The disposition that an HTTP status means; `*why` is a static text for the
 * error, or NULL.
 */
enum job_disposition webhook_disposition(int status, const char **why);

#endif
