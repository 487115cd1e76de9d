/* SPDX-License-Identifier: MIT */
#include "broker/core/admin.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/job/job.h"

/* --- queue-set ---------------------------------------------------------- */

/* Applies all settings of an item, or none of them and sets `why`. */
static int
queue_set_one(struct core *c, const struct sw_item *it, char *why)
{
	struct sw_settings set = {.given = 0};
	struct bytes s;
	size_t at = 0;
	int err = 0;

	while (err == 0 && sw_item_each(it, SW_F_SETTING, &at, &s))
		err = sw_settings_parse(&set, s.p, s.len, why, SW_WHY_ROOM);
	return err < 0 ? err
		       : core_settings_apply(
				 c, sw_bytes(it, SW_F_QUEUE), &set, why);
}

void
op_queue_set(struct request *rq)
{
	struct sw_item it;
	char why[SW_WHY_ROOM];

	reply_begin(rq, REPLY_SMALL * 2);
	while (sw_msg_next(&rq->msg, &it)) {
		why[0] = '\0';
		reply_status_why(rq, queue_set_one(rq->core, &it, why), why);
	}
	reply_send(rq);
}

/* --- queue-delete -------------------------------------------------------- */

/* Writes the jobs of a queue, "3 ready, 1 dead", into `text`; their number. */
static int64_t
jobs_count(const struct queue *q, char *text, size_t cap)
{
	int64_t n = 0;
	size_t len = 0;

	text[0] = '\0';
	for (int s = SW_DELAYED; s < SW_STATES; s++) {
		if (q->count[s] == 0)
			continue;
		len += (size_t)snprintf(text + len, cap - len,
			"%s%" PRId64 " %s", n > 0 ? ", " : "", q->count[s],
			sw_state_name(s));
		n += q->count[s];
	}
	return n;
}

static int
queue_delete_one(struct core *c, const struct sw_item *it, char *why)
{
	struct bytes name = sw_bytes(it, SW_F_QUEUE);
	struct queue *q = core_queue_find(c, name);
	char jobs[SW_STATES * 32];
	int err = sw_field_queue_check(name, why);

	if (err < 0)
		return err;
	if (q == NULL)
		return sw_refuse(why, SW_ENOQUEUE, "no such queue: %.*s",
			(int)name.len, (const char *)name.p);
	if (q->workers > 0)
		return sw_refuse(why, SW_EINUSE, "queue %s has %u workers",
			q->name, q->workers);
	if (jobs_count(q, jobs, sizeof(jobs)) != 0 && !planted(FULL_DELETE))
		return sw_refuse(
			why, SW_EINUSE, "queue %s has jobs: %s", q->name, jobs);
	core_queue_remove(c, q);
	return 0;
}

void
op_queue_delete(struct request *rq)
{
	struct sw_item it;
	char why[SW_WHY_ROOM];

	reply_begin(rq, REPLY_SMALL * 2);
	while (sw_msg_next(&rq->msg, &it)) {
		why[0] = '\0';
		reply_status_why(rq, queue_delete_one(rq->core, &it, why), why);
	}
	reply_send(rq);
}

/* --- queues ------------------------------------------------------------- */

static void
stat_put(struct sw_buf *b, const char *name, int64_t v)
{
	sw_put_fmt(b, SW_F_STAT, "%s=%" PRId64, name, v);
}

/* Plain numbers; a rate that is not whole per second has its unit. */
static void
setting_put(struct sw_buf *b, const struct queue *q, enum sw_setting i)
{
	const struct sw_setting_rule *rule = &sw_setting_rules[i];
	int is_rate = rule->unit == UNIT_RATE;
	char text[UNIT_TEXT];

	if (is_rate && q->set[i] % UNIT_RATE_SECOND != 0)
		sw_put_fmt(b, SW_F_SETTING, "%s=%s", rule->name,
			unit_format(rule->unit, q->set[i], text));
	else
		sw_put_fmt(b, SW_F_SETTING, "%s=%" PRId64, rule->name,
			is_rate ? q->set[i] / UNIT_RATE_SECOND : q->set[i]);
}

