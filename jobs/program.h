/* SPDX-License-Identifier: MIT */
/*
 * program.h - the program of a built-in job
 *
 * The program spillway-job-NAME reads the sections [NAME] and [NAME LABEL] of
 * the file that --jobs or $SPILLWAY_JOBS names, and no others; each key of
 * [NAME] is an option, too.  It then runs jobs (spillway-job.h) as its worker
 * hands them over.
 */
#ifndef JOBS_PROGRAM_H
#define JOBS_PROGRAM_H

#include "jobs/job.h"

/*
 * What main() does for a type with keys: options and configuration, then jobs.
 * Returns the exit status: a wrong set-up is one line on stderr and
 * EXIT_CONFIG, or EXIT_USE for the command line, before the first job.
 */
int job_program(const struct job_type *, int argc, char **argv);

#endif
