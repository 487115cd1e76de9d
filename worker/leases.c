/* SPDX-License-Identifier: MIT */
#include "worker/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/plant.h"

enum { ROOM = 64 * 1024 };

int
leases_init(struct leases *h, const struct route *routes, int routes_n,
	int slots, const char *name, leases_send_fn *send, void *arg)
{
	*h = (struct leases){.routes = routes,
		.routes_n = routes_n,
		.slots = slots,
		.send = send,
		.arg = arg};
	h->cap = slots * (1 + LEASE_AHEAD);
	h->hello_ms = h->beat_ms = INT64_MIN / 2;
	strncpy(h->name, name, sizeof(h->name) - 1);
	h->all = calloc((size_t)h->cap, sizeof(*h->all));
	h->buf = malloc(SW_BATCH_MAX + ROOM);
	if (h->all != NULL && h->buf != NULL)
		return 0;
	leases_fini(h);
	return -ENOMEM;
}

static void
lease_clear(struct leases *h, struct worker_lease *j)
{
	free(j->raw);
	free(j->report.fields);
	*j = (struct worker_lease){.state = LEASE_NONE};
	h->used--;
}

void
leases_fini(struct leases *h)
{
	for (int i = 0; h->all != NULL && i < h->cap; i++)
		if (h->all[i].state != LEASE_NONE)
			lease_clear(h, &h->all[i]);
	free(h->all);
	free(h->buf);
	*h = (struct leases){0};
}

/* --- saying ------------------------------------------------------------- */

static uint64_t
say_begin(struct leases *h, struct sw_buf *b, int op)
{
	*b = (struct sw_buf){.p = h->buf, .cap = SW_BATCH_MAX + ROOM};
	sw_msg_begin(b, op, 0, ++h->seq);
	return h->seq;
}

static void
say(struct leases *h, const struct sw_buf *b)
{
	h->send(h->arg, sw_buf_bytes(b));
}

static void
say_hello(struct leases *h, int64_t now_ms)
{
	struct sw_buf b;
	size_t mark;

	h->joined = 0;
	h->hello_ms = now_ms;
	h->hello_seq = say_begin(h, &b, SW_OP_HELLO);
	mark = sw_item_begin(&b);
	sw_put_text(&b, SW_F_WORKER, h->name);
	sw_put_int(&b, SW_F_SLOTS, h->slots);
	sw_item_end(&b, mark);
	for (int i = 0; i < h->routes_n; i++) {
		mark = sw_item_begin(&b);
		sw_put_text(&b, SW_F_QUEUE, h->routes[i].queue);
		if (h->routes[i].weight > 0)
			sw_put_int(&b, SW_F_WEIGHT, h->routes[i].weight);
		sw_item_end(&b, mark);
	}
	say(h, &b);
}

/*
 * Short jobs are fetched ahead, to have the next one here while the broker
 * commits; a job that takes long makes none wait behind it.
 */
static int64_t
ahead(const struct leases *h)
{
	int64_t n = h->run_us > 0 ? 20000 / h->run_us : 0;

	return (n < LEASE_AHEAD ? n : LEASE_AHEAD) * h->slots;
}

static void
say_want(struct leases *h, int64_t now_ms)
{
	int64_t free_now = h->slots + ahead(h) - h->used, credit;
	struct sw_buf b;
	size_t mark;

	if (free_now < 0 || h->draining || now_ms < h->pause_ms)
		free_now = 0;
	credit = h->received + free_now;
	if (credit == h->credit_told)
		return;
	h->credit_told = credit;
	(void)say_begin(h, &b, SW_OP_WANT);
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_CREDIT, credit);
	sw_item_end(&b, mark);
	say(h, &b);
}

static void
extend_item(struct sw_buf *b, struct worker_lease *j)
{
	size_t mark = sw_item_begin(b);

	sw_put_id(b, &j->id);
	sw_put_int(b, SW_F_TOKEN, (int64_t)j->token);
	if (j->progress_new && j->progress >= 0)
		sw_put_int(b, SW_F_PROGRESS, j->progress);
	if (j->progress_new && j->text[0] != '\0')
		sw_put_text(b, SW_F_TEXT, j->text);
	j->progress_new = 0;
	sw_item_end(b, mark);
}

/* One message for each hundred leases, and one when there is none. */
static void
say_extend(struct leases *h)
{
	struct sw_buf b;
	uint64_t seq = say_begin(h, &b, SW_OP_EXTEND);
	int n = 0;

	for (int i = 0; i < h->cap; i++) {
		struct worker_lease *j = &h->all[i];

		if (j->state == LEASE_NONE || j->disposition == LEASE_STALE)
			continue;
		if (n == SW_ITEMS_MAX) {
			say(h, &b);
			seq = say_begin(h, &b, SW_OP_EXTEND);
			n = 0;
		}
		extend_item(&b, j);
		j->extend_seq = seq;
		j->extend_at = n++;
	}
	say(h, &b);
}

