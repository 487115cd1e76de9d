/* SPDX-License-Identifier: MIT */
/*
 * work.h - workers: sessions, leases, what they report, what they get
 */
#ifndef BROKER_CORE_WORK_H
#define BROKER_CORE_WORK_H

#include "broker/core/reply.h"

/* The session is over: its leases, if any, go on until they end. */
void session_close(struct core *, struct session *);

/* Ready jobs go to workers with credit, as many as a turn may hand out. */
void work_hand_out(struct core *);

op_fn op_hello, op_want, op_extend, op_done, op_bye;

#endif
