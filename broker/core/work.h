/* SPDX-License-Identifier: MIT */
/*
 * work.h - leases: heartbeats, reports, hand-out
 *
 *	op_extend	the heartbeat: each lease named with its fencing token
 *			runs for another lease_ms of its queue; SW_ESTALE: the
 *			token is not the lease's; SW_ECANCEL: stop the job.
 *			COUNT: these were all (hello.h)
 *	op_done		ack, nack or release of a lease, with its token;
 *			follow-up jobs are put in the same commit as the ack
 *
 * work_hand_out() is the only place that gives leases.
 */
#ifndef BROKER_CORE_WORK_H
#define BROKER_CORE_WORK_H

#include "broker/job/reply.h"

/*
 * Leases ready jobs to workers that were sent fewer jobs than their credit: at
 * most TURN_LEASES in a turn, a few for each queue and worker in turn.  Skips
 * queues that are paused or at their concurrency or rate limit.
 */
void work_hand_out(struct core *);

op_fn op_extend, op_done;

#endif
