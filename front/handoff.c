/* SPDX-License-Identifier: MIT */
#include "front/handoff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "wire/job.h"
#include "wire/put.h"

#include "producer/spillway.h" /* last: leaves out what those declare */

enum { WINDOW = 20000 };

struct handoff {
	struct sw_client *client;
	struct event *readable, *submitted;
	int64_t timeout_ms;
	const char *headers[SW_JOB_HEADERS + 1]; /* of the job at hand */
};

/* The jobs of one request. */
struct handoff_ticket {
	struct handoff *h;
	size_t left; /* jobs without an answer, and 1 while submitting */
	int err;
	char why[SW_TEXT_MAX + 1];
	handoff_done_fn *done;
	void *arg;
};

static void
ticket_release(struct handoff_ticket *t)
{
	if (--t->left > 0)
		return;
	t->done(t->arg, t->err, t->why);
	free(t);
}

static void
ticket_fail(struct handoff_ticket *t, int err, const char *why)
{
	if (err == 0 || t->err != 0)
		return;
	t->err = err;
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
}

static void
job_answered(void *arg, const struct sw_put_result *r)
{
	struct handoff_ticket *t = arg;

	ticket_fail(t, r->status, sw_why(t->h->client));
	ticket_release(t);
}

static int
job_submit(struct handoff_ticket *t, const struct sw_item *it, char *text,
	char *why)
{
	struct sw_job job;
	int err = sw_put_check(it, why);

	if (err < 0)
		return err;
	sw_job_read(it, text, t->h->headers, &job);
	t->left++;
	err = sw_submit(t->h->client, &job, job_answered, t);
	if (err < 0) {
		t->left--;
		(void)sw_refuse(why, err, "%s", sw_strerror(err));
	}
	return err;
}

/* Submits the jobs of a message, up to the first that is refused. */
static int
jobs_submit(struct handoff_ticket *t, struct bytes put, char *text, char *why)
{
	struct sw_msg m;
	struct sw_item it;
	int err = sw_msg_open(put, &m);

	if (err < 0) {
		sw_msg_why(put, why);
		return err;
	}
	if (m.op != SW_OP_PUT)
		return sw_refuse(why, SW_EOP, "%s", sw_strerror(SW_EOP));
	while (err == 0 && sw_msg_next(&m, &it))
		err = job_submit(t, &it, text, why);
	return err;
}

void
handoff_put(
	struct handoff *h, struct bytes put, handoff_done_fn *done, void *arg)
{
	struct handoff_ticket *t = calloc(1, sizeof(*t));
	char *text = malloc(put.len + 1); /* of the job at hand */
	char why[SW_WHY_ROOM] = "";

	if (t == NULL || text == NULL) {
		free(t);
		free(text);
		done(arg, -ENOMEM, "");
		return;
	}
	*t = (struct handoff_ticket){
		.h = h, .left = 1, .done = done, .arg = arg};
	ticket_fail(t, jobs_submit(t, put, text, why), why);
	free(text);
	event_active(h->submitted, 0, 0);
	ticket_release(t);
}

static void
handoff_turn(evutil_socket_t fd, short what, void *arg)
{
	struct handoff *h = arg;

	(void)fd;
	(void)what;
	(void)sw_process(h->client, 0);
}

int
handoff_open(struct handoff **out, struct event_base *base,
	const char *endpoint, int64_t timeout_ms)
{
	struct handoff *h = calloc(1, sizeof(*h));
	int err = h == NULL ? -ENOMEM : sw_open(&h->client, endpoint), fd;

	if (err < 0) {
		free(h);
		return err;
	}
	h->timeout_ms = timeout_ms;
	sw_window_set(h->client, WINDOW);
	sw_timeout_set(h->client, timeout_ms);
	fd = sw_fd(h->client);
	h->submitted = event_new(base, -1, 0, handoff_turn, h);
	h->readable = fd < 0 ? NULL
			     : event_new(base, fd, EV_READ | EV_PERSIST,
				       handoff_turn, h);
	if (h->submitted == NULL || h->readable == NULL ||
		event_add(h->readable, NULL) != 0) {
		handoff_close(h);
		return fd < 0 ? fd : -ENOMEM;
	}
	*out = h;
	return 0;
}

void
handoff_close(struct handoff *h)
{
	if (h == NULL)
		return;
	if (sw_flush(h->client, h->timeout_ms) < 0)
		(void)sw_process(h->client, 0);
	if (h->readable != NULL)
		event_free(h->readable);
	if (h->submitted != NULL)
		event_free(h->submitted);
	sw_close(h->client);
	free(h);
}
