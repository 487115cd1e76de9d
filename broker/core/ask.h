/* SPDX-License-Identifier: MIT */
/*
 * ask.h - requests about single jobs: get, wait, why, cancel
 *
 * op_wait answers when the job has ended, at once if it already has; op_why
 * says in a sentence why the job is not running.
 */
#ifndef BROKER_CORE_ASK_H
#define BROKER_CORE_ASK_H

#include "broker/job/reply.h"

struct record;

/*
 * Cancels a job that waits, or asks the worker of a leased one to stop it: 0.
 * SW_ESTATE: the job has ended.
 */
int
job_cancel(struct core *, struct record *) __attribute__((warn_unused_result));

op_fn op_get, op_wait, op_why, op_cancel;

#endif
