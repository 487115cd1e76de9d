/* SPDX-License-Identifier: MIT */
/*
 * list.h - requests over many jobs, page by page: list, redrive, purge
 *
 * Each answer is one page, with a cursor for the next: the first item has
 * count and cursor, the others a job each.
 */
#ifndef BROKER_CORE_LIST_H
#define BROKER_CORE_LIST_H

#include "broker/core/reply.h"

op_fn op_list, op_redrive, op_purge;

#endif
