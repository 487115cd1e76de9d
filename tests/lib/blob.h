/* SPDX-License-Identifier: MIT */
/*
 * blob.h - stores of blobs for tests, and hands that reach behind them
 *
 * Both drivers go through the same tests: a store in a folder, and one in a
 * bucket of tests/servers/s3_server.py, which checks every signature.
 */
#ifndef TESTS_BLOB_H
#define TESTS_BLOB_H

#include "blob/blob.h"

struct blob_room {
	const char *driver; /* "dir" or "s3" */
	char dir[64];
	struct blobs *s;
};

/* Set-ups and the tear-down; *state is the room. */
int room_dir(void **state);
int room_s3(void **state);
int room_down(void **state);

/* Group set-up and tear-down: the server. */
int server_up(void **state);
int server_down(void **state);

/* The URI of a bucket on the server, "more" being further parameters. */
const char *bucket_uri(const char *place, const char *more);

/* A store that must open. */
struct blobs *blobs_at(const char *uri);

/* The own file of a blob in a folder. */
void
room_path(const struct blob_room *, const struct blob_ref *, char path[256]);

/* Makes all blobs older; damages them; the requests the server has seen. */
void room_age(struct blob_room *, int seconds);
void room_flip(struct blob_room *);
int server_seen(void);

/* `len` bytes that are the same for the same seed. */
uint8_t *noise(unsigned seed, size_t len);

/* Puts `len` bytes of noise in odd pieces; the first error or 0. */
int put_noise(struct blobs *, unsigned seed, size_t len, struct blob_ref *);

/* Reads it whole: 0 and the same noise, or the error. */
int get_noise(struct blobs *, unsigned seed, const struct blob_ref *);

/* How many blobs there are. */
int blob_count(struct blobs *);

#endif
