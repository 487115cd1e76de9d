/* SPDX-License-Identifier: MIT */
/*
 * client.h - requests to the broker and their replies
 *
 * A client owns one link to one broker and the requests that wait for their
 * replies on it.  Every operation of the protocol is idempotent, so a request
 * without a reply is sent again, the same bytes under the same sequence
 * number: at once after a broken link is back, and after 1, 2, 4, 8, 8 …
 * seconds of silence.  A WAIT is sent again only after a broken link.  Late
 * and doubled replies, and bytes that are no reply, are ignored.
 *
 * A client is used by one thread at a time.  After fork() it belongs to the
 * parent: in the child every call returns -EPERM, and client_close() frees
 * the client without touching the link.
 */
#ifndef SW_CLIENT_H
#define SW_CLIENT_H

#include "wire/msg.h"

struct client;

/* Checks an endpoint as client_open() will: as sw_endpoint_check(). */
int client_endpoint_check(const char *endpoint, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/*
 * Opens a client.  It connects in the background: no broker need run yet.
 * `endpoint` NULL: the environment's SPILLWAY_BROKER, else
 * sw_endpoint_default().  -EINVAL: not an endpoint; -ENOENT: there is no
 * default here; -ENAMETOOLONG; -ENOMEM; -EMFILE: no descriptor left.
 */
int client_open(struct client **, const char *endpoint)
	__attribute__((warn_unused_result));

/* Drops the requests without a reply: their `done` is not called. */
void client_close(struct client *);

/*
 * Sends a request and waits for its reply.  `request` is a message built by
 * sw_msg_begin(); client_call() sets its sequence number.  `reply` is borrowed
 * until the next call.  `timeout_ms` negative: for ever.
 *
 * 0: there is a reply, whose items have a STATUS of their own.
 * SW_ETIMEOUT: the request was sent, but the broker did not answer in time:
 * the outcome is unknown.  SW_ELINK: no broker was reached, the request was
 * never sent.  SW_ETOOBIG: the request did not fit its buffer.  Any other
 * SW_E…: the broker refused the whole request.  client_why() has a line on
 * each of these errors.
 */
int client_call(struct client *, struct sw_buf *request, int64_t timeout_ms,
	struct sw_msg *reply) __attribute__((warn_unused_result));

/* One line on the failure of the last call; "" after success. */
const char *client_why(const struct client *);

/* The endpoint that the client connects to. */
const char *client_endpoint(const struct client *);

/* 1: the client is connected; 0: it is not, or has not noticed yet. */
int client_up(const struct client *);

/* 1: a request without an answer was sent, over a link that may be gone: its
 * outcome is unknown. */
int client_has_sent(const struct client *);

/* 1: this process is a fork of the one that opened the client. */
int client_foreign(const struct client *);

/*
 * The functions below run many requests at once.
 */
struct client_req;

/*
 * Called when a request is done.  `err` is as from client_call(); with 0
 * there is a `reply`, borrowed until this returns.  The callback may start
 * requests and drop others.
 */
typedef void
client_done_fn(struct client_req *, int err, const struct sw_msg *reply);

/* A request, in the caller's memory until it is done or dropped. */
struct client_req {
	/* Set by the caller: */
	uint8_t *frame; /* borrowed */
	size_t frame_len;
	int64_t timeout_ms; /* negative: for ever */
	unsigned items;	    /* that a reply must have; 0: any number */
	client_done_fn *done;

	/* The client's own: */
	struct client_req *next, *prev;
	uint64_t seq;
	uint64_t epoch; /* of the connection it was sent on; 0: not sent */
	int64_t deadline_ms, resend_at_ms, pause_ms;
};

/* Sets the frame's sequence number and sends it, now or once connected. */
void client_start(struct client *, struct client_req *);

/* Forgets a request that was started and is not done. */
void client_drop(struct client *, struct client_req *);

/*
 * Sends, receives and calls `done` of finished requests; if none finished,
 * waits up to `wait_ms` for one (negative: for ever).  Returns the number of
 * finished requests, 0 after the wait or a signal, or -EPERM.
 */
int client_turn(struct client *, int64_t wait_ms)
	__attribute__((warn_unused_result));

/*
 * A descriptor that is readable when client_turn() has work; for poll, select
 * and epoll.  The client closes it.  -EPERM, or -errno of its creation.
 */
int client_fd(struct client *) __attribute__((warn_unused_result));

/* Makes the descriptor readable now, so that its owner calls client_turn(). */
void client_poke(struct client *);

/*
 * The text of the last failed attempt that left one, from an item of GET or
 * WAIT (with the job's history) or of LIST.  Empty: no attempt left a text, or
 * the job is done.
 */
struct bytes client_last_error(const struct sw_item *);

/* Milliseconds on the clock of all timeouts here (CLOCK_MONOTONIC). */
int64_t client_now_ms(void);

#endif
