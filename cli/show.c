/* SPDX-License-Identifier: MIT */
/*
 * show.c - one job and its history, for people
 */
#include <inttypes.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/time.h"
#include "wire/proto.h"

enum {
	STDERR_LINES = 40,
	BODY_LINES = 12,
	BODY_BYTES = 2048,
	FIRST_EVENTS = 2, /* the put, and the first entry of the history */
};

static void
label_print(struct cmd *c, const char *name)
{
	out_colour(&c->out, OUT_DIM);
	(void)fprintf(c->out.f, "%-10s", name);
	out_colour(&c->out, OUT_PLAIN);
}

static void
line_print(struct cmd *c, const char *name, struct bytes b)
{
	label_print(c, name);
	out_text(c->out.f, b, OUT_LINE);
	(void)fputc('\n', c->out.f);
}

static void
line_if(struct cmd *c, const char *name, const struct sw_item *it,
	enum sw_tag tag)
{
	if (sw_has(it, tag))
		line_print(c, name, it->f[tag]);
}

/* "2026-11-23T13:58:01Z  3m12s ago" */
static void
line_time(struct cmd *c, const char *name, const struct sw_item *it,
	enum sw_tag tag)
{
	int64_t at = sw_int(it, tag, 0), past = c->now_ms - at;
	char when[HUMAN_TEXT], span[HUMAN_TEXT];

	if (!sw_has(it, tag) || at == 0)
		return;
	label_print(c, name);
	(void)fprintf(c->out.f, "%s  %s%s%s\n", human_time(when, at),
		past < 0 ? "in " : "", human_ms(span, past < 0 ? -past : past),
		past < 0 ? "" : " ago");
}

static void
line_state(struct cmd *c, const struct sw_item *it)
{
	int state = (int)sw_int(it, SW_F_STATE, SW_NONE);
	int cause = (int)sw_int(it, SW_F_CAUSE, SW_C_NONE);

	label_print(c, "state");
	out_colour(&c->out, OUT_BOLD);
	out_colour(&c->out, out_state_colour(state));
	(void)fputs(sw_state_name(state), c->out.f);
	out_colour(&c->out, OUT_PLAIN);
	if (cause != SW_C_NONE && state != SW_DONE && state != SW_CANCELLED)
		(void)fprintf(c->out.f, " (%s)", sw_cause_name(cause));
	if (sw_has(it, SW_F_PROGRESS))
		(void)fprintf(c->out.f, ", %" PRId64 " %%",
			sw_int(it, SW_F_PROGRESS, 0));
	if (sw_has(it, SW_F_TEXT)) {
		(void)fputs(", ", c->out.f);
		out_text(c->out.f, it->f[SW_F_TEXT], OUT_LINE);
	}
	(void)fputc('\n', c->out.f);
}

static void
line_attempts(struct cmd *c, const struct sw_item *it)
{
	int64_t crashes = sw_int(it, SW_F_CRASHES, 0);
	int64_t releases = sw_int(it, SW_F_RELEASES, 0);

	if (!sw_has(it, SW_F_ATTEMPT) && releases == 0)
		return;
	label_print(c, "attempts");
	(void)fprintf(c->out.f, "%" PRId64, sw_int(it, SW_F_ATTEMPT, 0));
	if (sw_has(it, SW_F_MAX_ATTEMPTS))
		(void)fprintf(c->out.f, " of %" PRId64,
			sw_int(it, SW_F_MAX_ATTEMPTS, 0));
	if (crashes > 0)
		(void)fprintf(
			c->out.f, ", %" PRId64 " of them crashed", crashes);
	if (releases > 0)
		(void)fprintf(c->out.f, ", handed back %" PRId64 " time%s",
			releases, releases == 1 ? "" : "s");
	(void)fputc('\n', c->out.f);
}

/* The options that were given with the put. */
static void
lines_put(struct cmd *c, const struct sw_item *it)
{
	char text[HUMAN_TEXT];
	struct bytes h;
	size_t at = 0;

	if (sw_has(it, SW_F_PRIORITY)) {
		label_print(c, "priority");
		(void)fprintf(c->out.f, "%" PRId64 "\n",
			sw_int(it, SW_F_PRIORITY, 0));
	}
	if (sw_has(it, SW_F_TIMEOUT_MS)) {
		label_print(c, "timeout");
		(void)fprintf(c->out.f, "%s\n",
			human_ms(text, sw_int(it, SW_F_TIMEOUT_MS, 0)));
	}
	line_if(c, "unique", it, SW_F_UNIQUE);
	line_if(c, "fair", it, SW_F_FAIR);
	while (sw_item_each(it, SW_F_HEADER, &at, &h))
		line_print(c, "header", h);
}

/* "exit 1  ran 1.2s  cpu 40ms  rss 12.3 MB": those that are known. */
static void
event_figures(struct cmd *c, const struct sw_item *ev)
{
	char t[HUMAN_TEXT];
	FILE *f = c->out.f;
	int64_t signal = sw_int(ev, SW_F_SIGNAL, 0);

	if (signal != 0)
		(void)fprintf(f, "  signal %" PRId64 " (%s)", signal,
			strsignal((int)signal));
	else if (sw_has(ev, SW_F_EXIT_CODE))
		(void)fprintf(
			f, "  exit %" PRId64, sw_int(ev, SW_F_EXIT_CODE, 0));
	if (sw_has(ev, SW_F_DURATION_MS))
		(void)fprintf(f, "  ran %s",
			human_ms(t, sw_int(ev, SW_F_DURATION_MS, 0)));
	if (sw_has(ev, SW_F_CPU_MS))
		(void)fprintf(
			f, "  cpu %s", human_ms(t, sw_int(ev, SW_F_CPU_MS, 0)));
	if (sw_has(ev, SW_F_RSS_KB))
		(void)fprintf(f, "  rss %s",
			human_bytes(t, 1024 * sw_int(ev, SW_F_RSS_KB, 0)));
}

