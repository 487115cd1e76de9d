/* SPDX-License-Identifier: MIT */
#include "jobs/program.h"
#include "jobs/transcode/transcode.h"

int
main(int argc, char **argv)
{
	return job_program(&transcode_type, argc, argv);
}
