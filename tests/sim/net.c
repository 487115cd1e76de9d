/* SPDX-License-Identifier: MIT */
/*
 * Links as ZeroMQ makes them: in order, and whole up to where they break.
 * To producers and persons, whose requests may all be said twice, messages
 * may also get lost, double and overtake; a worker's credit counts on the
 * order, which the transport promises.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/steady.h"
#include "tests/sim/model.h"
#include "tests/sim/sim.h"

enum { UNSENT_MAX = 256, HOP_MS = 2 };

void
sim_net_init(struct sim *w)
{
	w->links_n = 1; /* 0 is no link */
	w->links_cap = 1024;
	w->links = calloc(w->links_cap, sizeof(*w->links));
	must(w->links != NULL);
	for (int i = 0; i < SIM_ENDS; i++)
		sim_push(w, w->now + sim_pick(w, 50), SIM_LINK_UP, i, NULL);
}

void
sim_net_fini(struct sim *w)
{
	for (int i = 0; i < SIM_ENDS; i++) {
		sim_fifo_drop(&w->ends[i].in);
		sim_fifo_drop(&w->ends[i].unsent);
	}
}

/* --- frames ------------------------------------------------------------- */

void
sim_fifo_add(struct sim_fifo *f, struct sim_frame *fr)
{
	fr->next = NULL;
	*(f->last != NULL ? &f->last->next : &f->first) = fr;
	f->last = fr;
}

struct sim_frame *
sim_fifo_take(struct sim_fifo *f)
{
	struct sim_frame *fr = f->first;

	if (fr == NULL)
		return NULL;
	f->first = fr->next;
	if (f->first == NULL)
		f->last = NULL;
	return fr;
}

void
sim_fifo_drop(struct sim_fifo *f)
{
	struct sim_frame *fr;

	while ((fr = sim_fifo_take(f)) != NULL)
		free(fr);
}

static struct sim_frame *
frame_new(int end, uint32_t link, struct bytes b)
{
	struct sim_frame *f = malloc(sizeof(*f) + b.len);

	must(f != NULL);
	*f = (struct sim_frame){.end = end, .link = link, .len = b.len};
	memcpy(f->b, b.p, b.len);
	return f;
}

/* --- links -------------------------------------------------------------- */

static uint32_t
link_new(struct sim *w, int end)
{
	if (w->links_n == w->links_cap) {
		w->links_cap *= 2;
		w->links = realloc(w->links, w->links_cap * sizeof(*w->links));
		must(w->links != NULL);
	}
	w->links[w->links_n] = (struct sim_link){
		.end = end, .lost_in = INT64_MAX, .lost_out = INT64_MAX};
	return w->links_n++;
}

void
sim_link_break(struct sim *w, int end)
{
	struct sim_end *e = &w->ends[end];
	struct sim_link *l = &w->links[e->link];

	if (e->link == 0)
		return;
	sim_note(w, "-- the link of %s breaks", sim_end_name(end));
	w->pairs[SIM_STALL_CUT] += w->core != NULL &&
				   w->busy_until - w->now > STEADY_TURN_MS;
	l->lost_in = w->now + sim_pick(w, 2 * HOP_MS);
	l->lost_out = w->now + sim_pick(w, 2 * HOP_MS);
	l->gone_at = w->now + (sim_one_in(w, 3) ? sim_pick(w, 4000) : 0);
	if (w->core == NULL) /* there is nobody left to send it on */
		l->lost_in = l->lost_out = l->gone_at = w->now;
	e->link = 0;
	sim_push(w,
		w->now + (sim_one_in(w, 10) ? sim_pick(w, 15000)
					    : 1 + sim_pick(w, 500)),
		SIM_LINK_UP, end, NULL);
	sim_wake(w, end, w->now);
}

static void send_on(struct sim *w, struct sim_frame *f);

