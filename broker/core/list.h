/* SPDX-License-Identifier: MIT */
/*
 * list.h - pages over jobs: list, redrive, purge
 */
#ifndef BROKER_CORE_LIST_H
#define BROKER_CORE_LIST_H

#include "broker/core/reply.h"

op_fn op_list, op_redrive, op_purge;

#endif
