/* SPDX-License-Identifier: MIT */
/*
 * act.c - the selection, and what keys do to it
 */
#include "cli/top/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/proto.h"

/* --- the selection ---------------------------------------------------------
 */

const struct top_queue *
top_selected_queue(const struct top *t)
{
	for (size_t i = 0; t->selected.kind == TOP_QUEUE && i < t->n_queues;
		i++)
		if (strcmp(t->queues[i].name, t->selected.queue) == 0)
			return &t->queues[i];
	return NULL;
}

const struct top_job *
top_selected_job(const struct top *t)
{
	for (size_t i = 0; t->selected.kind == TOP_JOB && i < t->n_jobs; i++)
		if (memcmp(&t->jobs[i].id, &t->selected.job,
			    sizeof(t->selected.job)) == 0)
			return &t->jobs[i];
	return NULL;
}

/* The line of the selection among queues and jobs; -1: none. */
static int
selected_line(const struct top *t)
{
	const struct top_queue *q = top_selected_queue(t);
	const struct top_job *j = top_selected_job(t);

	return q != NULL   ? (int)(q - t->queues)
	       : j != NULL ? (int)t->n_queues + (int)(j - t->jobs)
			   : -1;
}

void
top_select(struct top *t, int by)
{
	int n = (int)(t->n_queues + t->n_jobs), from = selected_line(t);
	int at = from + by;

	if (from < 0 && by < 0)
		at = n - 1;
	if (at < 0 || n == 0) {
		t->selected.kind = TOP_NOTHING;
		return;
	}
	at = at < n ? at : n - 1;
	if (at < (int)t->n_queues) {
		t->selected.kind = TOP_QUEUE;
		memcpy(t->selected.queue, t->queues[at].name,
			sizeof(t->selected.queue));
		return;
	}
	t->selected.kind = TOP_JOB;
	t->selected.job = t->jobs[at - (int)t->n_queues].id;
}

void
top_filter(struct top *t)
{
	int same = strcmp(t->filter, t->selected.queue) == 0;

	if (t->selected.kind != TOP_QUEUE || same)
		t->filter[0] = '\0';
	else
		memcpy(t->filter, t->selected.queue, sizeof(t->filter));
}

void
top_state_next(struct top *t)
{
	static const int next[SW_STATES] = {[SW_LEASED] = SW_DELAYED,
		[SW_DELAYED] = SW_DEAD,
		[SW_DEAD] = SW_READY,
		[SW_READY] = SW_LEASED};

	t->state = next[t->state];
	if (t->selected.kind == TOP_JOB)
		t->selected.kind = TOP_NOTHING;
}

/* --- changes ---------------------------------------------------------------
 */

/* What a key does to the jobs of a queue, or to a job. */
struct action {
	char key;
	int op, state; /* of a queue's jobs; a job may be in any */
	const char *verb, *done;
	int asks; /* for y or n: it cannot be undone */
};

static const struct action actions[] = {
	{'r', SW_OP_REDRIVE, SW_DEAD, "redrive", "redriven", 0},
	{'n', SW_OP_RUN, SW_DELAYED, "run now", "made ready", 0},
	{'b', SW_OP_BURY, SW_READY, "bury", "buried", 1},
	{'c', SW_OP_CANCEL_ALL, SW_READY, "cancel", "cancelled", 1},
};

static const struct action *
action_of(char key)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].key == key)
			return &actions[i];
	return NULL;
}

/* Only a redrive must name the state of a job that is named: one that waits in
 * a dead-letter queue is redriven, too. */
static int
selected_state(const struct top *t, const struct action *a)
{
	if (t->selected.kind != TOP_JOB)
		return a->state;
	if (a->op != SW_OP_REDRIVE)
		return SW_NONE;
	return t->state == SW_READY || t->state == SW_DELAYED ? t->state
							      : SW_DEAD;
}

static void
selector_build(const struct top *t, const struct action *a, struct sw_buf *b,
	struct bytes cursor)
{
	size_t mark = sw_item_begin(b);

	sw_put_int(b, SW_F_STATE, selected_state(t, a));
	if (t->selected.kind == TOP_JOB)
		sw_put_id(b, &t->selected.job);
	else
		sw_put_text(b, SW_F_QUEUE, t->selected.queue);
	if (cursor.len > 0)
		sw_put_bytes(b, SW_F_CURSOR, cursor);
	sw_item_end(b, mark);
}

