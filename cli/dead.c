/* SPDX-License-Identifier: MIT */
/*
 * dead.c - redrive, purge, run, move, bury, cancel: changes to all jobs that a
 * selector matches
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/select.h"
#include "cli/time.h"
#include "wire/proto.h"
#include "wire/setting.h"

enum { SAMPLE = 10 }; /* jobs named to people */

/* What a verb does to the jobs of a selector. */
struct sweep_kind {
	int op;
	const char *word; /* "redriven" */
	const char *sure; /* what --yes is needed for, "delete"; or NULL */
	int any;	  /* a job that is named by its id may be in any state,
			     and the broker refuses it by name */
	int named;	  /* the selector must name a state */
	int one;	  /* without a state it is the first of these alone */
	int states[SW_STATES]; /* that it may name; SW_NONE ends them */
};

struct dead_sweep {
	struct cmd *c;
	const struct sweep_kind *kind;
	int dry;
	struct selector sel;
	const char *text; /* the queue of a move, the reason of a burial */
	int64_t rate;	  /* as base/units.h; 0: no limit */
	int64_t left;	  /* jobs that may still be changed */
	int64_t changed;  /* jobs so far; with --dry-run, that would be */
	int64_t refused;  /* jobs left as they were */
	int missing;	  /* ids that match no job */
	int64_t named;
};

static void
job_name(struct dead_sweep *s, const struct sw_item *it)
{
	FILE *f = s->c->out.f;
	char text[SW_ID_TEXT] = "?";
	struct sw_id id;

	if (s->c->value[CMD_O_JSON] != NULL) {
		json_print_item(&s->c->out, it);
		return;
	}
	if (s->named++ >= SAMPLE)
		return;
	if (sw_get_id(it, &id))
		sw_id_format(&id, text);
	(void)fprintf(f, "%s\n", text);
}

static void
job_refused(struct dead_sweep *s, const struct sw_item *it)
{
	char text[SW_ID_TEXT] = "?", why[SW_TEXT_MAX + 1];
	struct sw_id id;

	if (s->c->value[CMD_O_JSON] != NULL)
		json_print_item(&s->c->out, it);
	if (s->refused++ >= SAMPLE)
		return;
	if (sw_get_id(it, &id))
		sw_id_format(&id, text);
	sw_get_text(it, SW_F_DETAIL, why, sizeof(why));
	(void)cmd_refuse(s->c, "%s: not changed: %s", text,
		why[0] != '\0' ? why
			       : sw_strerror((int)sw_int(it, SW_F_STATUS, 0)));
}

/* The protocol has whole rates per second, and for others the milliseconds
 * between two jobs. */
static void
rate_put(struct sw_buf *b, int64_t rate)
{
	static const int64_t hour_ms = 3600 * 1000, fast = 100;

	if (rate % UNIT_RATE_SECOND == 0 || rate > fast * UNIT_RATE_SECOND)
		sw_put_int(b, SW_F_RATE, rate / UNIT_RATE_SECOND);
	else
		sw_put_int(b, SW_F_DELAY_MS, hour_ms * 1000 / rate);
}

static void
sweep_build(struct dead_sweep *s, struct sw_buf *b, int id, struct bytes cursor)
{
	size_t mark = sw_item_begin(b);
	int64_t most = id < 0 ? SW_ITEMS_MAX - 1 : 1;

	selector_put(b, &s->sel, id);
	if (s->sel.state == SW_NONE)
		sw_put_int(b, SW_F_STATE, SW_NONE);
	if (s->text != NULL)
		sw_put_text(b, SW_F_TEXT, s->text);
	sw_put_int(b, SW_F_LIMIT, s->left < most ? s->left : most);
	if (cursor.len > 0)
		sw_put_bytes(b, SW_F_CURSOR, cursor);
	if (s->rate > 0) {
		rate_put(b, s->rate);
		sw_put_int(b, SW_F_OFFSET, s->changed);
	}
	sw_item_end(b, mark);
}

/* Changes one page of jobs; the cursor is replaced, empty at the end. */
static int
sweep_page(struct dead_sweep *s, int id, uint8_t *cursor, size_t *len)
{
	struct cmd *c = s->c;
	struct sw_buf b = cmd_begin(
		c, s->kind->op, s->dry ? SW_FLAG_DRY_RUN : 0);
	struct sw_msg reply;
	struct sw_item it;
	int64_t n;
	int rc;

	sweep_build(s, &b, id, bytes_of(cursor, *len));
	rc = cmd_call_item(c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	if (sw_int(&it, SW_F_STATUS, 0) != 0)
		return cmd_refused(c, "", &it);
	n = sw_int(&it, SW_F_COUNT, 0);
	s->changed += n;
	s->left -= n;
	*len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *len);
	while (sw_msg_next(&reply, &it))
		if (sw_int(&it, SW_F_STATUS, 0) != 0)
			job_refused(s, &it);
		else if (s->dry)
			job_name(s, &it);
	return CMD_OK;
}

