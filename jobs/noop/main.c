/* SPDX-License-Identifier: MIT */
/*
 * spillway-job-noop does nothing, successfully: to measure, and to try things
 * out.  It takes no notice of a blob, and so links nothing that reads one.
 */
#include "base/options.h"
#include "jobs/spillway-job.h"

static const struct config_key no_keys[] = {
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL}};

static const struct config_group groups[] = {
	{.name = "noop", .text = "does nothing", .keys = no_keys},
	{.name = NULL},
};

static const struct program program = {
	.name = "spillway-job-noop",
	.usage = "[options]",
	.page = "spillway-jobs.conf",
	.file_option = "jobs",
	.file_text = "read [noop] of FILE (else of $SPILLWAY_JOBS)",
	.file_env = "SPILLWAY_JOBS",
	.groups = groups,
	.others = config_others_skip,
};

static enum spillway_job_end
noop_run(struct spillway_job *job)
{
	(void)job;
	return SPILLWAY_JOB_DONE;
}

int
main(int argc, char **argv)
{
	struct options o;
	int status = EXIT_OK;

	if (options_start(&o, &program, argc, argv) != 0)
		status = (int)o.status;
	else if (o.action == NULL)
		status = spillway_job_run(noop_run, NULL);
	options_fini(&o);
	return status;
}