void
sim_link_up(struct sim *w, int end)
{
	struct sim_end *e = &w->ends[end];
	struct sim_frame *f;

	if (e->link != 0)
		return;
	if (w->core == NULL || w->now < e->stalled_until) {
		sim_push(w, w->now + 1 + sim_pick(w, 500), SIM_LINK_UP, end,
			NULL);
		return;
	}
	e->link = link_new(w, end);
	e->links++;
	e->in_at = e->out_at = w->now;
	sim_note(w, "-- %s has a link", sim_end_name(end));
	while ((f = sim_fifo_take(&e->unsent)) != NULL)
		send_on(w, f);
	e->unsent_n = 0;
	sim_wake(w, end, w->now);
}

/* --- on the way --------------------------------------------------------- */

static int
is_wild(int end)
{
	return end >= SIM_WORKERS;
}

/* When something that leaves at `at` arrives; `*last`: the one before it. */
static int64_t
arrival(struct sim *w, int end, int64_t at, int64_t *last)
{
	at += sim_pick(w, HOP_MS + 1);
	if (at < w->ends[end].stalled_until)
		at = w->ends[end].stalled_until;
	if (is_wild(end) && sim_one_in(w, w->plan.mood.late))
		return at + sim_about(w, sim_one_in(w, 4) ? 5000 : 5);
	if (at < *last)
		at = *last;
	*last = at;
	return at;
}

/* The reports say the contrary now. */
static void
outcomes_turn(struct sim_frame *f)
{
	struct sw_msg m;
	struct sw_item it;

	must(sw_msg_open(bytes_of(f->b, f->len), &m) == 0);
	while (sw_msg_next(&m, &it)) {
		const uint8_t *at = it.f[SW_F_OUTCOME].p;

		/* Follow-ups of anything but an ack are refused. */
		if (!sw_has(&it, SW_F_FOLLOW))
			le_set(f->b + (at - f->b), 8,
				le_get(at, 8) == SW_ACK ? SW_FAIL : SW_ACK);
	}
}

/* Once more, later, from somebody who has read along, and may lie. */
static void
replay(struct sim *w, const struct sim_frame *f)
{
	struct sim_frame *again = frame_new(
		-1, link_new(w, -1), bytes_of(f->b, f->len));

	if (f->b[3] == SW_OP_DONE && sim_one_in(w, 3))
		outcomes_turn(again);
	sim_push(w, w->now + sim_about(w, sim_one_in(w, 2) ? 20 : 6000),
		SIM_TO_BROKER, 0, again);
}

static void
send_on(struct sim *w, struct sim_frame *f)
{
	struct sim_end *e = &w->ends[f->end];
	const struct sim_mood *m = &w->plan.mood;
	int op = f->b[3];

	f->link = e->link;
	if (is_wild(f->end) && sim_one_in(w, m->lose)) {
		sim_trace_frame(w, f->end, "lost   >", bytes_of(f->b, f->len));
		free(f);
		return;
	}
	if ((is_wild(f->end) && sim_one_in(w, m->twice)) ||
		((op == SW_OP_DONE || op == SW_OP_EXTEND) &&
			sim_one_in(w, m->replay)))
		replay(w, f);
	sim_push(
		w, arrival(w, f->end, w->now, &e->out_at), SIM_TO_BROKER, 0, f);
}

void
sim_say(struct sim *w, int end, struct bytes b)
{
	struct sim_end *e = &w->ends[end];
	struct sim_frame *f = frame_new(end, e->link, b);

	if (e->link != 0) {
		send_on(w, f);
	} else if (e->unsent_n < UNSENT_MAX) {
		sim_fifo_add(&e->unsent, f);
		e->unsent_n++;
	} else {
		free(f);
	}
}

int
sim_link_known(struct sim *w, uint32_t link)
{
	const struct sim_link *l = &w->links[link];

	return link < w->links_n && (l->gone_at == 0 || w->now < l->gone_at);
}

