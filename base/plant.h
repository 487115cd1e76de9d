/* SPDX-License-Identifier: MIT */
/*
 * plant.h - bugs that are put in on purpose, to see that the tests find them
 *
 * `make PLANT=NAME` builds with one of them, `make PLANT=CHOSEN` with all, of
 * which a test chooses one as it runs.  In any other build planted() is the
 * constant 0 and nothing of it is left in the code.
 */
#ifndef SW_PLANT_H
#define SW_PLANT_H

#define PLANT_MAP(X)                                                           \
	X(STALE_ACK)	 /* an ack counts with any token */                    \
	X(EARLY_ANSWER)	 /* answers leave before the commit */                 \
	X(DEAF_COMMIT)	 /* an unknown outcome is taken for success */         \
	X(LOST_DEDUPE)	 /* a put does not look for its id */                  \
	X(LOST_UNIQUE)	 /* ... nor for who holds its unique key */            \
	X(SILENT_DROP)	 /* a put at the limit is answered with yes */         \
	X(DEAF_WINDOW)	 /* urgent jobs are not added to the line in memory */ \
	X(LOST_MARK)	 /* a full window believes that it holds all */        \
	X(SHORT_REARM)	 /* a restart does not give leases their time anew */  \
	X(COUNTER_DRIFT) /* a forgotten job is counted on */                   \
	X(FREE_EXPIRY)	 /* a lease that runs out counts no attempt */         \
	X(TOKEN_AGAIN)	 /* tokens begin anew after a restart */               \
	X(LOST_CANCEL)	 /* a restart forgets that a job is to be stopped */   \
	X(ONE_TOO_MANY)	 /* the concurrency limit is off by one */             \
	X(REPORT_ONCE)	 /* a worker says once what became of a job */         \
	X(DRAIN_HOARD)	 /* a job that comes while draining is kept */         \
	X(ASK_ONCE)	 /* a client does not ask again */                     \
	X(NO_CHECKSUM)	 /* a record is taken as it is */                      \
	X(NO_SYNC)	 /* the index is committed with MDB_NOSYNC */

enum {
	PLANT_NONE,
#define X(name) PLANT_##name,
	PLANT_MAP(X)
#undef X
		PLANTS,
};

/* `make PLANT=CHOSEN`; tests/sim/util_plant.c sets it. */
extern int plant_chosen;
#define PLANT_CHOSEN plant_chosen

#ifndef PLANT
#define PLANT PLANT_NONE
#endif

#define planted(bug) (PLANT == PLANT_##bug)

#endif
