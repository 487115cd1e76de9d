/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/select.h"
#include "cli/time.h"
#include "wire/proto.h"

enum { LIST_SHOWN = 100 }; /* rows without --limit and --json */

struct job_copy;

/* A listing: pages of one state after the other, of one id after the other. */
struct listing {
	struct cmd *c;
	struct selector sel;
	struct out_table table;
	int64_t left; /* jobs that may still be shown */
	int more;     /* there were more */
	unsigned flags;
	struct job_copy *copies; /* to be sorted before they are shown */
	size_t copies_n;
	int sorted; /* copies are made */
};

struct job_copy {
	int64_t at_ms;	 /* by which they are sorted */
	uint8_t *fields; /* of the item; owned */
	size_t len;
};

enum {
	LIST_SORTED = 10000, /* jobs sorted in memory; more come by queue */
};

static void
cell_time(struct listing *l, const struct sw_item *it)
{
	int64_t at = sw_int(it, SW_F_ENDED_AT_MS, 0), past;
	char text[HUMAN_TEXT], cell[HUMAN_TEXT + 8];

	if (at == 0)
		at = sw_int(it, SW_F_CREATED_AT_MS, l->c->now_ms);
	past = l->c->now_ms - at;
	(void)snprintf(cell, sizeof(cell), "%s ago",
		human_ms(text, past < 0 ? 0 : past));
	table_text(&l->table, cell);
}

/* The last column: when it is due, the worker, or the error's last line. */
static void
cell_note(struct listing *l, const struct sw_item *it)
{
	int state = (int)sw_int(it, SW_F_STATE, SW_NONE);
	int64_t wait = sw_int(it, SW_F_RUN_AT_MS, 0) - l->c->now_ms;
	char text[HUMAN_TEXT], cell[HUMAN_TEXT + 8];

	if (state == SW_DELAYED && wait > 0) {
		(void)snprintf(
			cell, sizeof(cell), "due in %s", human_ms(text, wait));
		table_text(&l->table, cell);
		return;
	}
	if (state == SW_LEASED) {
		table_bytes(&l->table, sw_bytes(it, SW_F_WORKER));
		return;
	}
	table_bytes(&l->table, text_last_line(sw_bytes(it, SW_F_ERROR)));
}

/* The queue and, of a job in a dead-letter queue, the one that it died in. */
static void
cell_queue(struct listing *l, const struct sw_item *it)
{
	struct bytes q = sw_bytes(it, SW_F_QUEUE);
	struct bytes from = sw_bytes(it, SW_F_ORIGIN);
	char text[2 * SW_QUEUE_MAX + 16];

	(void)snprintf(text, sizeof(text), "%.*s (of %.*s)", (int)q.len,
		(const char *)q.p, (int)from.len, (const char *)from.p);
	table_bytes(&l->table, from.len > 0 ? bytes_str(text) : q);
}

static void
row_add(struct listing *l, const struct sw_item *it)
{
	int cause = (int)sw_int(it, SW_F_CAUSE, SW_C_NONE);
	char id[SW_ID_TEXT] = "?", n[32];
	struct sw_id raw;

	if (sw_get_id(it, &raw))
		sw_id_format(&raw, id);
	table_text(&l->table, id);
	cell_queue(l, it);
	table_text(
		&l->table, sw_state_name((int)sw_int(it, SW_F_STATE, SW_NONE)));
	(void)snprintf(n, sizeof(n), "%" PRId64, sw_int(it, SW_F_ATTEMPT, 0));
	table_text(&l->table, n);
	cell_time(l, it);
	table_text(&l->table, cause == SW_C_NONE ? "" : sw_cause_name(cause));
	cell_note(l, it);
}

static void
job_print(struct listing *l, const struct sw_item *it)
{
	if (l->c->value[CMD_O_JSON] != NULL)
		json_print_item(&l->c->out, it);
	else
		row_add(l, it);
}

/* When the job ended, is due or was put. */
static int64_t
copy_at_ms(const struct sw_item *it)
{
	int64_t at = sw_int(it, SW_F_ENDED_AT_MS, 0);

	if (at == 0 && sw_int(it, SW_F_STATE, SW_NONE) == SW_DELAYED)
		at = sw_int(it, SW_F_RUN_AT_MS, 0);
	return at != 0 ? at : sw_int(it, SW_F_CREATED_AT_MS, 0);
}

