/* SPDX-License-Identifier: MIT */
/*
 * verify.h - checks the consistency of a whole store, and repairs it
 *
 * Records have a checksum, the rows that lead to them do not: a flipped bit
 * there hides a job or names a wrong one, and the broker does not notice.  But
 * the rows of a job follow from its record (model/index.h).  So the store is
 * read twice, from records to rows and from rows to records, and the jobs are
 * counted.
 */
#ifndef BROKER_REPAIR_VERIFY_H
#define BROKER_REPAIR_VERIFY_H

#include "broker/core/core.h"

/* X(name, text): the kinds of findings */
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
	struct core *core; /* by core_init_any(); no turn has begun */
	int repair;	   /* write repairs; else nothing is written */

	/* Counts the rows that the store cannot overwrite; NULL: there are
	 * none. */
	int (*file_check)(struct store *, uint64_t *corrupt);

	void (*report)(void *arg, const char *line); /* called per finding */
	void *arg;

	uint64_t jobs, rows, found[VERIFY_KINDS]; /* results */
};

/*
 * Returns 0, also if there are findings; -ENOMEM, or an error of the store.  A
 * repair needs a claim of the store, and the core must be closed after it.
 *
 * What a repair does: writes missing rows, deletes orphan rows, corrects
 * counters, but only while there is no corrupt record.  A corrupt record stays:
 * its content is lost, and the broker moves the job to dead when it meets the
 * record.  A queue with a corrupt row that jobs name is made anew with the
 * default settings.  A lease with a corrupt row gets a token that no worker
 * has.  Of two jobs with one unique key the older keeps it.
 */
int verify_run(struct verify *) __attribute__((warn_unused_result));

/* The text of a kind, such as "corrupt records". */
const char *verify_text(enum verify_kind);

#endif
