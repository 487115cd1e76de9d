/* SPDX-License-Identifier: MIT */
/*
 * archive.h - what a job has read, kept as zstd
 *
 * One file for each job, FOLDER/DAY/JOB.log.zst, DAY being that of its first
 * line in time, in UTC, or "undated".  A last line without a newline gets
 * one, so that archives one after the other are a log.  The file is written
 * beside its place, as FOLDER/JOB.PID under a lock, and named when it is whole
 * and on disk; a job that runs again writes the same bytes to the same place.
 * What a killed process has left without its lock, the next job removes.
 */
#ifndef JOBS_ARCHIVE_H
#define JOBS_ARCHIVE_H

#include <stdint.h>

#include "base/bytes.h"
#include "wire/id.h"

struct log_archive;

/*
 * Begins, in a folder that must be there.  -errno of the files, -ENOMEM, or
 * -EIO: zstd fails.
 */
int archive_open(struct log_archive **, const char *folder,
	const struct sw_id *) __attribute__((warn_unused_result));

/* The next bytes. */
int archive_add(struct log_archive *, struct bytes)
	__attribute__((warn_unused_result));

/* Names it after the time of its first line, SCAN_NO_TIME: it has none. */
int archive_finish(struct log_archive *, int64_t first_s)
	__attribute__((warn_unused_result));

/* Without archive_finish() nothing remains of it; NULL is fine. */
void archive_close(struct log_archive *);

#endif
