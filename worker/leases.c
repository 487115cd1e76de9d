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
leases_init(struct leases *l, const struct worker_route *routes, int routes_n,
	int slots, const char *name, leases_send_fn *send, void *arg)
{
	*l = (struct leases){.routes = routes,
		.routes_n = routes_n,
		.slots = slots,
		.send = send,
		.arg = arg};
	l->cap = slots * (1 + LEASE_PREFETCH);
	l->hello_ms = l->heartbeat_ms = INT64_MIN / 2;
	strncpy(l->name, name, sizeof(l->name) - 1);
	l->all = calloc((size_t)l->cap, sizeof(*l->all));
	l->buf = malloc(SW_BATCH_MAX + ROOM);
	if (l->all != NULL && l->buf != NULL)
		return 0;
	leases_fini(l);
	return -ENOMEM;
}

static void
lease_clear(struct leases *l, struct worker_lease *j)
{
	free(j->raw);
	free(j->report.fields);
	*j = (struct worker_lease){.state = LEASE_NONE};
	l->used--;
}

void
leases_fini(struct leases *l)
{
	for (int i = 0; l->all != NULL && i < l->cap; i++)
		if (l->all[i].state != LEASE_NONE)
			lease_clear(l, &l->all[i]);
	free(l->all);
	free(l->buf);
	*l = (struct leases){0};
}

/* --- sending ------------------------------------------------------------ */

static uint64_t
message_begin(struct leases *l, struct sw_buf *b, int op)
{
	*b = (struct sw_buf){.p = l->buf, .cap = SW_BATCH_MAX + ROOM};
	sw_msg_begin(b, op, 0, ++l->seq);
	return l->seq;
}

static void
message_send(struct leases *l, const struct sw_buf *b)
{
	l->send(l->arg, sw_buf_bytes(b));
}

static void
hello_send(struct leases *l, int64_t now_ms)
{
	struct sw_buf b;
	size_t mark;

	l->joined = 0;
	l->hello_ms = now_ms;
	l->hello_seq = message_begin(l, &b, SW_OP_HELLO);
	mark = sw_item_begin(&b);
	sw_put_text(&b, SW_F_WORKER, l->name);
	sw_put_int(&b, SW_F_SLOTS, l->slots);
	sw_item_end(&b, mark);
	for (int i = 0; i < l->routes_n; i++) {
		mark = sw_item_begin(&b);
		sw_put_text(&b, SW_F_QUEUE, l->routes[i].queue);
		if (l->routes[i].weight > 0)
			sw_put_int(&b, SW_F_WEIGHT, l->routes[i].weight);
		sw_item_end(&b, mark);
	}
	message_send(l, &b);
}

/*
 * How many jobs to prefetch: short ones, to have the next at hand while the
 * broker commits, but none that would wait long behind others.
 */
static int64_t
prefetch(const struct leases *l)
{
	int64_t n = l->run_us > 0 ? 20000 / l->run_us : 0;

	return (n < LEASE_PREFETCH ? n : LEASE_PREFETCH) * l->slots;
}

static void
want_send(struct leases *l, int64_t now_ms)
{
	int64_t free_now = l->slots + prefetch(l) - l->used, credit;
	struct sw_buf b;
	size_t mark;

	if (free_now < 0 || l->draining || now_ms < l->pause_ms)
		free_now = 0;
	credit = l->jobs_received + free_now;
	if (credit == l->credit_sent)
		return;
	l->credit_sent = credit;
	(void)message_begin(l, &b, SW_OP_WANT);
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_CREDIT, credit);
	sw_item_end(&b, mark);
	message_send(l, &b);
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

/* The heartbeat: a message for each hundred leases, or one without any. */
static void
extend_send(struct leases *l)
{
	struct sw_buf b;
	uint64_t seq = message_begin(l, &b, SW_OP_EXTEND);
	int n = 0;

	for (int i = 0; i < l->cap; i++) {
		struct worker_lease *j = &l->all[i];

		if (j->state == LEASE_NONE || j->stop == LEASE_STALE)
			continue;
		if (n == SW_ITEMS_MAX) {
			message_send(l, &b);
			seq = message_begin(l, &b, SW_OP_EXTEND);
			n = 0;
		}
		extend_item(&b, j);
		j->extend_seq = seq;
		j->extend_index = n++;
	}
	message_send(l, &b);
}

