/* SPDX-License-Identifier: MIT */
/*
 * command.h - the command run by a test, and a broker that answers it from
 * a script
 *
 * The broker is a thread with a ROUTER; it keeps what it was asked, and the
 * tests look at both sides: the requests, and what people and scripts see.
 */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "wire/msg.h"

/* The jobs that the script knows: dead, none there, done, never ending. */
#define DEAD "01935af0-0000-7000-8000-000000000001"
#define NONE "01935af0-0000-7000-8000-000000000002"
#define DONE "01935af0-0000-7000-8000-000000000003"
#define MUTE "01935af0-0000-7000-8000-000000000004"

/* What the last run has written; no control character is in `err`. */
struct seen {
	char *out, *err;
	size_t out_len, err_len;
};
extern struct seen seen;

/* Written by the broker, whole when a run has returned; reset by the next. */
struct script {
	char *stored; /* the bodies that were put, one after the other */
	size_t stored_len, bodies, largest;
	_Atomic int asked_n; /* requests other than PUT */
};
extern struct script script;

/* Runs the command with words split at '|', `text` on its stdin; exit code. */
int seen_run_in(const char *words, const char *text, size_t len);
int seen_run(const char *words);

/* Group set-up and tear-down; SPILLWAY_BROKER leads to the broker. */
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
