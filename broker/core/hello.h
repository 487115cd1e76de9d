/* SPDX-License-Identifier: MIT */
/*
 * hello.h - the sessions of workers
 *
 *	op_hello	opens the session of a worker: name, slots, queues
 *	op_want		sets the credit: how many jobs the worker may have been
 *			sent in all since its hello
 *	op_bye		closes the session and releases its leases
 */
#ifndef BROKER_CORE_HELLO_H
#define BROKER_CORE_HELLO_H

#include "broker/core/reply.h"

/* Forgets a session and frees it.  Its leases run on until they expire or the
 * worker, with a new session, extends them. */
void session_close(struct core *, struct session *);

/* The session of the requesting peer, which has just been seen.  NULL: the peer
 * has none, and the answer SW_ESESSION is under way. */
struct session *session_require(struct request *);

op_fn op_hello, op_want, op_bye;

#endif
