/* SPDX-License-Identifier: MIT */
/*
 * admin.h - requests about the broker: settings, queues, workers, counters,
 * and a backup of the store
 *
 * Of a request for a backup the core only keeps the request: the copy takes a
 * process and time, which are the caller's.  One backup is made at a time.
 * While core.backup.state is BACKUP_WANTED the caller starts the copy after the
 * commit of the turn, so that all that was confirmed before the request came is
 * in the copy, and calls backup_begun().  Then it ends the copy when
 * backup_limit() says so.  With backup_end() the request is answered.
 */
#ifndef BROKER_CORE_ADMIN_H
#define BROKER_CORE_ADMIN_H

#include "broker/job/reply.h"

op_fn op_queue_set, op_queue_delete, op_queues, op_workers, op_stats, op_backup;

struct backup_result {
	int status;	    /* 0, or an error */
	const char *detail; /* one line on the error */
	int64_t jobs, bytes, took_ms;
};

void backup_begun(struct core *);

/*
 * Why the copy must not go on, or NULL.  While it is made no page is used again
 * that it may read, so that the store grows with every job that ends: the copy
 * ends when puts are refused with SW_EFULL, or where they were before, at
 * BACKUP_FULL_PERCENT; and after SW_BACKUP_MS.
 */
const char *backup_limit(const struct core *);

/* Answers the request, before the answers of a turn are sent, and forgets it.
 */
void backup_end(struct core *, const struct backup_result *);

#endif
