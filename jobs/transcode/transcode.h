/* SPDX-License-Identifier: MIT */
/*
 * transcode.h - the job `transcode`: makes videos, sound or images of a blob
 *
 * The input is the job's blob.  The body is an object of JSON:
 *
 *	"profile"	hls, mp4, webm, audio, thumbnail, poster, or one of
 *			the worker's configuration
 *	"at_ms"		where in the video an image is taken
 *	"then"		a queue that gets a job with the result as its body
 *
 *	ack	all files are blobs; outputs.h describes the result
 *	fail	the body is malformed, or the input is not media, truncated or
 *		beyond a limit
 *	retry	a full disk, no memory, a program that crashed or is missing
 *
 * docs/transcode.md has the rest.
 */
#ifndef JOBS_TRANSCODE_H
#define JOBS_TRANSCODE_H

#include "jobs/job.h"

enum job_disposition transcode_run(struct job *);
extern const struct job_type transcode_type;

#endif
