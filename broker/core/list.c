/* SPDX-License-Identifier: MIT */
#include "broker/core/list.h"

#include "base/error.h"
#include "broker/core/attempt.h"
#include "broker/core/dead.h"
#include "broker/job/job.h"
#include "broker/model/index.h"
#include "broker/model/match.h"
#include "broker/model/redact.h"

/*
 * A page is made in two steps: scans of index rows collect ids, then each job
 * is loaded and compared with the selector.  The scans see the rows of the last
 * commit; job_load() sees the changes of this turn, too.
 *
 * The rows of a state are of one letter, and those of a queue lie together.
 * With any state the records themselves are scanned, in the order of ids, so
 * that no job evades the walk by changing its state.
 */

/* Longest delay of a redriven job; a hundred years. */
#define REDRIVE_MAX_MS (100 * SW_DELAY_MAX_MS)

struct list_selector {
	enum sw_state state; /* SW_NONE: any */
	struct queue *q;     /* NULL: any */
	int64_t since_ms, until_ms;
	struct bytes match;
	struct bytes id;	  /* empty: any */
	const struct sw_item *it; /* for its headers */
	size_t limit;
	int newest; /* the last row of the range comes first */
};

struct page_row { /* a key: it ends in the id of a job */
	uint8_t len, b[KEY_PLACE_MAX];
};

struct list_page {
	const char *letters; /* of the rows from here on */
	struct key from, to;
	size_t n;
	size_t read; /* bytes of the records that were scanned */
	int more;    /* the scan has ended before the last range */
	int is_scan; /* `rows` has the keys that a scan has found */
	struct page_row rows[PAGE_LOOK];
};

static int
selector_read(
	struct core *c, const struct sw_item *it, struct list_selector *sel)
{
	*sel = (struct list_selector){
		.state = (enum sw_state)sw_int(it, SW_F_STATE, SW_DEAD),
		.since_ms = sw_int(it, SW_F_SINCE_MS, 0),
		.until_ms = sw_int(it, SW_F_UNTIL_MS, INT64_MAX),
		.match = sw_bytes(it, SW_F_MATCH),
		.id = sw_bytes(it, SW_F_ID),
		.it = it,
		.limit = (size_t)sw_int(it, SW_F_LIMIT, SW_ITEMS_MAX - 1),
	};
	if (sel->state < SW_NONE || sel->state >= SW_STATES)
		return SW_EINVAL;
	if (sw_has(it, SW_F_SINCE_MS))
		sel->since_ms = core_time_of(c, sel->since_ms);
	if (sw_has(it, SW_F_UNTIL_MS))
		sel->until_ms = core_time_of(c, sel->until_ms);
	if (sel->limit < 1 || sel->limit >= SW_ITEMS_MAX)
		sel->limit = SW_ITEMS_MAX - 1; /* the first is the summary */
	if (sw_has(it, SW_F_QUEUE)) {
		sel->q = core_queue_find(c, sw_bytes(it, SW_F_QUEUE));
		if (sel->q == NULL)
			return SW_ENOQUEUE;
	}
	return 0;
}

/* A selector must not find out the value of a header that is not shown. */
static int
header_has(struct core *c, const struct record *r, struct bytes header)
{
	char names[REDACTED_ROOM];
	struct bytes h;
	size_t at = 0;

	if (redact_is_header(
		    redacted_names(c, r, SW_TS_redact_headers, names), header))
		return 0;
	while (sw_item_each(&r->it, SW_F_HEADER, &at, &h))
		if (bytes_eq(h, header))
			return 1;
	return 0;
}

static int
error_matches(const struct record *r, struct bytes match)
{
	struct bytes text;

	if (match.len == 0)
		return 1;
	text = record_last_error(r);
	return memmem(text.p, text.len, match.p, match.len) != NULL;
}

