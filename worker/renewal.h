/* SPDX-License-Identifier: MIT */
/*
 * renewal.h - SIGHUP: the worker reads its configuration anew
 *
 * The file is read at once, and a process of this program then has the job
 * programs check theirs, while the worker goes on.  What is wrong changes
 * nothing.  What is right holds at once where it can: grace, memory, what is
 * logged.
 *
 * For all else, such as queues, slots and commands, and if there are kept
 * processes, which read a configuration of their own, the worker ends its parts
 * and opens them again.  Before that it hands back what has not begun; running
 * jobs go on to their end, however long they take, and the broker confirms it.
 * If the worker cannot open its parts with the new configuration, it opens them
 * with the earlier one.
 */
#ifndef WORKER_RENEWAL_H
#define WORKER_RENEWAL_H

#include "worker/config.h"

enum renewal_config {
	RENEWAL_NOW,   /* the worker's */
	RENEWAL_NEXT,  /* to be opened next; once opened: the earlier one */
	RENEWAL_DRAFT, /* is being checked */
	RENEWAL_CONFIGS
};

struct renewal {
	struct worker_config all[RENEWAL_CONFIGS];
	struct worker_config *config[RENEWAL_CONFIGS]; /* in `all` */
	char *blobs;	 /* $SPILLWAY_BLOBS at the start; NULL: not set */
	int again;	 /* SIGHUP came during a check */
	int has_earlier; /* RENEWAL_NEXT is what worked before */
};

/* Reads the configuration: 0; or 1, the program ends with *status. */
int renewal_init(struct renewal *, int argc, char **argv,
	enum exit_status *status) __attribute__((warn_unused_result));
void renewal_fini(struct renewal *);

/* Runs workers, one after another, until a signal has drained one. */
enum exit_status renewal_run(struct renewal *);

#endif
