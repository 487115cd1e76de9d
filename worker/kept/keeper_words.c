/* SPDX-License-Identifier: MIT */
/*
 * keeper_words.c - the messages of a kept process, by a table of their words
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "worker/kept/keeper.h"

/*
 * A message on its way.  What takes one returns 1 with an event, 0 without,
 * and -EINVAL for wrong arguments.
 */
struct said {
	const struct kept_message *m;
	struct keeper_job *job; /* that the first argument names, or NULL */
	int64_t now_ms;
	struct keeper_event *ev;
};

static int
twice(struct keeper *k, const char *word)
{
	keeper_break(k, KEEPER_FAULT, "the process sent '%s' twice", word);
	return 0;
}

static int
ready_take(struct keeper *k, const struct said *s)
{
	int64_t version, at_once = 1;

	if (k->state == KEEPER_SERVING)
		return twice(k, "ready");
	if (k->state == KEEPER_ENDING)
		return 0; /* too late: the worker has ended the process */
	if (kept_int(s->m, 0, 9999, &version) < 0)
		return -EINVAL;
	if (version != KEPT_VERSION) {
		keeper_break(k, KEEPER_FAULT,
			"the process speaks version %" PRId64
			" of the protocol, this worker version %d",
			version, KEPT_VERSION);
		return 0;
	}
	if (s->m->args_n > 1 &&
		(kept_int(s->m, 1, INT64_MAX, &at_once) < 0 || at_once == 0))
		return -EINVAL;
	k->at_once = at_once < k->most ? (int)at_once : k->most;
	k->jobs = calloc((size_t)k->at_once, sizeof(*k->jobs));
	if (k->jobs == NULL) {
		keeper_break(k, KEEPER_STARVED, "the worker had no memory");
		return 0;
	}
	k->state = KEEPER_SERVING;
	k->idle_ms = s->now_ms;
	s->ev->kind = KEEPER_READY;
	return 1;
}

static int
begun_take(struct keeper *k, const struct said *s)
{
	struct keeper_job *j = s->job;

	if (j->begun)
		return twice(k, "begun");
	j->begun = 1;
	j->deadline_ms = s->now_ms + j->timeout_ms;
	k->served++;
	s->ev->kind = KEEPER_BEGUN;
	return 1;
}

static int
progress_take(struct keeper *k, const struct said *s)
{
	int64_t percent;

	(void)k;
	if (kept_int(s->m, 1, 100, &percent) < 0)
		return -EINVAL;
	s->ev->kind = KEEPER_PROGRESS;
	s->ev->number = (int)percent;
	s->ev->text = s->m->bytes;
	return 1;
}

static int
result_take(struct keeper *k, const struct said *s)
{
	(void)k;
	job_report_result(&s->job->report, s->m->bytes);
	return 0;
}

static int
put_take(struct keeper *k, const struct said *s)
{
	char queue[KEPT_LINE_MAX + 1];
	struct bytes headers, body;

	(void)k;
	if (kept_text(s->m, 1, queue, sizeof(queue)) < 0 ||
		kept_headers(s->m, 2, &headers, &body) < 0)
		return -EINVAL;
	job_report_follow(&s->job->report, queue, headers, body);
	return 0;
}

static int
alarm_take(struct keeper *k, const struct said *s)
{
	(void)k;
	s->ev->kind = KEEPER_ALARM;
	s->ev->text = s->m->bytes;
	return 1;
}

/* Reads [CPU_MS RSS_KB], which begin at argument `at`. */
static int
cost_take(const struct kept_message *m, int at, struct attempt_report *r)
{
	if (m->args_n <= at)
		return 0;
	return kept_int(m, at, INT64_MAX, &r->cpu_ms) < 0 ||
			       kept_int(m, at + 1, INT64_MAX, &r->rss_kb) < 0
		       ? -EINVAL
		       : 0;
}

/* The job's end with `outcome`; its cost begins at argument `cost`. */
static int
end_take(struct keeper *k, const struct said *s, enum sw_outcome outcome,
	int cost)
{
	static const enum sw_cause causes[] = {[SW_ACK] = SW_C_NONE,
		[SW_RETRY] = SW_C_ERROR,
		[SW_FAIL] = SW_C_PERMANENT};
	struct attempt_report *r = &s->ev->report;

	*r = (struct attempt_report){
		.outcome = outcome, .cause = causes[outcome]};
	if (cost_take(s->m, cost, r) < 0)
		return -EINVAL;
	if (outcome != SW_ACK && s->job->timed_out) {
		r->outcome = SW_RETRY;
		r->cause = SW_C_TIMEOUT;
	}
	s->ev->kind = KEEPER_ENDED;
	job_report_close(&s->job->report, s->m->bytes, r);
	keeper_job_drop(k, s->job, s->now_ms);
	return 1;
}

static int
done_take(struct keeper *k, const struct said *s)
{
	return end_take(k, s, SW_ACK, 1);
}

static int
retry_take(struct keeper *k, const struct said *s)
{
	int64_t ms = -1;

	if (s->m->args_n > 1 && !bytes_eq(s->m->args[1], bytes_str("-")) &&
		kept_int(s->m, 1, INT64_MAX, &ms) < 0)
		return -EINVAL;
	s->job->report.delay_ms = ms < SW_DELAY_MAX_MS ? ms : SW_DELAY_MAX_MS;
	return end_take(k, s, SW_RETRY, 2);
}

static int
fail_take(struct keeper *k, const struct said *s)
{
	return end_take(k, s, SW_FAIL, 1);
}

enum said_of { OF_PROCESS, OF_JOB, OF_BEGUN_JOB };

static const struct {
	const char *word;
	enum said_of of;
	int (*take)(struct keeper *, const struct said *);
} words[] = {
	{"ready", OF_PROCESS, ready_take},
	{"alarm", OF_PROCESS, alarm_take},
	{"begun", OF_JOB, begun_take},
	{"progress", OF_BEGUN_JOB, progress_take},
	{"result", OF_BEGUN_JOB, result_take},
	{"put", OF_BEGUN_JOB, put_take},
	{"done", OF_BEGUN_JOB, done_take},
	{"retry", OF_BEGUN_JOB, retry_take},
	{"fail", OF_BEGUN_JOB, fail_take},
};

int
keeper_message_take(struct keeper *k, const struct kept_message *m,
	int64_t now_ms, struct keeper_event *ev)
{
	struct said s = {.m = m, .now_ms = now_ms, .ev = ev};
	size_t i = 0, n = sizeof(words) / sizeof(words[0]);
	int got;

	while (i < n && !kept_is(m, words[i].word))
		i++;
	if (i == n)
		return 0;
	if (words[i].of != OF_PROCESS) {
		s.job = m->args_n > 0 ? keeper_job_named(k, m->args[0]) : NULL;
		if (s.job == NULL) {
			keeper_break(k, KEEPER_FAULT,
				"the process sent '%s' for a job that it does "
				"not have",
				words[i].word);
			return 0;
		}
		ev->job = s.job->job;
		if (words[i].of == OF_BEGUN_JOB && !s.job->begun) {
			keeper_break(k, KEEPER_FAULT,
				"the process sent '%s' before 'begun'",
				words[i].word);
			return 0;
		}
	}
	got = words[i].take(k, &s);
	if (got < 0)
		keeper_break(k, KEEPER_FAULT,
			"the process sent '%s' with wrong arguments",
			words[i].word);
	return got > 0;
}