static int
selects(struct core *c, const struct list_selector *sel, const struct record *r)
{
	int64_t at = r->ended_at_ms != 0 ? r->ended_at_ms : r->created_at_ms;
	struct bytes h;
	size_t at_header = 0;

	if ((sel->state != SW_NONE && r->state != sel->state) ||
		(sel->q != NULL && r->q != sel->q) || at < sel->since_ms ||
		at > sel->until_ms || !error_matches(r, sel->match))
		return 0;
	while (sw_item_each(sel->it, SW_F_HEADER, &at_header, &h))
		if (!header_has(c, r, h))
			return 0;
	return match_job(sel->it, r);
}

/* The letters of the rows of a state, one range after the other. */
static const char *const letters[SW_STATES] = {[SW_NONE] = "j",
	[SW_DELAYED] = "dw",
	[SW_READY] = "r",
	[SW_LEASED] = "l",
	[SW_DONE] = "k",
	[SW_DEAD] = "x",
	[SW_CANCELLED] = "n"};

/* Sets the range of the first of the page's letters. */
static void
range_set(const struct list_selector *sel, struct list_page *p)
{
	p->from = key_start(p->letters[0]);
	if (sel->q != NULL && sel->state != SW_NONE && sel->state != SW_LEASED)
		key_num(&p->from, 4, sel->q->no);
	p->to = key_after(p->from);
}

/* The page begins at the start, or behind the cursor if it is of this list. */
static void
page_range(const struct list_selector *sel, const struct sw_item *it,
	struct list_page *p)
{
	struct bytes cursor = sw_bytes(it, SW_F_CURSOR);
	const char *all = letters[sel->state];
	const char *letter =
		cursor.len == 0 ? NULL : strchr(all, *(const char *)cursor.p);

	p->n = p->read = 0;
	p->more = 0;
	p->is_scan = 1;
	p->letters = sel->newest ? all + strlen(all) - 1 : all;
	if (letter != NULL && *letter != '\0')
		p->letters = letter;
	range_set(sel, p);
	_Static_assert(SW_CURSOR_MAX < sizeof(p->from.b), "a cursor fits");
	if (cursor.len > p->from.len &&
		memcmp(cursor.p, p->from.b, p->from.len) == 0) {
		struct key *next = sel->newest ? &p->to : &p->from;

		next->len = 0;
		key_raw(next, cursor.p, cursor.len);
		if (!sel->newest)
			next->b[next->len++] = 0;
	}
}

static int
page_each(void *arg, struct bytes key, struct bytes val)
{
	struct list_page *p = arg;
	const uint8_t *b = key.p;
	size_t id_at = b[0] == 'j' || b[0] == 'l' ? 1
		       : b[0] == 'r'		  ? 1 + 4 + 8 + 8
						  : 1 + 4 + 8;

	if (key.len != id_at + SW_ID_LEN)
		return 0;
	p->rows[p->n].len = (uint8_t)key.len;
	memcpy(p->rows[p->n++].b, b, key.len);
	p->read += val.len;
	p->more = p->n == PAGE_LOOK || p->read >= PAGE_READ;
	return p->more;
}

/* Goes on to the rows of the state's next letter.  0: there is none. */
static int
letter_next(const struct list_selector *sel, struct list_page *p)
{
	const char *all = letters[sel->state];

	if (sel->newest ? p->letters == all : p->letters[1] == '\0')
		return 0;
	p->letters += sel->newest ? -1 : 1;
	range_set(sel, p);
	return 1;
}

static void
page_scan(struct core *c, const struct list_selector *sel, struct list_page *p)
{
	const struct store_driver *d = c->store->driver;
	int err;

	do
		err = (sel->newest ? d->scan_back : d->scan)(c->store,
			c->claim.shard, key_bytes(&p->from), key_bytes(&p->to),
			SIZE_MAX, page_each, p);
	while (err >= 0 && !p->more && letter_next(sel, p));
	if (err < 0)
		c->err = err;
}