static void
report_item(struct sw_buf *b, const struct worker_lease *j)
{
	const struct report *r = &j->report;
	size_t mark = sw_item_begin(b);

	sw_put_id(b, &j->id);
	sw_put_int(b, SW_F_TOKEN, (int64_t)j->token);
	sw_put_int(b, SW_F_OUTCOME, r->outcome);
	sw_put_int(b, SW_F_CAUSE, r->cause);
	sw_put_int(b, SW_F_CPU_MS, r->cpu_ms);
	sw_put_int(b, SW_F_RSS_KB, r->rss_kb);
	if (r->outcome == SW_RETRY && r->delay_ms >= 0)
		sw_put_int(b, SW_F_DELAY_MS, r->delay_ms);
	if (r->exit_code != 0)
		sw_put_int(b, SW_F_EXIT_CODE, r->exit_code);
	if (r->signal != 0)
		sw_put_int(b, SW_F_SIGNAL, r->signal);
	sw_put_raw(b, bytes_of(r->fields, r->fields_len));
	sw_item_end(b, mark);
}

static void
say_reports(struct leases *h, int64_t now_ms)
{
	struct sw_buf b;
	uint64_t seq = 0;
	int n = 0;

	for (int i = 0; i < h->cap; i++) {
		struct worker_lease *j = &h->all[i];

		if (j->state != LEASE_ENDED ||
			(j->told_ms != 0 &&
				(now_ms - j->told_ms < LEASE_RESEND_MS ||
					planted(REPORT_ONCE))))
			continue;
		if (n == SW_ITEMS_MAX ||
			(n > 0 &&
				b.len + j->report.fields_len > SW_BATCH_MAX)) {
			say(h, &b);
			n = 0;
		}
		if (n == 0)
			seq = say_begin(h, &b, SW_OP_DONE);
		report_item(&b, j);
		j->told_ms = now_ms;
		j->told_seq = seq;
		j->told_at = n++;
	}
	if (n > 0)
		say(h, &b);
}

/* Whether reports may wait for the next ones: many short jobs, few messages. */
static int
gathers(const struct leases *h, int64_t now_ms)
{
	int waiting = 0, untold = 0;

	for (int i = 0; i < h->cap; i++) {
		waiting += h->all[i].state == LEASE_WAITING;
		untold += h->all[i].state == LEASE_ENDED &&
			  h->all[i].told_ms == 0;
	}
	return waiting > 0 && untold > 0 && untold < LEASE_GATHER &&
	       now_ms - h->said_ms < LEASE_GATHER_MS;
}

void
leases_say(struct leases *h, int64_t now_ms)
{
	if (!h->joined || now_ms - h->heard_ms > LEASE_SILENT_MS) {
		if (now_ms - h->hello_ms >= LEASE_RESEND_MS)
			say_hello(h, now_ms);
		return;
	}
	h->gathering = gathers(h, now_ms);
	if (!h->gathering) {
		h->said_ms = now_ms;
		say_reports(h, now_ms);
		say_want(h, now_ms);
	}
	if (now_ms - h->beat_ms >= h->beat_every_ms) {
		h->beat_ms = now_ms;
		say_extend(h);
	}
}

int64_t
leases_wait_ms(const struct leases *h, int64_t now_ms)
{
	int64_t wait = h->joined ? h->beat_ms + h->beat_every_ms - now_ms
				 : h->hello_ms + LEASE_RESEND_MS - now_ms;

	if (h->gathering)
		return LEASE_GATHER_MS;
	return wait > 0 ? wait : 0;
}

/* --- hearing ------------------------------------------------------------ */

static struct worker_lease *
lease_free(struct leases *h)
{
	for (int i = 0; i < h->cap; i++)
		if (h->all[i].state == LEASE_NONE)
			return &h->all[i];
	return NULL;
}

static struct worker_lease *
lease_find(struct leases *h, const struct sw_id *id, uint64_t token)
{
	for (int i = 0; i < h->cap; i++)
		if (h->all[i].state != LEASE_NONE && h->all[i].token == token &&
			memcmp(&h->all[i].id, id, sizeof(*id)) == 0)
			return &h->all[i];
	return NULL;
}

static const struct route *
route_of(const struct leases *h, struct bytes queue)
{
	for (int i = 0; i < h->routes_n; i++)
		if (bytes_eq(bytes_str(h->routes[i].queue), queue))
			return &h->routes[i];
	return NULL;
}