static int
job_refused(struct top *t, const struct action *a, const struct sw_item *it)
{
	if (a->op == SW_OP_REDRIVE && sw_int(it, SW_F_STATUS, 0) == SW_ESTATE)
		return cmd_refuse(t->c, "not redriven: the job has not died");
	return cmd_refused(t->c, "", it);
}

/* Changes a page of jobs; adds to *n, replaces the cursor. */
static int
page_change(struct top *t, const struct action *a, int64_t *n, uint8_t *cursor,
	size_t *len)
{
	struct sw_buf b = cmd_begin(t->c, a->op, 0);
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	selector_build(t, a, &b, bytes_of(cursor, *len));
	rc = cmd_call_item(t->c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	if (sw_int(&it, SW_F_STATUS, 0) != 0)
		return cmd_refused(t->c, "", &it);
	*n += sw_int(&it, SW_F_COUNT, 0);
	*len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *len);
	while (sw_msg_next(&reply, &it))
		if (sw_int(&it, SW_F_STATUS, 0) != 0)
			return job_refused(t, a, &it);
	return CMD_OK;
}

static int
jobs_change(struct top *t, const struct action *a)
{
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int64_t n = 0;
	int rc;

	do
		rc = page_change(t, a, &n, cursor, &len);
	while (rc == CMD_OK && len > 0);
	(void)snprintf(t->note, sizeof(t->note), "%" PRId64 " job%s %s", n,
		n == 1 ? "" : "s", a->done);
	return rc;
}

static int
queue_pause(struct top *t)
{
	const struct top_queue *q = top_selected_queue(t);
	struct sw_buf b = cmd_begin(t->c, SW_OP_QUEUE_SET, 0);
	size_t mark = sw_item_begin(&b);
	int paused = q != NULL && q->paused, rc;
	struct sw_msg reply;
	struct sw_item it;

	sw_put_text(&b, SW_F_QUEUE, t->selected.queue);
	sw_put_text(&b, SW_F_SETTING, paused ? "paused=no" : "paused=yes");
	sw_item_end(&b, mark);
	rc = cmd_call_item(t->c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	if (sw_int(&it, SW_F_STATUS, 0) != 0)
		return cmd_refused(t->c, "", &it);
	(void)snprintf(t->note, sizeof(t->note), "queue %s %s",
		t->selected.queue, paused ? "goes on" : "is paused");
	return CMD_OK;
}

static int
change(struct top *t, char key)
{
	return key == 'p' ? queue_pause(t) : jobs_change(t, action_of(key));
}

/* Does it, and takes an error's line for the note. */
static void
change_noted(struct top *t, char key)
{
	FILE *err = t->c->err;
	char *text = NULL;
	size_t len = 0;

	t->c->err = open_memstream(&text, &len);
	if (t->c->err != NULL) {
		int rc = change(t, key);

		(void)fclose(t->c->err);
		if (rc != CMD_OK)
			(void)snprintf(t->note, sizeof(t->note), "%.*s",
				(int)strcspn(text, "\n"), text);
		free(text);
	}
	t->c->err = err;
}

static void
ask(struct top *t, const struct action *a)
{
	char id[SW_ID_TEXT];

	t->asked = a->key;
	sw_id_format(&t->selected.job, id);
	if (t->selected.kind == TOP_JOB)
		(void)snprintf(
			t->note, sizeof(t->note), "%s %s? y/n", a->verb, id);
	else
		(void)snprintf(t->note, sizeof(t->note),
			"%s all ready jobs of queue %s? y/n", a->verb,
			t->selected.queue);
}

int
top_act(struct top *t, char key)
{
	const struct action *a = action_of(key);
	char asked = t->asked;

	t->asked = 0;
	t->note[0] = '\0';
	if (asked != 0) {
		if (key == 'y')
			change_noted(t, asked);
		return 1;
	}
	if (t->selected.kind == TOP_NOTHING ||
		(a == NULL && (key != 'p' || t->selected.kind != TOP_QUEUE)))
		return 0;
	if (a != NULL && a->asks)
		ask(t, a);
	else
		change_noted(t, key);
	return 1;
}

const char *
top_help(const struct top *t)
{
	if (t->note[0] != '\0')
		return t->note;
	switch (t->selected.kind) {
	case TOP_QUEUE:
		return "p pause  r redrive  n run  b bury  c cancel  enter its "
		       "jobs";
	case TOP_JOB:
		return "r redrive  n run now  b bury  c cancel  esc no "
		       "selection";
	case TOP_NOTHING:
		break;
	}
	return "q quit  up/down select  tab other jobs  space freeze";
}