static void
report_item(struct sw_buf *b, const struct worker_lease *j)
{
	const struct attempt_report *r = &j->report;
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
reports_send(struct leases *l, int64_t now_ms)
{
	struct sw_buf b;
	uint64_t seq = 0;
	int n = 0;

	for (int i = 0; i < l->cap; i++) {
		struct worker_lease *j = &l->all[i];

		if (j->state != LEASE_ENDED ||
			(j->reported_ms != 0 &&
				(now_ms - j->reported_ms < LEASE_RESEND_MS ||
					planted(REPORT_ONCE))))
			continue;
		if (n == SW_ITEMS_MAX ||
			(n > 0 &&
				b.len + j->report.fields_len > SW_BATCH_MAX)) {
			message_send(l, &b);
			n = 0;
		}
		if (n == 0)
			seq = message_begin(l, &b, SW_OP_DONE);
		report_item(&b, j);
		j->reported_ms = now_ms;
		j->reported_seq = seq;
		j->reported_index = n++;
	}
	if (n > 0)
		message_send(l, &b);
}

/* Whether reports may wait to share a message: jobs are short and waiting. */
static int
reports_may_wait(const struct leases *l, int64_t now_ms)
{
	int waiting = 0, unsent = 0;

	for (int i = 0; i < l->cap; i++) {
		waiting += l->all[i].state == LEASE_WAITING;
		unsent += l->all[i].state == LEASE_ENDED &&
			  l->all[i].reported_ms == 0;
	}
	return waiting > 0 && unsent > 0 && unsent < LEASE_GATHER &&
	       now_ms - l->reports_ms < LEASE_GATHER_MS;
}

void
leases_send(struct leases *l, int64_t now_ms)
{
	if (!l->joined || now_ms - l->received_ms > LEASE_SILENT_MS) {
		if (now_ms - l->hello_ms >= LEASE_RESEND_MS)
			hello_send(l, now_ms);
		return;
	}
	l->gathering = reports_may_wait(l, now_ms);
	if (!l->gathering) {
		l->reports_ms = now_ms;
		reports_send(l, now_ms);
		want_send(l, now_ms);
	}
	if (now_ms - l->heartbeat_ms >= l->heartbeat_every_ms) {
		l->heartbeat_ms = now_ms;
		extend_send(l);
	}
}

int64_t
leases_wait_ms(const struct leases *l, int64_t now_ms)
{
	int64_t due_ms = l->joined ? l->heartbeat_ms + l->heartbeat_every_ms
				   : l->hello_ms + LEASE_RESEND_MS;

	if (l->gathering)
		return LEASE_GATHER_MS;
	return due_ms > now_ms ? due_ms - now_ms : 0;
}

/* --- receiving ---------------------------------------------------------- */

static struct worker_lease *
lease_free(struct leases *l)
{
	for (int i = 0; i < l->cap; i++)
		if (l->all[i].state == LEASE_NONE)
			return &l->all[i];
	return NULL;
}

static struct worker_lease *
lease_find(struct leases *l, const struct sw_id *id, uint64_t token)
{
	for (int i = 0; i < l->cap; i++)
		if (l->all[i].state != LEASE_NONE && l->all[i].token == token &&
			memcmp(&l->all[i].id, id, sizeof(*id)) == 0)
			return &l->all[i];
	return NULL;
}

static const struct worker_route *
route_of(const struct leases *l, struct bytes queue)
{
	for (int i = 0; i < l->routes_n; i++)
		if (bytes_eq(bytes_str(l->routes[i].queue), queue))
			return &l->routes[i];
	return NULL;
}

static void
stop_set(struct leases *l, struct worker_lease *j, enum lease_stop stop)
{
	if (j->stop == LEASE_STALE || j->state == LEASE_ENDED)
		return;
	j->stop = stop;
	if (j->state != LEASE_WAITING)
		return; /* child_watch() heeds `stop` of a running job */
	if (stop == LEASE_STALE) {
		lease_clear(l, j);
		return;
	}
	j->report.outcome = stop == LEASE_CANCEL ? SW_STOPPED : SW_RELEASE;
	j->report.cause = stop == LEASE_CANCEL ? SW_C_CANCELLED : SW_C_DRAIN;
	j->state = LEASE_ENDED;
}

/* Three heartbeats in the shortest lease: one of them may come late. */
static void
heartbeat_follow(struct leases *l, const struct sw_item *it)
{
	int64_t every_ms = sw_int(it, SW_F_LEASE_MS, INT64_MAX) / 3;

	if (every_ms < LEASE_HEARTBEAT_MIN_MS)
		every_ms = LEASE_HEARTBEAT_MIN_MS;
	if (every_ms < l->heartbeat_every_ms)
		l->heartbeat_every_ms = every_ms;
}

/* A job that there is no room for is dropped: its lease runs out. */
static void
job_take(struct leases *l, const struct sw_item *it)
{
	struct worker_lease *j = lease_free(l);
	const struct worker_route *route = route_of(
		l, sw_bytes(it, SW_F_QUEUE));

	l->jobs_received++;
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
	l->used++;
	heartbeat_follow(l, it);
	if (l->draining && !planted(DRAIN_HOARD))
		stop_set(l, j, LEASE_RELEASE); /* was sent before the drain */
}

static void
extend_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;

	for (int at = 0; sw_msg_next(m, &it); at++) {
		int status = (int)sw_int(&it, SW_F_STATUS, 0);

		for (int i = 0; status != 0 && i < l->cap; i++) {
			struct worker_lease *j = &l->all[i];

			if (j->state == LEASE_NONE || j->extend_seq != m->seq ||
				j->extend_index != at)
				continue;
			stop_set(l, j,
				status == SW_ECANCEL ? LEASE_CANCEL
						     : LEASE_STALE);
		}
	}
}

