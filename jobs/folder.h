/* SPDX-License-Identifier: MIT */
/*
 * folder.h - the folder of a kept process for large temporary files
 *
 * The worker names the folder in $SPILLWAY_TMP and removes it when the process
 * has ended.  The process makes the folder when a job first needs it: most jobs
 * never do.
 */
#ifndef JOBS_FOLDER_H
#define JOBS_FOLDER_H

#define FOLDER_ENV "SPILLWAY_TMP"

/*
 * Makes the folder unless it is there.  Its path, borrowed from the
 * environment; or NULL with errno set: ENOENT, there is no $SPILLWAY_TMP or no
 * folder above it; EPERM, another user's; or an error of mkdir(2).
 */
const char *folder_get(void);

/* Removes what is in the folder, and follows no link. */
void folder_empty(void);

#endif
