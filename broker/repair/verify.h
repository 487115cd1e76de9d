/* SPDX-License-Identifier: MIT */
/*
 * verify.h - the whole store against itself
 *
 * Records have a checksum, the rows that lead to them do not: a flipped bit
 * there hides a job, or points to none, and no turn would notice.  But a
 * record says which rows it has (index.h).  So everything is read twice, from
 * records to rows and from rows to records, and the counters are counted.
 */
#ifndef BROKER_VERIFY_H
#define BROKER_VERIFY_H

#include "broker/core/core.h"

/* X(name, text): what can be wrong */
#define VERIFY_MAP(X)                                                          \
	X(VERIFY_DAMAGED, "damaged records")                                   \
	X(VERIFY_MISSING, "rows missing")                                      \
	X(VERIFY_STRAY, "rows too many")                                       \
	X(VERIFY_ROW, "rows damaged")                                          \
	X(VERIFY_QUEUE, "queues without a row")                                \
	X(VERIFY_CLAIM, "unique keys held twice")                              \
	X(VERIFY_COUNTER, "counters wrong")

enum verify_kind {
#define X(name, text) name,
	VERIFY_MAP(X)
#undef X
		VERIFY_KINDS
};

struct verify {
	struct core *core; /* just opened by core_init_any, no turn begun */
	int mend;	   /* missing rows are written, and so on */
	void (*say)(void *arg, const char *line); /* of each finding */
	void *arg;

	uint64_t jobs, rows, found[VERIFY_KINDS];
};

/*
 * 0, whatever was found; or the store's error, -ENOMEM.  A damaged record is
 * not mended: what it was is lost, and it dies as corrupt when its turn comes.
 * A queue whose row is damaged is made anew, with the default settings, where
 * jobs name it.  A lease whose row is gets a token that nobody has.  Of two
 * jobs that hold one unique key the older keeps it; the younger runs without.
 * While there is a damaged record the counters are left alone.  After mending
 * the core is to be thrown away and opened anew.
 */
int verify_run(struct verify *) __attribute__((warn_unused_result));

/* "damaged records" … */
const char *verify_text(enum verify_kind);

#endif
