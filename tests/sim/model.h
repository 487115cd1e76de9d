/* SPDX-License-Identifier: MIT */
/*
 * model.h - what must be so, kept beside the broker
 *
 * The model knows nothing of the core's own state.  It hears what the broker
 * hears, sees what is committed, and hears what is answered.  From these it
 * keeps each job's state, attempts, current token and the time its lease may
 * not end before, and asks of each change for the message, or the time, that
 * allows it.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "tests/sim/sim.h"

enum {
	SIM_SCAN_EVERY = 500, /* steps between looks at the whole store */
	SIM_QUEUES_MAX = 16,
	SIM_WAITS_MAX = 4096,
};

struct sim_wait { /* a WAIT that was heard and not answered */
	uint32_t link;
	uint64_t seq;
	int64_t ends;
};

struct sim_job {
	struct sw_id id;
	int q; /* the queue's number */
	enum sw_state state;
	int existed; /* it was committed once */
	int64_t attempt, bytes, run_at, due, keep_until, ended_at;
	int64_t releases, lapses, crashes, priority;
	uint64_t rank, lane;
	int64_t put_len;	   /* of the body that was put; -1: not seen */
	int64_t ended_now, retain; /* when it ended, and how long it is kept */
	int ended_boot;
	int origin;	      /* the number of the queue it died in; -1: none */
	uint64_t token;	      /* of its lease; 0: none */
	uint64_t ended_token; /* of the last one that ended by a report */
	int ended_outcome;    /* ... and what that was; 0: not seen */
	uint32_t link;	      /* who holds the lease */
	struct sw_id worker;  /* whom it was given to, or nil */
	int missed;	      /* the job has never reached that one */
	int64_t ends_min, ends_max; /* of the lease, if nobody speaks */
	int64_t ends_least;	    /* the same on sim_steady() */
	int begun;		    /* the broker has heard so of this lease */
	int cancel, back, unsent;   /* the lease is to end so */
	uint64_t heard_turn, touched_turn;
	uint64_t reborn_turn;	       /* forgotten, and then put again */
	uint64_t was_token, was_ended; /* before the change of that turn */
	int heard;		       /* first fact of this turn */
	UT_hash_handle hh;
};

struct sim_fact {		/* what a message of this turn says of a job */
	struct sim_job *job;	/* NULL: of none */
	struct sim_job *parent; /* of a follow-up */
	uint64_t token;
	int op, outcome, begun, next;
	int64_t body_len; /* of a put */
	uint32_t link;
};

struct sim_heard {
	uint32_t link;
	uint64_t seq;
	int op, first, n; /* its facts */
};

struct sim_look { /* what the store says of a job */
	struct sim_job *job;
	int there, cancel;
	int reborn; /* forgotten in this turn, and then put again */
	enum sw_state state;
	uint64_t token;
	struct sw_id worker; /* whom its lease was given to; or nil */
	struct record r;
};

struct sim_shelf { /* a queue */
	int64_t count[SW_STATES], bytes;
	int64_t lease_min, lease_max; /* since the turn before */
	int64_t attempts;	      /* the highest maximum that ever was */
	int64_t rate, burst;	      /* ... and these */
	double level;		      /* of its rate limit's bucket */
	int64_t level_at;
	int given, stored; /* in this turn */
};

struct sim_model {
	struct sim_job *jobs;
	struct sim_shelf shelf[SIM_QUEUES_MAX];
	uint64_t turn, max_token;
	int fresh;	       /* the core has just been read */
	int64_t time, time_at; /* broker time, last, and when; 0: never */
	int time_boot;
	struct sim_fact *facts;
	int facts_n, facts_cap;
	struct sim_heard *heard;
	int heard_n, heard_cap;
	int bye, set, redrive, purge; /* this turn has heard one */
	int run, move, bury, cancel;  /* ... over a selector */
	struct sim_look *looks;
	int looks_n, looks_cap;
	struct sim_wait waits[SIM_WAITS_MAX];
	int waits_n;
};

struct sim_model *sim_model_new(struct sim *);
void sim_model_free(struct sim_model *);

/* In the order of a turn. */
void sim_model_turn(struct sim *);
void sim_model_hear(struct sim *, struct sim_frame *taken);
void sim_model_commit(struct sim *, const struct store_op *, size_t n);
void sim_model_say(struct sim *, uint32_t link, struct bytes frame);
void sim_model_unsent(struct sim *, uint32_t link, struct bytes frame);

/* The core was read anew from the store: its leases begin anew too. */
void sim_model_restart(struct sim *);

/* The whole store against the model, and the windows against the store. */
void sim_model_scan(struct sim *);

/* Why it is not over yet; NULL: every job has ended. */
const char *sim_model_unrest(const struct sim *);

/* What was ever committed under this id; NULL: nothing. */
const struct sim_job *sim_model_find(const struct sim *, const struct sw_id *);

/* An id that somebody has spoken of, to be cancelled or asked for. */
struct sw_id sim_model_any(struct sim *);

/* Inside: made if it is not there. */
struct sim_job *sim_job_of(struct sim_model *, const struct sw_id *);
void sim_look(struct sim *, struct sim_job *, struct sim_look *);

int sim_queue_no(const struct sim *, struct bytes name); /* -1: none */

/* Whether a message of this turn with this operation names the job. */
int sim_heard(const struct sim *, const struct sim_job *, int op);

/* Whether it may have come and gone within this turn: no row tells of it. */
int sim_passed(const struct sim *, const struct sim_job *);

/* The rows that a job's state asks for are there. */
void sim_rows_check(struct sim *, const struct sim_look *);

/*
 * A worker that comes again names its leases (missed.c): its hello, the end of
 * its session with the broker, an item of a heartbeat, the answer to the count,
 * a job that is sent, and the end of a lease for this reason alone.
 */
void sim_missed_hello(struct sim *, uint32_t link, const struct sw_item *);
void sim_missed_forget(struct sim_link *);
void sim_missed_extend(struct sim *, uint32_t link, const struct sw_item *);
void sim_missed_said(struct sim *, uint32_t link, int status);
void sim_missed_given(struct sim *, uint32_t link, const struct sim_job *);
void sim_missed_judge(struct sim *, const struct sim_job *);

/* A change of this turn is allowed by something. */
void sim_judge(struct sim *, struct sim_look *);
void sim_judge_queues(struct sim *);

/* No job was passed over for a less urgent one that is younger; before the
 * model adopts the changes of the turn. */
void sim_judge_order(struct sim *);

/* A wait lasts until its deadline, and no longer. */
void sim_wait_hear(
	struct sim *, uint32_t link, uint64_t seq, const struct sw_item *);
void sim_wait_said(struct sim *, uint32_t link, const struct sw_msg *);
void sim_judge_waits(struct sim *);

#endif