static int
job_copy(struct listing *l, const struct sw_item *it)
{
	struct job_copy *more = reallocarray(
		l->copies, l->copies_n + 1, sizeof(*more));
	uint8_t *fields = malloc(it->raw.len);

	if (more != NULL)
		l->copies = more;
	if (more == NULL || fields == NULL) {
		free(fields);
		return cmd_refuse(l->c, "out of memory");
	}
	memcpy(fields, it->raw.p, it->raw.len);
	more[l->copies_n++] = (struct job_copy){
		copy_at_ms(it), fields, it->raw.len};
	return CMD_OK;
}

static int
job_take(struct listing *l, const struct sw_item *it)
{
	if (l->sorted)
		return job_copy(l, it);
	job_print(l, it);
	return CMD_OK;
}

/*
 * Lists one page; the cursor is replaced, empty at the end.  CURSOR is copied,
 * for the next call overwrites the reply.
 */
static int
list_page(struct listing *l, int id, uint8_t *cursor, size_t *cursor_len)
{
	struct cmd *c = l->c;
	struct sw_buf b = cmd_begin(c, SW_OP_LIST, l->flags);
	size_t mark = sw_item_begin(&b);
	int64_t most = id < 0 ? SW_ITEMS_MAX - 1 : 1;
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	selector_put(&b, &l->sel, id);
	sw_put_int(&b, SW_F_LIMIT, l->left < most ? l->left : most);
	if (*cursor_len > 0)
		sw_put_bytes(&b, SW_F_CURSOR, bytes_of(cursor, *cursor_len));
	sw_item_end(&b, mark);
	rc = cmd_call_item(c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	if (sw_int(&it, SW_F_STATUS, 0) != 0)
		return cmd_refused(c, "", &it);
	*cursor_len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *cursor_len);
	for (; rc == CMD_OK && sw_msg_next(&reply, &it); l->left--)
		rc = job_take(l, &it);
	return rc;
}

/* All pages; those of an id end once its one job is found. */
static int
list_pages(struct listing *l, int id)
{
	int64_t before = l->left;
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int rc;

	do {
		if (l->left <= 0) {
			l->more = 1;
			return CMD_OK;
		}
		rc = list_page(l, id, cursor, &len);
	} while (rc == CMD_OK && len > 0 && (id < 0 || l->left == before));
	return rc;
}

/* Lists the ids of the selector one by one; without ids, all matches. */
static int
list_ids(struct listing *l)
{
	int rc = CMD_OK;

	if (l->sel.n_ids == 0)
		return list_pages(l, -1);
	for (int i = 0; i < l->sel.n_ids && rc == CMD_OK; i++)
		rc = list_pages(l, i);
	return rc;
}

/* --- the jobs of all queues, the newest first ----------------------------- */

struct queue_names {
	int state; /* of those that have such jobs */
	char (*names)[SW_QUEUE_MAX + 1];
	size_t n;
	int failed; /* no memory */
};

static void
queue_name_take(void *arg, const struct sw_item *it)
{
	struct queue_names *q = arg;
	void *more;

	if (pair_int(it, SW_F_STAT, sw_state_name(q->state), 0) == 0)
		return;
	more = reallocarray(q->names, q->n + 1, sizeof(*q->names));
	if (more == NULL) {
		q->failed = 1;
		return;
	}
	q->names = more;
	sw_get_text(it, SW_F_QUEUE, q->names[q->n++], sizeof(*q->names));
}

static int
later_first(const void *a, const void *b)
{
	int64_t x = ((const struct job_copy *)a)->at_ms;
	int64_t y = ((const struct job_copy *)b)->at_ms;

	return (x < y) - (x > y);
}

/* Sorts the copies and drops those beyond `most`. */
static void
copies_sort(struct listing *l, int64_t most)
{
	if (l->copies_n > 0)
		qsort(l->copies, l->copies_n, sizeof(*l->copies), later_first);
	while (l->copies_n > 0 && l->copies_n > (size_t)most) {
		free(l->copies[--l->copies_n].fields);
		l->more = 1;
	}
}

static void
copies_print(struct listing *l)
{
	struct sw_item it;

	for (size_t i = 0; i < l->copies_n; i++) {
		const struct job_copy *j = &l->copies[i];

		if (sw_item_open_newer(bytes_of(j->fields, j->len), &it) == 0)
			job_print(l, &it);
		free(j->fields);
	}
	free(l->copies);
	l->copies = NULL;
	l->copies_n = 0;
}

