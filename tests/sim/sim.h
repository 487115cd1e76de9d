/* SPDX-License-Identifier: MIT */
/*
 * sim.h - a broker, workers, producers and a person in one process,
 * under a clock that jumps from event to event
 *
 * One seed decides all.  What ships is what runs: the broker's own turn
 * (broker.c over sockets in memory and a store that fails), the worker's
 * leases.c, the producer library over links in memory.  A model beside them
 * hears every message and sees every commit, and says what is wrong.
 *
 * All times are milliseconds of the boot clock of one machine; the wall
 * clock is that plus `wall_ms`, which may jump.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <setjmp.h>
#include <time.h>

#include "broker/core/core.h"
#include "worker/lease/leases.h"

enum {
	SIM_WORKERS = 5,
	SIM_MAKERS = 3, /* producers */
	SIM_PERSON = SIM_WORKERS + SIM_MAKERS,
	SIM_ENDS,
	SIM_BROKER = SIM_ENDS, /* as the number of an actor */
	SIM_QUEUES = 4,
	SIM_REFUSES_MS = 3000, /* puts, after a commit that did not fit */
};

extern const char *const sim_queues[SIM_QUEUES];

/* How often what goes wrong: one in so many; 0 never. */
struct sim_mood {
	int lose, twice, late; /* messages of producers and persons */
	int replay;	       /* a worker's report comes once more, later */
	int stuffed;	       /* a send of the broker is refused */
	int slow, full, unknown, crash; /* commits */
	int half;      /* the broker dies while it sends the answers */
	int fault_ms;  /* mean time between the faults below; 0: none */
	int cut, hold; /* a link breaks; nothing passes for a while */
	int freeze, die, leave, close; /* workers */
	int pause;		       /* the broker, or the whole machine */
	int kill;		       /* the broker, between two turns */
	int jump;		       /* the wall clock */
	int reboot; /* one start of the broker in so many is in another boot */
	int disk;   /* the store is nearly full for a while */
};

struct sim_plan { /* what the world is like; drawn from the seed */
	struct sim_mood mood;
	int steps;    /* before calm */
	int order_ms; /* mean time between a producer's orders */
	int batch;    /* jobs at once, at most */
	int open_max; /* orders of a producer without an answer */
	int person_ms;
	int fail, slow_job; /* one in so many */
	int priorities;	    /* of its jobs, from 0 up */
	int lanes, keys;
	size_t lane_bytes; /* of ready jobs in memory; 0: as shipped */
	int flood;	   /* very many jobs, most of them in one queue */
	int slots;
	int late_begin; /* one job in so many begins late */
	int poison; /* ... in so many ends its worker as it starts; 0: none */
	int most;   /* jobs there, then producers wait */
};

struct sim_frame {
	struct sim_frame *next;
	int end;
	uint32_t link;
	size_t len;
	uint8_t b[];
};

struct sim_fifo {
	struct sim_frame *first, *last;
};

enum sim_kind { SIM_TO_BROKER, SIM_TO_END, SIM_WAKE, SIM_LINK_UP, SIM_FAULT };

struct sim_event {
	int64_t at;
	uint64_t order;
	enum sim_kind kind;
	int who;
	struct sim_frame *frame;
};

struct sim_end { /* where a worker, a producer or the person meets the net */
	uint32_t link; /* 0: none */
	uint64_t links;
	int64_t stalled_until;	    /* nothing passes before */
	int64_t in_at, out_at;	    /* when the last one on the way arrives */
	struct sim_fifo in, unsent; /* arrived and not read; no link yet */
	int unsent_n;
};

struct sim_link {
	int end;
	int64_t lost_in, lost_out; /* what would arrive later is lost */
	int64_t gone_at;	   /* the broker sees it; 0: it stands */
	int64_t credit, sent;	   /* what the model knows of the session */
	int64_t named;		   /* leases, in heartbeats since hello */
	struct sw_id worker;	   /* of its hello; nil: none */
	int met;		   /* it has said hello */
};

/* Two faults at once. */
enum sim_pair {
	SIM_FULL_KILL,	   /* the disk is full, and the broker dies */
	SIM_STALL_CUT,	   /* the broker stands still, and a link breaks */
	SIM_CLOCK_RESTART, /* the clock is set while the broker is down */
	SIM_PAIRS,
};

struct sim {
	unsigned pairs[SIM_PAIRS]; /* how often they have met */
	uint64_t seed, rand;
	int64_t now, wall_ms, wall_most_ms;
	int boots; /* of the machine */
	uint64_t steps, order;
	uint64_t still; /* steps at this very instant */
	int trace, calm;
	const char *planned; /* a fault that the trace is to name */
	struct sim_plan plan;

