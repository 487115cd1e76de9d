/* SPDX-License-Identifier: MIT */
/*
 * messages.c - what a worker says to the broker of its leases, and hears
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/error.h"
#include "base/log.h"
#include "base/plant.h"
#include "worker/lease/leases.h"

/* --- sending -------------------------------------------------------------- */

static uint64_t
message_begin(struct leases *l, struct sw_buf *b, int op)
{
	*b = (struct sw_buf){.p = l->buf, .cap = LEASE_BUFFER};
	sw_msg_begin(b, op, 0, ++l->seq);
	return l->seq;
}

void
leases_message_send(struct leases *l, const struct sw_buf *b)
{
	l->send(l->arg, sw_buf_bytes(b));
}

struct lease_message *
leases_message_begin(struct leases *l, struct sw_buf *b, int op)
{
	uint64_t seq = message_begin(l, b, op);
	struct lease_message *m = &l->sent[seq & l->sent_mask];

	m->seq = seq;
	m->op = op;
	m->n = 0;
	return m;
}

/* NULL: no such message, or so many were sent since that it is forgotten. */
static struct lease_message *
leases_message_find(struct leases *l, uint64_t seq, int op)
{
	struct lease_message *m = &l->sent[seq & l->sent_mask];

	return seq != 0 && m->seq == seq && m->op == op ? m : NULL;
}

/* The lease of a reply's item; NULL: it is gone, or was sent again since. */
static struct worker_lease *
leases_message_lease(const struct lease_message *m, int at)
{
	struct worker_lease *j = at < m->n ? m->of[at] : NULL;

	if (j == NULL || j->state == LEASE_NONE)
		return NULL;
	return (m->op == SW_OP_DONE ? j->reported_seq : j->extend_seq) == m->seq
		       ? j
		       : NULL;
}

int
leases_have_id(const struct leases *l)
{
	return !sw_id_is_nil(&l->id);
}

/* A hello must name a queue: where all routes are closed it names all, and no
 * credit follows. */
static void
hello_send(struct leases *l, int64_t now_ms)
{
	int all = l->routes_closed == l->routes_n;
	struct sw_buf b;
	size_t mark;

	l->joined = 0;
	l->hello_ms = now_ms;
	l->hello_seq = message_begin(l, &b, SW_OP_HELLO);
	mark = sw_item_begin(&b);
	sw_put_text(&b, SW_F_WORKER, l->name);
	sw_put_int(&b, SW_F_SLOTS, l->slots);
	if (leases_have_id(l))
		sw_put_id(&b, &l->id);
	sw_item_end(&b, mark);
	for (int i = 0; i < l->routes_n; i++) {
		if (l->route_closed[i] && !all)
			continue;
		mark = sw_item_begin(&b);
		sw_put_text(&b, SW_F_QUEUE, l->routes[i].queue);
		if (l->routes[i].weight > 0)
			sw_put_int(&b, SW_F_WEIGHT, l->routes[i].weight);
		sw_item_end(&b, mark);
	}
	leases_message_send(l, &b);
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

	if (free_now < 0 || l->draining || leases_are_closed(l) ||
		now_ms < l->pause_ms)
		free_now = 0;
	credit = l->jobs_received + free_now;
	if (credit == l->credit_sent)
		return;
	l->credit_sent = credit;
	(void)message_begin(l, &b, SW_OP_WANT);
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_CREDIT, credit);
	sw_item_end(&b, mark);
	leases_message_send(l, &b);
}

void
worker_lease_name(struct sw_buf *b, const struct worker_lease *j)
{
	sw_put_id(b, &j->id);
	sw_put_int(b, SW_F_TOKEN, (int64_t)j->token);
	if (j->begun)
		sw_put_int(b, SW_F_BEGUN, 1);
}

/* --- reports -------------------------------------------------------------- */

