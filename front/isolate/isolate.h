/* SPDX-License-Identifier: MIT */
/*
 * isolate.h - the process in which a handler runs
 */
#ifndef FRONT_ISOLATE_H
#define FRONT_ISOLATE_H

#include "base/error.h"
#include "front/isolate/mailbox.h"
#include "wire/id.h"
#include "wire/job.h"
#include "wire/proto.h"

#include "producer/spillway-handler.h" /* leaves out what those have said */

/*
 * Serves requests for ever: each is announced by a number on `in`, and its
 * answer, where the front wants that, on `out` (eventfd(2)); a first one on
 * `out` says that the isolate is ready.  Ends when `in` does.
 */
void isolate_run(const struct mailbox *, int in, int out,
	const struct sw_handler *) __attribute__((noreturn));

/* The prefix of configured values in the isolate's environment. */
#define ISOLATE_VALUE "set."

#endif
