/* SPDX-License-Identifier: MIT */
/*
 * notices.h - what the broker logs once for each change of a state
 *
 *	damage		corrupt data was skipped
 *	store-full	puts are refused from now on, and why
 *	store-over	they are taken again, and have been for OVER_MS
 *	clients-refused	no descriptor was free for a new client
 */
#ifndef BROKER_NOTICES_H
#define BROKER_NOTICES_H

#include "broker/core/core.h"

struct notices {
	uint64_t damaged;      /* logged so far */
	int full;	       /* store-full is logged, store-over not yet */
	int64_t full_ms;       /* boot clock, the last turn that was full */
	unsigned long refused; /* clients, logged so far */
	int64_t refused_ms;
};

/* To be called once a turn, after core_begin(); `repair` is the command that is
 * recommended for a corrupt store. */
void notices_log(struct notices *, const struct core *, const char *repair,
	int64_t boot_ms);

#endif
