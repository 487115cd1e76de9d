/* SPDX-License-Identifier: MIT */
#include "broker/events.h"

#include "base/error.h"
#include "base/log.h"
#include "base/units.h"

enum { SECOND_MS = 1000 };

static void
job_log(const struct note *n)
{
	char id[SW_ID_TEXT], in[HUMAN_TEXT];

	sw_id_format(&n->id, id);
	if (n->kind == NOTE_DEAD)
		sw_log(SW_LOG_WARN, "dead", "job", id, "queue", n->queue,
			"cause", sw_cause_name((int)n->cause), "attempts",
			sw_num(n->attempt), "of", sw_num(n->attempts_most),
			"error", n->error, n->to[0] != '\0' ? "moved_to" : NULL,
			n->to, NULL);
	else
		sw_log(SW_LOG_INFO, "retry", "job", id, "queue", n->queue,
			"cause", sw_cause_name((int)n->cause), "attempt",
			sw_num(n->attempt), "of", sw_num(n->attempts_most),
			"next_in", human_ms(in, n->in_ms), "error", n->error,
			NULL);
}

static void
refusal_log(const struct note *n)
{
	char id[SW_ID_TEXT];

	sw_id_format(&n->id, id);
	sw_log(SW_LOG_WARN,
		n->kind == NOTE_KEPT ? "dead-letter-refused" : "notice-refused",
		"queue", n->queue, "job", id, "error", sw_errname(n->err),
		"text", sw_strerror(n->err), NULL);
}

static void
dropped_log(const struct note *n)
{
	char id[SW_ID_TEXT];

	sw_id_format(&n->id, id);
	sw_log(SW_LOG_INFO, "dead-deleted", "queue", n->queue, "job", id, NULL);
}

static void
worker_log(const struct note *n)
{
	char silent[HUMAN_TEXT];

	if (n->kind == NOTE_LOST)
		sw_log(SW_LOG_WARN, "worker-lost", "worker", n->worker,
			"leased", sw_num(n->leased), "silent",
			human_ms(silent, n->silent_ms), "lost", sw_num(n->lost),
			NULL);
	else
		sw_log(SW_LOG_INFO,
			n->kind == NOTE_LEFT ? "worker-left" : "worker-joined",
			"worker", n->worker, "slots", sw_num(n->slots),
			"leased", sw_num(n->leased), NULL);
}

static void
note_log(const struct note *n)
{
	switch (n->kind) {
	case NOTE_DEAD:
	case NOTE_RETRY:
		job_log(n);
		break;
	case NOTE_JOINED:
	case NOTE_LEFT:
	case NOTE_LOST:
		worker_log(n);
		break;
	case NOTE_QUEUE:
		sw_log(SW_LOG_INFO, "queue-made", "queue", n->queue, NULL);
		break;
	case NOTE_KEPT:
	case NOTE_UNTOLD:
		refusal_log(n);
		break;
	case NOTE_DROPPED:
		dropped_log(n);
		break;
	case NOTE_KINDS:
		break;
	}
}

static void
second_begin(struct events *ev, int64_t boot_ms)
{
	for (int k = 0; k < NOTE_KINDS; k++)
		if (ev->left_out[k] > 0)
			sw_log(SW_LOG_WARN, "left-out", "of",
				note_name((enum note_kind)k), "n",
				sw_num((long long)ev->left_out[k]), NULL);
	*ev = (struct events){.second_ms = boot_ms};
}

void
events_log(struct events *ev, struct notes *ns, int64_t boot_ms)
{
	if (boot_ms - ev->second_ms >= SECOND_MS)
		second_begin(ev, boot_ms);
	for (unsigned i = 0; i < ns->n; i++) {
		const struct note *n = &ns->list[i];

		if (ev->lines[n->kind] == EVENTS_MOST)
			continue;
		ev->lines[n->kind]++;
		ns->of_kind[n->kind]--;
		note_log(n);
	}
	for (int k = 0; k < NOTE_KINDS; k++)
		ev->left_out[k] += ns->of_kind[k];
	ns->n = 0;
	memset(ns->of_kind, 0, sizeof(ns->of_kind));
}
