/* SPDX-License-Identifier: MIT */
/*
 * plant.h - bugs that are put in on purpose, to see that the tests find them
 *
 * `make PLANT=NAME` builds with one of them.  In any other build planted()
 * is the constant 0 and nothing of it is left in the code.
 */
#ifndef SW_PLANT_H
#define SW_PLANT_H

enum {
	PLANT_NONE,
	PLANT_STALE_ACK,     /* an ack counts with any token */
	PLANT_EARLY_ANSWER,  /* answers leave before the commit */
	PLANT_DEAF_COMMIT,   /* an unknown outcome is taken for success */
	PLANT_LOST_DEDUPE,   /* a put does not look for its id */
	PLANT_LOST_UNIQUE,   /* ... nor for who holds its unique key */
	PLANT_SILENT_DROP,   /* a put at the limit is answered with yes */
	PLANT_DEAF_WINDOW,   /* urgent jobs are not added to the line in memory */
	PLANT_LOST_MARK,     /* a full window believes that it holds all */
	PLANT_SHORT_REARM,   /* a restart does not give leases their time anew */
	PLANT_COUNTER_DRIFT, /* a forgotten job is counted on */
	PLANT_FREE_EXPIRY,   /* a lease that runs out counts no attempt */
	PLANT_TOKEN_AGAIN,   /* tokens begin anew after a restart */
	PLANT_LOST_CANCEL,   /* a restart forgets that a job is to be stopped */
	PLANT_ONE_TOO_MANY,  /* the concurrency limit is off by one */
	PLANT_REPORT_ONCE,   /* a worker says once what became of a job */
	PLANT_DRAIN_HOARD,   /* a job that comes while draining is kept */
	PLANT_ASK_ONCE,      /* a client does not ask again */
	PLANT_NO_CHECKSUM,   /* a record is taken as it is */
	PLANT_NO_SYNC,	     /* the index is committed with MDB_NOSYNC */
};

#ifndef PLANT
#define PLANT PLANT_NONE
#endif

#define planted(bug) (PLANT == PLANT_##bug)

#endif