/* The page of a selector with an id needs no scan. */
static void
page_of_one(const struct list_selector *sel, struct list_page *p)
{
	p->rows[0].len = SW_ID_LEN;
	memcpy(p->rows[0].b, sel->id.p, SW_ID_LEN);
	p->n = 1;
	p->is_scan = 0;
}

static struct key
row_key(const struct page_row *row)
{
	struct key k = {.len = 0};

	key_raw(&k, row->b, row->len);
	return k;
}

static void
page_item(struct core *c, struct sw_buf *b, const struct record *r)
{
	size_t mark = sw_item_begin(b);

	sw_put_int(b, SW_F_STATUS, 0);
	job_show(c, b, r, 0);
	sw_item_end(b, mark);
}

/* The item of a job that was changed, or is left as it was and why. */
static void
page_item_brief(
	struct sw_buf *b, const struct record *r, int status, const char *why)
{
	size_t mark = sw_item_begin(b);

	reply_status_put(b, status, why);
	sw_put_id(b, &r->id);
	sw_put_int(b, SW_F_STATE, r->state);
	sw_item_end(b, mark);
}

struct list_result {
	struct sw_buf items;
	int64_t count;	 /* jobs with status 0 */
	size_t shown;	 /* items */
	struct key next; /* where the next page begins; len 0: the last page */
};

/* Loads a job of the page.  A dead job whose record is corrupt gets a new
 * record with the cause SW_C_CORRUPT. */
static int
page_job(struct core *c, const struct list_page *p, size_t i, struct record *r)
{
	const struct page_row *row = &p->rows[i];
	struct sw_id id;
	struct queue *q;
	int err;

	memcpy(id.b, row->b + row->len - SW_ID_LEN, SW_ID_LEN);
	err = job_load(c, &id, r);
	if (err != SW_ECORRUPT || !p->is_scan || row->b[0] != 'x')
		return err;
	q = core_queue_of(c, (uint32_t)be_get(row->b + 1, 4));
	if (q == NULL || q->count[SW_DEAD] == 0)
		return err;
	batch_delete(&c->batch, bytes_of(row->b, row->len));
	job_bury_corrupt(c, q, &id, SW_DEAD, (int64_t)be_get(row->b + 5, 8));
	return job_load(c, &id, r);
}

/* A move over several queues meets the jobs that it has moved. */
static int
is_there(const struct list_selector *sel, const struct list_change *ch,
	const struct record *r)
{
	return ch != NULL && ch->to == r->q && sel->q == NULL &&
	       sel->id.len == 0;
}

/* Whether the page, for which `read` bytes were read, can have another item. */
static int
page_has_room(const struct core *c, const struct list_selector *sel,
	const struct list_result *f, size_t read)
{
	return f->shown < sel->limit && f->items.len <= SW_BATCH_MAX &&
	       read < PAGE_READ && core_has_room(c);
}

/* Changes the job, or shows it if `ch` is NULL.  Returns the item's status. */
static int
page_add(struct core *c, struct record *r, struct list_change *ch,
	struct list_result *f)
{
	int status;

	if (ch == NULL) {
		page_item(c, &f->items, r);
		return 0;
	}
	ch->count = f->count;
	ch->why[0] = '\0';
	status = ch->op->each(c, r, ch);
	page_item_brief(&f->items, r, status, ch->why);
	return status;
}

/* Loads at least one job, so that each page goes on behind the last. */
static void
page_load(struct core *c, const struct list_page *p,
	const struct list_selector *sel, struct list_change *ch,
	struct list_result *f)
{
	size_t before = c->read, i;

	for (i = 0; i < p->n; i++) {
		struct record r;

		if (i > 0 && !page_has_room(c, sel, f, c->read - before))
			break;
		if (p->is_scan)
			f->next = row_key(&p->rows[i]);
		if (page_job(c, p, i, &r) < 0 || !selects(c, sel, &r) ||
			is_there(sel, ch, &r))
			continue;
		f->count += page_add(c, &r, ch, f) == 0;
		f->shown++;
	}
	c->paged += c->read - before;
	if (i == p->n && p->more)
		f->next = row_key(&p->rows[i - 1]); /* behind all of them */
	else if (i == p->n)
		f->next.len = 0;
}

