/* SPDX-License-Identifier: MIT */
/*
 * secret.h - opens files with a password or a key
 */
#ifndef JOBS_SECRET_H
#define JOBS_SECRET_H

#include <stddef.h>

/*
 * Opens a secret file for reading.  A descriptor, or -errno with one line in
 * `why` that names the file.  -EPERM: its mode gives others access.
 */
int secret_open(const char *path, char *why, size_t cap)
	__attribute__((warn_unused_result));

#endif