static void
report_item(struct sw_buf *b, const struct worker_lease *j)
{
	const struct attempt_report *r = &j->report;
	size_t mark = sw_item_begin(b);

	worker_lease_name(b, j);
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

/* Those without an answer for a second are to be sent again. */
static void
reports_remind(struct leases *l, int64_t now_ms)
{
	struct worker_lease *j;

	while ((j = l->list[LEASE_REPORTED]) != NULL &&
		now_ms - j->reported_ms >= LEASE_RESEND_MS &&
		!planted(REPORT_ONCE))
		worker_lease_move(l, j, LEASE_ENDED);
}

/* Sends one message of reports. */
static void
reports_message(struct leases *l, int64_t now_ms)
{
	struct sw_buf b;
	struct lease_message *m = leases_message_begin(l, &b, SW_OP_DONE);
	struct worker_lease *j;

	while ((j = l->list[LEASE_ENDED]) != NULL && m->n < SW_ITEMS_MAX) {
		if (m->n > 0 && (j->alone || b.len + j->report.fields_len >
						     SW_BATCH_MAX))
			break;
		report_item(&b, j);
		j->reported_ms = now_ms;
		j->reported_seq = m->seq;
		m->of[m->n++] = j;
		worker_lease_move(l, j, LEASE_REPORTED);
		if (j->alone)
			break;
	}
	if (!b.full) {
		leases_message_send(l, &b);
		return;
	}
	must(m->n == 1); /* others fit behind SW_BATCH_MAX */
	worker_lease_refused(l, m->of[0], SW_ETOOBIG, sw_strerror(SW_ETOOBIG));
}

static void
reports_send(struct leases *l, int64_t now_ms)
{
	reports_remind(l, now_ms);
	for (int n = 0; n < LEASE_DONE_MAX && l->n[LEASE_ENDED] > 0; n++)
		reports_message(l, now_ms);
}

/* Whether reports may wait to share a message: jobs are short and waiting. */
static int
reports_may_wait(const struct leases *l, int64_t now_ms)
{
	return l->n[LEASE_WAITING] > 0 && l->n[LEASE_ENDED] > 0 &&
	       l->n[LEASE_ENDED] < LEASE_GATHER &&
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
	leases_extend(l, now_ms);
	if (l->extending)
		return; /* the list after hello comes before all else */
	l->gathering = reports_may_wait(l, now_ms);
	if (!l->gathering) {
		l->reports_ms = now_ms;
		reports_send(l, now_ms);
		want_send(l, now_ms);
	}
}

int64_t
leases_wait_ms(const struct leases *l, int64_t now_ms)
{
	int64_t due_ms = l->joined ? l->heartbeat_ms + l->heartbeat_every_ms
				   : l->hello_ms + LEASE_RESEND_MS;
	int hears = l->joined && now_ms - l->received_ms <= LEASE_SILENT_MS;

	if (hears && l->extending)
		return 0;
	if (l->gathering)
		return LEASE_GATHER_MS;
	if (hears && l->n[LEASE_ENDED] > 0)
		return 0; /* more reports than one call sends */
	return due_ms > now_ms ? due_ms - now_ms : 0;
}

int
leases_bye(struct leases *l)
{
	struct sw_buf b;

	if (l->bye_seq == 0) {
		l->bye_seq = message_begin(l, &b, SW_OP_BYE);
		leases_message_send(l, &b);
	}
	return l->bye_done;
}

/* --- receiving ------------------------------------------------------------ */

static void
jobs_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;

	while (sw_msg_next(m, &it)) {
		l->jobs_received++;
		worker_lease_take(l, &it);
	}
}

static void
extend_received(struct leases *l, struct sw_msg *m)
{
	struct lease_message *sent = leases_message_find(
		l, m->seq, SW_OP_EXTEND);
	struct sw_item it;

	for (int at = 0; sent != NULL && sw_msg_next(m, &it); at++) {
		int status = (int)sw_int(&it, SW_F_STATUS, 0);
		struct worker_lease *j = leases_message_lease(sent, at);

		if (j != NULL && status != 0)
			worker_lease_stop(l, j,
				status == SW_ECANCEL ? LEASE_CANCEL
						     : LEASE_STALE);
	}
	if (l->unsettled && m->seq >= l->settle_from &&
		m->seq <= l->settle_to && --l->settle_left == 0 &&
		l->settle_to != LEASE_SETTLE_OPEN)
		l->unsettled = 0;
}