/* All pages; those of an id end once its one job is found. */
static int
sweep_pages(struct dead_sweep *s, int id)
{
	int64_t before = s->changed + s->refused;
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int rc;

	do
		rc = sweep_page(s, id, cursor, &len);
	while (rc == CMD_OK && len > 0 && s->left > 0 &&
		(id < 0 || s->changed + s->refused == before));
	return rc;
}

/* How long it takes until the last job is ready. */
static int64_t
sweep_ms(const struct dead_sweep *s)
{
	return (int64_t)((double)(s->changed - 1) * 1000 *
			 (double)UNIT_RATE_SECOND / (double)s->rate);
}

static void
sweep_print(struct dead_sweep *s)
{
	char n[HUMAN_TEXT], span[HUMAN_TEXT];
	FILE *f = s->c->out.f;

	if (s->c->value[CMD_O_JSON] != NULL) {
		(void)fprintf(f,
			"{\"count\":%" PRId64 ",\"refused\":%" PRId64
			",\"dry_run\":%s}\n",
			s->changed, s->refused, s->dry ? "true" : "false");
		return;
	}
	if (s->named > 0 && s->changed > SAMPLE)
		(void)fputs("…\n", f);
	(void)fprintf(f, "%s %s %s%s", human_count(n, s->changed),
		s->changed == 1 ? "job" : "jobs", s->dry ? "would be " : "",
		s->kind->word);
	if (s->rate > 0 && sweep_ms(s) >= 1000)
		(void)fprintf(f, ", over %s", human_ms(span, sweep_ms(s)));
	(void)fputc('\n', f);
}

/* Each of the states that the selector may have, or the one that it has. */
static int
sweep_states(struct dead_sweep *s)
{
	const int *state = s->kind->states;
	int rc = CMD_OK;

	if (s->sel.state == SW_NONE && s->kind->one)
		s->sel.state = *state;
	if (s->sel.state != SW_NONE)
		return sweep_pages(s, -1);
	for (; *state != SW_NONE && rc == CMD_OK && s->left > 0; state++) {
		s->sel.state = *state;
		rc = sweep_pages(s, -1);
	}
	return rc;
}

/* An id that matches no job is probably mistyped. */
static void
id_missing(struct dead_sweep *s, int i)
{
	char text[SW_ID_TEXT];

	if (s->missing++ >= SAMPLE)
		return;
	sw_id_format(&s->sel.ids[i], text);
	if (s->sel.state == SW_NONE)
		(void)cmd_refuse(s->c, "%s: no such job", text);
	else
		(void)cmd_refuse(s->c, "%s: no %s job matches", text,
			sw_state_name(s->sel.state));
}

static int
sweep_id(struct dead_sweep *s, int i)
{
	int64_t before = s->changed + s->refused;
	int rc = sweep_pages(s, i);

	if (rc == CMD_OK && s->changed + s->refused == before)
		id_missing(s, i);
	return rc;
}

static int
sweep_ids(struct dead_sweep *s)
{
	int rc = CMD_OK, n = s->sel.n_ids;

	if (s->sel.state == SW_NONE && !s->kind->any)
		s->sel.state = s->kind->states[0];
	for (int i = 0; i < n && rc == CMD_OK && s->left > 0; i++)
		rc = sweep_id(s, i);
	return rc;
}

static int
sweep_run(struct dead_sweep *s)
{
	int n = s->sel.n_ids;
	int rc = n > 0 ? sweep_ids(s) : sweep_states(s);

	if (rc == CMD_OK || s->changed > 0)
		sweep_print(s);
	if (rc == CMD_OK && s->missing > SAMPLE)
		rc = cmd_refuse(
			s->c, "%d of %d ids match no job", s->missing, n);
	return rc == CMD_OK && s->refused + s->missing > 0 ? CMD_REFUSED : rc;
}

static int
rate_read(struct dead_sweep *s)
{
	const char *text = s->c->value[CMD_O_RATE];
	char why[UNIT_WHY];

	if (text == NULL || unit_parse_within(UNIT_RATE, 1, SW_RATE_MAX, text,
				    &s->rate, why) == 0)
		return CMD_OK;
	return cmd_usage(s->c, "--%s %s, not '%.60s'",
		cmd_opts[CMD_O_RATE].name, why, text);
}

/* "delayed, ready or leased" */
static const char *
states_list(const struct sweep_kind *k, char text[64])
{
	size_t len = 0;

	for (int i = 0; k->states[i] != SW_NONE; i++)
		len += (size_t)snprintf(text + len, 64 - len, "%s%s",
			i == 0			      ? ""
			: k->states[i + 1] == SW_NONE ? " or "
						      : ", ",
			sw_state_name(k->states[i]));
	return text;
}

static int
state_check(struct dead_sweep *s)
{
	const struct sweep_kind *k = s->kind;
	const int *state = k->states;
	char text[64];

	if (k->named && s->sel.state == SW_NONE)
		return cmd_usage(s->c, "missing argument: state=STATE");
	if (s->sel.state == SW_NONE)
		return CMD_OK;
	while (*state != SW_NONE && *state != s->sel.state)
		state++;
	if (*state != SW_NONE)
		return CMD_OK;
	if (s->sel.state == SW_LEASED && k->op == SW_OP_PURGE)
		return cmd_usage(s->c, "running jobs cannot be purged: "
				       "spillway cancel stops them");
	return cmd_usage(s->c, "state must be %s here, not %s%s",
		states_list(k, text), sw_state_name(s->sel.state),
		k->op == SW_OP_PURGE ? ": spillway purge takes others" : "");
}

