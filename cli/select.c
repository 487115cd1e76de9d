/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/cmd.h"
#include "cli/select.h"
#include "cli/time.h"
#include "wire/proto.h"

/* One word while it is parsed. */
struct selector_word {
	struct selector *s;
	const char *key; /* "queue=", or "" of a plain id */
	const char *value;
	int64_t now_ms;
	char *why;
};

static int
word_refuse(struct selector_word *w, const char *what)
{
	(void)snprintf(
		w->why, SELECT_WHY, "'%s%.60s': %s", w->key, w->value, what);
	return SW_EINVAL;
}

static int
word_queue(struct selector_word *w)
{
	if (w->s->queue != NULL)
		return word_refuse(w, "queue= is given twice");
	if (sw_queue_check(w->value, strlen(w->value)) < 0)
		return word_refuse(w, "must be 1 to 63 of a-z, 0-9, _ and -");
	w->s->queue = w->value;
	return 0;
}

static int
word_state(struct selector_word *w)
{
	if (w->s->state != SW_NONE)
		return word_refuse(w, "state= is given twice");
	w->s->state = (int)sw_state_parse(w->value);
	if (w->s->state == SW_NONE)
		return word_refuse(w,
			"must be delayed, ready, leased, done, dead "
			"or cancelled");
	return 0;
}

static int
word_time(struct selector_word *w, int64_t *at_ms, const char *twice)
{
	if (*at_ms >= 0)
		return word_refuse(w, twice);
	if (time_point(w->value, w->now_ms, -1, at_ms) < 0)
		return word_refuse(w,
			"must be a time (2026-01-31T08:00:00Z) or a "
			"duration (2h: that long ago)");
	return 0;
}

static int
word_since(struct selector_word *w)
{
	return word_time(w, &w->s->since_ms, "since= is given twice");
}

static int
word_until(struct selector_word *w)
{
	return word_time(w, &w->s->until_ms, "until= is given twice");
}

static int
word_error(struct selector_word *w)
{
	size_t len = strlen(w->value);

	if (w->s->match != NULL)
		return word_refuse(w, "error~ is given twice");
	if (len < 1 || len > SW_TEXT_MAX)
		return word_refuse(w, "must be 1 to 512 bytes");
	w->s->match = w->value;
	return 0;
}

static int
word_priority(struct selector_word *w)
{
	if (w->s->priority >= 0)
		return word_refuse(w, "priority= is given twice");
	if (unit_parse(UNIT_COUNT, w->value, &w->s->priority) < 0 ||
		w->s->priority > SW_PRIORITY_MAX) {
		w->s->priority = -1;
		return word_refuse(w, "must be 0 to 9");
	}
	return 0;
}

/* "3", "3-" or "3-5": from and to. */
static int
span_parse(const char *text, int64_t *from, int64_t *to)
{
	size_t len = strcspn(text, "-");
	char first[24];

	if (len >= sizeof(first))
		return SW_EINVAL;
	memcpy(first, text, len);
	first[len] = '\0';
	if (unit_parse(UNIT_COUNT, first, from) < 0)
		return SW_EINVAL;
	*to = *from;
	if (text[len] == '\0')
		return 0;
	*to = INT64_MAX;
	if (text[len + 1] == '\0')
		return 0;
	return unit_parse(UNIT_COUNT, text + len + 1, to) < 0 || *to < *from
		       ? SW_EINVAL
		       : 0;
}

static int
word_attempts(struct selector_word *w)
{
	if (w->s->attempts >= 0)
		return word_refuse(w, "attempts= is given twice");
	if (span_parse(w->value, &w->s->attempts, &w->s->attempts_most) < 0) {
		w->s->attempts = -1;
		return word_refuse(w, "must be 3, 3- (or more) or 3-5");
	}
	return 0;
}

static int
word_cause(struct selector_word *w)
{
	if (w->s->cause != SW_C_NONE)
		return word_refuse(w, "cause= is given twice");
	w->s->cause = (int)sw_cause_parse(w->value);
	if (w->s->cause == SW_C_NONE)
		return word_refuse(w,
			"must be error, permanent, crash, oom, timeout, lost, "
			"drain, cancelled, expired, corrupt or buried");
	return 0;
}

static const struct {
	enum sw_tag tag;
	const char *twice;
} texts_known[SELECT_TEXTS] = {
	[SELECT_FAIR] = {SW_F_FAIR, "fair= is given twice"},
	[SELECT_UNIQUE] = {SW_F_UNIQUE, "unique= is given twice"},
	[SELECT_TYPE] = {SW_F_CONTENT_TYPE, "content-type= is given twice"},
	[SELECT_WORKER] = {SW_F_WORKER, "worker= is given twice"},
};

static int
word_text(struct selector_word *w, int text)
{
	size_t len = strlen(w->value);

	if (w->s->texts[text] != NULL)
		return word_refuse(w, texts_known[text].twice);
	if (len < 1 || len > sw_field_rules[texts_known[text].tag].longest)
		return word_refuse(w, "is empty or too long");
	w->s->texts[text] = w->value;
	return 0;
}

static int
word_fair(struct selector_word *w)
{
	return word_text(w, SELECT_FAIR);
}

static int
word_unique(struct selector_word *w)
{
	return word_text(w, SELECT_UNIQUE);
}

static int
word_type(struct selector_word *w)
{
	return word_text(w, SELECT_TYPE);
}

