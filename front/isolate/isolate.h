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

#include "producer/spillway-handler.h" /* last: leaves out what those declare */

/*
 * Serves requests until the read from `in` fails.  `in` and `out` are
 * eventfds: `in` wakes the isolate for a request, `out` the front for an
 * answer; the first answer, MAIL_READY, means that the isolate is ready.
 */
void isolate_run(const struct mailbox *, int in, int out,
	const struct sw_handler *) __attribute__((noreturn));

/* The prefix of the route's values in the isolate's environment. */
#define ISOLATE_VALUE "set."

#endif
