/* SPDX-License-Identifier: MIT */
#include "jobs/email/email.h"
#include "jobs/job.h"
#include "jobs/logs/logs.h"
#include "jobs/transcode/profile.h"
#include "jobs/transcode/transcode.h"
#include "jobs/webhook/endpoint.h"
#include "jobs/webhook/webhook.h"

static enum job_disposition
noop_run(struct job *job)
{
	(void)job;
	return JOB_ACK;
}

/* clang-format off */
const struct job_type job_types[] = {
	{.name = "email", .run = email_run, .keys = email_keys,
	 .check = email_conf_check,
	 .text = "sends one mail to one recipient, through a mail server"},
	{.name = "logs", .run = logs_run,
	 .text = "adds a piece of an access log to the report in $" LOGS_DB_ENV,
	 .keys = logs_keys, .check = logs_check, .streams = 1},
	{.name = "noop", .run = noop_run,
	 .text = "does nothing, successfully: to measure and to try things out"},
	{.name = "webhook", .run = webhook_run,
	 .text = "posts the body to a receiver, signed (Standard Webhooks)",
	 .keys = endpoint_keys, .profile_keys = endpoint_profile_keys,
	 .check = endpoint_check},
	{.name = "transcode", .run = transcode_run,
	 .keys = transcode_keys, .profile_keys = profile_keys,
	 .check = profile_check,
	 .text = "a blob's video or sound as hls, mp4, webm, audio or an image"},
	{.name = NULL},
};
/* clang-format on */
