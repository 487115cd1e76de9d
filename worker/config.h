/* SPDX-License-Identifier: MIT */
/*
 * config.h - the worker's configuration, from the command line and a file
 *
 * [worker] has the keys that are options too; the file's other
 * sections are those of job programs, which read them themselves.
 */
#ifndef WORKER_CONFIG_H
#define WORKER_CONFIG_H

#include "base/options.h"
#include "worker/worker.h"

struct worker_config {
	struct worker_options worker; /* points into the rest */
	int check_only, verbose;
	enum exit_status status; /* where worker_config_read() returns 1 */
	char why[INI_WHY];	 /* what is wrong, in one line; or "" */
	int argc;		 /* the command line; borrowed */
	char **argv;

	/* its own: */
	struct worker_route routes[SW_QUEUES_PER_WORKER];
	char endpoint[4096], blobs[4096], name[SW_NAME_MAX + 1];
	char file[COMMAND_PATH]; /* of --jobs, for the programs */
	struct options options;
};

/*
 * Fills *cfg from defaults, environment, file and arguments, the latter
 * winning, and checks the configuration of the jobs that this worker serves.
 * 0; or 1: exit with cfg->status; help or an error has been printed.
 * worker_config_fini() in both cases.
 */
int worker_config_read(struct worker_config *, int argc, char **argv)
	__attribute__((warn_unused_result));
void worker_config_fini(struct worker_config *);

/*
 * The same from the command line of `first`, and its file as the file is now;
 * asks no program and prints nothing.  0; or 1, and to->why is set.
 */
int worker_config_again(struct worker_config *to,
	const struct worker_config *first) __attribute__((warn_unused_result));

/* The key's changes hold at once: others need the worker's parts anew. */
int worker_config_is_live(const struct config_key *);

#endif