/*
 * 1: the broker is done with this report.  A refused follow-up refuses the
 * ack with it: for want of room the report is sent again, else the ack
 * becomes a retry.
 */
static int
report_confirmed(struct worker_lease *j, const struct sw_item *it)
{
	struct attempt_report *r = &j->report;
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
	b.p = r->outcome == SW_ACK ? malloc(b.cap) : NULL;
	if (b.p == NULL)
		return 1;
	sw_put_fmt(&b, SW_F_ERROR, "a follow-up job was refused: %s", why);
	free(r->fields);
	r->fields = b.p;
	r->fields_len = b.len;
	r->outcome = SW_RETRY;
	r->cause = SW_C_ERROR;
	j->reported_ms = 0;
	return 0;
}

static void
done_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;

	for (int at = 0; sw_msg_next(m, &it); at++)
		for (int i = 0; i < l->cap; i++) {
			struct worker_lease *j = &l->all[i];

			if (j->state == LEASE_ENDED && j->reported_ms != 0 &&
				j->reported_seq == m->seq &&
				j->reported_index == at &&
				report_confirmed(j, &it))
				lease_clear(l, j);
		}
}

static void
stop_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;
	struct sw_id id;

	while (sw_msg_next(m, &it)) {
		struct worker_lease *j;

		if (!sw_get_id(&it, &id))
			continue;
		j = lease_find(l, &id, (uint64_t)sw_int(&it, SW_F_TOKEN, 0));
		if (j != NULL)
			stop_set(l, j, LEASE_CANCEL);
	}
}

static void
hello_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;

	if (m->seq != l->hello_seq || l->joined)
		return;
	l->joined = 1;
	l->jobs_received = 0;
	l->credit_sent = -1;
	l->heartbeat_ms = INT64_MIN / 2;
	l->heartbeat_every_ms = SW_HEARTBEAT_MS;
	if (sw_msg_next(m, &it))
		heartbeat_follow(l, &it);
	for (int i = 0; i < l->cap; i++)
		l->all[i].reported_ms = 0; /* sent in another session */
	sw_log(SW_LOG_INFO, "joined", "worker", l->name, "leases",
		sw_num(l->used), NULL);
}

