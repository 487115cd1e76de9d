/* SPDX-License-Identifier: MIT */
/*
 * preload_stop: a program that stops itself, as by SIGSTOP, before it commits
 * a transaction of LMDB for the first time while there is a file $STOP_WHILE;
 * the file $STOP_FILE then has its pid.  So a test finds the copy of a store
 * half-made, with its reader open.
 */
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/faults/preload_next.h"

NEXT(int, mdb_txn_commit, MDB_txn *)

static void
stop(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fprintf(f, "%ld\n", (long)getpid()) < 0 ||
		fclose(f) != 0)
		abort();
	(void)raise(SIGSTOP);
}

OPEN_TO_ALL int
mdb_txn_commit(MDB_txn *txn)
{
	static int stopped;
	const char *path = getenv("STOP_FILE"), *part = getenv("STOP_WHILE");

	if (!stopped && path != NULL && part != NULL &&
		access(part, F_OK) == 0) {
		stopped = 1;
		stop(path);
	}
	return next_mdb_txn_commit()(txn);
}
