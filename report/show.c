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

enum show_tone { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

struct report_show {
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
tone_put(const struct report_show *s, enum show_tone t)
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
toned_put(const struct report_show *s, enum show_tone t, const char *text)
{
	tone_put(s, t);
	(void)fputs(text, s->f);
	tone_put(s, PLAIN);
}

/* Writes 1,234,567. */
static const char *
grouped_text(char out[NUMBER], uint64_t n)
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

/* Writes 70.9 MiB. */
static const char *
bytes_text(char out[NUMBER], uint64_t n)
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
utc_text(char out[NUMBER], int64_t at_s)
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
bar_put(const struct report_show *s, uint64_t part, uint64_t whole,
	enum show_tone t)
{
	static const char *const eighths[] = {
		"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int n;

	if (s->style.bars == 0 || whole == 0 || part == 0)
		return;
	n = (int)lrint((double)part / (double)whole * BAR * 8);
	if (n == 0)
		n = 1;
	tone_put(s, t);
	(void)fputs("  ", s->f);
	for (int i = 0; i < n / 8; i++)
		(void)fputs(s->style.bars == 2 ? "█" : "#", s->f);
	if (s->style.bars == 2)
		(void)fputs(eighths[n % 8], s->f);
	tone_put(s, PLAIN);
}

static void
show_headline(const struct report_show *s, const struct report_view *v,
	const char *name)
{
	char from[NUMBER], to[NUMBER];

	tone_put(s, BOLD);
	(void)fputs("Access log report", s->f);
	tone_put(s, PLAIN);
	(void)fputs("  ", s->f);
	(void)text_print(s->f, bytes_str(name), SIZE_MAX);
	(void)fputc('\n', s->f);
	if (v->first_s != VIEW_NO_TIME)
		(void)fprintf(s->f, "%s to %s UTC\n",
			utc_text(from, v->first_s), utc_text(to, v->last_s));
	(void)fputc('\n', s->f);
}

/* Prints a row of the summary; `remark` may be "". */
static void
summary_row(const struct report_show *s, const char *what, const char *figure,
	const char *remark)
{
	(void)fprintf(s->f, "  %-17s", what);
	tone_put(s, BOLD);
	(void)fprintf(s->f, "%14s", figure);
	tone_put(s, PLAIN);
	if (remark[0] != '\0') {
		(void)fputs("  ", s->f);
		toned_put(s, DIM, remark);
	}
	(void)fputc('\n', s->f);
}

static void
show_summary(const struct report_show *s, const struct report_view *v)
{
	char a[NUMBER], b[2 * NUMBER], n[NUMBER];

	summary_row(s, "requests", grouped_text(a, v->requests), "");
	(void)snprintf(b, sizeof(b), "%s bytes", grouped_text(n, v->bytes));
	summary_row(s, "sent", bytes_text(a, v->bytes), b);
	summary_row(s, "unique visitors",
		grouped_text(a, (uint64_t)llrint(v->visitors)),
		"estimated, standard error 1.6 %");
	(void)snprintf(b, sizeof(b), "%s bytes, within 0.4 %%",
		grouped_text(n, v->p50));
	summary_row(s, "answer size p50", bytes_text(a, v->p50), b);
	(void)snprintf(b, sizeof(b), "%s bytes, within 0.4 %%",
		grouped_text(n, v->p99));
	summary_row(s, "answer size p99", bytes_text(a, v->p99), b);
	summary_row(s, "distinct paths", grouped_text(a, v->n_paths), "");
	(void)snprintf(b, sizeof(b), "%.3g %% of all lines",
		percent(v->bad, v->requests + v->bad));
	summary_row(s, "malformed lines", grouped_text(a, v->bad),
		v->bad > 0 ? b : "");
	summary_row(s, "jobs merged", grouped_text(a, v->jobs),
		"each counted once");
}

static void
show_classes(const struct report_show *s, const struct report_view *v)
{
	static const char *const names[VIEW_CLASSES] = {"other",
		"1xx informational", "2xx success", "3xx redirect",
		"4xx client error", "5xx server error"};
	static const enum show_tone tones[VIEW_CLASSES] = {
		DIM, DIM, GREEN, CYAN, YELLOW, RED};
	char a[NUMBER];

	toned_put(s, BOLD, "\nStatus\n");
	for (unsigned i = 1; i <= VIEW_CLASSES; i++) {
		unsigned c = i % VIEW_CLASSES;

		if (v->classes[c] == 0)
			continue;
		(void)fprintf(s->f, "  %-17s%14s %6.2f %%", names[c],
			grouped_text(a, v->classes[c]),
			percent(v->classes[c], v->requests));
		bar_put(s, v->classes[c], v->requests, tones[c]);
		(void)fputc('\n', s->f);
	}
}

/* Prints a path and a newline, cut to the width of the terminal. */
static void
path_put(const struct report_show *s, struct bytes p)
{
	size_t max = PATH_MAX_COLUMNS;

	if (s->style.width == 0)
		max = SIZE_MAX;
	else if (s->style.width > 80)
		max += (size_t)s->style.width - 80;
	if (p.len == 0)
		toned_put(s, DIM, "(no valid request line)");
	(void)text_print(s->f, p, max);
	(void)fputs(p.len > max ? "...\n" : "\n", s->f);
}

/* `whole` is 100 %. */
static void
show_paths(const struct report_show *s, const char *title,
	const struct view_path *p, size_t n, uint64_t whole)
{
	char a[NUMBER];

	if (n == 0)
		return;
	toned_put(s, BOLD, title);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(s->f, "  %2zu %14s %6.2f %%  ", i + 1,
			grouped_text(a, p[i].n), percent(p[i].n, whole));
		path_put(s, p[i].path);
	}
}

/* Writes 3.2 ms. */
static const char *
duration_text(char out[NUMBER], double us)
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
show_slow(const struct report_show *s, const struct report_view *v)
{
	char n[NUMBER], mean[NUMBER], p99[NUMBER], max[NUMBER];

	if (v->n_slow == 0)
		return;
	toned_put(s, BOLD, "\nSlow paths");
	toned_put(s, DIM, ", by the p99 of their times, within 6 %\n");
	(void)fprintf(s->f, "  %17s %10s %10s %10s\n", "requests", "mean",
		"p99", "longest");
	for (size_t i = 0; i < v->n_slow; i++) {
		const struct view_slow *p = &v->slow[i];

		(void)fprintf(s->f, "  %2zu %14s %10s %10s %10s  ", i + 1,
			grouped_text(n, p->n),
			duration_text(mean, (double)p->us / (double)p->n),
			duration_text(p99, (double)p->us_p99),
			duration_text(max, (double)p->us_max));
		path_put(s, p->path);
	}
}

static void
show_days(const struct report_show *s, const struct report_view *v)
{
	size_t from = v->n_days > DAYS ? v->n_days - DAYS : 0;
	char n[NUMBER], sessions[NUMBER], visitors[NUMBER], sent[NUMBER];
	uint64_t most = 0;

	if (v->n_days == 0)
		return;
	for (size_t i = from; i < v->n_days; i++)
		if (v->days[i].requests > most)
			most = v->days[i].requests;
	toned_put(s, BOLD, from > 0 ? "\nThe last days" : "\nDays");
	toned_put(s, DIM, ", of UTC; with ~: estimated\n");
	(void)fprintf(s->f, "  %-10s %14s %11s  %11s  %11s\n", "", "requests",
		"sessions", "visitors", "sent");
	for (size_t i = from; i < v->n_days; i++) {
		const struct view_day *d = &v->days[i];
		char about = d->exact ? ' ' : '~';

		(void)fprintf(s->f, "  %-10s %14s %11s%c %11s%c %11s", d->day,
			grouped_text(n, d->requests),
			grouped_text(sessions, d->sessions), about,
			grouped_text(visitors, d->visitors), about,
			bytes_text(sent, d->bytes));
		bar_put(s, d->requests, most, CYAN);
		(void)fputc('\n', s->f);
	}
}

static void
show_bots(const struct report_show *s, const struct report_view *v)
{
	char n[NUMBER], sent[NUMBER];

	if (v->n_bots == 0)
		return;
	toned_put(s, BOLD, "\nBots");
	(void)fprintf(s->f,
		", %.2f %% of all requests, %.2f %% of what was sent\n",
		percent(v->bot_requests, v->requests),
		percent(v->bot_bytes, v->bytes));
	for (size_t i = 0; i < v->n_bots; i++) {
		(void)fprintf(s->f, "  %2zu %14s %6.2f %% %11s  ", i + 1,
			grouped_text(n, v->bots[i].n),
			percent(v->bots[i].n, v->requests),
			bytes_text(sent, v->bots[i].bytes));
		path_put(s, v->bots[i].word);
	}
}

static void
show_samples(const struct report_show *s, const struct report_view *v)
{
	size_t max = s->style.width > 8 ? (size_t)s->style.width - 8 : SIZE_MAX;

	if (v->n_samples == 0)
		return;
	toned_put(s, BOLD, "\nMalformed lines");
	(void)fprintf(s->f, ", the first %zu\n", v->n_samples);
	for (size_t i = 0; i < v->n_samples; i++) {
		struct bytes line = v->samples[i].line;

		(void)fputs("  ", s->f);
		tone_put(s, YELLOW);
		(void)text_print(s->f, v->samples[i].why, SIZE_MAX);
		tone_put(s, PLAIN);
		(void)fputs("\n    ", s->f);
		(void)text_print(s->f, line, max);
		(void)fputs(line.len > max ? "...\n" : "\n", s->f);
	}
}

void
show_text(FILE *f, const struct report_view *v, const char *name,
	struct show_style style)
{
	const struct report_show s = {f, style};

	show_headline(&s, v, name);
	show_summary(&s, v);
	show_classes(&s, v);
	show_days(&s, v);
	show_paths(&s, "\nTop paths\n", v->top, v->n_top, v->requests);
	show_paths(&s, "\nClient errors (4xx) by path\n", v->errors[0],
		v->n_errors[0], v->classes[4]);
	show_paths(&s, "\nServer errors (5xx) by path\n", v->errors[1],
		v->n_errors[1], v->classes[5]);
	show_slow(&s, v);
	show_bots(&s, v);
	show_samples(&s, v);
}
