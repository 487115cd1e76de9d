/* SPDX-License-Identifier: MIT */
/*
 * store.h - a store of either driver in a folder of its own
 *
 * What is not named by its error must succeed, or the test ends.
 */
#ifndef TESTS_STORE_H
#define TESTS_STORE_H

#include <lmdb.h>

#include "broker/store/store.h"

enum { FX_VAL_MAX = 140000 }; /* more than the largest body */

struct fixture {
	const char *scheme; /* the test says */
	char dir[64], uri[80];
	uint64_t map_size;
	struct store *s; /* NULL: closed */
	struct claim c;
};

/* cmocka's set-up and teardown of a fixture: open and claimed; removed. */
int fx_setup(void **state);
int fx_teardown(void **state);

int fx_open_at(struct fixture *); /* what store_open says; no claim */
void fx_opened(struct fixture *); /* and claimed */
void fx_closed(struct fixture *); /* open or not */
void fx_reopened(struct fixture *);

struct fx_told { /* what a store_done_fn was told */
	int calls, err;
};

void fx_tell(void *told, int err);

/* What `done` was told. */
int fx_commit(struct fixture *, const struct store_op *, size_t n);
int fx_commit_as(struct fixture *, const struct claim *,
	const struct store_op *, size_t n);
int fx_put(struct fixture *, const char *key, const char *val);

/* Borrowed from the arguments. */
struct store_op fx_op_put(const char *key, const char *val);
struct store_op fx_op_delete(const char *key);

/* The meta table of a closed store, opened by LMDB alone; the close commits. */
struct fx_meta {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

struct fx_meta fx_meta_open(struct fixture *);
void fx_meta_close(struct fx_meta *);

struct fx_seen { /* what a store_each_fn saw, as "key=val key=val " */
	char text[256];
	int stop_after; /* 0: never */
	int n;
};

int fx_see(void *seen, struct bytes key, struct bytes val);

void fx_assert_val(struct fixture *, const char *key, const char *want);
void fx_assert_none(struct fixture *, const char *key);
void fx_assert_scan(struct fixture *, const char *from, const char *to,
	size_t limit, const char *want);

#endif
