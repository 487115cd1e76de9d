/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a core on a store, with a clock that stands until moved
 *
 * What a test sends is taken in one turn; the answers are there when the
 * call returns, for they leave after the commit.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "broker/core/core.h"
#include "broker/repair/verify.h"
#include "wire/msg.h"

enum {
	RIG_OUTS = 256,
	RIG_PEER_LEN = 2, /* of the names of its own peers; ZeroMQ's have 5 */
	RIG_ASKER = 100,  /* sends what is sent for no peer in particular */
};

struct rig {
	struct core *core;
	struct store *store;
	struct claim claim;
	int64_t now_ms, mono_ms; /* wall clock and boot clock */
	uint64_t boot_id;

	/* Sees each message that leaves: 1: that was all; 0, and where this is
	 * NULL: it is kept in `outs`. */
	int (*on_out)(void *arg, const struct out *);
	void *arg;

	struct out outs[RIG_OUTS]; /* of the last turn; frames are copies */
	size_t outs_n;
	uint64_t seq;
	uint8_t request[SW_MSG_MAX];
	struct sw_buf b; /* over `request` */
};

/* --- that end the test where something is wrong -------------------------- */

/* `uri` as store_open. */
struct rig *rig_open(const char *uri);
void rig_close(struct rig *); /* its counters are right */
void rig_drop(struct rig *);  /* ... or speak of what is damaged */

/* cmocka's set-up and teardowns of one in memory; _rows: and its rows are. */
int rig_setup(void **state);
int rig_teardown(void **state);
int rig_teardown_rows(void **state);

/* A broker that dies and starts anew on what was committed. */
void rig_restart(struct rig *);

/* A turn with nothing taken in; `ms` later. */
void rig_pass(struct rig *, int64_t ms);

/* Sends the request in rig->b as peer number `who`. */
void rig_send(struct rig *, int who);

/* Item `i` of the answer to `who`'s last request, or of the JOBS it got. */
int rig_item(struct rig *, int who, int op, int i, struct sw_item *);

/*
 * Ends the item begun at `mark` and sends the request as `who`: the STATUS of
 * the answer's first item, or of the refusal of all; 1: there is none.
 */
int rig_ask(struct rig *, int who, int op, size_t mark, struct sw_item *answer);

/* Shorthands.  Ids are small numbers; each returns the STATUS it got. */
int rig_put(struct rig *, int n, const char *queue, const char *body);
int rig_hello(struct rig *, int who, const char *queue, int credit);
int rig_cancel(struct rig *, int n);
void rig_want(struct rig *, int who, int64_t credit); /* in all */
int
rig_done(struct rig *, int who, int n, uint64_t token, int outcome, int cause);
int rig_extend(struct rig *, int who, int n, uint64_t token, int begun);
enum sw_state rig_state(struct rig *, int n);
int rig_set(struct rig *, const char *queue, const char *setting);

/*
 * Job `n`, which must be there, as GET shows it, borrowed until the next turn;
 * _shown: a number of it, 0: none; _last_event: the last entry of its history.
 */
void rig_get(struct rig *, int n, struct sw_item *);
int64_t rig_shown(struct rig *, int n, enum sw_tag);
struct sw_item rig_last_event(struct rig *, int n);

/* What WHY says of job `n`; static. */
const char *rig_why(struct rig *, int n);

/* The field is this text; "": also where there is none. */
void rig_text_is(const struct sw_item *, enum sw_tag, const char *text);

/*
 * Gives `who` credit for one more job than it has had; its number and token;
 * 0: none came.
 */
int rig_take(struct rig *, int who, uint64_t *token);

/* Says hello as `who` and takes the one job that must be there; its token. */
uint64_t rig_next(struct rig *, int who, const char *queue, struct sw_id *id);

/* Puts `n` jobs, numbered from `from` on, with empty bodies. */
void rig_put_many(struct rig *, int from, int n, const char *queue);

/* Puts job `n` in "q" and gives it to worker 1, who says hello; its token. */
uint64_t rig_run(struct rig *, int n, const char *body);

/* Worker 1 takes job `n`, the next one, and ends it with this error text. */
void rig_fail(struct rig *, int n, int outcome, int cause, const char *error);

/* Takes and acks jobs until none comes; their numbers, static. */
const char *rig_drain(struct rig *, int who, const char *queue);

/* Rows that no broker wrote. */
void rig_row_change(
	struct rig *, enum store_op_kind, const struct key *, struct bytes val);
int rig_row_is_there(struct rig *, const struct key *);
struct key rig_key(char letter, int n); /* of job n's row, as key_id */

/* Flips a bit of job `n`'s record, or leaves so many bytes of it. */
void rig_record_damage(struct rig *, int n, size_t keep);

/* The counters of all queues equal what a walk over the records finds. */
void rig_check_counters(struct rig *);

/*
 * Every record has exactly the index rows that its state asks for, and there
 * are no others; and the windows hold what the index holds up to their marks.
 */
void rig_check_rows(struct rig *);

/* --- a check and repair of its store ------------------------------------- */

enum { VERIFY_LINE = 512 };

/* The core starts anew before and after; `line` is the last finding. */
struct verify verified(struct rig *, int repair, char line[VERIFY_LINE]);

/* All findings, of every kind. */
uint64_t verified_found(const struct verify *);

/* That many of this kind are found, and nothing else; _sound: nothing. */
void verify_finds(struct rig *, int repair, enum verify_kind, uint64_t n);
void verify_sound(struct rig *);

/* A put to "q" with any field, 0: none, and a unique key, NULL: none. */
void
rig_put_with(struct rig *, int n, int field, int64_t value, const char *unique);

/* --- that leave what is wrong to the caller ------------------------------ */

typedef int rig_init_fn(struct core *, struct store *, const struct claim *,
	const struct core_start *);

struct core_start rig_now(const struct rig *);

/*
 * Opens the store and starts rig->core, which the caller provides, by `init`.
 * 0, or the error of one of these: the store may then be open, and its `why`
 * says more.
 */
int rig_start(struct rig *, const char *uri, const struct store_options *,
	rig_init_fn *init);

/* The core anew, on the claim that there is. */
int rig_start_again(struct rig *);

/*
 * The broker's turn, with this message or, `from` being NULL, without one.
 * 0, or the error with which the broker would end.
 */
int rig_turn(struct rig *, const struct peer *from, struct bytes frame);

struct sw_id rig_id(int n);
struct peer rig_peer(int who);

/* Begins a request; _say: and an item, of job `n` (0: of none); its mark. */
void rig_begin(struct rig *, int op);
size_t rig_say(struct rig *, int op, int n);

/* Makes `b` the put of job n, with a body of zeros, into queue q. */
void rig_put_say(struct rig *, int n, size_t body_len);

/* Drops all that the turn has decided, as if it had never been. */
void rig_turn_drop(struct rig *);

/* Begins the report of an attempt, as _say. */
size_t rig_report(struct rig *, const struct sw_id *, uint64_t token,
	int outcome, int cause);

/* Commits the rows as they are. */
int rig_rows_commit(struct rig *, const struct store_op *, size_t n);

#endif
