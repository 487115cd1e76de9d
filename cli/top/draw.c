/* SPDX-License-Identifier: MIT */
/*
 * draw.c - the screen, for as many columns and rows as there are
 *
 * The columns that matter least are left out first, so that no line is wider
 * than the terminal from COLUMNS_MIN columns on.
 */
#include "cli/top/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/time.h"
#include "wire/proto.h"

enum {
	NAME_WIDTH = 16,
	WIDE = 80,  /* all columns */
	RATES = 73, /* all but WANTED */
	WORKER_WIDE = 76,
	LINES_BESIDE = 11, /* rows of the screen beside those of the tables */
	TABLES = 3,
};

/* What of a table is shown. */
struct span {
	size_t from, n;
};

struct layout {
	struct span queues, jobs, workers;
};

/* Queues with jobs first; by name among equals, so that lines stay in place. */
static int
queue_order(const void *a, const void *b)
{
	const struct top_queue *x = a, *y = b;
	int64_t nx = x->ready + x->leased, ny = y->ready + y->leased;
	int bx = nx > 0, by = ny > 0;

	return bx != by ? by - bx : strcmp(x->name, y->name);
}

static int64_t
per_s(const struct top *t, int64_t now, int64_t before)
{
	int64_t ms = t->at_ms - t->before_ms;

	return t->before_ms == 0 || ms <= 0 || now < before
		       ? 0
		       : (now - before) * 1000 / ms;
}

/* Ends a line and clears the rest of it on the screen. */
static void
line_end(const struct top *t, FILE *f)
{
	(void)fputs(t->rows > 0 ? "\033[K\r\n" : "\n", f);
}

static int
is_wide(const struct top *t, int columns)
{
	return t->cols == 0 || t->cols >= columns;
}

