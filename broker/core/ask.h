/* SPDX-License-Identifier: MIT */
/*
 * ask.h - questions about single jobs, and cancel
 */
#ifndef BROKER_CORE_ASK_H
#define BROKER_CORE_ASK_H

#include "broker/core/reply.h"

op_fn op_get, op_wait, op_why, op_cancel;

#endif
