/* SPDX-License-Identifier: MIT */
#include "broker/repair/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "broker/job/job.h"
#include "broker/job/lease.h"
#include "broker/model/index.h"
#include "broker/repair/row_key.h"
#include "broker/time/stamp.h"

enum { PAGE = 1000 };

struct queue_tally { /* of one queue */
	int64_t count[SW_STATES], bytes;
};

struct verify_page {
	struct row_key keys[PAGE];
	struct sw_id owners[PAGE]; /* of u rows */
	size_t n;
};

struct verify_pass {
	struct verify *v;
	struct verify_page *page;
	struct queue_tally *tally; /* by the queue's number */
	int rewalk; /* a record was moved to its own key, maybe an earlier one
		     */
	int err;
};

typedef void
row_fn(struct verify_pass *, const struct row_key *, const struct sw_id *);
static row_fn record_check, row_check;

const char *
verify_text(enum verify_kind kind)
{
	static const char *const texts[] = {
#define X(name, text) text,
		VERIFY_MAP(X)
#undef X
	};

	return texts[kind];
}

static void finding_report(struct verify_pass *p, enum verify_kind kind,
	const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
finding_report(
	struct verify_pass *p, enum verify_kind kind, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	p->v->found[kind]++;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	p->v->report(p->v->arg, line);
}

/* --- pages of rows ------------------------------------------------------- */

static int
page_take(void *arg, struct bytes key, struct bytes val)
{
	struct verify_page *g = arg;

	row_key_set(&g->keys[g->n], key);
	memset(g->owners[g->n].b, 0, SW_ID_LEN);
	if (val.len == SW_ID_LEN)
		memcpy(g->owners[g->n].b, val.p, SW_ID_LEN);
	g->n++;
	return 0;
}

static void
commit_done(void *arg, int err)
{
	*(int *)arg = err;
}

/* Commits the repairs of a page. */
static int
page_commit(struct core *c)
{
	int err = 0, result = 0;

	core_close(c);
	if (c->batch.n > 0)
		err = c->store->driver->commit(c->store, &c->claim,
			c->batch.ops, c->batch.n, commit_done, &result);
	core_committed(c);
	return err < 0 ? err : result;
}

/*
 * The first key of the next page.  A corrupt key may be out of order, so the
 * page's highest key counts, and the walk never goes back.
 */
static struct row_key
page_next(struct verify_pass *p, const struct row_key *from, row_fn *each)
{
	const struct verify_page *g = p->page;
	struct row_key last = *from;
	size_t misplaced = 0;

	for (size_t i = 0; i < g->n; i++)
		if (row_key_cmp(&g->keys[i], &last) >= 0)
			last = g->keys[i];
		else
			misplaced++;
	if (misplaced > 0 && each == row_check)
		finding_report(p, VERIFY_ORPHAN, "%zu rows are out of order",
			misplaced);
	last.b[last.len++] = 0;
	return last;
}

static void
rows_walk(struct verify_pass *p, struct bytes start, struct bytes to,
	row_fn *each)
{
	struct core *c = p->v->core;
	struct verify_page *g = p->page;
	struct row_key from;

	row_key_set(&from, start);
	do {
		g->n = 0;
		p->err = c->store->driver->scan(c->store, c->claim.shard,
			row_key_bytes(&from), to, PAGE, page_take, g);
		for (size_t i = 0; p->err == 0 && i < g->n; i++) {
			each(p, &g->keys[i], &g->owners[i]);
			if (p->err == 0)
				p->err = c->err;
		}
		if (p->err == 0)
			p->err = page_commit(c);
		from = page_next(p, &from, each);
	} while (p->err == 0 && g->n == PAGE);
}

/* --- from records to rows ------------------------------------------------ */

/*
 * Whether the row of a unique key rightly names another job, `holder`: that job
 * took the key while the row of this one was lost.  Otherwise the row is
 * corrupt.
 */
static int
key_is_owned_by(struct core *c, const struct key *k, struct bytes val,
	struct record *holder)
{
	struct index x;
	struct sw_id id;

	if (val.len != SW_ID_LEN)
		return 0;
	memcpy(id.b, val.p, SW_ID_LEN);
	if (job_load(c, &id, holder) < 0)
		return 0;
	index_of(holder, holder->state, &x);
	return bytes_eq(key_bytes(&x.row[INDEX_UNIQUE]), key_bytes(k));
}

static int
is_older(const struct record *a, const struct record *b)
{
	if (a->created_at_ms != b->created_at_ms)
		return a->created_at_ms < b->created_at_ms;
	return memcmp(a->id.b, b->id.b, SW_ID_LEN) < 0;
}

/* Writes the record without its unique key, in the state that is stored: a
 * lease does not change a record (model/record.h). */
static void
unique_drop(struct core *c, struct record *r)
{
	struct key k = key_id('j', &r->id);
	enum sw_state was = (enum sw_state)sw_int(&r->it, SW_F_STATE, SW_NONE);

	r->state = was;
	batch_put_taken(&c->batch, key_bytes(&k),
		record_seal(&c->batch.arena, r, SW_BIT(SW_F_UNIQUE),
			bytes_of("", 0)),
		0);
}

/* Whether `r` is the older job and so keeps the unique key; the younger one
 * loses it. */
static int
unique_settle(struct verify_pass *p, struct record *r, struct record *holder)
{
	struct record *younger = is_older(holder, r) ? r : holder;
	char text[SW_ID_TEXT], other[SW_ID_TEXT];

	sw_id_format(&younger->id, text);
	sw_id_format(younger == r ? &holder->id : &r->id, other);
	finding_report(p, VERIFY_UNIQUE,
		"job %s has the same unique key in queue %s as job %s, which "
		"is older",
		text, r->q->name, other);
	if (p->v->repair)
		unique_drop(p->v->core, younger);
	return younger != r;
}

static void
row_require(struct verify_pass *p, struct record *r, const struct index *x,
	enum index_slot slot)
{
	static const char *const lacks[INDEX_ROWS] = {
		[INDEX_PLACE] = "its index row is missing",
		[INDEX_EXPIRY] = "its expiry timer is missing",
		[INDEX_UNIQUE] = "the row of its unique key is missing",
	};
	struct core *c = p->v->core;
	struct bytes key = key_bytes(&x->row[slot]), val, id;
	char text[SW_ID_TEXT];
	struct record holder;
	int err = row_get(c, key, &val);

	id = bytes_of(r->id.b, slot == INDEX_UNIQUE ? SW_ID_LEN : 0);
	if (err == 0 && (slot != INDEX_UNIQUE || bytes_eq(val, id)))
		return;
	if (err < 0 && err != SW_ENOJOB)
		return;
	if (err == 0 && key_is_owned_by(c, &x->row[slot], val, &holder)) {
		if (unique_settle(p, r, &holder) && p->v->repair)
			batch_put(&c->batch, key, id);
		return;
	}
	sw_id_format(&r->id, text);
	finding_report(p, VERIFY_MISSING, "job %s is %s in queue %s: %s", text,
		sw_state_name((int)r->state), r->q->name, lacks[slot]);
	if (p->v->repair)
		batch_put(&c->batch, key, id);
}

/*
 * Moves a sound record that is stored under the key of another job to its own
 * key; a second walk then finds the rows that are missing.
 */
static void
record_misplaced(struct verify_pass *p, const struct row_key *k)
{
	struct core *c = p->v->core;
	char text[SW_ID_TEXT];
	struct bytes val;
	struct sw_id own;
	struct key home;

	if (row_get(c, row_key_bytes(k), &val) < 0 ||
		record_owner(val, &own) < 0) {
		(void)memcpy(own.b, k->b + 1, SW_ID_LEN);
		sw_id_format(&own, text);
		finding_report(
			p, VERIFY_CORRUPT, "job %s: corrupt record", text);
		return;
	}
	sw_id_format(&own, text);
	finding_report(p, VERIFY_ORPHAN,
		"job %s: its record is under the key of another job", text);
	if (!p->v->repair)
		return;
	home = key_id('j', &own);
	batch_put(&c->batch, key_bytes(&home), val);
	batch_delete(&c->batch, row_key_bytes(k));
	p->rewalk = 1;
}

/* The number of the job's lost queue, if an index row of the job exists under a
 * free number; else the first free number. */
static unsigned
queue_number_of(struct core *c, struct record *r)
{
	static struct queue tried; /* a record points to it meanwhile */
	unsigned first = SW_QUEUES_MAX;
	struct bytes val;
	struct index x;

	r->q = &tried;
	for (tried.no = 0; tried.no < SW_QUEUES_MAX; tried.no++) {
		if (core_queue_of(c, tried.no) != NULL)
			continue;
		if (first == SW_QUEUES_MAX)
			first = tried.no;
		index_of(r, r->state, &x);
		if (row_get(c, key_bytes(&x.row[INDEX_PLACE]), &val) == 0)
			return tried.no;
	}
	return first;
}

/*
 * Makes the queue that a sound record names and that has no row; a check makes
 * it in memory only.  0: the record is corrupt, or an error.
 */
static int
queue_restore(struct verify_pass *p, const struct sw_id *id)
{
	struct key k = key_id('j', id);
	struct core *c = p->v->core;
	char why[SW_WHY_ROOM];
	struct queue *q;
	struct record r;
	struct bytes val;

	if (row_get(c, key_bytes(&k), &val) < 0 || record_open(val, id, &r) < 0)
		return 0;
	p->err = core_queue_make(c, sw_bytes(&r.it, SW_F_QUEUE),
		queue_number_of(c, &r), &q, why);
	if (p->err < 0)
		return 0;
	finding_report(p, VERIFY_QUEUE, "queue %s has jobs but no row%s",
		q->name,
		p->v->repair ? ": made anew with the default settings" : "");
	if (!p->v->repair)
		queue_unlist(q, QUEUE_DIRTY);
	return 1;
}

static void
record_check(struct verify_pass *p, const struct row_key *k,
	const struct sw_id *owner)
{
	struct sw_id id;
	struct record r;
	struct index x;
	int err;

	(void)owner;
	p->v->jobs++;
	memcpy(id.b, k->b + 1, SW_ID_LEN);
	err = k->len == 1 + SW_ID_LEN ? job_load(p->v->core, &id, &r)
				      : SW_ECORRUPT;
	if (err == SW_ECORRUPT && k->len == 1 + SW_ID_LEN &&
		queue_restore(p, &id))
		err = job_load(p->v->core, &id, &r);
	if (err == SW_ECORRUPT)
		record_misplaced(p, k);
	if (err < 0)
		return;
	p->tally[r.q->no].count[r.state]++;
	if (index_is_pending(r.state) || r.state == SW_DEAD)
		p->tally[r.q->no].bytes += r.body_len;
	index_of(&r, r.state, &x);
	for (int i = 0; i < INDEX_ROWS; i++)
		if (x.row[i].len > 0)
			row_require(p, &r, &x, (enum index_slot)i);
}

/* --- from rows to records ------------------------------------------------ */

static int
row_is_of(const struct row_key *k, const struct record *r)
{
	struct index x;

	if (k->b[0] == 'l' || k->b[0] == 'c')
		return k->len == 1 + SW_ID_LEN &&
		       (k->b[0] == 'l' ? r->state == SW_LEASED
				       : r->cause == SW_C_CORRUPT);
	index_of(r, r->state, &x);
	for (int i = 0; i < INDEX_ROWS; i++)
		if (bytes_eq(row_key_bytes(k), key_bytes(&x.row[i])))
			return 1;
	return 0;
}

/* Finds a queue row that core_init_any() has skipped: a corrupt one or the
 * second of one queue. */
static void
queue_row_check(struct verify_pass *p, const struct row_key *k)
{
	struct core *c = p->v->core;
	struct queue *q = queue_new(&c->lists, "", 0), *known;
	char text[ROW_KEY_TEXT];
	struct bytes val;
	int sound;

	must_have(q);
	sound = k->len == 5 && row_get(c, row_key_bytes(k), &val) == 0 &&
		queue_decode(q, val) == 0;
	known = sound ? core_queue_find(c, bytes_str(q->name)) : NULL;
	sound = known != NULL && known->no == be_get(k->b + 1, 4);
	if (!sound) {
		row_key_text(k, text);
		if (known != NULL)
			finding_report(p, VERIFY_ROW,
				"row %s: queue %s has another row, too", text,
				known->name);
		else
			finding_report(p, VERIFY_ROW,
				"row %s: corrupt queue row", text);
	}
	queue_free(q);
	if (!sound && p->v->repair)
		batch_delete(&c->batch, row_key_bytes(k));
}

/* The core has restored the lease with a new token; a repair writes that. */
static void
lease_row_check(
	struct verify_pass *p, const struct row_key *k, const struct sw_id *id)
{
	struct core *c = p->v->core;
	const struct lease *l = lease_find(&c->leases, id);
	struct lease_row row;
	char text[SW_ID_TEXT];
	struct bytes val;

	if (row_get(c, row_key_bytes(k), &val) < 0 ||
		lease_row_read(c, val, &row) == 0)
		return;
	sw_id_format(id, text);
	finding_report(p, VERIFY_ROW, "job %s: corrupt lease row%s", text,
		l != NULL ? "" : " of a corrupt record");
	if (p->v->repair && l != NULL)
		lease_row_write(c, l);
	else if (p->v->repair)
		batch_delete(&c->batch, row_key_bytes(k));
}

static void
stamp_check(struct verify_pass *p, const struct row_key *k)
{
	struct core *c = p->v->core;
	struct stamp stamp;
	struct bytes val;

	if (k->len == 1 && row_get(c, row_key_bytes(k), &val) == 0 &&
		stamp_decode(&stamp, val) == 0)
		return;
	finding_report(p, VERIFY_ROW, "row a: the store's format is corrupt");
	if (p->v->repair && k->len == 1)
		stamp_put(c);
	else if (p->v->repair)
		batch_delete(&c->batch, row_key_bytes(k));
}

/* A corrupt key may begin with a zero, which strchr() finds in every text. */
static int
is_one_of(uint8_t letter, const char *letters)
{
	return letter != 0 && strchr(letters, letter) != NULL;
}

static void
row_check(struct verify_pass *p, const struct row_key *k,
	const struct sw_id *owner)
{
	char text[ROW_KEY_TEXT];
	struct sw_id id = *owner;
	struct record r;
	int err = SW_ENOJOB;

	p->v->rows++;
	if (k->b[0] == 'q')
		queue_row_check(p, k);
	if (k->b[0] == 'a')
		stamp_check(p, k);
	if (is_one_of(k->b[0], "jqa"))
		return;
	if (k->b[0] != 'u' && k->len > SW_ID_LEN)
		memcpy(id.b, k->b + k->len - SW_ID_LEN, SW_ID_LEN);
	if (is_one_of(k->b[0], "rwdknexulc"))
		err = job_load(p->v->core, &id, &r);
	if (k->b[0] == 'l' && k->len == 1 + SW_ID_LEN &&
		(err == 0 || err == SW_ECORRUPT))
		lease_row_check(p, k, &id);
	/* Whether a corrupt record has this row cannot be known. */
	if (err == SW_ECORRUPT || (err == 0 && row_is_of(k, &r)) ||
		(err < 0 && err != SW_ENOJOB))
		return;
	row_key_text(k, text);
	finding_report(p, VERIFY_ORPHAN, "row %s is an orphan: %s", text,
		err == 0 ? "its job does not have this row"
			 : "there is no such job");
	if (p->v->repair)
		batch_delete(&p->v->core->batch, row_key_bytes(k));
}

/* --- counters ------------------------------------------------------------ */

static void
counter_check(struct verify_pass *p, struct queue *q, const char *name,
	int64_t *has, int64_t is)
{
	if (*has == is)
		return;
	finding_report(p, VERIFY_COUNTER,
		"queue %s: counter %s is %lld, should be %lld", q->name, name,
		(long long)*has, (long long)is);
	if (p->v->repair) {
		*has = is;
		queue_touch(q);
	}
}

static void
counters_check(struct verify_pass *p)
{
	struct core *c = p->v->core;

	for (unsigned i = 0; i < c->queues_n; i++) {
		struct queue *q = c->queues[i];

		if (q == NULL)
			continue;
		for (int s = SW_NONE + 1; s < SW_STATES; s++)
			counter_check(p, q, sw_state_name(s), &q->count[s],
				p->tally[i].count[s]);
		counter_check(p, q, "bytes", &q->total[TOTAL_BYTES],
			p->tally[i].bytes);
	}
	if (p->err == 0)
		p->err = page_commit(c);
}

/* A scan does not show which rows cannot be overwritten. */
static int
file_check(struct verify_pass *p)
{
	const struct verify *v = p->v;
	uint64_t n = 0;
	int err = v->file_check != NULL ? v->file_check(v->core->store, &n) : 0;

	if (err == 0 && n > 0)
		finding_report(p, VERIFY_ROW,
			"data.mdb: %llu rows have a corrupt length or are out "
			"of order",
			(unsigned long long)n);
	return err;
}

int
verify_run(struct verify *v)
{
	struct verify_pass p = {.v = v,
		.page = malloc(sizeof(*p.page)),
		.tally = calloc(SW_QUEUES_MAX, sizeof(*p.tally))};
	struct key jobs = key_start('j'), after = key_after(jobs);

	v->jobs = v->rows = 0;
	memset(v->found, 0, sizeof(v->found));
	if (p.page == NULL || p.tally == NULL)
		p.err = -ENOMEM;
	else
		p.err = file_check(&p);
	if (p.err == 0)
		rows_walk(
			&p, key_bytes(&jobs), key_bytes(&after), record_check);
	if (p.err == 0 && p.rewalk) {
		v->jobs = 0;
		memset(p.tally, 0, SW_QUEUES_MAX * sizeof(*p.tally));
		rows_walk(
			&p, key_bytes(&jobs), key_bytes(&after), record_check);
	}
	if (p.err == 0)
		rows_walk(&p, bytes_of("", 0), bytes_of("", 0), row_check);
	if (p.err == 0 && v->found[VERIFY_CORRUPT] == 0)
		counters_check(&p);
	free(p.page);
	free(p.tally);
	return p.err;
}