int
sim_tell(struct sim *w, uint32_t link, struct bytes b)
{
	struct sim_link *l = &w->links[link];
	int end = l->end, copies = 1;
	int64_t at = w->now + w->late_ms, *last;

	if (end < 0)
		return 0;
	if (is_wild(end) && sim_one_in(w, w->plan.mood.lose))
		copies = 0;
	else if (is_wild(end) && sim_one_in(w, w->plan.mood.twice))
		copies = 2;
	last = &w->ends[end].in_at;
	while (copies-- > 0)
		sim_push(w, arrival(w, end, at, last), SIM_TO_END, 0,
			frame_new(end, link, b));
	return 0;
}

void
sim_arrived(struct sim *w, struct sim_frame *f)
{
	const struct sim_link *l = &w->links[f->link];
	uint32_t link = w->ends[f->end].link;

	/* A worker has one link: the last one ends before the next begins. */
	if (w->now > l->lost_in ||
		(!is_wild(f->end) && link != 0 && link != f->link)) {
		sim_trace_frame(w, f->end, "lost   <", bytes_of(f->b, f->len));
		free(f);
		return;
	}
	sim_fifo_add(&w->ends[f->end].in, f);
	sim_wake(w, f->end, w->now);
}

/* --- the trace ---------------------------------------------------------- */

const char *
sim_end_name(int end)
{
	static const char *const names[SIM_ENDS] = {"worker-0", "worker-1",
		"worker-2", "worker-3", "worker-4", "producer-0", "producer-1",
		"producer-2", "person"};

	return end >= 0 ? names[end] : "a replay";
}

static void
trace_item(const struct sw_item *it)
{
	static const enum sw_tag shown[] = {SW_F_QUEUE, SW_F_STATUS, SW_F_STATE,
		SW_F_OUTCOME, SW_F_CAUSE, SW_F_BEGUN, SW_F_CREDIT, SW_F_ATTEMPT,
		SW_F_RUN_AT_MS, SW_F_EXPIRES_AT_MS, SW_F_PRIORITY,
		SW_F_DELAY_MS, SW_F_COUNT, SW_F_SETTING};
	struct bytes raw;
	struct sw_item follow;
	struct sw_id id;
	size_t at = 0;

	(void)printf(" {");
	if (sw_get_id(it, &id))
		(void)printf("#%llx", (unsigned long long)sim_id_no(&id));
	if (sw_has(it, SW_F_TOKEN))
		(void)printf(" token=%llu.%llu",
			(unsigned long long)sw_int(it, SW_F_TOKEN, 0) >> 40,
			(unsigned long long)sw_int(it, SW_F_TOKEN, 0) &
				0xffffffffffU);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		enum sw_tag t = shown[i];
		const char *name = sw_field_rules[t].name;

		if (!sw_has(it, t))
			continue;
		if (sw_field_rules[t].type == SW_T_INT)
			(void)printf(
				" %s=%lld", name, (long long)sw_int(it, t, 0));
		else
			(void)printf(" %s=%.*s", name, (int)it->f[t].len,
				(const char *)it->f[t].p);
	}
	while (sw_item_each(it, SW_F_FOLLOW, &at, &raw))
		if (sw_item_open(raw, &follow) == 0)
			trace_item(&follow);
	(void)putchar('}');
}

void
sim_trace_frame(struct sim *w, int end, const char *how, struct bytes frame)
{
	struct sw_msg m;
	struct sw_item it;

	if (!w->trace || sw_msg_open(frame, &m) < 0)
		return;
	(void)printf("%9lld.%03d %-10s %s %s%s %llu",
		(long long)(w->now / 1000), (int)(w->now % 1000),
		sim_end_name(end), how, sw_op_name(m.op & ~SW_REPLY),
		m.op & SW_REPLY ? "-reply" : "", (unsigned long long)m.seq);
	while (sw_msg_next(&m, &it))
		trace_item(&it);
	(void)putchar('\n');
}
