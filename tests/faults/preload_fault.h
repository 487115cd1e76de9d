/* SPDX-License-Identifier: MIT */
/*
 * preload_fault.h - libc calls that fail when they are told to
 *
 * preload_fault.so counts calls in groups and makes the k-th of one group
 * fail.  What is wanted and what was seen stand in one block of memory: a
 * file mapped by FAULT_BLOCK, for a program that was started with it, or the
 * symbol `fault_block` within the process.  A program that is executed by a
 * preloaded one runs without the preload; one that is forked has it still.
 */
#ifndef TESTS_PRELOAD_FAULT_H
#define TESTS_PRELOAD_FAULT_H

#include <stdint.h>

#define FAULT_GROUP_MAP(X)                                                     \
	X(WRITE, "write") /* write, pwrite, writev, send */                    \
	X(SYNC, "sync")	  /* fsync, fdatasync, msync */                        \
	X(OPEN, "open")	  /* whatever makes a descriptor */                    \
	X(ALLOC, "alloc") /* malloc, calloc, realloc, posix_memalign */        \
	X(READ, "read")	  /* read, pread, recv; fgets and fread */             \
	X(FORK, "fork")	  /* fork, execvp, pthread_create */                   \
	X(MAP, "map")	  /* mmap */                                           \
	X(SPACE, "space") /* ftruncate, fallocate */                           \
	X(PATH, "path")	  /* mkdir, rename, stat, flock, chdir, ... */

enum fault_group {
#define X(name, text) FAULT_##name,
	FAULT_GROUP_MAP(X)
#undef X
		FAULT_GROUPS
};

/* What happens instead, besides any errno. */
enum {
	FAULT_SHORT = -1, /* half of it is written or read */
	FAULT_LIE = -2,	  /* nothing is done and all is said to be well */
	FAULT_CRASH = -3, /* SIGSEGV */
};

/* Whose calls count, by the return address. */
enum fault_from {
	FAULT_OWN, /* all but those of libzmq and what it stands on */
	FAULT_ZMQ, /* only those */
};

struct fault_block {
	/* What is wanted. */
	uint32_t group, from;
	int32_t how;	 /* an errno, or FAULT_SHORT ... */
	uint32_t at;	 /* the first call to fail, from 1; 0: none */
	uint32_t n;	 /* how many in a row */
	uint32_t thread; /* not 0: only calls of this thread (gettid) */
	/* What was seen. */
	uint32_t calls[FAULT_GROUPS], hits;
	char where[96]; /* of the first hit: module+offset */
	char died[96];	/* of a SIGSEGV, SIGBUS or SIGABRT, behind libc */
};

#endif