	struct sim_event *heap;
	size_t heap_n, heap_cap;
	int64_t wake_at[SIM_ENDS + 1]; /* INT64_MAX: not at all */
	struct sim_end ends[SIM_ENDS];
	struct sim_link *links;
	uint32_t links_n, links_cap;

	struct store *store; /* the one that fails */
	struct broker *broker;
	struct core *core; /* NULL: it is down */
	struct sim_fifo inbox;
	int64_t busy_until, late_ms; /* by this turn's commit */
	int64_t slept_at;	     /* when the turn ended */
	int64_t stalled_ms; /* for so long it could certainly hear nobody */
	int dead;	    /* it runs on, but nobody hears it */
	int mute;	    /* it must say nothing more */
	int sends_left;	    /* -1: no limit */
	int commit_failed;
	int64_t disk_full_until;
	int64_t refuses_until; /* puts, in the core's mono_ms */

	struct sim_model *model;
	struct sim_worker *workers[SIM_WORKERS];
	struct sim_maker *makers[SIM_MAKERS];
	struct sim_person *person;
	uint64_t ids, lives; /* of jobs; of workers */
	jmp_buf out;
	char wrong[512];
};

/* The world that runs; what has no argument to pass it by asks here. */
extern struct sim *sim_here;

/* Runs one seed to its end.  0, or -1 and w->wrong says what was found. */
int sim_run(struct sim *, uint64_t seed, int trace);

/* Something is wrong: ends the run. */
void sim_fail(struct sim *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
void sim_note(struct sim *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- chance (run.c) --- */

int sim_pick(struct sim *, int n); /* 0 to n - 1 */
int sim_one_in(struct sim *, int n);
int64_t sim_about(struct sim *, int64_t mean_ms); /* 1 to some of it */
struct sw_id sim_id(struct sim *);
uint64_t sim_id_no(const struct sw_id *);

/* --- events (run.c) --- */

void
sim_push(struct sim *, int64_t at, enum sim_kind, int who, struct sim_frame *);
void sim_wake(struct sim *, int who, int64_t at);
int64_t sim_wall(const struct sim *);

/*
 * A clock that lags behind the broker's own over stalls: a lease that ends by
 * silence has had its whole term on it.
 */
int64_t sim_steady(const struct sim *);
int sim_clock(clockid_t, struct timespec *); /* as clock_gettime */

/* --- the net (net.c) --- */

void sim_net_init(struct sim *);
void sim_net_fini(struct sim *);
void sim_say(struct sim *, int end, struct bytes frame); /* to the broker */
int sim_tell(struct sim *, uint32_t link, struct bytes); /* 0 or -errno */
int sim_link_known(struct sim *, uint32_t link);
void sim_link_break(struct sim *, int end);
void sim_link_up(struct sim *, int end);
void sim_arrived(struct sim *, struct sim_frame *); /* at an end */
struct sim_frame *sim_fifo_take(struct sim_fifo *);
void sim_fifo_add(struct sim_fifo *, struct sim_frame *);
void sim_fifo_drop(struct sim_fifo *);
const char *sim_end_name(int end);
void sim_trace_frame(struct sim *, int end, const char *how, struct bytes);

/* --- the store (store.c) --- */

struct store *sim_store_new(void);

/* --- the broker (broker.c) --- */

void sim_broker_start(struct sim *);
void sim_broker_turn(struct sim *);
void sim_broker_kill(struct sim *);
void sim_broker_pause(struct sim *, int64_t ms);
void sim_broker_arrived(struct sim *, struct sim_frame *);

/* --- who uses it --- */

struct sim_worker *sim_worker_new(struct sim *, int end);
void sim_worker_free(struct sim_worker *);
void sim_worker_wake(struct sim *, int end);
enum sim_worker_fault { SIM_FREEZE, SIM_DIE, SIM_LEAVE, SIM_CLOSE };

void sim_worker_fault(struct sim *, enum sim_worker_fault); /* of any one */
void sim_workers_pause(struct sim *, int64_t ms);	    /* of all */
int sim_worker_idle(const struct sim_worker *);
int sim_workers_have(const struct sim *, const struct sw_id *, uint64_t token);

struct sim_maker *sim_maker_new(struct sim *, int end);
void sim_maker_free(struct sim_maker *);
void sim_maker_wake(struct sim *, int end);
int sim_maker_idle(const struct sim_maker *);

struct sim_person *sim_person_new(struct sim *, int end);
void sim_person_free(struct sim_person *);
void sim_person_wake(struct sim *, int end);
int sim_person_idle(const struct sim_person *);
int sim_person_settled(const struct sim_person *); /* no queue has limits */

#endif
