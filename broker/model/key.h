/* SPDX-License-Identifier: MIT */
/*
 * key.h - the rows of the store
 *
 *	j id                       a job's record
 *	r queue lane rank id       ready, in the order of hand-out; empty
 *	t time id                  "look at this job then"; empty
 *	l id                       a lease: token, since when, worker
 *	x queue time id            dead, by time of death; empty
 *	u queue unique-key         the id of the job that holds the key
 *	q queue                    a queue's settings and counters
 *	c id                       the bytes of a record that failed its
 *checksum
 *
 * Numbers are big-endian: queue 4 bytes, lane, rank and time 8.  New work
 * lands at the right-hand edge of each letter's range: growing keys cost a
 * B+tree a quarter of what random ones do.
 */
#ifndef BROKER_KEY_H
#define BROKER_KEY_H

#include "base/bytes.h"
#include "wire/id.h"

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

/* j, l and c rows. */
static inline struct key
key_id(char letter, const struct sw_id *id)
{
	struct key k = key_start(letter);

	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

static inline struct key
key_lane(uint32_t queue, uint64_t lane)
{
	struct key k = key_start('r');

	key_num(&k, 4, queue);
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

static inline struct key
key_timer(uint64_t at_ms, const struct sw_id *id)
{
	struct key k = key_start('t');

	key_num(&k, 8, at_ms);
	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

static inline struct key
key_dead(uint32_t queue, uint64_t at_ms, const struct sw_id *id)
{
	struct key k = key_start('x');

	key_num(&k, 4, queue);
	key_num(&k, 8, at_ms);
	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

static inline struct key
key_unique(uint32_t queue, struct bytes unique)
{
	struct key k = key_start('u');

	key_num(&k, 4, queue);
	key_raw(&k, unique.p, unique.len);
	return k;
}

static inline struct key
key_queue(uint32_t queue)
{
	struct key k = key_start('q');

	key_num(&k, 4, queue);
	return k;
}

/* The first key behind all that start with `k`; there is one, for `k` begins
 * with a letter. */
static inline struct key
key_after(struct key k)
{
	while (k.b[k.len - 1] == 0xff)
		k.len--;
	k.b[k.len - 1]++;
	return k;
}

#endif