/* The broker has an order within a queue; the jobs of several are merged,
 * unless they are very many. */
static int
list_newest(struct listing *l)
{
	struct queue_names q = {.state = l->sel.state};
	int64_t most = l->left;
	int rc = cmd_pages(l->c, SW_OP_QUEUES, NULL, queue_name_take, &q);

	if (rc == CMD_OK && q.failed)
		rc = cmd_refuse(l->c, "out of memory");
	l->sorted = most <= LIST_SORTED;
	for (size_t i = 0; rc == CMD_OK && i < q.n; i++) {
		l->sel.queue = q.names[i];
		l->left = l->sorted ? most : l->left;
		rc = list_pages(l, -1);
		copies_sort(l, most);
	}
	if (l->sorted)
		l->left = most - (int64_t)l->copies_n;
	l->sorted = 0;
	copies_print(l);
	free(q.names);
	l->sel.queue = NULL;
	return rc;
}

static int
list_state(struct listing *l)
{
	if ((l->flags & SW_FLAG_NEWEST) != 0 && l->sel.state != SW_LEASED &&
		l->sel.queue == NULL && l->sel.n_ids == 0)
		return list_newest(l);
	return list_ids(l);
}

static int
list_states(struct listing *l)
{
	/* The states that people look for come first. */
	static const int states[] = {SW_LEASED, SW_READY, SW_DELAYED, SW_DEAD,
		SW_DONE, SW_CANCELLED};
	int rc = CMD_OK;

	if (l->sel.state != SW_NONE)
		return list_state(l);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		l->sel.state = states[i];
		rc = list_state(l);
		if (rc != CMD_OK)
			break;
	}
	return rc;
}

static int
list_run(struct listing *l)
{
	static const char *const heads[] = {
		"ID", "QUEUE", "STATE", "-TRIES", "-AGE", "CAUSE", "NOTE"};
	struct cmd *c = l->c;
	int rc;

	table_init(&l->table, heads, 7);
	l->table.state_col = 2;
	rc = list_states(l);
	if (c->value[CMD_O_JSON] == NULL &&
		(rc == CMD_OK || l->table.n_rows > 0))
		table_print(&l->table, &c->out);
	if (rc == CMD_OK && l->more && c->value[CMD_O_LIMIT] == NULL)
		(void)fprintf(c->err,
			"There are more: set --limit, or add a selector.\n");
	table_fini(&l->table);
	return rc;
}

/* `state` SW_NONE: the selector's. */
static int
list_jobs(struct cmd *c, int state)
{
	struct listing l = {.c = c};
	int rc = cmd_selector(c, &l.sel);

	if (rc != CMD_OK)
		return rc;
	if (c->value[CMD_O_NEWEST] != NULL || state == SW_DEAD)
		l.flags = SW_FLAG_NEWEST;
	l.left = c->value[CMD_O_JSON] == NULL ? LIST_SHOWN : INT64_MAX;
	rc = cmd_opt_number(c, CMD_O_LIMIT, 1, INT64_MAX, &l.left);
	if (rc == CMD_OK && state != SW_NONE) {
		if (l.sel.state != SW_NONE && l.sel.state != state)
			rc = cmd_usage(c,
				"state must be dead here, not %s: "
				"spillway list shows others",
				sw_state_name(l.sel.state));
		l.sel.state = state;
	}
	if (rc == CMD_OK)
		rc = list_run(&l);
	selector_fini(&l.sel);
	return rc;
}

int
cmd_list(struct cmd *c)
{
	return list_jobs(c, SW_NONE);
}

int
cmd_dead_list(struct cmd *c)
{
	return list_jobs(c, SW_DEAD);
}

int
cmd_pages(struct cmd *c, int op, const char *queue, page_fn *fn, void *arg)
{
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;

	do {
		struct sw_buf b = cmd_begin(c, op, 0);
		struct sw_msg reply;
		struct sw_item it;
		int rc;

		if (queue != NULL || len > 0) {
			size_t mark = sw_item_begin(&b);

			if (queue != NULL)
				sw_put_text(&b, SW_F_QUEUE, queue);
			if (len > 0)
				sw_put_bytes(
					&b, SW_F_CURSOR, bytes_of(cursor, len));
			sw_item_end(&b, mark);
		}
		rc = cmd_call_item(c, &b, &reply, &it);
		if (rc != CMD_OK)
			return rc;
		if (sw_int(&it, SW_F_STATUS, 0) != 0)
			return cmd_refused(c, queue == NULL ? "" : queue, &it);
		len = sw_bytes(&it, SW_F_CURSOR).len;
		memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, len);
		while (sw_msg_next(&reply, &it))
			fn(arg, &it);
	} while (len > 0);
	return CMD_OK;
}

