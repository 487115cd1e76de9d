/* SPDX-License-Identifier: MIT */
/*
 * mailbox.h - the memory that the front shares with one isolate
 *
 * A ring of one: a request goes in, its answer comes out, and only then the
 * next.  The budget is the front's to renew between two requests, so there
 * is never a second one inside that could be charged for the first.
 *
 * The isolate's side is hostile ground.  The front writes requests, and of
 * answers it takes one copy of the head, checks every number in it, and
 * believes nothing that it has not copied.
 */
#ifndef FRONT_MAILBOX_H
#define FRONT_MAILBOX_H

#include <stdatomic.h>

#include "base/bytes.h"

enum {
	MAIL_HEADERS_MAX = 16 * 1024, /* of an answer, as text */
	MAIL_LOG_MAX = 8 * 1024,
	MAIL_JOBS_MAX = 1024 * 1024 + 64, /* a PUT message */
	MAIL_READY = 1, /* answered first, before there is a request */
};

/* Bytes; the same for front and isolate. */
struct mail_sizes {
	size_t request, answer;
};

struct mail_request {
	uint32_t number;
	uint32_t headers_n;
	uint32_t texts_len; /* method, path, query, client, blob, names and
			     * values, each with its NUL */
	uint32_t body_len;
};

struct mail_answer {
	uint32_t number; /* of the request that it answers */
	uint32_t status;
	uint32_t headers_len; /* name NUL value NUL … */
	uint32_t body_len;
	uint32_t jobs_len; /* one PUT message, or 0 */
	uint32_t log_len;  /* lines, each with its NUL */
	uint32_t after;
	uint32_t reserved;
};

/* Both sides' view: pointers into the one mapping. */
struct mailbox {
	struct mail_sizes sizes;
	size_t len;
	uint8_t *base; /* NULL: none */
	struct mail_request *request;
	struct mail_answer *answer;
	_Atomic uint32_t *answered; /* the isolate's: the number of it */
	_Atomic uint32_t *polling;  /* the front's: 1: it looks by itself */
	_Atomic uint32_t *asked;    /* the front's: the last request */
	_Atomic uint32_t *sleeping; /* the isolate's: 1: it must be woken */
	uint8_t *texts;		    /* and the body behind them */
	uint8_t *headers, *log, *jobs, *body;
};

/* The length of the mapping, and a sealed file of it; -errno. */
size_t mailbox_len(const struct mail_sizes *);
int mailbox_file(const struct mail_sizes *) __attribute__((warn_unused_result));

/* Maps `fd`, which is of that length; 0 or -errno. */
int mailbox_map(struct mailbox *, int fd, const struct mail_sizes *)
	__attribute__((warn_unused_result));
void mailbox_unmap(struct mailbox *);

/*
 * The isolate's side: answer `number` is there.  1: the front must be told,
 * for it sleeps or is about to.
 */
int mailbox_post(const struct mailbox *, uint32_t number);

/*
 * The isolate's side: whether request `number` is there, and whether to be
 * woken when it is.  Who asks to be woken must look once more afterwards.
 */
int mailbox_has(const struct mailbox *, uint32_t number);
void mailbox_sleeping_set(const struct mailbox *, int sleeping);

/*
 * The front's side: request `number` is there.  1: the isolate must be woken.
 * If it lies, then to its own harm: it is not asked, and its time runs out.
 */
int mailbox_ask(const struct mailbox *, uint32_t number);

/*
 * The front's side: what was posted last, and whether to be told of the next.
 * Who asks to be told must look once more afterwards.
 */
uint32_t mailbox_posted(const struct mailbox *);
void mailbox_polling_set(const struct mailbox *, int polling);

/*
 * A copy of the head of the answer to request `number`, every length of it
 * within its room; 0, or -EPROTO: it is not that.
 */
int mailbox_answer(const struct mailbox *, uint32_t number,
	struct mail_answer *) __attribute__((warn_unused_result));

#endif
