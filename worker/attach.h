/* SPDX-License-Identifier: MIT */
/*
 * attach.h - the blob of a job that came as an item (jobs/attach.h)
 */
#ifndef WORKER_ATTACH_H
#define WORKER_ATTACH_H

#include "jobs/attach.h"
#include "wire/msg.h"

/* attach_file() by the first header that refers to a blob. */
int attach(const struct sw_item *job, const char *uri, const char *dir,
	struct attached *) __attribute__((warn_unused_result));

/* attach_stream() by the same header. */
int attach_open(const struct sw_item *job, const char *uri, struct attached *)
	__attribute__((warn_unused_result));

#endif
