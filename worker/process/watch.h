/* SPDX-License-Identifier: MIT */
/*
 * watch.h - a descriptor in the worker's loop
 *
 * A ready descriptor calls its watch, once in a turn.  To close a descriptor
 * ends its watch; the struct must stay for the rest of the turn, and `ready`
 * must allow for nothing being there to read.
 */
#ifndef WORKER_PROCESS_WATCH_H
#define WORKER_PROCESS_WATCH_H

#include <sys/epoll.h>

enum { WATCHES_READY = 64 };

typedef void watch_fn(void *arg);

struct watch {
	watch_fn *ready;
	void *arg;
};

/* Watches `fd` for reading, by an epoll descriptor: 0 or -errno. */
int watch_add(int epoll, int fd, struct watch *)
	__attribute__((warn_unused_result));

/* Watches `fd`, which is watched for reading, for writing as well, or not. */
void watch_writing(int epoll, int fd, struct watch *, int writing);

/* The descriptors that are ready; the others of a turn come in the next. */
struct watches {
	struct epoll_event ready[WATCHES_READY];
	int n;
};

/* Waits for `wait_ms` at most, -1: without limit. */
void watches_wait(struct watches *, int epoll, int wait_ms);

/* Calls those that are ready. */
void watches_call(struct watches *);

#endif
