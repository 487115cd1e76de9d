/* SPDX-License-Identifier: MIT */
/*
 * put.h - what the library and the broker say to a job
 *
 * Three ways in: the library before it sends, the core at a put, the core at
 * a follow-up.  Items for the core are written here, without the library's
 * codec, so that the two can be compared.
 */
#ifndef TESTS_PUT_H
#define TESTS_PUT_H

#include "base/error.h"
#include "tests/lib/rig.h"
#include "wire/job.h"

#include "producer/spillway.h" /* leaves out what those have said */

enum { LONG = SW_BODY_MAX + 1 }; /* more than any text or body may have */

/* The core's peers. */
enum { PUT_PRODUCER = 100, PUT_WORKER = 1 };

struct put_verdict {
	int err;
	char why[SW_WHY_ROOM]; /* "" with 0 */
};

struct put_rig {
	struct rig *r;
	struct sw_client *c;   /* without a broker */
	int n;		       /* ids used */
	char filler[LONG + 1]; /* letters k and a NUL */
};

/* *state is the rig. */
int put_rig_setup(void **state);
int put_rig_teardown(void **state);

struct put_verdict put_library_says(struct put_rig *, struct sw_job);

/* `fields` are an item's.  A job that was stored is cancelled again. */
struct put_verdict put_core_says(struct put_rig *, struct bytes fields);

/* As a follow-up of a job that a worker says is done. */
struct put_verdict put_follow_says(struct put_rig *, struct bytes fields);

/* What the core's last answer to `who` says, also a refusal whole. */
struct put_verdict put_answer_of(struct rig *, int who, int op);

/* Fails the test unless the verdict is that error in those words. */
void put_expect(struct put_verdict, int err, const char *why);

/* The item that spillway.h says a job becomes, under an id of its own; static.
 */
struct bytes put_item_of(struct put_rig *, const struct sw_job *);

#endif
