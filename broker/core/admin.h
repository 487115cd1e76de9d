/* SPDX-License-Identifier: MIT */
/*
 * admin.h - requests about the broker: settings, queues, workers, counters
 */
#ifndef BROKER_CORE_ADMIN_H
#define BROKER_CORE_ADMIN_H

#include "broker/core/reply.h"

op_fn op_queue_set, op_queues, op_workers, op_stats;

#endif
