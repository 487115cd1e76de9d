/* SPDX-License-Identifier: MIT */
/*
 * diagnosis.h - tells from its stderr why ffmpeg or ffprobe failed
 */
#ifndef JOBS_TRANSCODE_DIAGNOSIS_H
#define JOBS_TRANSCODE_DIAGNOSIS_H

#include "jobs/transcode/subprocess.h"

enum { DIAGNOSIS = 1024 }; /* bytes of the line with its NUL */

/*
 * Writes one line to `why`, safe to print and without the path `input`.  1: the
 * input is at fault, so a retry would fail too; 0: a retry may succeed.
 */
int diagnosis_write(
	const struct subprocess *, const char *input, char why[DIAGNOSIS]);

#endif
