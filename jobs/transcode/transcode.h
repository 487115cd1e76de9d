/* SPDX-License-Identifier: MIT */
/*
 * transcode.h - the job `transcode`: a film, sound or picture out of a blob
 *
 * The input is the job's blob.  The body is an object of JSON:
 *
 *	"profile"	hls, mp4, webm, audio, thumbnail, poster, or one of
 *			the worker's configuration
 *	"at_ms"		of an image: where in the film
 *	"then"		a queue that gets the result as a job's body
 *
 *	ack	all files are blobs; the result is that of outputs.h
 *	fail	the body is wrong, or the input is: not media, truncated,
 *		beyond a limit
 *	retry	what may be different next time: a full disk, no memory, a
 *		program that crashed or is not there
 *
 * docs/transcode.md has the rest.
 */
#ifndef JOBS_TRANSCODE_H
#define JOBS_TRANSCODE_H

#include "jobs/job.h"

enum job_verdict transcode_run(struct job *);

#endif