static void
disposition_set(struct leases *h, struct worker_lease *j, enum lease_disposition disposition)
{
	if (j->disposition == LEASE_STALE || j->state == LEASE_ENDED)
		return;
	j->disposition = disposition;
	if (j->state != LEASE_WAITING)
		return; /* whoever runs it looks at its disposition */
	if (disposition == LEASE_STALE) {
		lease_clear(h, j);
		return;
	}
	j->report.outcome = disposition == LEASE_CANCEL ? SW_STOPPED : SW_RELEASE;
	j->report.cause = disposition == LEASE_CANCEL ? SW_C_CANCELLED : SW_C_DRAIN;
	j->state = LEASE_ENDED;
}

/* Three times in the shortest lease: one extension may come late. */
static void
beat_follow(struct leases *h, const struct sw_item *it)
{
	int64_t every_ms = sw_int(it, SW_F_LEASE_MS, INT64_MAX) / 3;

	if (every_ms < LEASE_BEAT_MIN_MS)
		every_ms = LEASE_BEAT_MIN_MS;
	if (every_ms < h->beat_every_ms)
		h->beat_every_ms = every_ms;
}

/* What cannot be held is not told of: its lease ends by itself. */
static void
job_take(struct leases *h, const struct sw_item *it)
{
	struct worker_lease *j = lease_free(h);
	const struct route *route = route_of(h, sw_bytes(it, SW_F_QUEUE));

	h->received++;
	if (j == NULL || route == NULL || !sw_get_id(it, &j->id))
		return;
	j->raw = malloc(it->raw.len);
	if (j->raw == NULL)
		return;
	memcpy(j->raw, it->raw.p, it->raw.len);
	if (sw_item_open(bytes_of(j->raw, it->raw.len), &j->item) < 0) {
		free(j->raw);
		return;
	}
	j->state = LEASE_WAITING;
	j->token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
	j->route = route;
	j->progress = -1;
	h->used++;
	beat_follow(h, it);
	if (h->draining && !planted(DRAIN_HOARD))
		disposition_set(h, j, LEASE_RELEASE); /* it was on its way */
}

static void
extend_heard(struct leases *h, struct sw_msg *m)
{
	struct sw_item it;

	for (int at = 0; sw_msg_next(m, &it); at++) {
		int status = (int)sw_int(&it, SW_F_STATUS, 0);

		for (int i = 0; status != 0 && i < h->cap; i++) {
			struct worker_lease *j = &h->all[i];

			if (j->state == LEASE_NONE || j->extend_seq != m->seq ||
				j->extend_at != at)
				continue;
			disposition_set(h, j,
				status == SW_ECANCEL ? LEASE_CANCEL : LEASE_STALE);
		}
	}
}

/*
 * Whether the broker has no more to say to this report.  A refused follow-up
 * refused the ack with it: where there is room later it is said again, else
 * the job has failed.
 */
static int
confirmed(struct worker_lease *j, const struct sw_item *it)
{
	struct report *r = &j->report;
	struct sw_buf b = {.cap = 2 * SW_TEXT_MAX};
	char why[SW_WHY_ROOM];
	int status = (int)sw_int(it, SW_F_STATUS, 0);

	if (status == 0 || status == SW_ESTALE || status == SW_ENOJOB)
		return 1;
	sw_get_text(it, SW_F_DETAIL, why, sizeof(why));
	if (why[0] == '\0')
		(void)sw_refuse(why, status, "%s", sw_strerror(status));
	sw_log(SW_LOG_WARN, "report-refused", "error", sw_errname(status),
		"text", why, NULL);
	if (status == SW_EFULL || status == SW_EMAXJOBS ||
		status == SW_EMAXBYTES)
		return 0;
	b.p = malloc(b.cap);
	if (r->outcome != SW_ACK || b.p == NULL) {
		free(b.p);
		return 1;
	}
	sw_put_fmt(&b, SW_F_ERROR, "a follow-up job was refused: %s", why);
	free(r->fields);
	r->fields = b.p;
	r->fields_len = b.len;
	r->outcome = SW_RETRY;
	r->cause = SW_C_ERROR;
	j->told_ms = 0;
	return 0;
}

static void
done_heard(struct leases *h, struct sw_msg *m)
{
	struct sw_item it;

	for (int at = 0; sw_msg_next(m, &it); at++)
		for (int i = 0; i < h->cap; i++) {
			struct worker_lease *j = &h->all[i];

			if (j->state == LEASE_ENDED && j->told_ms != 0 &&
				j->told_seq == m->seq && j->told_at == at &&
				confirmed(j, &it))
				lease_clear(h, j);
		}
}

static void
stop_heard(struct leases *h, struct sw_msg *m)
{
	struct sw_item it;
	struct sw_id id;

	while (sw_msg_next(m, &it)) {
		struct worker_lease *j;

		if (!sw_get_id(&it, &id))
			continue;
		j = lease_find(h, &id, (uint64_t)sw_int(&it, SW_F_TOKEN, 0));
		if (j != NULL)
			disposition_set(h, j, LEASE_CANCEL);
	}
}