static void
queue_show(struct core *c, struct sw_buf *b, struct queue *q)
{
	size_t mark = sw_item_begin(b);
	struct sw_id oldest;

	sw_put_int(b, SW_F_STATUS, 0);
	sw_put_text(b, SW_F_QUEUE, q->name);
	for (int i = 0; i < SW_SETTINGS; i++)
		setting_put(b, q, (enum sw_setting)i);
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		sw_put_fmt(b, SW_F_SETTING, "%s=%s", sw_text_rules[i].name,
			queue_text(q, (enum sw_text_setting)i));
	for (int s = SW_DELAYED; s < SW_STATES; s++)
		stat_put(b, sw_state_name(s), q->count[s]);
	stat_put(b, "bytes", q->total[TOTAL_BYTES]);
	stat_put(b, "oldest_ready_ms", oldest_ready_ms(c, q, &oldest));
	stat_put(b, "put_total", q->total[TOTAL_PUT]);
	stat_put(b, "done_total", q->total[TOTAL_DONE]);
	stat_put(b, "failed_total", q->total[TOTAL_FAILED]);
	stat_put(b, "dead_total", q->total[TOTAL_DEAD]);
	stat_put(b, "dead_deleted_total", q->total[TOTAL_DROPPED]);
	sw_put_fmt(b, SW_F_STAT, "arrival_per_s=%.1f", q->arrival_per_s);
	sw_put_fmt(b, SW_F_STAT, "service_per_s=%.1f", q->service_per_s);
	if (q->has_run)
		sw_put_fmt(b, SW_F_STAT, "mean_run_ms=%.1f", q->run_ms);
	stat_put(b, "workers", q->workers);
	stat_put(b, "slots_free", queue_slots_free(q));
	if (q->has_run)
		stat_put(b, "workers_wanted", queue_slots_needed(q));
	sw_item_end(b, mark);
}

/* A page of a table in memory: up to SW_ITEMS_MAX - 1 items. */
struct table_page {
	uint32_t from, next; /* positions in the table; next 0: the end */
	struct sw_buf items;
	unsigned n;
};

static void
table_page_begin(struct request *rq, struct table_page *w, struct sw_item *it)
{
	struct bytes cursor;

	it->have = 0;
	(void)sw_msg_next(&rq->msg, it);
	cursor = sw_bytes(it, SW_F_CURSOR);
	*w = (struct table_page){
		.from = cursor.len == 4 ? (uint32_t)le_get(cursor.p, 4) : 0};
	out_begin(rq->core, &w->items, SW_MSG_MAX - REPLY_SMALL, rq->msg.op, 0);
}

static int
table_page_full(const struct table_page *w)
{
	return w->n == SW_ITEMS_MAX - 1;
}

static void
table_page_reply(struct request *rq, struct table_page *w)
{
	uint8_t cursor[4];
	size_t mark;

	arena_trim(&rq->core->out_arena, w->items.p, w->items.len);
	reply_begin(rq, w->items.len + REPLY_SMALL);
	mark = sw_item_begin(&rq->reply);
	sw_put_int(&rq->reply, SW_F_STATUS, 0);
	if (w->next != 0) {
		le_set(cursor, sizeof(cursor), w->next);
		sw_put_bytes(&rq->reply, SW_F_CURSOR,
			bytes_of(cursor, sizeof(cursor)));
	}
	sw_item_end(&rq->reply, mark);
	reply_append(rq, &w->items);
	reply_send(rq);
}

void
op_queues(struct request *rq)
{
	struct core *c = rq->core;
	struct sw_item it;
	struct table_page w;
	size_t before = c->read;
	uint32_t i;

	table_page_begin(rq, &w, &it);
	if (sw_has(&it, SW_F_QUEUE)) {
		struct queue *q = core_queue_find(c, sw_bytes(&it, SW_F_QUEUE));

		if (q == NULL) {
			reply_no_queue(rq, sw_bytes(&it, SW_F_QUEUE));
			return;
		}
		queue_show(c, &w.items, q);
		table_page_reply(rq, &w);
		return;
	}
	for (i = w.from; i < c->queues_n && !table_page_full(&w) &&
			 c->read - before < PAGE_READ;
		i++)
		if (c->queues[i] != NULL) {
			queue_show(c, &w.items, c->queues[i]);
			w.n++;
		}
	c->paged += c->read - before;
	w.next = i < c->queues_n ? i : 0;
	table_page_reply(rq, &w);
}

/* --- workers ------------------------------------------------------------ */

static void
session_show(struct core *c, struct sw_buf *b, const struct session *s)
{
	char names[SW_TEXT_MAX - 16];
	size_t len = 0, mark = sw_item_begin(b);

	names[0] = '\0';
	for (unsigned i = 0; i < s->subs_n && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
			"%s%s", i > 0 ? "," : "", s->subs[i].q->name);
	sw_put_int(b, SW_F_STATUS, 0);
	sw_put_text(b, SW_F_WORKER, s->name);
	sw_put_int(b, SW_F_SLOTS, s->slots);
	stat_put(b, "leased", s->leased);
	stat_put(b, "seen_ms_ago", c->mono_ms - s->seen_ms);
	stat_put(b, "done_total", s->done);
	stat_put(b, "failed_total", s->failed);
	sw_put_fmt(b, SW_F_STAT, "queues=%s", names);
	sw_item_end(b, mark);
}

void
op_workers(struct request *rq)
{
	struct core *c = rq->core;
	struct session *s;
	struct sw_item it;
	struct table_page w;
	uint32_t i = 0;

	table_page_begin(rq, &w, &it);
	for (s = c->sessions; s != NULL; s = s->hh.next, i++) {
		if (i < w.from)
			continue;
		if (table_page_full(&w)) {
			w.next = i;
			break;
		}
		session_show(c, &w.items, s);
		w.n++;
	}
	table_page_reply(rq, &w);
}

