/* SPDX-License-Identifier: MIT */
/*
 * command.h - the command lines of ffprobe and ffmpeg
 *
 * A command line consists of checked numbers, of words of profile.c's tables,
 * of the configuration's texts, and of the input's path, which the blob store
 * has made.
 */
#ifndef JOBS_TRANSCODE_COMMAND_H
#define JOBS_TRANSCODE_COMMAND_H

#include "jobs/transcode/probe.h"
#include "jobs/transcode/profile.h"

enum { COMMAND_WORDS = 192, COMMAND_ROOM = 16384 };

/* Largest height of an image, as a multiple of its profile's width. */
enum { COMMAND_TALL = 4 };

#define COMMAND_MASTER "master.m3u8"

struct ffmpeg_command {
	char *argv[COMMAND_WORDS + 1]; /* ends with NULL */
	int n;
	char room[COMMAND_ROOM];
	size_t used;
	int full; /* a word had no room: the command must not run */
};

/* One run of ffmpeg: the profile, the input and its probe. */
struct ffmpeg_task {
	const struct config *conf;
	const struct transcode_profile *profile;
	const struct transcode_probe *probe;
	const char *input; /* a path */
	int64_t at_ms;	   /* where an image is taken; -1: by the profile */
};

/* Both write a whole command; the caller checks `full`. */

void command_probe(
	struct ffmpeg_command *, const struct config *, const char *input);
void command_make(struct ffmpeg_command *, const struct ffmpeg_task *);

/* Where in the input the image is taken, in ms. */
int64_t command_at_ms(const struct ffmpeg_task *);

/*
 * Writes the profile's rungs that are not higher than the source, or else one
 * of the source's height.  Returns their number.
 */
int command_rungs(
	const struct ffmpeg_task *, struct transcode_rung rungs[PROFILE_RUNGS]);

#endif