/* Whether the selector is no more than the state that must be named. */
static int
is_for_all(struct dead_sweep *s)
{
	int state = s->sel.state, empty;

	if (s->kind->named)
		s->sel.state = SW_NONE;
	empty = selector_empty(&s->sel);
	s->sel.state = state;
	return empty;
}

/* The checks before the first request. */
static int
sweep_check(struct dead_sweep *s)
{
	struct cmd *c = s->c;
	int rc = state_check(s), all = c->value[CMD_O_ALL] != NULL;

	if (rc != CMD_OK)
		return rc;
	if (is_for_all(s) && !all)
		return cmd_usage(c, "missing argument: a selector, or --all");
	if (!is_for_all(s) && all)
		return cmd_usage(c, "--all cannot be used with a selector");
	rc = cmd_opt_number(c, CMD_O_LIMIT, 1, INT64_MAX, &s->left);
	return rc != CMD_OK ? rc : rate_read(s);
}

static int
jobs_sweep(struct cmd *c, const struct sweep_kind *kind, const char *text)
{
	struct dead_sweep s = {
		.c = c, .kind = kind, .left = INT64_MAX, .text = text};
	int rc = cmd_selector(c, &s.sel), unsure;

	if (rc != CMD_OK)
		return rc;
	unsure = kind->sure != NULL && c->value[CMD_O_YES] == NULL &&
		 c->value[CMD_O_DRY_RUN] == NULL;
	s.dry = unsure || c->value[CMD_O_DRY_RUN] != NULL;
	rc = sweep_check(&s);
	if (rc == CMD_OK)
		rc = sweep_run(&s);
	if (rc == CMD_OK && unsure)
		rc = cmd_usage(c, "nothing was %s: add --yes to %s", kind->word,
			kind->sure);
	selector_fini(&s.sel);
	return rc;
}

int
cmd_dead_redrive(struct cmd *c)
{
	/* A job that waits in a dead-letter queue is redriven, too. */
	static const struct sweep_kind kind = {SW_OP_REDRIVE, "redriven", NULL,
		0, 0, 1, {SW_DEAD, SW_READY, SW_DELAYED}};

	return jobs_sweep(c, &kind, NULL);
}

int
cmd_dead_purge(struct cmd *c)
{
	static const struct sweep_kind kind = {
		SW_OP_PURGE, "deleted", "delete", 0, 0, 0, {SW_DEAD}};

	return jobs_sweep(c, &kind, NULL);
}

static const struct sweep_kind purge = {SW_OP_PURGE, "deleted", "delete", 0, 1,
	0, {SW_DELAYED, SW_READY, SW_DONE, SW_DEAD, SW_CANCELLED}};

int
cmd_purge(struct cmd *c)
{
	return jobs_sweep(c, &purge, NULL);
}

int
cmd_queue_purge(struct cmd *c, const char *queue, int64_t *deleted)
{
	struct dead_sweep s = {.c = c,
		.kind = &purge,
		.left = INT64_MAX,
		.sel = {.queue = queue,
			.since_ms = -1,
			.until_ms = -1,
			.priority = -1,
			.attempts = -1}};
	int rc = sweep_states(&s);

	*deleted += s.changed;
	return rc;
}

int
cmd_run(struct cmd *c)
{
	static const struct sweep_kind kind = {
		SW_OP_RUN, "made ready", NULL, 1, 0, 0, {SW_DELAYED}};

	return jobs_sweep(c, &kind, NULL);
}

int
cmd_move(struct cmd *c)
{
	static const struct sweep_kind kind = {SW_OP_MOVE, "moved", NULL, 1, 0,
		0, {SW_DELAYED, SW_READY, SW_DEAD}};
	const char *to = c->words[--c->n_words];
	struct sw_id id;

	if (sw_queue_check(to, strlen(to)) < 0 || sw_id_parse(to, &id) == 0)
		return cmd_usage(
			c, "the last word, '%.60s', must be a queue", to);
	return jobs_sweep(c, &kind, to);
}

int
cmd_bury(struct cmd *c)
{
	static const struct sweep_kind kind = {
		SW_OP_BURY, "buried", NULL, 1, 0, 0, {SW_DELAYED, SW_READY}};
	const char *reason = c->value[CMD_O_REASON];

	if (reason != NULL && strlen(reason) > SW_TEXT_MAX)
		return cmd_usage(
			c, "--reason must be at most %d bytes", SW_TEXT_MAX);
	return jobs_sweep(c, &kind, reason);
}

int
cmd_cancel_all(struct cmd *c)
{
	static const struct sweep_kind kind = {SW_OP_CANCEL_ALL, "cancelled",
		"cancel", 1, 0, 0, {SW_DELAYED, SW_READY, SW_LEASED}};

	return jobs_sweep(c, &kind, NULL);
}
