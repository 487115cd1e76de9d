/* SPDX-License-Identifier: MIT */
#include "report/show.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "base/text.h"

static void
json_number(FILE *f, const char *name, uint64_t n)
{
	(void)fprintf(f, "\"%s\":%" PRIu64 ",", name, n);
}

static void
json_time(FILE *f, const char *name, int64_t at_s)
{
	time_t t = (time_t)at_s;
	char text[32] = "";
	struct tm tm;

	if (at_s == VIEW_NO_TIME)
		(void)fprintf(f, "\"%s\":null,", name);
	else if (gmtime_r(&t, &tm) != NULL &&
		 strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		(void)fprintf(f, "\"%s\":\"%s\",", name, text);
}

/* The separator before the i-th member of a list. */
static const char *
comma(size_t i)
{
	return i > 0 ? "," : "";
}

static void
json_paths(FILE *f, const char *name, const char *count,
	const struct view_path *p, size_t n)
{
	(void)fprintf(f, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(f, "%s{\"path\":", comma(i));
		text_json(f, p[i].path);
		(void)fprintf(f, ",\"%s\":%" PRIu64 "}", count, p[i].n);
	}
	(void)fputs("],", f);
}

static void
json_slow(FILE *f, const struct report_view *v)
{
	(void)fputs("\"slow\":[", f);
	for (size_t i = 0; i < v->n_slow; i++) {
		const struct view_slow *s = &v->slow[i];

		(void)fprintf(f, "%s{\"path\":", comma(i));
		text_json(f, s->path);
		(void)fprintf(f,
			",\"requests\":%" PRIu64 ",\"mean_us\":%" PRIu64
			",\"p99_us\":%" PRIu64 ",\"max_us\":%" PRIu64 "}",
			s->n, s->us / s->n, s->us_p99, s->us_max);
	}
	(void)fputs("],", f);
}

static void
json_bots(FILE *f, const struct report_view *v)
{
	(void)fprintf(f,
		"\"bots\":{\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"top\":[",
		v->bot_requests, v->bot_bytes);
	for (size_t i = 0; i < v->n_bots; i++) {
		(void)fprintf(f, "%s{\"word\":", comma(i));
		text_json(f, v->bots[i].word);
		(void)fprintf(f,
			",\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
			v->bots[i].n, v->bots[i].bytes);
	}
	(void)fputs("]},", f);
}

static void
json_days(FILE *f, const struct report_view *v)
{
	(void)fputs("\"days\":[", f);
	for (size_t i = 0; i < v->n_days; i++) {
		const struct view_day *d = &v->days[i];

		(void)fprintf(f, "%s{\"day\":", comma(i));
		text_json(f, bytes_str(d->day));
		(void)fprintf(f,
			",\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64
			",\"sessions\":%" PRIu64 ",\"visitors\":%" PRIu64
			",\"exact\":%s}",
			d->requests, d->bytes, d->sessions, d->visitors,
			d->exact ? "true" : "false");
	}
	(void)fputs("],", f);
}

static void
json_samples(FILE *f, const struct report_view *v)
{
	(void)fputs("\"malformed\":[", f);
	for (size_t i = 0; i < v->n_samples; i++) {
		(void)fprintf(f, "%s{\"line\":", comma(i));
		text_json(f, v->samples[i].line);
		(void)fputs(",\"why\":", f);
		text_json(f, v->samples[i].why);
		(void)fputc('}', f);
	}
	(void)fputs("]}\n", f);
}

void
show_json(FILE *f, const struct report_view *v)
{
	static const char *const names[VIEW_CLASSES] = {
		"other", "1xx", "2xx", "3xx", "4xx", "5xx"};

	(void)fputc('{', f);
	json_number(f, "requests", v->requests);
	json_number(f, "bad", v->bad);
	json_number(f, "bytes", v->bytes);
	(void)fputs("\"status\":{", f);
	for (unsigned i = 1; i <= VIEW_CLASSES; i++)
		(void)fprintf(f, "%s\"%s\":%" PRIu64, i > 1 ? "," : "",
			names[i % VIEW_CLASSES], v->classes[i % VIEW_CLASSES]);
	(void)fputs("},", f);
	json_number(f, "visitors", (uint64_t)llrint(v->visitors));
	json_number(f, "p50", v->p50);
	json_number(f, "p99", v->p99);
	json_number(f, "paths", v->n_paths);
	json_time(f, "first", v->first_s);
	json_time(f, "last", v->last_s);
	json_number(f, "jobs", v->jobs);
	json_days(f, v);
	json_paths(f, "top_paths", "requests", v->top, v->n_top);
	json_paths(f, "errors_4xx", "errors", v->errors[0], v->n_errors[0]);
	json_paths(f, "errors_5xx", "errors", v->errors[1], v->n_errors[1]);
	json_slow(f, v);
	json_bots(f, v);
	json_samples(f, v);
}
