/* SPDX-License-Identifier: MIT */
/*
 * core.h - what the broker decides
 *
 * Pure: no clock, no random source, no socket.  Time comes in with a turn,
 * the outside is the store it was given.  The same object runs in the broker
 * and wherever time is virtual.  A turn is:
 *
 *	core_begin	what time it is; windows are filled from the store
 *	core_take	a request, while core_has_room says there is room
 *	core_tick	jobs now due, leases now over
 *	core_hand_out	ready jobs to workers with credit
 *	core_close
 *	(commit)	core.batch, by the caller
 *	core_committed
 *	(send)		core.outs: only now the answers leave
 *	core_end
 *
 * A store that cannot be read sets `err`: the caller ends the process.
 */
#ifndef BROKER_CORE_H
#define BROKER_CORE_H

#include "broker/core/state.h"

/*
 * Reads queues and leases.  0, -ENOMEM, or the store's error; SW_ECORRUPT,
 * and the store's `why` says of which queue the row is corrupt.
 */
int core_init(struct core *, struct store *, const struct claim *,
	int64_t now_ms, int64_t mono_ms) __attribute__((warn_unused_result));

/* The same, without the queues whose rows are corrupt: for a repair alone. */
int core_init_any(struct core *, struct store *, const struct claim *,
	int64_t now_ms, int64_t mono_ms) __attribute__((warn_unused_result));

void core_fini(struct core *);

void core_begin(struct core *, int64_t now_ms, int64_t mono_ms);

/* `frame` is borrowed for the call. */
void core_take(struct core *, const struct peer *, struct bytes frame);
void core_tick(struct core *);
void core_hand_out(struct core *);

/* Nothing more is decided in this turn: core.batch is ready to be committed. */
void core_close(struct core *);

/* The batch is in the store; `outs` may be sent. */
void core_committed(struct core *);

/*
 * An out could not be sent: its jobs are free again, with the next commit.
 * Their worker is to say hello again, if it lives: else the next turn would
 * send them the same way, and its count of jobs would differ from ours.
 */
void core_undelivered(struct core *, struct bytes frame);

/*
 * The commit said SW_EFULL: the turn is forgotten, its requests get no answer,
 * and all is read anew from the store, as after a crash.  For `full_ms` puts
 * are refused; who asks again gets SW_EFULL, and acks get through.
 */
int
core_reload(struct core *, int64_t full_ms) __attribute__((warn_unused_result));

/* All outs are sent or given up. */
void core_end(struct core *);

/* How long nothing will happen by itself; at most a second. */
int64_t core_wait_ms(const struct core *);

#endif
