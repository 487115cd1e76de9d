/* SPDX-License-Identifier: MIT */
/*
 * dial.h - the link to a broker: a DEALER socket that knows when it is up
 *
 * The socket accepts a message only while the link is up (ZMQ_IMMEDIATE), so
 * that no message waits unseen in a queue of libzmq.  The caller keeps the
 * bytes and sends them again when `epoch` has grown.
 *
 * Each dial has a ZeroMQ context of its own and shares no state: two threads
 * may use two dials.
 */
#ifndef LINK_DIAL_H
#define LINK_DIAL_H

#include <sys/types.h>
#include <zmq.h>

#include "base/bytes.h"

struct dial {
	void *ctx, *sock, *mon; /* mon: the events of the link */
	int up;			/* set by dial_watch(), read by anyone */
	uint64_t epoch;		/* number of links so far */
	pid_t pid;		/* of the process that opened the dial */
	zmq_msg_t in[2];	/* the last message, and the kept one */
	int cur;		/* the index of the last in `in` */
	int poll_fd, timer_fd;	/* -1 until dial_fd() */
	int64_t armed_ms;	/* of timer_fd, monotonic; INT64_MAX: never */
};

/* -EINVAL: not an endpoint; -ENOMEM, -EMFILE or another error of libzmq. */
int dial_open(struct dial *, const char *endpoint)
	__attribute__((warn_unused_result));

/* Accepts a zeroed dial.  In a child after fork() leaves the sockets alone. */
void dial_close(struct dial *);

/* Whether the dial was opened by another process, which then forked. */
int dial_foreign(const struct dial *);

/* Updates `up` and `epoch` from the events of the link; 1: there were some. */
int dial_watch(struct dial *);

/* -EAGAIN: the link is down or its queue full, and nothing was sent. */
int dial_send(struct dial *, struct bytes frame)
	__attribute__((warn_unused_result));

/*
 * Receives the next message, borrowed until the next dial_recv().  dial_keep()
 * keeps it longer: until the first dial_recv() after another dial_keep().
 * -EAGAIN: no message.  Messages of several frames are dropped.
 */
int dial_recv(struct dial *, struct bytes *frame)
	__attribute__((warn_unused_result));
void dial_keep(struct dial *);

/*
 * Waits for a message, an event of the link or, with `out`, room to send; at
 * most `wait_ms`, or without limit if that is negative.  0, also after a
 * time-out; -EINTR.
 */
int dial_wait(struct dial *, int64_t wait_ms, int out)
	__attribute__((warn_unused_result));

/* A descriptor for poll(), owned by the dial: readable when dial_wait() would
 * return.  -errno. */
int dial_fd(struct dial *) __attribute__((warn_unused_result));

/* Makes the descriptor of dial_fd(), if there is one, readable at `at_ms` on
 * the monotonic clock; 0: at once; INT64_MAX: never. */
void dial_arm(struct dial *, int64_t at_ms);

/* As dial_arm(), but at once if there is a message or, with `out`, room to
 * send.  To be called after other calls, before poll(). */
void dial_settle(struct dial *, int64_t at_ms, int out);

#endif
