/* SPDX-License-Identifier: MIT */
#include "jobs/program.h"
#include "jobs/webhook/webhook.h"

int
main(int argc, char **argv)
{
	return job_program(&webhook_type, argc, argv);
}
