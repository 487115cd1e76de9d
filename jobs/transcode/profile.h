/* SPDX-License-Identifier: MIT */
/*
 * profile.h - the profiles of a transcoding job: the files it makes and how
 *
 * Built in are hls, mp4, webm, audio, thumbnail and poster.  A section
 * [transcode NAME] with a built-in's name changes that profile; any other makes
 * a new profile that starts from the one its key `base` names.
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

/* The shorter side of the picture in pixels, and its largest bit rate. */
struct transcode_rung {
	int height, kbit;
};

/* A codec's name in the configuration and in ffmpeg. */
struct transcode_codec {
	const char *name, *encoder;
	const char *ext; /* of the file if the codec decides it, or NULL */
	int most;	 /* largest crf, or largest kbit/s of sound; 0: none */
};

struct transcode_preset {
	const char *name; /* libx264's and libx265's */
	int vp9, av1;	  /* the nearest of libvpx-vp9 and libsvtav1 */
};

struct transcode_profile {
	enum profile_kind kind;
	const char *ext;
	const char *codecs; /* allowed names of `codec`, between blanks */
	const struct transcode_codec *codec, *audio; /* audio NULL: none */
	const struct transcode_preset *preset;
	struct transcode_rung rungs[PROFILE_RUNGS]; /* of falling height */
	int rungs_n, crf, audio_kbit, segment_ms;
	int width, at_percent; /* of an image */
};

extern const struct config_key profile_keys[], transcode_keys[];

/*
 * Reads the profile `name`.  0, or SW_EINVAL with one line in `why`.  The
 * profile borrows from static tables alone.
 */
int profile_read(struct transcode_profile *, const struct config *,
	const char *name, char *why, size_t cap)
	__attribute__((warn_unused_result));

/* Reads all profiles of a configuration to check them; as above. */
int profile_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

#endif
