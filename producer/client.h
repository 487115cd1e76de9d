/* SPDX-License-Identifier: MIT */
/*
 * client.h - requests to the broker and their replies
 *
 * A client owns one link to one broker and the requests that wait for an
 * answer on it.  Every operation of the protocol may be said twice, so a
 * request that got no answer is sent again, the same bytes under the same
 * sequence number: at once when the link has broken and is back, and after
 * 1, 2, 4, 8, 8 … seconds of silence.  A WAIT is sent again only after a
 * broken link.  Late and doubled replies, and bytes that are no reply, are
 * ignored.
 *
 * One thread at a time.  After fork() a client belongs to the parent: in the
 * child every call returns -EPERM, and client_close() just frees.
 */
#ifndef SW_CLIENT_H
#define SW_CLIENT_H

#include "wire/msg.h"

struct client;

/*
 * Opens a client; it connects in the background, so no broker need be there.
 * `endpoint` NULL: the environment's SPILLWAY_BROKER, else
 * sw_endpoint_default().  -EINVAL: not an endpoint; -ENOENT: there is no
 * default here; -ENAMETOOLONG; -ENOMEM; -EMFILE: no descriptor left.
 */
int client_open(struct client **, const char *endpoint)
	__attribute__((warn_unused_result));

/* Requests that still wait are forgotten: their `done` is not called. */
void client_close(struct client *);

/*
 * Asks and waits for the answer.  `request` was built by sw_msg_begin() and
 * what follows it; its sequence number is set here.  `reply` is borrowed
 * until the next call.  `timeout_ms` negative: for ever.
 *
 * 0: there is a reply, whose items have a STATUS of their own.
 * SW_ETIMEOUT: a broker was reached, but did not answer in time: the outcome
 * is unknown.  SW_ELINK: there was no broker, the request was never sent.
 * SW_ETOOBIG: the request did not fit its buffer.  Any other SW_E…: the
 * broker refused the whole request.  client_why() has more.
 */
int client_call(struct client *, struct sw_buf *request, int64_t timeout_ms,
	struct sw_msg *reply) __attribute__((warn_unused_result));

/* One line on the last failure of a call; "" when there is none to tell. */
const char *client_why(const struct client *);

/* Where the client connects to. */
const char *client_endpoint(const struct client *);

/* 1: the link stands; 0: it does not, or that is not known yet. */
int client_up(const struct client *);

/* 1: this process is a fork of the one that opened the client. */
int client_foreign(const struct client *);

/*
 * Below: many requests at once.
 */
struct client_req;

/*
 * `err` is as from client_call(); with 0 `reply` is there, borrowed for the
 * duration of the call.  May start requests and drop others.
 */
typedef void
client_done_fn(struct client_req *, int err, const struct sw_msg *reply);

/* In the caller's memory, which stays in place until done or dropped. */
struct client_req {
	uint8_t *frame;	      /* set by the caller, borrowed */
	size_t frame_len;     /* set by the caller */
	int64_t timeout_ms;   /* set by the caller; negative: for ever */
	unsigned items;	      /* set by the caller: in the reply; 0: any */
	client_done_fn *done; /* set by the caller */

	/* the client's own: */
	struct client_req *next, *prev;
	uint64_t seq;
	uint64_t epoch; /* of the link it was sent on; 0: not sent */
	int64_t deadline_ms, resend_at_ms, pause_ms;
};

/* Sets the sequence number in the frame and sends it when the link stands. */
void client_start(struct client *, struct client_req *);

/* Forgets a request that has been started and is not done. */
void client_drop(struct client *, struct client_req *);

/*
 * Sends, receives and calls what is done; when nothing is, waits for it up
 * to `wait_ms` (negative: for ever).  The number of requests that are done,
 * 0 after the wait or a signal, or -EPERM.
 */
int client_turn(struct client *, int64_t wait_ms)
	__attribute__((warn_unused_result));

/*
 * A descriptor that is readable when client_turn() has something to do; for
 * poll, select and epoll.  Belongs to the client.  -errno.
 */
int client_fd(struct client *) __attribute__((warn_unused_result));

/* Makes the descriptor readable at once: there is something to be done. */
void client_poke(struct client *);

/*
 * What the last attempt said that failed with a word: of a job as get and
 * wait show it, with its history, or as a list does.  Empty: none did.
 */
struct bytes client_last_error(const struct sw_item *);

/* Milliseconds on the clock that the waits here run on. */
int64_t client_now_ms(void);

#endif
