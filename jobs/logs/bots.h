/* SPDX-License-Identifier: MIT */
/*
 * bots.h - tells which user agents are programs
 *
 * A user agent is a bot if it contains one of a table of words, in any case of
 * letters (docs/logs.md).  A bot that names itself as a browser is not found.
 */
#ifndef JOBS_BOTS_H
#define JOBS_BOTS_H

#include <stdint.h>

#include "base/bytes.h"

enum {
	BOTS_MAX = 64,
	BOTS_CACHE = 1024,
	BOTS_AGENT_MAX = 512, /* bytes of a user agent that are searched */
};

/* The words in the order of the search; ends with NULL. */
extern const char *const bot_words[];

/* A cache of answers by the hash of the agent.  All zero is empty. */
struct log_bots {
	struct {
		uint64_t hash;
		int bot;
	} seen[BOTS_CACHE];
};

/* The index of the first word that `agent` contains, or -1. */
int bot_of(struct bytes agent);

/* The same through the cache; `hash` is a hash of the agent. */
int bots_find(struct log_bots *, struct bytes agent, uint64_t hash);

#endif
