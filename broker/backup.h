/* SPDX-License-Identifier: MIT */
/*
 * backup.h - the process that copies the store for `spillway backup`
 *
 * A process of its own, spillway-repair --copy-to: LMDB's map may move while
 * the broker runs, which a thread that reads it would not survive, and a page
 * that the disk has damaged ends the copy and not the broker.
 */
#ifndef BROKER_BACKUP_H
#define BROKER_BACKUP_H

#include <sys/types.h>

#include "broker/core/admin.h"

struct backup_process {
	const char *data; /* the folder; borrowed */
	int64_t map_size;
	pid_t pid;		    /* 0: none runs */
	int out;		    /* its stdout and stderr; -1: none */
	char said[SW_TEXT_MAX + 1]; /* the last line of it */
	size_t said_len;
	const char *stopped;	     /* why it was ended; NULL: it was not */
	struct backup_result failed; /* a start that failed; status 0: none */
};

void backup_init(struct backup_process *, const char *data, int64_t map_size);

/* Ends the process, waits until it has removed its files, and logs that. */
void backup_kill(struct backup_process *, const struct core *);

/*
 * After the commit of a turn and before its answers are sent: reads what the
 * process says, ends it where backup_limit() says so, and answers the request
 * when it has ended.
 */
void backup_watch(struct backup_process *, struct core *);

/*
 * After the commit of a turn: starts the process if a backup is wanted.  A
 * failed start is answered in the next turn.  Returns 0, or the error of a
 * store that cannot go on.
 */
int backup_start(struct backup_process *, struct core *)
	__attribute__((warn_unused_result));

#endif