struct worker_list {
	struct cmd *c;
	struct out_table table;
};

static void
worker_row(void *arg, const struct sw_item *it)
{
	struct worker_list *w = arg;
	char text[HUMAN_TEXT], cell[HUMAN_TEXT + 8];

	if (w->c->value[CMD_O_JSON] != NULL) {
		json_print_item(&w->c->out, it);
		return;
	}
	table_bytes(&w->table, sw_bytes(it, SW_F_WORKER));
	(void)snprintf(
		cell, sizeof(cell), "%" PRId64, sw_int(it, SW_F_SLOTS, 0));
	table_text(&w->table, cell);
	pair_cell(&w->table, it, SW_F_STAT, "leased");
	pair_cell(&w->table, it, SW_F_STAT, "done_total");
	pair_cell(&w->table, it, SW_F_STAT, "failed_total");
	(void)snprintf(cell, sizeof(cell), "%s ago",
		human_ms(text, pair_int(it, SW_F_STAT, "seen_ms_ago", 0)));
	table_text(&w->table, cell);
	pair_cell(&w->table, it, SW_F_STAT, "queues");
}

int
cmd_workers(struct cmd *c)
{
	static const char *const heads[] = {"WORKER", "-SLOTS", "-RUNNING",
		"-DONE", "-FAILED", "-SEEN", "QUEUES"};
	struct worker_list w = {.c = c};
	int rc;

	table_init(&w.table, heads, 7);
	rc = cmd_pages(c, SW_OP_WORKERS, NULL, worker_row, &w);
	if (rc == CMD_OK && c->value[CMD_O_JSON] == NULL)
		table_print(&w.table, &c->out);
	table_fini(&w.table);
	return rc;
}

/* A figure for people, in the unit that its name ends in. */
static void
stat_cell(struct out_table *t, const char *name, struct bytes value)
{
	char text[HUMAN_TEXT], plain[32];
	size_t len = strlen(name);
	char *end;
	long long n;

	if (value.len == 0 || value.len >= sizeof(plain)) {
		table_bytes(t, value);
		return;
	}
	memcpy(plain, value.p, value.len);
	plain[value.len] = '\0';
	n = strtoll(plain, &end, 10);
	if (*end != '\0')
		table_bytes(t, value);
	else if (len > 3 && strcmp(name + len - 3, "_ms") == 0)
		table_text(t, human_ms(text, n));
	else if (len >= 5 && strcmp(name + len - 5, "bytes") == 0)
		table_text(t, human_bytes(text, n));
	else
		table_text(t, human_count(text, n));
}

static void
stats_table(struct cmd *c, const struct sw_item *it)
{
	static const char *const heads[] = {"FIGURE", "-VALUE"};
	struct out_table t;
	struct bytes b;
	size_t at = 0;

	table_init(&t, heads, 2);
	while (sw_item_each(it, SW_F_STAT, &at, &b)) {
		const char *p = b.p, *eq = memchr(p, '=', b.len);
		size_t n = eq == NULL ? b.len : (size_t)(eq - p);
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", (int)n, p);
		table_text(&t, name);
		stat_cell(&t, name,
			eq == NULL ? bytes_of("", 0)
				   : bytes_of(eq + 1, b.len - n - 1));
	}
	table_print(&t, &c->out);
	table_fini(&t);
}

int
cmd_stats(struct cmd *c)
{
	struct sw_buf b = cmd_begin(c, SW_OP_STATS, 0);
	struct sw_msg reply;
	struct sw_item it;
	json_t *j, *stats;
	int rc = cmd_call(c, &b, &reply);

	if (rc != CMD_OK)
		return rc;
	if (!sw_msg_next(&reply, &it))
		return cmd_fail(c, SW_EUNKNOWN);
	if (sw_int(&it, SW_F_STATUS, 0) != 0)
		return cmd_refused(c, "", &it);
	if (c->value[CMD_O_JSON] == NULL) {
		stats_table(c, &it);
		return CMD_OK;
	}
	j = json_item(&it);
	stats = json_object_get(j, "stats");
	json_print(&c->out, stats == NULL ? json_object() : json_incref(stats));
	json_decref(j);
	return CMD_OK;
}
