/* SPDX-License-Identifier: MIT */
#include "jobs/logs/tally.h"

#include <errno.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static void
bad_line(struct log_tally *t, struct bytes line, const char *why)
{
	struct tally_sample *s = &t->samples[t->n_samples];

	t->bad++;
	if (t->n_samples == TALLY_SAMPLES)
		return;
	s->len = line.len < TALLY_LINE_MAX ? line.len : TALLY_LINE_MAX;
	memcpy(s->line, line.p, s->len);
	s->why = why;
	t->n_samples++;
}

/* Logs are nearly in order: a search from the last day used is short. */
static struct tally_day *
day_of(struct log_tally *t, int64_t day)
{
	struct tally_day *days;

	if (t->n_days > 0 && t->days[t->day_at].day == day)
		return &t->days[t->day_at];
	for (size_t i = t->n_days; i > 0; i--)
		if (t->days[i - 1].day == day) {
			t->day_at = i - 1;
			return &t->days[i - 1];
		}
	if (t->n_days == t->days_cap) {
		size_t cap = t->days_cap == 0 ? 4 : 2 * t->days_cap;

		days = reallocarray(t->days, cap, sizeof(*days));
		if (days == NULL)
			return NULL;
		t->days = days;
		t->days_cap = cap;
	}
	t->day_at = t->n_days;
	t->days[t->n_days] = (struct tally_day){.day = day};
	return &t->days[t->n_days++];
}

static int
day_add(struct log_tally *t, const struct log_line *l, uint64_t agent)
{
	int64_t s = l->at_s % SESSIONS_DAY_S, day = l->at_s / SESSIONS_DAY_S;
	struct tally_day *d;

	/* A time before 1970, by its zone. */
	if (s < 0) {
		s += SESSIONS_DAY_S;
		day--;
	}
	d = day_of(t, day);
	if (d == NULL)
		return -ENOMEM;
	d->requests++;
	d->bytes += l->bytes;
	return sessions_add(&d->sessions,
		XXH3_64bits_withSeed(l->client.p, l->client.len, agent),
		(int32_t)s);
}

static void
times_add(struct log_tally *t, int64_t at_s)
{
	if (t->first_s == SCAN_NO_TIME || at_s < t->first_s)
		t->first_s = at_s;
	if (t->last_s == SCAN_NO_TIME || at_s > t->last_s)
		t->last_s = at_s;
}

static int
good_line(struct log_tally *t, const struct log_line *l)
{
	uint64_t agent = XXH3_64bits(l->agent.p, l->agent.len);
	int bot = bots_find(&t->known, l->agent, agent), err = 0;

	t->requests++;
	t->bytes += l->bytes;
	t->status[l->status]++;
	hll_add(&t->visitors, l->client);
	hist_add(&t->sizes, l->bytes);
	if (bot >= 0) {
		t->bots[bot].requests++;
		t->bots[bot].bytes += l->bytes;
	}
	if (l->at_s != SCAN_NO_TIME) {
		times_add(t, l->at_s);
		err = day_add(t, l, agent);
	}
	return err < 0 ? err
		       : paths_add(&t->paths, l->path, l->status, l->took_us);
}

/* The scanner needs a scratch as long as the text for JSON strings. */
static int
scratch_make(struct log_tally *t, size_t cap)
{
	char *scratch;

	if (cap <= t->scratch_cap)
		return 0;
	scratch = realloc(t->scratch, cap);
	if (scratch == NULL)
		return -ENOMEM;
	t->scratch = scratch;
	t->scratch_cap = cap;
	return 0;
}

int
tally_add(struct log_tally *t, struct bytes text)
{
	struct log_line line;
	enum scan_kind kind;
	struct log_scan s;
	int err = scratch_make(t, text.len);

	if (err < 0)
		return err;
	scan_init(&s, text, t->scratch, t->scratch_cap);
	while (err == 0 && (kind = scan_next(&s, &line)) != SCAN_END) {
		if (kind == SCAN_GOOD)
			err = good_line(t, &line);
		else
			bad_line(t, line.raw, line.why);
	}
	return err;
}

void
tally_add_long(struct log_tally *t, struct bytes front)
{
	bad_line(t, front, "longer than 256 KB");
}

int
tally_full(const struct log_tally *t)
{
	return t->paths.bytes >= TALLY_BYTES || t->n_days >= TALLY_DAYS;
}

void
tally_fini(struct log_tally *t)
{
	for (size_t i = 0; i < t->n_days; i++)
		sessions_fini(&t->days[i].sessions);
	free(t->days);
	paths_fini(&t->paths);
	free(t->scratch);
	t->days = NULL;
	t->n_days = t->days_cap = t->day_at = 0;
	t->scratch = NULL;
	t->scratch_cap = 0;
}

void
tally_reset(struct log_tally *t)
{
	tally_fini(t);
	memset(t, 0, sizeof(*t));
	t->first_s = t->last_s = SCAN_NO_TIME;
}
