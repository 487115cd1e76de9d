/* SPDX-License-Identifier: MIT */
/*
 * check.h - job programs that check their own configuration
 */
#ifndef WORKER_CHECK_H
#define WORKER_CHECK_H

struct check_env {
	const char *file;  /* of --jobs, for $SPILLWAY_JOBS; or NULL */
	const char *blobs; /* for $SPILLWAY_BLOBS; or NULL */
};

/*
 * Runs `spillway-job-NAME --check-config` and waits for it.  0: its
 * configuration is right; 1: it is not, or there is no such program: a line on
 * stderr says why.
 */
int check_program(const char *name, const struct check_env *)
	__attribute__((warn_unused_result));

#endif
