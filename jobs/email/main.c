/* SPDX-License-Identifier: MIT */
#include "jobs/email/email.h"
#include "jobs/program.h"

int
main(int argc, char **argv)
{
	return job_program(&email_type, argc, argv);
}
