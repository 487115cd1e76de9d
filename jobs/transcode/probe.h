/* SPDX-License-Identifier: MIT */
/*
 * probe.h - reads the output of ffprobe, and ffmpeg's progress
 */
#ifndef JOBS_TRANSCODE_PROBE_H
#define JOBS_TRANSCODE_PROBE_H

#include "base/bytes.h"

enum {
	PROBE_MAX = 256 * 1024, /* bytes of ffprobe's answer */
	PROBE_LINE = 128,
};

struct transcode_probe {
	char format[64];     /* "mov,mp4,m4a,3gp,3g2,mj2" */
	int64_t duration_ms; /* 0: not known */
	int streams;
	int video, audio;  /* index of the first stream; -1: none */
	int width, height; /* of the picture after its rotation */
};

/*
 * Reads the JSON of ffprobe.  0, or SW_EFORMAT: not JSON, or a number is out of
 * range.  A cover picture does not count as video.
 */
int probe_read(struct bytes json, struct transcode_probe *)
	__attribute__((warn_unused_result));

/* Reads the lines of ffmpeg -progress, in pieces of any size. */
struct transcode_progress {
	char line[PROBE_LINE];
	size_t len;
	int64_t out_ms; /* length of the output so far */
	int speed_x100; /* times real time, in hundredths; 0: unknown */
};

void progress_take(struct transcode_progress *, const char *, size_t);

#endif
