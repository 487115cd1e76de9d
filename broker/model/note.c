/* SPDX-License-Identifier: MIT */
#include "broker/model/note.h"

#include "base/text.h"

const char *
note_name(enum note_kind kind)
{
	static const char *const names[NOTE_KINDS] = {
#define X(sym, name) [sym] = name,
		NOTE_MAP(X)
#undef X
	};

	return names[kind];
}

/* The next note of this kind, zeroed.  NULL: it is counted alone. */
static struct note *
note_add(struct notes *ns, enum note_kind kind)
{
	struct note *n;

	if (ns->of_kind[kind]++ >= NOTES_OF_KIND)
		return NULL;
	n = &ns->list[ns->n++];
	*n = (struct note){.kind = kind};
	return n;
}

static struct note *
note_job(struct notes *ns, enum note_kind kind, const struct record *r)
{
	struct note *n = note_add(ns, kind);

	if (n == NULL)
		return NULL;
	n->id = r->id;
	memcpy(n->queue, r->q->name, sizeof(n->queue));
	n->cause = r->cause;
	n->attempt = r->attempt;
	n->attempts_most = record_max_attempts(r);
	text_line(text_last_line(record_last_error(r)), n->error,
		sizeof(n->error));
	return n;
}

void
note_dead(struct notes *ns, const struct record *r, const struct queue *to)
{
	struct note *n = note_job(ns, NOTE_DEAD, r);

	if (n != NULL && to != NULL)
		memcpy(n->to, to->name, sizeof(n->to));
}

void
note_retry(struct notes *ns, const struct record *r, int64_t now_ms)
{
	struct note *n = note_job(ns, NOTE_RETRY, r);

	if (n != NULL)
		n->in_ms = r->due_ms - now_ms;
}

void
note_dropped(struct notes *ns, const struct record *r)
{
	(void)note_job(ns, NOTE_DROPPED, r);
}

void
note_refused(struct notes *ns, enum note_kind kind, const struct queue *q,
	const struct sw_id *id, int err)
{
	struct note *n = note_add(ns, kind);

	if (n == NULL)
		return;
	n->id = *id;
	memcpy(n->queue, q->name, sizeof(n->queue));
	n->err = err;
}

void
note_worker(struct notes *ns, enum note_kind kind, const struct session *s,
	int64_t mono_ms)
{
	struct note *n = note_add(ns, kind);

	if (n == NULL)
		return;
	memcpy(n->worker, s->name, sizeof(n->worker));
	n->slots = s->slots;
	n->leased = s->leased;
	n->lost = s->lost;
	n->silent_ms = mono_ms - s->seen_ms;
}

void
note_queue(struct notes *ns, enum note_kind kind, const struct queue *q)
{
	struct note *n = note_add(ns, kind);

	if (n != NULL)
		memcpy(n->queue, q->name, sizeof(n->queue));
}
