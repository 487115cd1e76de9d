/* SPDX-License-Identifier: MIT */
/*
 * spin.c - what not to do
 *
 * This handler computes in the request what belongs into a job, and does not
 * end.  The kernel ends it after 10 ms of CPU; its client gets 503 "error code:
 * 1102", a new isolate takes its place, and no other request notices.
 */
#include <spillway-handler.h>

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	volatile unsigned long long digits = 0;

	(void)env;
	while (req != NULL)
		digits++;
	return res->print(res, "%llu\n", digits);
}

SW_HANDLER(handle);
