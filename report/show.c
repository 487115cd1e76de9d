/* SPDX-License-Identifier: MIT */
#include "report/show.h"

#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum {
	BAR = 24, /* columns of a full bar */
	PATH_MAX_COLUMNS = 48,
	DAYS = 14,
	NUMBER = 32, /* room for a number as text */
};

enum tone { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

struct show {
	FILE *f;
	struct show_style style;
};

struct show_style
show_style_of(FILE *f)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	struct show_style s = {0, 0, 0};
	struct winsize ws;
	int fd = fileno(f);

	if (fd < 0 || !isatty(fd) || term == NULL || strcmp(term, "dumb") == 0)
		return s;
	s.colour = no == NULL || no[0] == '\0';
	s.bars = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? 2 : 1;
	s.width = ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col
								   : 80;
	return s;
}

static void
tone(const struct show *s, enum tone t)
{
	static const char *const codes[] = {
		[PLAIN] = "\033[0m",
		[BOLD] = "\033[1m",
		[DIM] = "\033[2m",
		[RED] = "\033[31m",
		[GREEN] = "\033[32m",
		[YELLOW] = "\033[33m",
		[CYAN] = "\033[36m",
	};

	if (s->style.colour)
		(void)fputs(codes[t], s->f);
}

static void
toned(const struct show *s, enum tone t, const char *text)
{
	tone(s, t);
	(void)fputs(text, s->f);
	tone(s, PLAIN);
}

/* 1,234,567 */
static const char *
grouped(char out[NUMBER], uint64_t n)
{
	char digits[NUMBER];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), o = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[o++] = ',';
		out[o++] = digits[i];
	}
	out[o] = '\0';
	return out;
}

/* 70.9 MiB */
static const char *
human(char out[NUMBER], uint64_t n)
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)n;
	size_t u = 0;

	for (; v >= 1023.95 && u < 6; u++)
		v /= 1024;
	(void)snprintf(out, NUMBER, "%.*f %s", u == 0 ? 0 : 1, v, units[u]);
	return out;
}

