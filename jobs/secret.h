/* SPDX-License-Identifier: MIT */
/*
 * secret.h - files that hold a password or a key
 */
#ifndef JOBS_SECRET_H
#define JOBS_SECRET_H

#include <stddef.h>

/*
 * Opens one for reading: a descriptor, or -errno with one line in `why` that
 * names the file.  -EPERM: others than its owner and group may use it.
 */
int secret_open(const char *path, char *why, size_t cap)
	__attribute__((warn_unused_result));

#endif