static int
word_worker(struct selector_word *w)
{
	return word_text(w, SELECT_WORKER);
}

static int
word_header(struct selector_word *w)
{
	const char *eq = strchr(w->value, '=');

	if (eq == NULL || eq == w->value)
		return word_refuse(w, "must be header=NAME=VALUE");
	if (w->s->n_headers == SELECT_HEADERS)
		return word_refuse(w, "header= is given more than 64 times");
	w->s->headers[w->s->n_headers++] = w->value;
	return 0;
}

static int
word_id(struct selector_word *w)
{
	struct selector *s = w->s;
	struct sw_id id, *more;

	if (sw_id_parse(w->value, &id) < 0)
		return word_refuse(w, "must be a UUID");
	more = reallocarray(s->ids, (size_t)s->n_ids + 1, sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	s->ids = more;
	s->ids[s->n_ids++] = id;
	return 0;
}

static const struct {
	const char *prefix;
	int (*take)(struct selector_word *);
} words_known[] = {
	{"queue=", word_queue},
	{"state=", word_state},
	{"since=", word_since},
	{"until=", word_until},
	{"error~", word_error},
	{"header=", word_header},
	{"id=", word_id},
	{"priority=", word_priority},
	{"attempts=", word_attempts},
	{"cause=", word_cause},
	{"worker=", word_worker},
	{"fair=", word_fair},
	{"unique=", word_unique},
	{"content-type=", word_type},
};

static int
word_take(struct selector_word *w, const char *text)
{
	struct sw_id id;

	for (size_t i = 0; i < sizeof(words_known) / sizeof(words_known[0]);
		i++) {
		size_t len = strlen(words_known[i].prefix);

		if (strncmp(text, words_known[i].prefix, len) == 0) {
			w->key = words_known[i].prefix;
			w->value = text + len;
			return words_known[i].take(w);
		}
	}
	w->key = "";
	w->value = text;
	if (sw_id_parse(text, &id) < 0)
		return word_refuse(w,
			"unknown selector: must be a job's id, queue=, "
			"state=, since=, until=, error~, header=, id=, "
			"priority=, attempts=, cause=, worker=, fair=, unique= "
			"or "
			"content-type=");
	return word_id(w);
}

int
selector_parse(struct selector *s, char **words, int n, int64_t now_ms,
	char why[SELECT_WHY])
{
	struct selector_word w;
	int err = 0;

	*s = (struct selector){
		.since_ms = -1, .until_ms = -1, .priority = -1, .attempts = -1};
	w = (struct selector_word){s, "", "", now_ms, why};
	for (int i = 0; i < n && err == 0; i++)
		err = word_take(&w, words[i]);
	if (err == 0 && s->since_ms >= 0 && s->until_ms >= 0 &&
		s->since_ms > s->until_ms) {
		(void)snprintf(why, SELECT_WHY, "since= must be before until=");
		err = SW_EINVAL;
	}
	if (err < 0)
		selector_fini(s);
	return err;
}

void
selector_fini(struct selector *s)
{
	free(s->ids);
	s->ids = NULL;
	s->n_ids = 0;
}

static int
texts_empty(const struct selector *s)
{
	for (int i = 0; i < SELECT_TEXTS; i++)
		if (s->texts[i] != NULL)
			return 0;
	return 1;
}

int
selector_empty(const struct selector *s)
{
	return s->state == SW_NONE && s->queue == NULL && s->match == NULL &&
	       s->since_ms < 0 && s->until_ms < 0 && s->n_headers == 0 &&
	       s->n_ids == 0 && s->priority < 0 && s->attempts < 0 &&
	       s->cause == SW_C_NONE && texts_empty(s);
}

void
selector_put(struct sw_buf *b, const struct selector *s, int id)
{
	if (s->state != SW_NONE)
		sw_put_int(b, SW_F_STATE, s->state);
	if (s->queue != NULL)
		sw_put_text(b, SW_F_QUEUE, s->queue);
	if (s->match != NULL)
		sw_put_text(b, SW_F_MATCH, s->match);
	if (s->since_ms >= 0)
		sw_put_int(b, SW_F_SINCE_MS, s->since_ms);
	if (s->until_ms >= 0)
		sw_put_int(b, SW_F_UNTIL_MS, s->until_ms);
	for (int i = 0; i < s->n_headers; i++)
		sw_put_text(b, SW_F_HEADER, s->headers[i]);
	if (s->priority >= 0)
		sw_put_int(b, SW_F_PRIORITY, s->priority);
	if (s->attempts >= 0) {
		sw_put_int(b, SW_F_ATTEMPT, s->attempts);
		sw_put_int(b, SW_F_MAX_ATTEMPTS, s->attempts_most);
	}
	if (s->cause != SW_C_NONE)
		sw_put_int(b, SW_F_CAUSE, s->cause);
	for (int i = 0; i < SELECT_TEXTS; i++)
		if (s->texts[i] != NULL)
			sw_put_bytes(
				b, texts_known[i].tag, bytes_str(s->texts[i]));
	if (id >= 0)
		sw_put_id(b, &s->ids[id]);
}

int
cmd_selector(struct cmd *c, struct selector *s)
{
	char why[SELECT_WHY];
	int err = selector_parse(s, c->words, c->n_words, c->now_ms, why);

	if (err == SW_EINVAL)
		return cmd_usage(c, "%s", why);
	return err < 0 ? cmd_refuse(c, "%s", sw_strerror(err)) : CMD_OK;
}
