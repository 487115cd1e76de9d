/* SPDX-License-Identifier: MIT */
/* A producer: the library as it ships, and somebody who asks until told. */
#include "tests/sim/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tests/sim/model.h"

enum { ORDERS = 512, TEXT = 16 };

struct order { /* a job that is to be put */
	struct sim_maker *s;
	int open, asked; /* to be put; submitted and not answered */
	int64_t again_at;
	struct sw_job job;
	char unique[TEXT], fair[TEXT];
};

struct sim_maker {
	struct sim *w;
	int end;
	struct sw_client *c;
	struct order orders[ORDERS];
	int open_n;
	int64_t next_at;
};

struct sim_maker *
sim_maker_new(struct sim *w, int end)
{
	struct sim_maker *s = calloc(1, sizeof(*s));
	char text[TEXT];

	must(s != NULL);
	s->w = w;
	s->end = end;
	(void)snprintf(text, sizeof(text), "%d", end);
	must(sw_open(&s->c, text) == 0);
	sw_window_set(s->c, ORDERS);
	if (sim_one_in(w, 2))
		sw_timeout_set(s->c, 1 + sim_pick(w, 6000));
	return s;
}

void
sim_maker_free(struct sim_maker *s)
{
	sw_close(s->c);
	free(s);
}

int
sim_maker_idle(const struct sim_maker *s)
{
	return s->open_n == 0;
}

static void
order_draw(struct sim_maker *s, struct order *o)
{
	struct sim *w = s->w;
	struct sw_job *j = &o->job;
	int q = sim_pick(w, SIM_QUEUES);

	if (w->plan.flood && sim_one_in(w, 2))
		q = w->plan.lanes > 8 ? 3 : 0;
	*j = (struct sw_job){.id = sim_id(w),
		.queue = sim_queues[q],
		.body = "0123456789",
		.body_len = (size_t)sim_pick(w, 11)};
	j->priority = sim_pick(w, w->plan.priorities);
	if (sim_one_in(w, 4))
		j->delay_ms = sim_about(w, sim_one_in(w, 5) ? 20000 : 500);
	else if (sim_one_in(w, 10))
		j->run_at_ms = sim_wall(w) - 1000 + sim_pick(w, 5000);
	if (sim_one_in(w, 8))
		j->expires_at_ms = sim_wall(w) - 500 + sim_pick(w, 5000);
	if (sim_one_in(w, 6))
		j->max_attempts = 1 + sim_pick(w, 4);
	if (sim_one_in(w, 5)) {
		(void)snprintf(
			o->unique, TEXT, "key-%d", sim_pick(w, w->plan.keys));
		j->unique = o->unique;
		j->unique_also = sim_pick(w, 4);
	}
	if (q == 3 || sim_one_in(w, 10)) {
		(void)snprintf(
			o->fair, TEXT, "tenant-%d", sim_pick(w, w->plan.lanes));
		j->fair = o->fair;
	}
}

/* SW_EFULL and the like are answers, after which a producer comes again. */
static int
comes_again(int status)
{
	return status == SW_ETIMEOUT || status == SW_ELINK ||
	       status == SW_EFULL || status == SW_EMAXJOBS ||
	       status == SW_EMAXBYTES;
}

static void
answered(void *arg, const struct sw_put_result *r)
{
	struct order *o = arg;
	struct sim_maker *s = o->s;
	struct sim *w = s->w;

	must(o->open && o->asked);
	o->asked = 0;
	if (w->heap == NULL || r->status == SW_EUNKNOWN)
		return; /* the world ends */
	if (r->status == 0 && sim_model_find(w, &o->job.id) == NULL)
		sim_fail(w, "a producer was told of a job that is not there");
	if (comes_again(r->status)) {
		o->again_at = w->now + sim_pick(w, 2000);
		sim_wake(w, s->end, o->again_at);
		return;
	}
	/* Once it was forgotten, another may have taken its id. */
	if (r->status != 0 && r->status != SW_EUNIQUE &&
		r->status != SW_ECONFLICT)
		sim_fail(
			w, "a put was answered with %s", sw_errname(r->status));
	o->open = 0;
	s->open_n--;
}

static int
jobs_there(const struct sim *w)
{
	int64_t n = 0;

	for (int i = 0; i < SIM_QUEUES_MAX; i++)
		for (int st = SW_DELAYED; st <= SW_LEASED; st++)
			n += w->model->shelf[i].count[st];
	return (int)n;
}

static void
orders_make(struct sim_maker *s)
{
	struct sim *w = s->w;
	int n = 1 + sim_pick(w, w->plan.batch);

	s->next_at = w->now + sim_about(w, w->plan.order_ms);
	if (jobs_there(w) >= w->plan.most)
		return;
	for (int i = 0; i < ORDERS && n > 0; i++) {
		struct order *o = &s->orders[i];

		if (o->open || s->open_n >= w->plan.open_max)
			continue;
		order_draw(s, o);
		o->s = s;
		o->open = 1;
		o->again_at = w->now;
		s->open_n++;
		n--;
	}
}

static int64_t
orders_submit(struct sim_maker *s)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < ORDERS; i++) {
		struct order *o = &s->orders[i];

		if (!o->open || o->asked)
			continue;
		if (o->again_at > s->w->now) {
			next = o->again_at < next ? o->again_at : next;
			continue;
		}
		o->asked = 1;
		must(sw_submit(s->c, &o->job, answered, o) == 0);
	}
	return next;
}

void
sim_maker_wake(struct sim *w, int end)
{
	struct sim_maker *s = w->makers[end - SIM_WORKERS];
	int64_t next;

	if (!w->calm && s->next_at <= w->now)
		orders_make(s);
	next = s->open_n > 0 ? orders_submit(s) : INT64_MAX;
	must(sw_process(s->c, 0) >= 0);
	if (!w->calm && s->next_at < next)
		next = s->next_at;
	if (next != INT64_MAX)
		sim_wake(w, end, next);
}
