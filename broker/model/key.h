/* SPDX-License-Identifier: MIT */
/*
 * key.h - the keys of the store's rows, and what each row is for
 *
 *	j id                    the record of a job
 *	r queue lane rank id    a ready job, in the order of hand-out; empty
 *	w queue time id         a job that is due by the wall clock; empty
 *	d queue time id         a job that is due by broker time; empty
 *	k queue time id         a done job, by the end of its retention; empty
 *	n queue time id         a cancelled job, by the same; empty
 *	e queue time id         the expiry of a delayed or ready job; empty
 *	l id                    a lease: token, start, worker, queue
 *	x queue time id         a dead job, by time of death; empty
 *	u queue unique-key      the id of the job that has the unique key
 *	q queue                 settings and counters of a queue
 *	c id                    the bytes of a corrupt record
 *	a                       format of all rows, broker time (stamp.h)
 *
 * Numbers are big-endian, so that memcmp orders them: queue 4 bytes; lane,
 * rank and time (ms) 8.  A lane's number is 9 - priority in its highest 4 bits
 * and, below, 60 bits of a hash of the fair key; 0 there: no fair key.  Ids are
 * 16 bytes and grow with time (UUIDv7).  New rows come last in the range of
 * their letter: growing keys cost a B+tree a quarter of what random ones cost.
 */
#ifndef BROKER_MODEL_KEY_H
#define BROKER_MODEL_KEY_H

#include "base/bytes.h"
#include "wire/id.h"
#include "wire/limits.h"

struct key {
	uint8_t b[1 + 4 + SW_UNIQUE_MAX];
	size_t len;
};

static inline struct bytes
key_bytes(const struct key *k)
{
	return bytes_of(k->b, k->len);
}

static inline struct key
key_start(char letter)
{
	return (struct key){.b = {(uint8_t)letter}, .len = 1};
}

static inline void
key_num(struct key *k, size_t n, uint64_t v)
{
	be_set(k->b + k->len, n, v);
	k->len += n;
}

static inline void
key_raw(struct key *k, const void *p, size_t n)
{
	memcpy(k->b + k->len, p, n);
	k->len += n;
}

/* The key of a row `j`, `l` or `c`. */
static inline struct key
key_id(char letter, const struct sw_id *id)
{
	struct key k = key_start(letter);

	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

/* The rows of one letter in one queue. */
static inline struct key
key_of_queue(char letter, uint32_t queue)
{
	struct key k = key_start(letter);

	key_num(&k, 4, queue);
	return k;
}

enum {
	/* A priority has a round; corrupt keys may have any. */
	LANE_ROUNDS = 16,
	LANE_SHIFT = 60,
	LANE_KEY = 1 + 4 + 8, /* bytes of key_lane() */
	/* ... of a row `r`, the longest that leads to a job by its place. */
	KEY_PLACE_MAX = LANE_KEY + 8 + SW_ID_LEN,
};

/* The lanes of a round have numbers from first to last. */
static inline uint64_t
lane_first(unsigned round)
{
	return (uint64_t)round << LANE_SHIFT;
}

static inline uint64_t
lane_last(unsigned round)
{
	return lane_first(round) | (UINT64_MAX >> (64 - LANE_SHIFT));
}

static inline unsigned
lane_round(uint64_t number)
{
	return (unsigned)(number >> LANE_SHIFT);
}

/* Whether the lane is for jobs without a fair key. */
static inline int
lane_is_main(uint64_t number)
{
	return number == lane_first(lane_round(number));
}

/* The main lane of a priority, 0 to SW_PRIORITY_MAX. */
static inline uint64_t
lane_main(int64_t priority)
{
	return lane_first((unsigned)(SW_PRIORITY_MAX - priority) % LANE_ROUNDS);
}

/* The lane of a fair key with this hash. */
static inline uint64_t
lane_fair(int64_t priority, uint64_t hash)
{
	return lane_main(priority) | hash >> (64 - LANE_SHIFT) | 1;
}

static inline struct key
key_lane(uint32_t queue, uint64_t lane)
{
	struct key k = key_of_queue('r', queue);

	key_num(&k, 8, lane);
	return k;
}

static inline struct key
key_ready(uint32_t queue, uint64_t lane, uint64_t rank, const struct sw_id *id)
{
	struct key k = key_lane(queue, lane);

	key_num(&k, 8, rank);
	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

/* The key of a row `w`, `d`, `k`, `n`, `e` or `x`. */
static inline struct key
key_timed(char letter, uint32_t queue, uint64_t at_ms, const struct sw_id *id)
{
	struct key k = key_of_queue(letter, queue);

	key_num(&k, 8, at_ms);
	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

static inline struct key
key_dead(uint32_t queue, uint64_t at_ms, const struct sw_id *id)
{
	return key_timed('x', queue, at_ms, id);
}

static inline struct key
key_unique(uint32_t queue, struct bytes unique)
{
	struct key k = key_of_queue('u', queue);

	key_raw(&k, unique.p, unique.len);
	return k;
}

static inline struct key
key_queue(uint32_t queue)
{
	return key_of_queue('q', queue);
}

/* The first key behind all keys that start with `k`, which begins with a
 * letter and so is not all 0xff. */
static inline struct key
key_after(struct key k)
{
	while (k.b[k.len - 1] == 0xff)
		k.len--;
	k.b[k.len - 1]++;
	return k;
}

#endif
