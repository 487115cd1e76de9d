/* SPDX-License-Identifier: MIT */
#include "jobs/logs/logs.h"
#include "jobs/program.h"

int
main(int argc, char **argv)
{
	return job_program(&logs_type, argc, argv);
}