/* The first item is the summary. */
static void
page_reply(struct request *rq, const struct list_result *f)
{
	size_t mark;

	reply_begin(rq, f->items.len + REPLY_SMALL);
	mark = sw_item_begin(&rq->reply);
	sw_put_int(&rq->reply, SW_F_STATUS, 0);
	sw_put_int(&rq->reply, SW_F_COUNT, f->count);
	if (f->next.len > 0)
		sw_put_bytes(&rq->reply, SW_F_CURSOR, key_bytes(&f->next));
	sw_item_end(&rq->reply, mark);
	reply_append(rq, &f->items);
	reply_send(rq);
}

static int
selector_allowed(const struct list_selector *sel, const struct list_op *op,
	char why[SW_WHY_ROOM])
{
	if (sel->state == SW_NONE &&
		((op->states & SW_BIT(SW_NONE)) == 0 || sel->id.len == 0))
		return sw_refuse(why, SW_EINVAL, "%s: %s",
			sw_strerror(SW_EINVAL), "a change must name the state");
	if ((op->states & SW_BIT(sel->state)) == 0)
		return sw_refuse(why, SW_ESTATE, "%s: %s",
			sw_strerror(SW_ESTATE), sw_state_name((int)sel->state));
	return 0;
}

/* Reads the request's one item; after an error `why` has a line. */
static int
walk_begin(struct request *rq, struct list_selector *sel,
	struct list_change *ch, struct sw_item *it, char why[SW_WHY_ROOM])
{
	int err;

	(void)sw_msg_next(&rq->msg, it);
	err = match_check(it, why);
	if (err < 0)
		return err;
	err = selector_read(rq->core, it, sel);
	if (err < 0 || ch == NULL)
		return err < 0 ? sw_refuse(why, err, "%s", sw_strerror(err))
			       : 0;
	err = selector_allowed(sel, ch->op, why);
	if (err == 0 && ch->op->begin != NULL)
		err = ch->op->begin(rq->core, ch, why);
	return err;
}

static void
page_walk(struct request *rq, struct list_change *ch)
{
	struct core *c = rq->core;
	struct list_page *p = arena_take(&c->out_arena, sizeof(*p));
	struct list_result f = {.count = 0};
	struct list_selector sel = {.q = NULL};
	struct sw_item it = {.have = 0, .raw = {"", 0}};
	char why[SW_WHY_ROOM];
	int err = walk_begin(rq, &sel, ch, &it, why);

	if (err == SW_ENOQUEUE && sel.q == NULL && sw_has(&it, SW_F_QUEUE)) {
		reply_no_queue(rq, sw_bytes(&it, SW_F_QUEUE));
		return;
	}
	if (err < 0) {
		reply_refuse(c, rq->peer, rq->msg.seq, err, why);
		return;
	}
	sel.newest = ch == NULL && (rq->msg.flags & SW_FLAG_NEWEST) != 0;
	page_range(&sel, &it, p);
	if (sel.id.len > 0)
		page_of_one(&sel, p);
	else
		page_scan(c, &sel, p);
	out_begin(c, &f.items, SW_MSG_MAX - REPLY_SMALL, rq->msg.op, 0);
	page_load(c, p, &sel, ch, &f);
	arena_trim(&c->out_arena, f.items.p, f.items.len);
	page_reply(rq, &f);
}

void
op_list(struct request *rq)
{
	page_walk(rq, NULL);
}

void
list_change(struct request *rq, const struct list_op *op)
{
	struct sw_msg m = rq->msg;
	struct list_change ch = {.op = op,
		.ask = {.have = 0, .raw = {"", 0}},
		.dry = (m.flags & SW_FLAG_DRY_RUN) != 0};

	(void)sw_msg_next(&m, &ch.ask);
	page_walk(rq, &ch);
}

