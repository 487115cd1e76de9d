/* SPDX-License-Identifier: MIT */
/*
 * archive.h - stores the log that a job has read, as zstd
 *
 * Each job writes one file, FOLDER/DAY/JOB.log.zst.  DAY is the UTC day of the
 * earliest line, or "undated".  A last line without a newline gets one, so that
 * concatenated archives are a log.  The file is written as FOLDER/JOB.PID under
 * a lock and renamed when it is complete and synced; a job that runs again
 * writes the same bytes to the same place.  Each job removes the unlocked
 * temporary files of killed processes.
 */
#ifndef JOBS_ARCHIVE_H
#define JOBS_ARCHIVE_H

#include <stdint.h>

#include "base/bytes.h"
#include "wire/id.h"

struct log_archive;

/*
 * Begins an archive in an existing folder.  0, -errno of the files, -ENOMEM, or
 * -EIO: zstd failed.
 */
int archive_open(struct log_archive **, const char *folder,
	const struct sw_id *) __attribute__((warn_unused_result));

/* Appends bytes of the plain log; errors as above. */
int archive_add(struct log_archive *, struct bytes)
	__attribute__((warn_unused_result));

/*
 * Completes the archive durably.  `first_s` is the time of the earliest line,
 * or SCAN_NO_TIME.  Errors as above.
 */
int archive_finish(struct log_archive *, int64_t first_s)
	__attribute__((warn_unused_result));

/* Frees it; removes the file unless archive_finish() succeeded.  May be NULL.
 */
void archive_close(struct log_archive *);

#endif
