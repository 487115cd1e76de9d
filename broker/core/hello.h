/* SPDX-License-Identifier: MIT */
/*
 * hello.h - the sessions of workers
 *
 *	op_hello	opens the session of a worker: name, id, slots, queues.
 *			All of it is checked first, so that a refused hello
 *			makes no queue
 *	op_want		sets the credit: how many jobs the worker may have been
 *			sent in all since its hello
 *	op_bye		closes the session and releases its leases
 *
 * When a link breaks, JOBS that were on it are lost, and the broker does not
 * see which.  So a worker that has an id, which no other process has, names
 * all its leases after each hello and says how many they are.  It has never had
 * the leases of its earlier sessions that it does not name: these end free.  A
 * lease whose job is known to have begun is left alone.
 */
#ifndef BROKER_CORE_HELLO_H
#define BROKER_CORE_HELLO_H

#include "broker/job/reply.h"

/* Forgets a session and frees it.  Its leases run on until they expire or the
 * worker, with a new session, extends them. */
void session_close(struct core *, struct session *);

/* The worker was heard: the session lasts for another SESSION_SILENT_MS. */
void session_seen(struct core *, struct session *);

/* The worker says that it has named its leases since hello, and that they are
 * `n`.  SW_EINVAL: the broker has counted others, so that nothing follows. */
int session_listed(struct core *, struct session *, int64_t n)
	__attribute__((warn_unused_result));

/* After the requests of a turn: if a list was complete, sets the deadline of
 * the leases that it lacks to now. */
void leases_missed(struct core *);

/* The session of the requesting peer, which has just been seen.  NULL: the peer
 * has none, and the answer SW_ESESSION is under way. */
struct session *session_require(struct request *);

op_fn op_hello, op_want, op_bye;

#endif
