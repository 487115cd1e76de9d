/* SPDX-License-Identifier: MIT */
/*
 * power.h - scenes on a disk whose power goes
 *
 * A scene is one or more lives of a process, each of which goes on where the
 * last one was when it was killed or ended.  What they do to the files is
 * recorded, and then played to a disk (disk.h).  A state is what that
 * disk may hold at one point of the record; each is looked at by a process
 * of its own.  It reads scene/pass/point/variant.
 *
 * Passes differ in what is done.  In pass 0 the variants are 0, nothing is
 * left of what was not synced, and 1, all of it; from 2 on chance decides.
 */
#ifndef TESTS_POWER_H
#define TESTS_POWER_H

#include <stdint.h>

#include "tests/power/preload_trace.h"

enum { POWER_OPS = 256, POWER_LIVES = 4, POWER_WRONG_MAX = 20 };

enum power_outcome {
	POWER_UNTRIED,
	POWER_BEGUN,   /* of unknown outcome */
	POWER_STORED,  /* and confirmed */
	POWER_REFUSED, /* or never done */
};

struct power_story {
	int next; /* the first operation that was not tried */
	uint8_t outcome[POWER_OPS];
	uint64_t epoch; /* the last that was given */
};

struct power_scene;

/* What scenes have in common. */
struct power_kind {
	int arg;
	/* One life, `more` operations long; it ends orderly or as if killed.
	 * It says how far it is by power_say. */
	void (*live)(const struct power_scene *, const char *root,
		struct power_story *, int more, int orderly);
	/* Looks at what power loss has left in `root`, and goes on with it;
	 * `end` is where the story will end.  By power_wrong if need be. */
	void (*look)(const struct power_scene *, const char *root,
		const struct power_story *, const void *known);
	/* What `look` wants to know, from the whole story; free() frees it. */
	void *(*prepare)(
		const struct power_scene *, const struct power_story *end);
};

struct power_scene {
	const char *name;
	const struct power_kind *kind;
	struct {
		int more, orderly;
	} lives[POWER_LIVES];
	int every; /* so many of its points, not all; 0: all */
	/* The first life is killed after call number n; n from 1 on. */
	int killed;
	/* It begins with what power loss has left of this one, n times. */
	const struct power_scene *base;
	/* Set by power_run. */
	int n;
	uint64_t seed;
};

/* Syncs that do nothing, once so many operations have begun. */
struct power_lie {
	enum trace_kind kind;
	const char *name; /* of what is synced; "" is the folder of all */
	int from;
	int begins; /* the name only begins so */
};

struct power_tally {
	int states, wrong;
	int quiet; /* ends with the first that is wrong, and says nothing */
	char what[400];
};

struct power_view {
	const struct power_lie *lie; /* NULL: all syncs are honest */
	const char *only;	     /* that state alone; NULL: all */
	int64_t until_ms; /* monotonic clock: later ones are left out */
};

/*
 * Looks at the states of one pass.  1: a scene that is killed ended before
 * its call.
 */
int power_run(const struct power_scene *, int n, int pass, uint64_t seed,
	const struct power_view *, struct power_tally *);

int64_t power_now_ms(void);

/* In a life: what became of an operation; the epoch that was given. */
void power_say(struct power_story *, int op, enum power_outcome);
void power_epoch(struct power_story *, uint64_t epoch);

/* In `look`: what is wrong, and the end of it. */
void power_wrong(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

extern const struct power_kind power_store, power_full, power_blobs;

#endif
