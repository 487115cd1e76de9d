/* SPDX-License-Identifier: MIT */
#include "broker/dead_log.h"

#include "base/error.h"
#include "base/log.h"

enum { LINE_MS = 1000 };

/* Whether a line is to be written now; the caller then sets the tally to 0. */
static int
is_due(const struct job_tally *t, int64_t boot_ms, int64_t *logged_ms)
{
	if (t->n == 0 || boot_ms - *logged_ms < LINE_MS)
		return 0;
	*logged_ms = boot_ms;
	return 1;
}

static void
refused_write(struct job_tally *t, const char *event)
{
	char id[SW_ID_TEXT];

	sw_id_format(&t->id, id);
	sw_log(SW_LOG_WARN, event, "queue", t->queue, "job", id, "error",
		sw_errname(t->err), "text", sw_strerror(t->err), "jobs",
		sw_num((int64_t)t->n), NULL);
	t->n = 0;
}

static void
dropped_write(struct job_tally *t)
{
	char id[SW_ID_TEXT];

	sw_id_format(&t->id, id);
	sw_log(SW_LOG_INFO, "dead-deleted", "queue", t->queue, "job", id,
		"jobs", sw_num((int64_t)t->n), NULL);
	t->n = 0;
}

void
dead_log_write(struct dead_log *l, struct core *c, int64_t boot_ms)
{
	if (is_due(&c->kept_dead, boot_ms, &l->kept_ms))
		refused_write(&c->kept_dead, "dead-letter-refused");
	if (is_due(&c->untold, boot_ms, &l->untold_ms))
		refused_write(&c->untold, "notice-refused");
	if (is_due(&c->dropped, boot_ms, &l->dropped_ms))
		dropped_write(&c->dropped);
}