/* --- stats -------------------------------------------------------------- */

void
op_stats(struct request *rq)
{
	struct core *c = rq->core;
	struct sw_buf *b = &rq->reply;
	size_t mark;

	reply_begin(rq, REPLY_SMALL);
	mark = sw_item_begin(b);
	sw_put_int(b, SW_F_STATUS, 0);
	sw_put_text(b, SW_F_STAT, "version=" SPILLWAY_VERSION);
	stat_put(b, "uptime_ms", c->now_ms - c->started_ms);
	stat_put(b, "epoch", (int64_t)c->claim.epoch);
	stat_put(b, "commits", (int64_t)c->commits);
	stat_put(b, "ops", (int64_t)c->ops);
	stat_put(b, "handed_out", (int64_t)c->handed_out);
	stat_put(b, "stale_tokens", (int64_t)c->stale);
	stat_put(b, "refused_messages", (int64_t)c->refused);
	stat_put(b, "store_used_pages", (int64_t)c->usage.used_pages);
	stat_put(b, "store_free_pages", (int64_t)c->usage.free_pages);
	stat_put(b, "store_max_pages", (int64_t)c->usage.max_pages);
	stat_put(b, "store_page_size", (int64_t)c->usage.page_size);
	stat_put(b, "store_full", c->full);
	stat_put(b, "leases", lease_count(&c->leases));
	stat_put(b, "workers", HASH_COUNT(c->sessions));
	stat_put(b, "queues", HASH_COUNT(c->queues_by_name));
	stat_put(b, "waiters", c->waits.n);
	sw_item_end(b, mark);
	reply_send(rq);
}

/* --- backup ------------------------------------------------------------- */

static void
backup_refuse(struct request *rq, int status, const char *detail)
{
	reply_refuse(rq->core, rq->peer, rq->msg.seq, status, detail);
}

/*
 * A client that gets no answer asks again, and may do so on another link: of
 * all requests for the folder that is being written the last one is answered.
 */
static void
backup_join(struct request *rq, const char *dir)
{
	struct backup *b = &rq->core->backup;
	char why[SW_WHY_ROOM];

	if (strcmp(b->dir, dir) == 0) {
		b->peer = *rq->peer;
		b->seq = rq->msg.seq;
		return;
	}
	(void)sw_refuse(
		why, SW_EBUSY, "a backup to %.400s is being made", b->dir);
	backup_refuse(rq, SW_EBUSY, why);
}

void
op_backup(struct request *rq)
{
	struct backup *b = &rq->core->backup;
	char dir[sizeof(b->dir)] = "";
	struct sw_item it;

	if (sw_msg_next(&rq->msg, &it))
		sw_get_text(&it, SW_F_TEXT, dir, sizeof(dir));
	if (dir[0] != '/') {
		backup_refuse(rq, SW_EINVAL,
			"backup: text must be the absolute path of a folder");
		return;
	}
	if (b->state != BACKUP_NONE) {
		backup_join(rq, dir);
		return;
	}
	*b = (struct backup){
		.state = BACKUP_WANTED, .peer = *rq->peer, .seq = rq->msg.seq};
	memcpy(b->dir, dir, sizeof(dir));
}

void
backup_begun(struct core *c)
{
	c->backup.state = BACKUP_RUNS;
	c->backup.began_ms = c->mono_ms;
	c->backup.was_full = c->full;
}

const char *
backup_limit(const struct core *c)
{
	const struct backup *b = &c->backup;
	const struct store_usage *u = &c->usage;
	unsigned most = b->was_full ? BACKUP_FULL_PERCENT : FULL_PERCENT;

	if (c->mono_ms - b->began_ms > SW_BACKUP_MS)
		return "the copy took longer than an hour";
	return store_is_full(u, most)
		       ? b->was_full ? "the store is too full for a copy"
				     : "the store became full while it was "
				       "copied"
		       : NULL;
}

static void
backup_answer(struct core *c, const struct backup_result *r)
{
	const struct backup *b = &c->backup;
	struct sw_buf out;
	size_t mark;

	out_begin(c, &out, REPLY_SMALL, SW_OP_BACKUP | SW_REPLY, b->seq);
	mark = sw_item_begin(&out);
	sw_put_int(&out, SW_F_STATUS, 0);
	sw_put_fmt(&out, SW_F_STAT, "jobs=%" PRId64, r->jobs);
	sw_put_fmt(&out, SW_F_STAT, "bytes=%" PRId64, r->bytes);
	sw_put_fmt(&out, SW_F_STAT, "took_ms=%" PRId64, r->took_ms);
	sw_item_end(&out, mark);
	out_send(c, &out, &b->peer);
}

void
backup_end(struct core *c, const struct backup_result *r)
{
	struct backup *b = &c->backup;

	must(b->state != BACKUP_NONE);
	if (r->status < 0)
		reply_refuse(c, &b->peer, b->seq, r->status, r->detail);
	else
		backup_answer(c, r);
	*b = (struct backup){.state = BACKUP_NONE};
}