static void
error_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;
	char detail[SW_TEXT_MAX + 1];

	if (!sw_msg_next(m, &it))
		return;
	if (sw_int(&it, SW_F_STATUS, 0) == SW_ESESSION) {
		if (l->joined)
			l->hello_ms = INT64_MIN / 2; /* hello at once */
		l->joined = 0;
		return;
	}
	sw_get_text(&it, SW_F_DETAIL, detail, sizeof(detail));
	sw_log(SW_LOG_ERR, "refused", "error",
		sw_errname((int)sw_int(&it, SW_F_STATUS, 0)), "text", detail,
		NULL);
}

void
leases_receive(struct leases *l, struct bytes message, int64_t now_ms)
{
	struct sw_msg m;
	struct sw_item it;

	if (sw_msg_open(message, &m) < 0)
		return;
	l->received_ms = now_ms;
	switch (m.op) {
	case SW_OP_JOBS:
		while (sw_msg_next(&m, &it))
			job_take(l, &it);
		break;
	case SW_OP_STOP:
		stop_received(l, &m);
		break;
	case SW_OP_HELLO | SW_REPLY:
		hello_received(l, &m);
		break;
	case SW_OP_EXTEND | SW_REPLY:
		extend_received(l, &m);
		break;
	case SW_OP_DONE | SW_REPLY:
		done_received(l, &m);
		break;
	case SW_OP_BYE | SW_REPLY:
		l->bye_done = 1;
		break;
	case SW_OP_ERROR | SW_REPLY:
		error_received(l, &m);
		break;
	default:
		break;
	}
}

/* --- running ------------------------------------------------------------ */

struct worker_lease *
leases_begin(struct leases *l, int64_t now_ms)
{
	struct worker_lease *j = NULL;

	if (l->running == l->slots || l->draining || now_ms < l->pause_ms)
		return NULL;
	for (int i = 0; i < l->cap; i++)
		if (l->all[i].state == LEASE_WAITING &&
			(j == NULL || l->all[i].token < j->token))
			j = &l->all[i]; /* tokens grow: the oldest job */
	if (j == NULL)
		return NULL;
	j->state = LEASE_RUNNING;
	j->begun_ms = now_ms;
	l->running++;
	return j;
}

void
leases_end(struct leases *l, struct worker_lease *j, int64_t now_ms)
{
	int64_t us = (now_ms - j->begun_ms) * 1000 + 100;

	l->running--;
	l->run_us += l->run_us > 0 ? (us - l->run_us) / 8 : us;
	if (j->report.outcome == SW_ACK)
		l->done++;
	else
		l->failed++;
	j->child = NULL;
	if (j->stop == LEASE_STALE) {
		lease_clear(l, j);
		return;
	}
	if (j->stop == LEASE_CANCEL && j->report.outcome != SW_ACK)
		j->report.outcome = SW_STOPPED;
	if (j->stop == LEASE_RELEASE && j->report.outcome != SW_ACK) {
		j->report.outcome = SW_RELEASE;
		j->report.cause = SW_C_DRAIN;
	}
	j->state = LEASE_ENDED;
}

static void
waiting_hand_back(struct leases *l)
{
	for (int i = 0; i < l->cap; i++)
		if (l->all[i].state == LEASE_WAITING)
			stop_set(l, &l->all[i], LEASE_RELEASE);
}

void
leases_pause(struct leases *l, int64_t now_ms)
{
	l->pause_ms = now_ms + LEASE_PAUSE_MS;
	waiting_hand_back(l);
}

void
leases_drain(struct leases *l)
{
	l->draining = 1;
	waiting_hand_back(l);
}

int
leases_bye(struct leases *l)
{
	struct sw_buf b;

	if (l->bye_seq == 0) {
		l->bye_seq = message_begin(l, &b, SW_OP_BYE);
		message_send(l, &b);
	}
	return l->bye_done;
}
