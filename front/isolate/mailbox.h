/* SPDX-License-Identifier: MIT */
/*
 * mailbox.h - the memory that the front shares with one isolate
 *
 * It has one request at a time; its answer comes before the next request.  So
 * the front renews the budget between two requests, and no request is charged
 * for another.
 *
 * The isolate may write anything into this memory at any time.  The front
 * copies the head of an answer once, checks every number of the copy, and
 * uses the copy alone.
 *
 * Sleeping: each side sets a word that the other reads after it has posted,
 * and sends an eventfd's wake-up only if the word says so.
 */
#ifndef FRONT_MAILBOX_H
#define FRONT_MAILBOX_H

#include <stdatomic.h>

#include "base/bytes.h"

enum {
	MAIL_HEADERS_MAX = 16 * 1024, /* of an answer, as text */
	MAIL_LOG_MAX = 8 * 1024,
	MAIL_JOBS_MAX = 1024 * 1024 + 64, /* a PUT message */
	MAIL_READY = 1, /* the number of the first answer, without a request */
};

/* The most bytes of requests and bodies; the same for front and isolate. */
struct mail_sizes {
	size_t request, answer;
};

struct mail_request {
	uint32_t number;
	uint32_t headers_n;
	uint32_t texts_len; /* of method, path, query, client, blob, header
			     * names and values, each with its NUL */
	uint32_t body_len;
};

struct mail_answer {
	uint32_t number; /* of the answered request */
	uint32_t status;
	uint32_t headers_len; /* name NUL value NUL … */
	uint32_t body_len;
	uint32_t jobs_len; /* one PUT message, or 0 */
	uint32_t log_len;  /* lines, each with its NUL */
	uint32_t after;	   /* 1: answer before the jobs are confirmed */
	uint32_t reserved;
};

/* One side's view: pointers into the mapping. */
struct mailbox {
	struct mail_sizes sizes;
	size_t len;
	uint8_t *base; /* NULL: none */
	struct mail_request *request;
	struct mail_answer *answer;
	_Atomic uint32_t *answered; /* isolate's: number of the last answer */
	_Atomic uint32_t *polling;  /* front's: 1: needs no wake-up */
	_Atomic uint32_t *asked;    /* front's: number of the last request */
	_Atomic uint32_t *sleeping; /* isolate's: 1: needs a wake-up */
	uint8_t *texts;		    /* of the request, then its body */
	uint8_t *headers, *log, *jobs, *body;
};

/* The length of the mapping; a new sealed file of that length, or -errno. */
size_t mailbox_len(const struct mail_sizes *);
int mailbox_file(const struct mail_sizes *) __attribute__((warn_unused_result));

/* Maps `fd`, a file of mailbox_file(): 0 or -errno. */
int mailbox_map(struct mailbox *, int fd, const struct mail_sizes *)
	__attribute__((warn_unused_result));
void mailbox_unmap(struct mailbox *);

/*
 * The isolate's side: posts answer `number`.  1: the front sleeps, or is about
 * to, and must be woken.
 */
int mailbox_post(const struct mailbox *, uint32_t number);

/*
 * The isolate's side: whether request `number` is posted; and whether the
 * isolate must be woken for one.  After setting the latter to 1 it must call
 * mailbox_has() once more before it sleeps.
 */
int mailbox_has(const struct mailbox *, uint32_t number);
void mailbox_sleeping_set(const struct mailbox *, int sleeping);

/*
 * The front's side: posts request `number`.  1: the isolate must be woken.  A
 * false value delays only the isolate's own wake-up, at its own time.
 */
int mailbox_ask(const struct mailbox *, uint32_t number);

/*
 * The front's side: the number of the last answer; and whether the front polls
 * and needs no wake-up.  After setting the latter to 0 it must call
 * mailbox_posted() once more before it sleeps.
 */
uint32_t mailbox_posted(const struct mailbox *);
void mailbox_polling_set(const struct mailbox *, int polling);

/*
 * Copies and checks the head of the answer to request `number`: 0; -EPROTO:
 * another number, a bad status, or a length beyond its room.
 */
int mailbox_answer(const struct mailbox *, uint32_t number,
	struct mail_answer *) __attribute__((warn_unused_result));

#endif