static void
draw_head(const struct top *t, const struct cmd_out *o)
{
	char up[HUMAN_TEXT], ops[HUMAN_TEXT], commits[HUMAN_TEXT];
	char clock[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	out_colour(o, OUT_BOLD);
	(void)fprintf(o->f, "spillway");
	out_colour(o, OUT_PLAIN);
	(void)fprintf(o->f, "  up %s  %s ops/s  ", human_ms(up, t->uptime_ms),
		human_short(ops, per_s(t, t->ops, t->ops_before)));
	if (is_wide(t, WIDE))
		(void)fprintf(o->f, "%s commits/s  %s  ",
			human_short(commits,
				per_s(t, t->commits, t->commits_before)),
			clock);
	(void)fprintf(o->f, "%s%s", t->frozen ? "FROZEN  " : "",
		t->most > 0 ? "store " : "");
	if (t->most > 0)
		(void)fprintf(o->f, "%" PRId64 " %%", 100 * t->used / t->most);
	line_end(t, o->f);
	line_end(t, o->f);
}

/* The mark of the selected line; it takes two columns in each. */
static void
draw_mark(const struct cmd_out *o, int selected)
{
	if (selected)
		out_colour(o, OUT_BOLD);
	(void)fputs(selected ? "> " : "  ", o->f);
}

static void
draw_queue(
	const struct top *t, const struct top_queue *q, const struct cmd_out *o)
{
	char a[HUMAN_TEXT], b[HUMAN_TEXT], c[HUMAN_TEXT], d[HUMAN_TEXT];
	char e[HUMAN_TEXT], name[SW_QUEUE_MAX + 8];

	(void)snprintf(
		name, sizeof(name), "%s%s", q->paused ? "‖" : "", q->name);
	draw_mark(o, q == top_selected_queue(t));
	if (q->paused)
		out_colour(o, OUT_YELLOW);
	/* "‖" takes three bytes and one column */
	(void)fprintf(o->f, "%-*.*s", NAME_WIDTH + 2 * q->paused,
		NAME_WIDTH + 2 * q->paused, name);
	out_colour(o, OUT_PLAIN);
	(void)fprintf(o->f, " %7s %7s %7s ", human_short(a, q->ready),
		human_short(b, q->leased), human_short(c, q->delayed));
	if (q->dead > 0)
		out_colour(o, OUT_RED);
	(void)fprintf(o->f, "%6s", human_short(d, q->dead));
	out_colour(o, OUT_PLAIN);
	if (is_wide(t, RATES))
		(void)fprintf(o->f, " %7s %7s", q->in, q->out);
	(void)fprintf(o->f, " %7s",
		q->oldest_ms > 0 ? human_ms(e, q->oldest_ms) : "-");
	if (is_wide(t, WIDE) && q->wanted < 0)
		(void)fputs("      -", o->f);
	else if (is_wide(t, WIDE))
		(void)fprintf(o->f, " %6" PRId64, q->wanted);
	line_end(t, o->f);
}

void
top_cut(FILE *f, const char *text, int columns)
{
	for (const char *p = text; *p != '\0'; p++) {
		columns -= (*p & 0xc0) != 0x80;
		if (columns < 0)
			return;
		(void)fputc(*p, f);
	}
}

/* "5m12s  40%  sending page 3" */
static void
draw_job(const struct top *t, const struct top_job *j, const struct cmd_out *o)
{
	char id[SW_ID_TEXT], span[HUMAN_TEXT], progress[24] = "";
	int64_t ms = t->c->now_ms - j->at_ms;

	sw_id_format(&j->id, id);
	draw_mark(o, j == top_selected_job(t));
	(void)fprintf(o->f, "%s %-8.8s %6s", id, j->queue,
		human_ms(span, ms < 0 ? -ms : ms));
	if (t->state == SW_LEASED && j->progress >= 0)
		(void)snprintf(progress, sizeof(progress), "%" PRId64 "%%",
			j->progress);
	else if (t->state != SW_LEASED)
		(void)snprintf(
			progress, sizeof(progress), "%" PRId64, j->attempt);
	(void)fprintf(o->f, " %4.4s", progress);
	if (t->cols == 0 || t->cols > COLUMNS_MIN) {
		(void)fputc(' ', o->f);
		top_cut(o->f, j->text,
			(t->cols == 0 ? WIDE : t->cols) - COLUMNS_MIN);
	}
	out_colour(o, OUT_PLAIN);
	line_end(t, o->f);
}

static void
draw_worker(const struct top *t, const struct top_worker *w,
	const struct cmd_out *o)
{
	char a[HUMAN_TEXT], b[HUMAN_TEXT], c[HUMAN_TEXT];
	int wide = is_wide(t, WORKER_WIDE), name = wide ? 24 : 16;

	(void)fprintf(o->f,
		"%-*.*s %4" PRId64 "/%-4" PRId64 " %7s %7s %6s  %.*s", name,
		name, w->name, w->leased, w->slots, human_short(a, w->done),
		human_short(b, w->failed), human_ms(c, w->seen_ms),
		wide ? 17 : 9, w->queues);
	line_end(t, o->f);
}

static void
draw_title(const struct top *t, const struct cmd_out *o, const char *title)
{
	out_colour(o, OUT_BOLD);
	(void)fputs(title, o->f);
	out_colour(o, OUT_PLAIN);
	line_end(t, o->f);
}

static void
draw_rest(const struct top *t, const struct cmd_out *o, size_t n, const char *s)
{
	if (n == 0)
		return;
	(void)fprintf(o->f, "… %zu more %s", n, s);
	line_end(t, o->f);
}

/* --- layout --------------------------------------------------------------- */

/* A third for each table that needs it; what one leaves goes to the others. */
static void
rows_share(size_t room, const size_t want[TABLES], size_t got[TABLES])
{
	for (int i = 0; i < TABLES; i++)
		got[i] = want[i] < room / TABLES ? want[i] : room / TABLES;
	for (int i = 0; i < TABLES; i++) {
		size_t left = room - got[0] - got[1] - got[2];
		size_t more = want[i] - got[i];

		got[i] += more < left ? more : left;
	}
}

/* So many of `n` lines that the selected one, if there is one, is among them.
 */
static struct span
span_of(size_t n, size_t rows, size_t selected)
{
	struct span s = {0, rows < n ? rows : n};

	if (selected < n && selected >= rows)
		s.from = selected - rows + 1;
	return s;
}

static struct layout
layout_make(const struct top *t)
{
	const size_t want[TABLES] = {t->n_queues, t->n_jobs, t->n_workers};
	const struct top_queue *q = top_selected_queue(t);
	const struct top_job *j = top_selected_job(t);
	size_t got[TABLES], room = t->n_queues + t->n_jobs + t->n_workers;

	if (t->rows > 0)
		room = t->rows > LINES_BESIDE + TABLES
			       ? (size_t)t->rows - LINES_BESIDE
			       : TABLES;
	rows_share(room, want, got);
	return (struct layout){
		span_of(t->n_queues, got[0],
			q == NULL ? SIZE_MAX : (size_t)(q - t->queues)),
		span_of(t->n_jobs, got[1],
			j == NULL ? SIZE_MAX : (size_t)(j - t->jobs)),
		span_of(t->n_workers, got[2], SIZE_MAX)};
}

static void
draw_queues(const struct top *t, struct span s, const struct cmd_out *o)
{
	draw_title(t, o,
		is_wide(t, WIDE)
			? "  QUEUE              READY RUNNING DELAYED   DEAD"
			  "    IN/S   OUT/S  OLDEST WANTED"
		: is_wide(t, RATES)
			? "  QUEUE              READY RUNNING DELAYED   DEAD"
			  "    IN/S   OUT/S  OLDEST"
			: "  QUEUE              READY RUNNING DELAYED   DEAD"
			  "  OLDEST");
	for (size_t i = 0; i < s.n; i++)
		draw_queue(t, &t->queues[s.from + i], o);
	draw_rest(t, o, t->n_queues - s.n, "queues");
	line_end(t, o->f);
}

static void
draw_jobs(const struct top *t, struct span s, const struct cmd_out *o)
{
	char title[96];

	(void)snprintf(title, sizeof(title), "  %-36s %-8s %6s %4s",
		t->state == SW_LEASED	 ? "RUNNING JOB"
		: t->state == SW_DELAYED ? "DELAYED JOB"
		: t->state == SW_DEAD	 ? "DEAD JOB"
					 : "READY JOB",
		"QUEUE",
		t->state == SW_LEASED	 ? "FOR"
		: t->state == SW_DELAYED ? "DUE IN"
					 : "AGE",
		t->state == SW_LEASED ? "DONE" : "TRY");
	draw_title(t, o, title);
	for (size_t i = 0; i < s.n; i++)
		draw_job(t, &t->jobs[s.from + i], o);
	draw_rest(t, o, t->n_jobs - s.n, "jobs");
	line_end(t, o->f);
}

void
top_draw(struct top *t, const struct cmd_out *o)
{
	struct layout l;

	qsort(t->queues, t->n_queues, sizeof(*t->queues), queue_order);
	l = layout_make(t);
	draw_head(t, o);
	draw_queues(t, l.queues, o);
	draw_jobs(t, l.jobs, o);
	draw_title(t, o,
		is_wide(t, WORKER_WIDE)
			? "WORKER                    RUNNING     DONE  FAILED"
			  "   SEEN  QUEUES"
			: "WORKER            RUNNING     DONE  FAILED   SEEN"
			  "  QUEUES");
	for (size_t i = 0; i < l.workers.n; i++)
		draw_worker(t, &t->workers[l.workers.from + i], o);
	draw_rest(t, o, t->n_workers - l.workers.n, "workers");
}
