/* SPDX-License-Identifier: MIT */
/*
 * reader.h - reads all there is in a store that may be damaged
 *
 * In a process of its own, as the broker would: it may refuse, it may say
 * that a job is corrupt; a body that is not what was put must not leave it,
 * and it must not die of it.
 */
#ifndef TESTS_READER_H
#define TESTS_READER_H

#include <stddef.h>
#include <stdint.h>

enum { READER_JOBS = 260, READER_QUEUES = 3 };

/* What is put: job number n goes into queue n % 3 with these bytes. */
extern const char *const reader_queues[READER_QUEUES];
size_t reader_body_len(int n);
uint8_t reader_body_byte(int n, size_t at);

/* How the process ends. */
enum end {
	GOOD,
	REFUSED,   /* at the start, with an error */
	GAVE_UP,   /* later, with an error */
	WRONG,	   /* a body that was never put */
	SILENT,	   /* an error that says nothing */
	OURS_DIED, /* a signal in our code */
	LMDB_DIED, /* ... in LMDB's */
	LMDB_HUNG, /* a call of LMDB's does not return */
	HUNG,
	BUSY, /* it turns on and on with nothing to do */
	ENDS,
};

struct findings {
	int delivered, corrupt, missing, verified;
	char what[300];
};

/* Opens `dir`, reads it, writes its findings to `out` and ends with one of
 * the above as its status. */
void reader_run(const char *dir, int out) __attribute__((noreturn));

/* The same after a repair, with the number of its findings in `verified`. */
void reader_repair(const char *dir, int out) __attribute__((noreturn));

#endif
