/* SPDX-License-Identifier: MIT */
/*
 * command.h - the command run by a test, and a broker for it
 *
 * Each run has a broker of its own, the real core with a few jobs in it; what
 * a core of so few jobs does not say, long lists and hostile texts, is said
 * from a script.  Tests look at both sides: the requests and what is stored,
 * and what people and scripts see.
 */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "wire/msg.h"

/*
 * The jobs that are there: dead, done, one that is ready in queue "taken" and
 * holds the key "k", and one with the largest body; and one that is not.
 */
#define DEAD "01935af0-0000-7000-8000-000000000001"
#define NONE "01935af0-0000-7000-8000-000000000002"
#define DONE "01935af0-0000-7000-8000-000000000003"
#define MUTE "01935af0-0000-7000-8000-000000000004"
#define BIG  "01935af0-0000-7000-8000-000000000005"

/* What the last run has written; no control character is in `err`. */
struct seen {
	char *out, *err;
	size_t out_len, err_len;
};
extern struct seen seen;

/* What the broker got; whole when a run has returned, reset by the next. */
struct script {
	char *stored; /* the bodies of its jobs, in the order of their ids */
	size_t stored_len, bodies, largest;
	int asked_n; /* requests other than PUT */
};
extern struct script script;

/* Runs the command with words split at '|', `text` on its stdin; exit code. */
int seen_run_in(const char *words, const char *text, size_t len);
int seen_run(const char *words);

/*
 * Group set-up and tear-down; between them SPILLWAY_BROKER leads to the
 * broker of the run.
 */
int script_up(void **state);
int script_down(void **state);

/* The first item of request `n`, which must have been `op`; borrowed. */
struct sw_item script_asked(int n, int op);
unsigned script_flags(int n);

/* Whether the item's ID is this one. */
int script_is(const struct sw_item *, const char *id);

#define HAS(text, part)                                                        \
	do {                                                                   \
		if (strstr(text, part) == NULL)                                \
			fail_msg("'%s' is not in: %s", part, text);            \
	} while (0)

#endif