static void
event_show(struct cmd *c, const struct sw_item *ev)
{
	int kind = (int)sw_int(ev, SW_F_KIND, 0);
	int cause = (int)sw_int(ev, SW_F_CAUSE, SW_C_NONE);
	char when[HUMAN_TEXT];
	FILE *f = c->out.f;
	struct bytes warning;
	size_t at = 0;

	(void)fprintf(f, "  %s  ", human_time(when, sw_int(ev, SW_F_AT_MS, 0)));
	out_colour(&c->out, OUT_BOLD);
	(void)fputs(sw_event_name(kind), f);
	if (sw_has(ev, SW_F_ATTEMPT))
		(void)fprintf(f, " %" PRId64, sw_int(ev, SW_F_ATTEMPT, 0));
	out_colour(&c->out, OUT_PLAIN);
	if (cause != SW_C_NONE) {
		(void)fputs("  ", f);
		out_colour(&c->out, OUT_RED);
		(void)fputs(sw_cause_name(cause), f);
		out_colour(&c->out, OUT_PLAIN);
	}
	if (sw_has(ev, SW_F_OUTCOME))
		(void)fprintf(f, "  %s",
			sw_outcome_name((int)sw_int(ev, SW_F_OUTCOME, 0)));
	event_figures(c, ev);
	if (sw_has(ev, SW_F_QUEUE)) {
		(void)fputs("  from ", f);
		out_text(f, ev->f[SW_F_QUEUE], OUT_LINE);
	}
	if (sw_has(ev, SW_F_WORKER)) {
		(void)fputs("  on ", f);
		out_text(f, ev->f[SW_F_WORKER], OUT_LINE);
	}
	(void)fputc('\n', f);
	out_lines(f, sw_bytes(ev, SW_F_ERROR), "      | ", STDERR_LINES);
	out_lines(f, sw_bytes(ev, SW_F_OUTPUT), "      | ", STDERR_LINES);
	while (sw_item_each(ev, SW_F_WARNING, &at, &warning)) {
		(void)fputs("      ! ", f);
		out_text(f, warning, OUT_LINE);
		(void)fputc('\n', f);
	}
}

static void
ledger_show(struct cmd *c, const struct sw_item *it)
{
	struct sw_item ev;
	struct bytes b;
	size_t at = 0;
	int64_t left_out = sw_int(it, SW_F_COUNT, 0);
	int n = 0;

	while (sw_item_each(it, SW_F_EVENT, &at, &b)) {
		if (sw_item_open_newer(b, &ev) < 0)
			continue;
		if (n++ == 0)
			(void)fputs("history\n", c->out.f);
		event_show(c, &ev);
		if (n == FIRST_EVENTS && left_out > 0)
			(void)fprintf(c->out.f,
				"  … %" PRId64 " entries left out\n", left_out);
	}
	/* An item without a history may have the last error. */
	if (n == 0 && sw_has(it, SW_F_ERROR)) {
		(void)fputs("last error\n", c->out.f);
		out_lines(
			c->out.f, it->f[SW_F_ERROR], "      | ", STDERR_LINES);
	}
}

static void
blob_show(struct cmd *c, const char *name, const struct sw_item *it,
	enum sw_tag tag)
{
	struct bytes b = sw_bytes(it, tag), shown = b;
	char size[HUMAN_TEXT];

	if (!sw_has(it, tag))
		return;
	(void)fprintf(
		c->out.f, "%s  %s", name, human_bytes(size, (int64_t)b.len));
	if (tag == SW_F_BODY && sw_has(it, SW_F_CONTENT_TYPE)) {
		(void)fputs(", ", c->out.f);
		out_text(c->out.f, it->f[SW_F_CONTENT_TYPE], OUT_LINE);
	}
	(void)fputc('\n', c->out.f);
	if (shown.len > BODY_BYTES)
		shown.len = BODY_BYTES;
	out_lines(c->out.f, shown, "      | ", BODY_LINES);
	if (shown.len < b.len)
		(void)fprintf(c->out.f, "      … %zu more bytes\n",
			b.len - shown.len);
}

void
cmd_job_show(struct cmd *c, const struct sw_item *it)
{
	char text[SW_ID_TEXT] = "?";
	struct sw_id id;

	if (sw_get_id(it, &id))
		sw_id_format(&id, text);
	line_print(c, "job", bytes_str(text));
	line_if(c, "queue", it, SW_F_QUEUE);
	line_if(c, "died in", it, SW_F_ORIGIN);
	line_state(c, it);
	line_attempts(c, it);
	line_if(c, "worker", it, SW_F_WORKER);
	line_time(c, "put", it, SW_F_CREATED_AT_MS);
	line_time(c, "runs at", it, SW_F_RUN_AT_MS);
	line_time(c, "expires", it, SW_F_EXPIRES_AT_MS);
	line_time(c, "ended", it, SW_F_ENDED_AT_MS);
	lines_put(c, it);
	ledger_show(c, it);
	blob_show(c, "result", it, SW_F_RESULT);
	blob_show(c, "body", it, SW_F_BODY);
}
