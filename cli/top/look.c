/* SPDX-License-Identifier: MIT */
#include "cli/top/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/json.h"
#include "wire/proto.h"

enum { PAGES_MAX = 5 }; /* that a refresh asks for jobs */

/* Escapes foreign bytes into `to`, cut to fit. */
static void
text_escape(struct bytes b, char *to, size_t cap)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	to[0] = '\0';
	if (f == NULL)
		return;
	out_text(f, b, OUT_LINE);
	if (fclose(f) == 0)
		(void)snprintf(to, cap, "%s", text);
	free(text);
}

static void
stat_text(const struct sw_item *it, const char *name, char *to, size_t cap)
{
	struct bytes b = {"", 0};

	(void)pair_find(it, SW_F_STAT, name, &b);
	text_escape(b, to, cap);
}

static void
take_queue(void *arg, const struct sw_item *it)
{
	struct top *t = arg;
	struct top_queue *q;

	if (t->n_queues == QUEUES_MAX)
		return;
	q = &t->queues[t->n_queues++];
	text_escape(sw_bytes(it, SW_F_QUEUE), q->name, sizeof(q->name));
	q->ready = pair_int(it, SW_F_STAT, "ready", 0);
	q->leased = pair_int(it, SW_F_STAT, "leased", 0);
	q->delayed = pair_int(it, SW_F_STAT, "delayed", 0);
	q->dead = pair_int(it, SW_F_STAT, "dead", 0);
	q->oldest_ms = pair_int(it, SW_F_STAT, "oldest_ready_ms", 0);
	q->wanted = pair_int(it, SW_F_STAT, "workers_wanted", -1);
	q->paused = pair_int(it, SW_F_SETTING, "paused", 0) != 0;
	stat_text(it, "arrival_per_s", q->in, sizeof(q->in));
	stat_text(it, "service_per_s", q->out, sizeof(q->out));
}

static void
take_worker(void *arg, const struct sw_item *it)
{
	struct top *t = arg;
	struct top_worker *w;

	if (t->n_workers == WORKERS_MAX)
		return;
	w = &t->workers[t->n_workers++];
	text_escape(sw_bytes(it, SW_F_WORKER), w->name, sizeof(w->name));
	stat_text(it, "queues", w->queues, sizeof(w->queues));
	w->slots = sw_int(it, SW_F_SLOTS, 0);
	w->leased = pair_int(it, SW_F_STAT, "leased", 0);
	w->done = pair_int(it, SW_F_STAT, "done_total", 0);
	w->failed = pair_int(it, SW_F_STAT, "failed_total", 0);
	w->seen_ms = pair_int(it, SW_F_STAT, "seen_ms_ago", 0);
}

static int
take_stats(struct top *t)
{
	struct sw_buf b = cmd_begin(t->c, SW_OP_STATS, 0);
	struct sw_msg reply;
	struct sw_item it;
	int rc = cmd_call(t->c, &b, &reply);

	if (rc != CMD_OK)
		return rc;
	if (!sw_msg_next(&reply, &it))
		return cmd_fail(t->c, SW_EUNKNOWN);
	t->ops_before = t->ops;
	t->commits_before = t->commits;
	t->before_ms = t->at_ms;
	t->at_ms = client_now_ms();
	t->uptime_ms = pair_int(&it, SW_F_STAT, "uptime_ms", 0);
	t->commits = pair_int(&it, SW_F_STAT, "commits", 0);
	t->ops = pair_int(&it, SW_F_STAT, "ops", 0);
	t->used = pair_int(&it, SW_F_STAT, "store_used_pages", 0);
	t->most = pair_int(&it, SW_F_STAT, "store_max_pages", 0);
	return CMD_OK;
}

static void
take_job(struct top *t, const struct sw_item *it)
{
	struct top_job *j;
	int state = (int)sw_int(it, SW_F_STATE, SW_NONE);

	if (t->n_jobs == JOBS_MAX)
		return;
	j = &t->jobs[t->n_jobs++];
	*j = (struct top_job){.progress = sw_int(it, SW_F_PROGRESS, -1),
		.attempt = sw_int(it, SW_F_ATTEMPT, 0),
		.at_ms = sw_int(it,
			state == SW_LEASED    ? SW_F_AT_MS
			: state == SW_DEAD    ? SW_F_ENDED_AT_MS
			: state == SW_DELAYED ? SW_F_RUN_AT_MS
					      : SW_F_CREATED_AT_MS,
			0)};
	(void)sw_get_id(it, &j->id);
	text_escape(sw_bytes(it, SW_F_QUEUE), j->queue, sizeof(j->queue));
	text_escape(state == SW_LEASED
			    ? sw_bytes(it, SW_F_TEXT)
			    : text_last_line(sw_bytes(it, SW_F_ERROR)),
		j->text, sizeof(j->text));
}

/* One page of the jobs that are shown; *cursor is replaced. */
static int
look_page(struct top *t, const char *queue, uint8_t *cursor, size_t *len)
{
	struct cmd *c = t->c;
	struct sw_buf b = cmd_begin(c, SW_OP_LIST, SW_FLAG_NEWEST);
	size_t mark = sw_item_begin(&b);
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	sw_put_int(&b, SW_F_STATE, t->state);
	if (queue != NULL)
		sw_put_text(&b, SW_F_QUEUE, queue);
	if (*len > 0)
		sw_put_bytes(&b, SW_F_CURSOR, bytes_of(cursor, *len));
	sw_item_end(&b, mark);
	rc = cmd_call(c, &b, &reply);
	if (rc != CMD_OK)
		return rc;
	if (!sw_msg_next(&reply, &it) || sw_int(&it, SW_F_STATUS, 0) != 0) {
		*len = 0; /* the queue has gone */
		return CMD_OK;
	}
	*len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *len);
	while (sw_msg_next(&reply, &it))
		take_job(t, &it);
	return CMD_OK;
}

static int
look_jobs(struct top *t)
{
	const char *queue = t->filter[0] == '\0' ? NULL : t->filter;
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int rc = CMD_OK, pages = 0;

	t->n_jobs = 0;
	do
		rc = look_page(t, queue, cursor, &len);
	while (rc == CMD_OK && len > 0 && t->n_jobs < JOBS_MAX &&
		++pages < PAGES_MAX);
	return rc;
}

int
top_look(struct top *t)
{
	int rc = take_stats(t);

	t->c->now_ms = clock_now_ms(CLOCK_REALTIME);
	t->n_queues = t->n_workers = 0;
	if (rc == CMD_OK)
		rc = cmd_pages(t->c, SW_OP_QUEUES, NULL, take_queue, t);
	if (rc == CMD_OK)
		rc = cmd_pages(t->c, SW_OP_WORKERS, NULL, take_worker, t);
	return rc == CMD_OK ? look_jobs(t) : rc;
}
