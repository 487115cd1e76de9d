/* SPDX-License-Identifier: MIT */
/*
 * command.h - the command lines of ffprobe and ffmpeg
 *
 * Made of numbers that were checked and words from our tables; of text from
 * outside only the path of the input, which the store of blobs has made, and
 * what the configuration says.
 */
#ifndef JOBS_TRANSCODE_COMMAND_H
#define JOBS_TRANSCODE_COMMAND_H

#include "jobs/transcode/probe.h"
#include "jobs/transcode/profile.h"

enum { COMMAND_WORDS = 192, COMMAND_ROOM = 16384 };

/* An image is at most so many times as high as its profile is wide. */
enum { COMMAND_TALL = 4 };

#define COMMAND_MASTER "master.m3u8"

struct ffmpeg_command {
	char *argv[COMMAND_WORDS + 1]; /* ends with NULL */
	int n;
	char room[COMMAND_ROOM];
	size_t used;
	int full; /* words were left out: it is not to be run */
};

/* What is asked for. */
struct ffmpeg_task {
	const struct config *conf;
	const struct film_profile *profile;
	const struct film_probe *probe;
	const char *input; /* a path */
	int64_t at_ms;	   /* of an image; -1: as the profile says */
};

void
command_probe(struct ffmpeg_command *, const struct config *, const char *input);
void command_make(struct ffmpeg_command *, const struct ffmpeg_task *);

/* Where in the input the image is taken. */
int64_t command_at_ms(const struct ffmpeg_task *);

/* The rungs that are not higher than the source; one at least. */
int command_rungs(
	const struct ffmpeg_task *, struct film_rung rungs[PROFILE_RUNGS]);

#endif
