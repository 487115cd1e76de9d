/* SPDX-License-Identifier: MIT */
/*
 * complaint.h - why a program of ffmpeg's ended, for people
 */
#ifndef JOBS_TRANSCODE_DIAGNOSIS_H
#define JOBS_TRANSCODE_DIAGNOSIS_H

#include "jobs/transcode/subprocess.h"

enum { DIAGNOSIS = 1024 };

/*
 * One line into `why`, safe to print and without the path `input`.  1: the
 * input is to blame, it will be the same again; 0: to be tried again.
 */
int diagnosis_write(
	const struct subprocess *, const char *input, char why[DIAGNOSIS]);

#endif
