/* SPDX-License-Identifier: MIT */
/*
 * profile.h - what a transcoding job makes: hls, mp4, webm, audio, thumbnail,
 * poster, and what [transcode NAME] of the configuration makes of them
 *
 * A section that bears a built-in's name changes that profile; any other
 * names the one it starts from by `base`.
 */
#ifndef JOBS_TRANSCODE_PROFILE_H
#define JOBS_TRANSCODE_PROFILE_H

#include "jobs/job.h"

enum { PROFILE_RUNGS = 8, PROFILE_NAME = 64 };

enum profile_kind {
	PROFILE_HLS, /* a master playlist, a playlist for each rung, segments */
	PROFILE_VIDEO, /* one file */
	PROFILE_AUDIO,
	PROFILE_IMAGE, /* one frame */
};

/* The shorter side of the picture, and the most bits a second. */
struct film_rung {
	int height, kbit;
};

/* How a word of the configuration is said to ffmpeg. */
struct film_codec {
	const char *name, *encoder;
	const char *ext; /* the file's, where the codec decides it */
	int most;	 /* the largest crf, or kbit/s of sound; 0: neither */
};

struct film_preset {
	const char *name; /* libx264's and libx265's */
	int vp9, av1;	  /* the same trade for others */
};

struct film_profile {
	enum profile_kind kind;
	const char *ext;
	const char *codecs; /* the words that `codec` may be */
	const struct film_codec *codec, *audio; /* audio NULL: none */
	const struct film_preset *preset;
	struct film_rung rungs[PROFILE_RUNGS]; /* of falling height */
	int rungs_n, crf, audio_kbit, segment_ms;
	int width, at_percent; /* of an image */
};

extern const struct config_key profile_keys[], transcode_keys[];

/*
 * The profile of that name; 0 or SW_EINVAL with one line in `why`.  Borrows
 * only from tables.
 */
int profile_read(struct film_profile *, const struct config *, const char *name,
	char *why, size_t cap) __attribute__((warn_unused_result));

/* Whether all of a configuration's profiles can be read; as above. */
int profile_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

#endif