/* --- redrive and purge -------------------------------------------------- */

/* The delay of the job behind `count` others of this page: RATE is per second,
 * DELAY_MS the time between two jobs. */
static int64_t
redrive_delay_ms(const struct sw_item *ask, int64_t count)
{
	int64_t rate = sw_int(ask, SW_F_RATE, 0);
	int64_t between_ms = sw_int(ask, SW_F_DELAY_MS, 0);
	int64_t offset = sw_int(ask, SW_F_OFFSET, 0), nth = count;
	int64_t ms = 0;

	if (offset > 0 && offset < SW_DELAY_MAX_MS)
		nth += offset;
	if (rate > 0)
		ms = nth * 1000 / rate;
	else if (between_ms > 0 && __builtin_mul_overflow(nth, between_ms, &ms))
		ms = REDRIVE_MAX_MS;
	return ms < REDRIVE_MAX_MS ? ms : REDRIVE_MAX_MS;
}

/*
 * Where a redrive takes the job: back to its origin, if it has one, or nowhere.
 * A dry run makes no queue: *to is NULL for one that is to be made.
 */
static int
redrive_target(struct core *c, const struct record *r, struct list_change *ch,
	struct queue **to)
{
	*to = r->q;
	if (r->origin.len > 0) {
		*to = core_queue_find(c, r->origin);
		if (*to == NULL)
			return ch->dry ? 0
				       : core_queue_get(
						 c, r->origin, to, ch->why);
	}
	if (*to != r->q)
		return job_move_check(c, r, *to, SW_READY, ch->why);
	return unique_taken(c, r) ? SW_EUNIQUE : 0;
}

/* `r` as it is before its first attempt. */
static void
redrive_prepare(struct core *c, struct record *r, const struct sw_item *ask,
	int64_t nth)
{
	r->attempt = r->crashes = r->releases = r->lapses = 0;
	r->cause = SW_C_NONE;
	r->origin.len = 0;
	r->expires_at_ms = 0; /* a redriven job does not expire */
	job_due_set(c, r, c->now_ms + redrive_delay_ms(ask, nth));
}

static int
redrive_each(struct core *c, struct record *r, struct list_change *ch)
{
	int waits = r->state == SW_READY || r->state == SW_DELAYED;
	int move = r->origin.len > 0, later;
	uint8_t room[64];
	struct sw_buf e = {.p = room, .cap = sizeof(room)};
	struct queue *to;
	int err;

	if (r->state != SW_DEAD && !(waits && move))
		return SW_ESTATE;
	if (r->cause == SW_C_CORRUPT)
		return SW_ECORRUPT;
	err = redrive_target(c, r, ch, &to);
	if (err < 0 || ch->dry)
		return err;
	redrive_prepare(c, r, &ch->ask, ch->count);
	later = r->due_ms > c->now_ms;
	sw_put_int(&e, SW_F_KIND, SW_EV_REDRIVE);
	sw_put_int(&e, SW_F_AT_MS, c->now_ms);
	job_move_to(c, r,
		move	? (later ? LIFE_MOVE_LATER : LIFE_MOVE)
		: later ? LIFE_REDRIVE_LATER
			: LIFE_REDRIVE,
		to, sw_buf_bytes(&e));
	return 0;
}

void
op_redrive(struct request *rq)
{
	static const struct list_op op = {LIST_AT_REST, redrive_each, NULL};

	list_change(rq, &op);
}

static int
purge_each(struct core *c, struct record *r, struct list_change *ch)
{
	if (!ch->dry)
		job_forget(c, r);
	return 0;
}

void
op_purge(struct request *rq)
{
	static const struct list_op op = {LIST_AT_REST, purge_each, NULL};

	list_change(rq, &op);
}