static const char *
utc(char out[NUMBER], int64_t at_s)
{
	time_t t = (time_t)at_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
		strftime(out, NUMBER, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		out[0] = '\0';
	return out;
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : 100 * (double)part / (double)whole;
}

/* A bar for `part` of `whole`; blocks come in eighths of a column. */
static void
bar(const struct show *s, uint64_t part, uint64_t whole, enum tone t)
{
	static const char *const eighths[] = {
		"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int n;

	if (s->style.bars == 0 || whole == 0 || part == 0)
		return;
	n = (int)lrint((double)part / (double)whole * BAR * 8);
	if (n == 0)
		n = 1;
	tone(s, t);
	(void)fputs("  ", s->f);
	for (int i = 0; i < n / 8; i++)
		(void)fputs(s->style.bars == 2 ? "█" : "#", s->f);
	if (s->style.bars == 2)
		(void)fputs(eighths[n % 8], s->f);
	tone(s, PLAIN);
}

static void
headline(const struct show *s, const struct view *v, const char *name)
{
	char from[NUMBER], to[NUMBER];

	tone(s, BOLD);
	(void)fputs("Access log report", s->f);
	tone(s, PLAIN);
	(void)fputs("  ", s->f);
	(void)text_print(s->f, bytes_str(name), SIZE_MAX);
	(void)fputc('\n', s->f);
	if (v->first_s != VIEW_NO_TIME)
		(void)fprintf(s->f, "%s to %s UTC\n", utc(from, v->first_s),
			utc(to, v->last_s));
	(void)fputc('\n', s->f);
}

/* A row of the summary: what, the figure, and a remark. */
static void
row(const struct show *s, const char *what, const char *figure,
	const char *remark)
{
	(void)fprintf(s->f, "  %-17s", what);
	tone(s, BOLD);
	(void)fprintf(s->f, "%14s", figure);
	tone(s, PLAIN);
	if (remark[0] != '\0') {
		(void)fputs("  ", s->f);
		toned(s, DIM, remark);
	}
	(void)fputc('\n', s->f);
}

static void
summary(const struct show *s, const struct view *v)
{
	char a[NUMBER], b[2 * NUMBER], n[NUMBER];

	row(s, "requests", grouped(a, v->requests), "");
	(void)snprintf(b, sizeof(b), "%s bytes", grouped(n, v->bytes));
	row(s, "sent", human(a, v->bytes), b);
	row(s, "unique visitors", grouped(a, (uint64_t)llrint(v->visitors)),
		"estimated, standard error 1.6 %");
	(void)snprintf(
		b, sizeof(b), "%s bytes, within 0.4 %%", grouped(n, v->p50));
	row(s, "answer size p50", human(a, v->p50), b);
	(void)snprintf(
		b, sizeof(b), "%s bytes, within 0.4 %%", grouped(n, v->p99));
	row(s, "answer size p99", human(a, v->p99), b);
	row(s, "distinct paths", grouped(a, v->n_paths), "");
	(void)snprintf(b, sizeof(b), "%.3g %% of all lines",
		percent(v->bad, v->requests + v->bad));
	row(s, "malformed lines", grouped(a, v->bad), v->bad > 0 ? b : "");
	row(s, "jobs merged", grouped(a, v->jobs), "each counted once");
}

static void
classes(const struct show *s, const struct view *v)
{
	static const char *const names[VIEW_CLASSES] = {"other",
		"1xx informational", "2xx success", "3xx redirect",
		"4xx client error", "5xx server error"};
	static const enum tone tones[VIEW_CLASSES] = {
		DIM, DIM, GREEN, CYAN, YELLOW, RED};
	char a[NUMBER];

	toned(s, BOLD, "\nStatus\n");
	for (unsigned i = 1; i <= VIEW_CLASSES; i++) {
		unsigned c = i % VIEW_CLASSES;

		if (v->classes[c] == 0)
			continue;
		(void)fprintf(s->f, "  %-17s%14s %6.2f %%", names[c],
			grouped(a, v->classes[c]),
			percent(v->classes[c], v->requests));
		bar(s, v->classes[c], v->requests, tones[c]);
		(void)fputc('\n', s->f);
	}
}

/* A path, as long as there is room for it. */
static void
path(const struct show *s, struct bytes p)
{
	size_t max = PATH_MAX_COLUMNS;

	if (s->style.width == 0)
		max = SIZE_MAX;
	else if (s->style.width > 80)
		max += (size_t)s->style.width - 80;
	if (p.len == 0)
		toned(s, DIM, "(no valid request line)");
	(void)text_print(s->f, p, max);
	(void)fputs(p.len > max ? "...\n" : "\n", s->f);
}

/* `whole`: of what the percentages are. */
static void
paths(const struct show *s, const char *title, const struct view_path *p,
	size_t n, uint64_t whole)
{
	char a[NUMBER];

	if (n == 0)
		return;
	toned(s, BOLD, title);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(s->f, "  %2zu %14s %6.2f %%  ", i + 1,
			grouped(a, p[i].n), percent(p[i].n, whole));
		path(s, p[i].path);
	}
}

/* 3.2 ms */
static const char *
duration(char out[NUMBER], double us)
{
	if (us < 999.5)
		(void)snprintf(out, NUMBER, "%.0f us", us);
	else if (us < 999.5 * 1000)
		(void)snprintf(out, NUMBER, "%.3g ms", us / 1000);
	else
		(void)snprintf(out, NUMBER, "%.4g s", us / 1000000);
	return out;
}

static void
slow(const struct show *s, const struct view *v)
{
	char n[NUMBER], mean[NUMBER], p99[NUMBER], max[NUMBER];

	if (v->n_slow == 0)
		return;
	toned(s, BOLD, "\nSlow paths");
	toned(s, DIM, ", by the p99 of their times, within 6 %\n");
	(void)fprintf(s->f, "  %17s %10s %10s %10s\n", "requests", "mean",
		"p99", "longest");
	for (size_t i = 0; i < v->n_slow; i++) {
		const struct view_slow *p = &v->slow[i];

		(void)fprintf(s->f, "  %2zu %14s %10s %10s %10s  ", i + 1,
			grouped(n, p->n),
			duration(mean, (double)p->us / (double)p->n),
			duration(p99, (double)p->us_p99),
			duration(max, (double)p->us_max));
		path(s, p->path);
	}
}

static void
days(const struct show *s, const struct view *v)
{
	size_t from = v->n_days > DAYS ? v->n_days - DAYS : 0;
	char n[NUMBER], sessions[NUMBER], visitors[NUMBER], sent[NUMBER];
	uint64_t most = 0;

	if (v->n_days == 0)
		return;
	for (size_t i = from; i < v->n_days; i++)
		if (v->days[i].requests > most)
			most = v->days[i].requests;
	toned(s, BOLD, from > 0 ? "\nThe last days" : "\nDays");
	toned(s, DIM, ", of UTC; with ~: estimated\n");
	(void)fprintf(s->f, "  %-10s %14s %11s  %11s  %11s\n", "", "requests",
		"sessions", "visitors", "sent");
	for (size_t i = from; i < v->n_days; i++) {
		const struct view_day *d = &v->days[i];
		char about = d->exact ? ' ' : '~';

		(void)fprintf(s->f, "  %-10s %14s %11s%c %11s%c %11s", d->day,
			grouped(n, d->requests), grouped(sessions, d->sessions),
			about, grouped(visitors, d->visitors), about,
			human(sent, d->bytes));
		bar(s, d->requests, most, CYAN);
		(void)fputc('\n', s->f);
	}
}

static void
bots(const struct show *s, const struct view *v)
{
	char n[NUMBER], sent[NUMBER];

	if (v->n_bots == 0)
		return;
	toned(s, BOLD, "\nBots");
	(void)fprintf(s->f,
		", %.2f %% of all requests, %.2f %% of what was sent\n",
		percent(v->bot_requests, v->requests),
		percent(v->bot_bytes, v->bytes));
	for (size_t i = 0; i < v->n_bots; i++) {
		(void)fprintf(s->f, "  %2zu %14s %6.2f %% %11s  ", i + 1,
			grouped(n, v->bots[i].n),
			percent(v->bots[i].n, v->requests),
			human(sent, v->bots[i].bytes));
		path(s, v->bots[i].word);
	}
}

static void
samples(const struct show *s, const struct view *v)
{
	size_t max = s->style.width > 8 ? (size_t)s->style.width - 8 : SIZE_MAX;

	if (v->n_samples == 0)
		return;
	toned(s, BOLD, "\nMalformed lines");
	(void)fprintf(s->f, ", the first %zu\n", v->n_samples);
	for (size_t i = 0; i < v->n_samples; i++) {
		struct bytes line = v->samples[i].line;

		(void)fputs("  ", s->f);
		tone(s, YELLOW);
		(void)text_print(s->f, v->samples[i].why, SIZE_MAX);
		tone(s, PLAIN);
		(void)fputs("\n    ", s->f);
		(void)text_print(s->f, line, max);
		(void)fputs(line.len > max ? "...\n" : "\n", s->f);
	}
}

void
show_text(FILE *f, const struct view *v, const char *name,
	struct show_style style)
{
	const struct show s = {f, style};

	headline(&s, v, name);
	summary(&s, v);
	classes(&s, v);
	days(&s, v);
	paths(&s, "\nTop paths\n", v->top, v->n_top, v->requests);
	paths(&s, "\nClient errors (4xx) by path\n", v->errors[0],
		v->n_errors[0], v->classes[4]);
	paths(&s, "\nServer errors (5xx) by path\n", v->errors[1],
		v->n_errors[1], v->classes[5]);
	slow(&s, v);
	bots(&s, v);
	samples(&s, v);
}