static void
hello_heard(struct leases *h, struct sw_msg *m)
{
	struct sw_item it;

	if (m->seq != h->hello_seq || h->joined)
		return;
	h->joined = 1;
	h->received = 0;
	h->credit_told = -1;
	h->beat_ms = INT64_MIN / 2;
	h->beat_every_ms = SW_HEARTBEAT_MS;
	if (sw_msg_next(m, &it))
		beat_follow(h, &it);
	for (int i = 0; i < h->cap; i++)
		h->all[i].told_ms = 0; /* told to a broker that is gone */
	sw_log(SW_LOG_INFO, "joined", "worker", h->name, "held",
		sw_num(h->used), NULL);
}

static void
error_heard(struct leases *h, struct sw_msg *m)
{
	struct sw_item it;
	char detail[SW_TEXT_MAX + 1];

	if (!sw_msg_next(m, &it))
		return;
	if (sw_int(&it, SW_F_STATUS, 0) == SW_ESESSION) {
		if (h->joined)
			h->hello_ms = INT64_MIN / 2; /* at once */
		h->joined = 0;
		return;
	}
	sw_get_text(&it, SW_F_DETAIL, detail, sizeof(detail));
	sw_log(SW_LOG_ERR, "refused", "error",
		sw_errname((int)sw_int(&it, SW_F_STATUS, 0)), "text", detail,
		NULL);
}

void
leases_take(struct leases *h, struct bytes message, int64_t now_ms)
{
	struct sw_msg m;
	struct sw_item it;

	if (sw_msg_open(message, &m) < 0)
		return;
	h->heard_ms = now_ms;
	switch (m.op) {
	case SW_OP_JOBS:
		while (sw_msg_next(&m, &it))
			job_take(h, &it);
		break;
	case SW_OP_STOP:
		stop_heard(h, &m);
		break;
	case SW_OP_HELLO | SW_REPLY:
		hello_heard(h, &m);
		break;
	case SW_OP_EXTEND | SW_REPLY:
		extend_heard(h, &m);
		break;
	case SW_OP_DONE | SW_REPLY:
		done_heard(h, &m);
		break;
	case SW_OP_BYE | SW_REPLY:
		h->bye_done = 1;
		break;
	case SW_OP_ERROR | SW_REPLY:
		error_heard(h, &m);
		break;
	default:
		break;
	}
}

/* --- running ------------------------------------------------------------ */

struct worker_lease *
leases_begin(struct leases *h, int64_t now_ms)
{
	struct worker_lease *j = NULL;

	if (h->running == h->slots || h->draining || now_ms < h->pause_ms)
		return NULL;
	for (int i = 0; i < h->cap; i++)
		if (h->all[i].state == LEASE_WAITING &&
			(j == NULL || h->all[i].token < j->token))
			j = &h->all[i]; /* tokens grow: first come first */
	if (j == NULL)
		return NULL;
	j->state = LEASE_RUNNING;
	j->begun_ms = now_ms;
	h->running++;
	return j;
}

void
leases_end(struct leases *h, struct worker_lease *j, int64_t now_ms)
{
	int64_t us = (now_ms - j->begun_ms) * 1000 + 100;

	h->running--;
	h->run_us += h->run_us > 0 ? (us - h->run_us) / 8 : us;
	if (j->report.outcome == SW_ACK)
		h->done++;
	else
		h->failed++;
	j->child = NULL;
	if (j->disposition == LEASE_STALE) {
		lease_clear(h, j);
		return;
	}
	if (j->disposition == LEASE_CANCEL && j->report.outcome != SW_ACK)
		j->report.outcome = SW_STOPPED;
	if (j->disposition == LEASE_RELEASE && j->report.outcome != SW_ACK) {
		j->report.outcome = SW_RELEASE;
		j->report.cause = SW_C_DRAIN;
	}
	j->state = LEASE_ENDED;
}

static void
waiting_hand_back(struct leases *h)
{
	for (int i = 0; i < h->cap; i++)
		if (h->all[i].state == LEASE_WAITING)
			disposition_set(h, &h->all[i], LEASE_RELEASE);
}

void
leases_pause(struct leases *h, int64_t now_ms)
{
	h->pause_ms = now_ms + LEASE_PAUSE_MS;
	waiting_hand_back(h);
}

void
leases_drain(struct leases *h)
{
	h->draining = 1;
	waiting_hand_back(h);
}

int
leases_bye(struct leases *h)
{
	struct sw_buf b;

	if (h->bye_seq == 0) {
		h->bye_seq = say_begin(h, &b, SW_OP_BYE);
		say(h, &b);
	}
	return h->bye_done;
}
