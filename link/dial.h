/* SPDX-License-Identifier: MIT */
/*
 * dial.h - the link to a broker: one DEALER socket that says when it is up
 *
 * The socket takes a message only while the link stands (ZMQ_IMMEDIATE), so
 * that nothing waits in a queue nobody looks at: whoever sends keeps the
 * bytes and sends them again when `epoch` has moved on.
 *
 * Each dial has a ZeroMQ context of its own: no state is shared between two
 * of them, so two threads may use two dials.
 */
#ifndef SW_DIAL_H
#define SW_DIAL_H

#include <sys/types.h>
#include <zmq.h>

#include "base/bytes.h"

struct dial {
	void *ctx, *sock, *mon;
	int up;		 /* read by everyone, written by dial_watch() */
	uint64_t epoch;	 /* links so far: grows with each new one */
	pid_t pid;	 /* of who opened it */
	zmq_msg_t in[2]; /* the message at hand, and the one kept */
	int cur;
	int poll_fd, timer_fd; /* -1 until dial_fd() */
	int64_t armed_ms;
};

/* 0; -EINVAL: not an endpoint; -ENOMEM, -EMFILE and what else zmq says. */
int dial_open(struct dial *, const char *endpoint)
	__attribute__((warn_unused_result));

/* Accepts a zeroed one.  After fork(), in the child, only frees. */
void dial_close(struct dial *);

/* 1: opened by another process, which has forked this one. */
int dial_foreign(const struct dial *);

/* Reads what has happened to the link; 1 if anything has. */
int dial_watch(struct dial *);

/* 0; -EAGAIN: the link is down or its queue full, nothing was sent. */
int dial_send(struct dial *, struct bytes frame)
	__attribute__((warn_unused_result));

/*
 * The next message; borrowed until the next dial_recv(), or if dial_keep()
 * is called before that, until the one after the next dial_keep().  0 or
 * -EAGAIN.  Messages of several frames are dropped.
 */
int dial_recv(struct dial *, struct bytes *frame)
	__attribute__((warn_unused_result));
void dial_keep(struct dial *);

/*
 * Waits for a message, news of the link or (`out`) room to send.  0, also
 * after `wait_ms` (negative: for ever), or -EINTR.
 */
int dial_wait(struct dial *, int64_t wait_ms, int out)
	__attribute__((warn_unused_result));

/* A descriptor for poll(): readable when one of the above would do, or -errno.
 */
int dial_fd(struct dial *) __attribute__((warn_unused_result));

/*
 * Makes that descriptor, if there is one, readable at `at_ms` on the
 * monotonic clock; 0 at once, INT64_MAX never.
 */
void dial_arm(struct dial *, int64_t at_ms);

/* As dial_arm(), but at once if there is a message or, with `out`, room. */
void dial_settle(struct dial *, int64_t at_ms, int out);

#endif
