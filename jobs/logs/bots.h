/* SPDX-License-Identifier: MIT */
/*
 * bots.h - which user agents are programs
 *
 * By a table of words that programs have in their names, in any case of
 * letters; docs/logs.md has it for people.  Who hides is not found.
 */
#ifndef JOBS_BOTS_H
#define JOBS_BOTS_H

#include <stdint.h>

#include "base/bytes.h"

enum {
	BOTS_MAX = 64,
	BOTS_CACHE = 1024,
	BOTS_AGENT_MAX = 512, /* no word is looked for behind that */
};

/* Its words, in the order in which they are looked for; ends with NULL. */
extern const char *const bot_words[];

/* Answers, by the hash of the agent.  All zero is empty. */
struct log_bots {
	struct {
		uint64_t hash;
		int bot;
	} seen[BOTS_CACHE];
};

/* The place of the first word that is in `agent`, or -1. */
int bot_of(struct bytes agent);

/* The same, from the cache, where `hash` of the agent is in it. */
int bots_find(struct log_bots *, struct bytes agent, uint64_t hash);

#endif