/* The line that says why the broker has refused something. */
static void
why_get(const struct sw_item *it, int status, char why[SW_WHY_ROOM])
{
	sw_get_text(it, SW_F_DETAIL, why, SW_WHY_ROOM);
	if (why[0] == '\0')
		(void)sw_refuse(why, status, "%s", sw_strerror(status));
}

static void
done_received(struct leases *l, struct sw_msg *m)
{
	struct lease_message *sent = leases_message_find(l, m->seq, SW_OP_DONE);
	char why[SW_WHY_ROOM];
	struct sw_item it;

	for (int at = 0; sent != NULL && sw_msg_next(m, &it); at++) {
		int status = (int)sw_int(&it, SW_F_STATUS, 0);
		struct worker_lease *j = leases_message_lease(sent, at);

		if (j == NULL || j->state != LEASE_REPORTED)
			continue;
		if (status == 0 || status == SW_ESTALE || status == SW_ENOJOB) {
			worker_lease_drop(l, j);
			continue;
		}
		if (status == SW_ETOOBIG && sent->n > 1) {
			/* Too large together with others, perhaps. */
			j->alone = 1;
			worker_lease_move(l, j, LEASE_ENDED);
			continue;
		}
		why_get(&it, status, why);
		worker_lease_refused(l, j, status, why);
	}
}

/*
 * A message of reports was refused whole, for one of them is malformed: each
 * is sent again by itself, so that only that one is refused.
 */
static void
reports_refused(struct leases *l, struct lease_message *sent, int status,
	const char *why)
{
	int alone = sent->n == 1;

	for (int at = 0; at < sent->n; at++) {
		struct worker_lease *j = leases_message_lease(sent, at);

		if (j == NULL || j->state != LEASE_REPORTED)
			continue;
		if (alone) {
			worker_lease_refused(l, j, status, why);
			continue;
		}
		j->alone = 1;
		worker_lease_move(l, j, LEASE_ENDED);
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
		j = worker_lease_find(
			l, &id, (uint64_t)sw_int(&it, SW_F_TOKEN, 0));
		if (j != NULL)
			worker_lease_stop(l, j, LEASE_CANCEL);
	}
}

/* Reports of an earlier session are sent again, and so is what settles. */
static void
session_begin(struct leases *l)
{
	struct worker_lease *j;

	l->joined = 1;
	l->listed = 0;
	l->named = 0;
	l->jobs_received = 0;
	l->credit_sent = -1;
	l->heartbeat_ms = INT64_MIN / 2;
	l->heartbeat_every_ms = SW_HEARTBEAT_MS;
	l->extending = 0;
	l->settle_from = l->settle_to = 0;
	while ((j = l->list[LEASE_REPORTED]) != NULL) {
		l->looks++;
		worker_lease_move(l, j, LEASE_ENDED);
	}
}

static void
hello_received(struct leases *l, struct sw_msg *m)
{
	struct sw_item it;

	if (m->seq != l->hello_seq || l->joined)
		return;
	session_begin(l);
	if (sw_msg_next(m, &it))
		worker_lease_heartbeat_follow(l, &it);
	sw_log(l->announced ? SW_LOG_DEBUG : SW_LOG_INFO, "joined", "worker",
		l->name, "leases", sw_num(l->used), NULL);
	l->announced = 1;
}

static void
error_received(struct leases *l, struct sw_msg *m)
{
	struct lease_message *sent = leases_message_find(l, m->seq, SW_OP_DONE);
	struct sw_item it;
	char why[SW_WHY_ROOM];
	int status;

	if (!sw_msg_next(m, &it))
		return;
	status = (int)sw_int(&it, SW_F_STATUS, 0);
	if (status == SW_ESESSION) {
		if (l->joined)
			l->hello_ms = INT64_MIN / 2; /* hello at once */
		l->joined = 0;
		return;
	}
	why_get(&it, status, why);
	sw_log(SW_LOG_ERR, "refused", "error", sw_errname(status), "text", why,
		NULL);
	if (sent != NULL)
		reports_refused(l, sent, status, why);
}

void
leases_receive(struct leases *l, struct bytes message, int64_t now_ms)
{
	struct sw_msg m;

	if (sw_msg_open(message, &m) < 0)
		return;
	l->received_ms = now_ms;
	switch (m.op) {
	case SW_OP_JOBS:
		jobs_received(l, &m);
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
