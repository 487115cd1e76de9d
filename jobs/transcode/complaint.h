/* SPDX-License-Identifier: MIT */
/*
 * complaint.h - why a program of ffmpeg's ended, for people
 */
#ifndef JOBS_COMPLAINT_H
#define JOBS_COMPLAINT_H

#include "jobs/transcode/tool.h"

enum { COMPLAINT = 1024 };

/*
 * One line into `why`, safe to print and without the path `input`.  1: the
 * input is to blame, it will be the same again; 0: to be tried again.
 */
int complaint_write(const struct tool *, const char *input,
	char why[COMPLAINT]);

#endif
