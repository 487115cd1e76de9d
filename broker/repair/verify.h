/* SPDX-License-Identifier: MIT */
/*
 * verify.h - checks the consistency of a whole store, and repairs it
 *
 * Records have a checksum, the rows that lead to them do not: a flipped bit
 * there hides a job, or points to none, and no turn would notice.  But a
 * record says which rows it has (index.h).  So everything is read twice, from
 * records to rows and from rows to records, and the counters are counted.
 */
#ifndef BROKER_REPAIR_VERIFY_H
#define BROKER_REPAIR_VERIFY_H

#include "broker/core/core.h"

/* X(name, text): what can be wrong */
#define VERIFY_MAP(X)                                                          \
	X(VERIFY_CORRUPT, "corrupt records")                                   \
	X(VERIFY_MISSING, "missing rows")                                      \
	X(VERIFY_ORPHAN, "orphan rows")                                        \
	X(VERIFY_ROW, "corrupt rows")                                          \
	X(VERIFY_QUEUE, "queues without a row")                                \
	X(VERIFY_UNIQUE, "unique keys used twice")                             \
	X(VERIFY_COUNTER, "wrong counters")

enum verify_kind {
#define X(name, text) name,
	VERIFY_MAP(X)
#undef X
		VERIFY_KINDS
};

struct verify {
	struct core *core; /* just opened by core_init_any, no turn begun */
	int repair; /* writes what can be told; else nothing is written */

	/* Counts the rows that the store cannot write over; NULL: none are. */
	int (*file_check)(struct store *, uint64_t *corrupt);

	void (*report)(void *arg, const char *line); /* of each finding */
	void *arg;

	uint64_t jobs, rows, found[VERIFY_KINDS]; /* out */
};

/*
 * 0, whatever was found; or the store's error, -ENOMEM.  To repair, the store
 * must be claimed.  A corrupt record is not repaired: its content is lost, and
 * the job dies as corrupt when its turn comes.  A queue whose row is corrupt
 * is made anew, with the default settings, where jobs name it.  A lease whose
 * row is corrupt gets a token that nobody has.  Of two jobs with one unique
 * key the older keeps the key; the younger runs without.  While there is a
 * corrupt record the counters are left alone.  After a repair the core is to
 * be thrown away and opened anew.
 */
int verify_run(struct verify *) __attribute__((warn_unused_result));

/* "corrupt records" … */
const char *verify_text(enum verify_kind);

#endif
