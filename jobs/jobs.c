/* SPDX-License-Identifier: MIT */
#include "job.h"
#include "logs.h"

static enum job_verdict
noop_run(struct job *job)
{
	(void)job;
	return JOB_ACK;
}

const struct job_type job_types[] = {
	{"logs", "adds a piece of an access log to the report in $" LOGS_DB_ENV,
		logs_run},
	{"noop", "does nothing, successfully: to measure and to try things out",
		noop_run},
	{NULL, NULL, NULL},
};
