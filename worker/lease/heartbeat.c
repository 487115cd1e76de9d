/* SPDX-License-Identifier: MIT */
/*
 * heartbeat.c - names all leases, a part in each turn, and what that settles
 */
#include "worker/lease/leases.h"

static void
extend_item(struct sw_buf *b, struct worker_lease *j)
{
	size_t mark = sw_item_begin(b);

	worker_lease_name(b, j);
	if (j->progress_new && j->progress >= 0)
		sw_put_int(b, SW_F_PROGRESS, j->progress);
	if (j->progress_new && j->text[0] != '\0')
		sw_put_text(b, SW_F_TEXT, j->text);
	j->progress_new = 0;
	sw_item_end(b, mark);
}

/*
 * The next lease that the heartbeat has not named; NULL: none is left.  One
 * that moves on meanwhile goes to a list that comes later, or was named.
 */
static struct worker_lease *
extend_seek(struct leases *l)
{
	struct worker_lease *j;

	for (;;) {
		while ((j = l->extend_next) == NULL) {
			if (l->extend_state == LEASE_REPORTED)
				return NULL;
			l->extend_next = l->list[++l->extend_state];
		}
		if (j->stop != LEASE_STALE &&
			j->extend_round != l->extend_round)
			return j;
		l->looks++;
		l->extend_next = j->next;
	}
}

static void
extend_begin(struct leases *l, int64_t now_ms)
{
	l->extending = 1;
	l->extend_round++;
	l->extend_state = LEASE_WAITING;
	l->extend_next = l->list[LEASE_WAITING];
	if (!l->unsettled ||
		(l->settle_to != 0 && now_ms - l->settle_ms < LEASE_SILENT_MS))
		return;
	l->settle_ms = now_ms;
	l->settle_from = l->seq + 1;
	l->settle_to = LEASE_SETTLE_OPEN;
	l->settle_left = 0;
}

static int
must_list(const struct leases *l)
{
	return leases_have_id(l) && !l->listed;
}

/* The first heartbeat of a session ends with the number of leases that it, and
 * one that a stall has cut short, have named. */
static void
list_end(struct leases *l, struct sw_buf *b)
{
	size_t mark = sw_item_begin(b);

	sw_put_int(b, SW_F_COUNT, l->named);
	sw_item_end(b, mark);
	l->listed = 1;
}

/* A message for a hundred leases; the only one may be without any. */
static void
extend_message(struct leases *l)
{
	struct sw_buf b;
	struct lease_message *m = leases_message_begin(l, &b, SW_OP_EXTEND);
	struct worker_lease *j;

	while (m->n < SW_ITEMS_MAX && (j = extend_seek(l)) != NULL) {
		l->looks++;
		l->extend_next = j->next;
		j->extend_round = l->extend_round;
		j->extend_seq = m->seq;
		m->of[m->n++] = j;
		l->named++;
		extend_item(&b, j);
	}
	if (m->n < SW_ITEMS_MAX && must_list(l))
		list_end(l, &b);
	leases_message_send(l, &b);
	l->settle_left += l->settle_to == LEASE_SETTLE_OPEN;
	l->extending = extend_seek(l) != NULL || must_list(l);
	if (!l->extending && l->settle_to == LEASE_SETTLE_OPEN)
		l->settle_to = m->seq;
}

void
leases_extend(struct leases *l, int64_t now_ms)
{
	if (!l->extending &&
		now_ms - l->heartbeat_ms >= l->heartbeat_every_ms) {
		l->heartbeat_ms = now_ms;
		extend_begin(l, now_ms);
	}
	for (int n = 0; l->extending && n < LEASE_EXTEND_MAX; n++)
		extend_message(l);
}
