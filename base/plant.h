/* SPDX-License-Identifier: MIT */
/*
 * plant.h - planted bugs, to prove that the tests find them
 *
 * `make PLANT=NAME` builds with one bug, `make PLANT=CHOSEN` with all of them,
 * and a test chooses one at run time.  In any other build planted() is the
 * constant 0 and the compiler removes the bugs.
 */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H

#define PLANT_MAP(X)                                                           \
	X(STALE_ACK)	    /* an ack counts with any token */                 \
	X(EARLY_ANSWER)	    /* answers are sent before the commit */           \
	X(DEAF_COMMIT)	    /* an unknown outcome counts as success */         \
	X(LOST_DEDUPE)	    /* a put does not look for its id */               \
	X(LOST_CONFLICT)    /* no put of a known id is refused */              \
	X(TWO_OUTCOMES)	    /* a second outcome of a lease is confirmed */     \
	X(LOST_UNIQUE)	    /* a put does not look for its unique key */       \
	X(SILENT_DROP)	    /* a put beyond max_jobs is confirmed */           \
	X(DEAF_WINDOW)	    /* urgent ready jobs are not added to memory */    \
	X(LOST_MARK)	    /* a full window counts as whole */                \
	X(SHORT_REARM)	    /* a restart gives leases no full term */          \
	X(MOVE_TWICE)	    /* a moved job is counted in both queues */        \
	X(RASH_RUN)	    /* what should run at once keeps its old time */   \
	X(FAIR_FIRST)	    /* the least urgent jobs are served first */       \
	X(LOST_LANES)	    /* lanes dropped from memory count as empty */     \
	X(FULL_DELETE)	    /* a queue that has jobs is deleted */             \
	X(DEAF_WAIT)	    /* a wait does not end at its deadline */          \
	X(COUNTER_DRIFT)    /* a forgotten job is still counted */             \
	X(FREE_EXPIRY)	    /* an expired lease costs no attempt */            \
	X(NO_LAPSE_LIMIT)   /* unbegun, a job may be lost for ever */          \
	X(NO_RELEASE_LIMIT) /* a begun job may be handed back for ever */      \
	X(OLD_RANK)	    /* a retried job keeps its first place */          \
	X(NO_STALL_OFFSET)  /* leases run on while the broker is stalled */    \
	X(TOKEN_AGAIN)	    /* a restart uses tokens again */                  \
	X(LOST_CANCEL)	    /* a restart forgets a requested cancel */         \
	X(ONE_TOO_MANY)	    /* the concurrency limit is off by one */          \
	X(REPORT_ONCE)	    /* a worker reports an outcome only once */        \
	X(DRAIN_HOARD)	    /* a draining worker keeps new jobs */             \
	X(DEAF_LIST)	    /* a worker's list of its leases frees none */     \
	X(RASH_LIST)	    /* ... frees those that it names, too */           \
	X(ASK_ONCE)	    /* a client never repeats a request */             \
	X(WALL_TIME)	    /* broker time is the wall clock */                \
	X(ENDLESS_HOPS)	    /* a job dies from queue to queue for ever */      \
	X(BLIND_MOVE)	    /* ... whether or not that queue has room */       \
	X(RASH_RETAIN)	    /* dead jobs are kept for half their time */       \
	X(NO_CHECKSUM)	    /* the checksum of a record is ignored */          \
	X(NO_SYNC)	    /* the index is committed with MDB_NOSYNC */

enum {
	PLANT_NONE,
#define X(name) PLANT_##name,
	PLANT_MAP(X)
#undef X
		PLANTS,
};

/* `make PLANT=CHOSEN`; tests/sim/plant.c sets it. */
extern int plant_chosen;
#define PLANT_CHOSEN plant_chosen

#ifndef PLANT
#define PLANT PLANT_NONE
#endif

#define planted(bug) (PLANT == PLANT_##bug)

#endif
