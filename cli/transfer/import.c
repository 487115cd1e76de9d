/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/lines.h"
#include "cli/time.h"
#include "cli/transfer/json_read.h"
#include "wire/proto.h"

enum {
	LINE_MAX_BYTES = 4 << 20, /* a job with every byte escaped */
	SHOWN = 10, /* lines that are printed; others are counted */
};

/* What a job is imported with; of the history all but its put. */
#define FIELDS                                                                 \
	(SW_BIT(SW_F_ID) | SW_BIT(SW_F_QUEUE) | SW_BIT(SW_F_BODY) |            \
		SW_BIT(SW_F_STATE) | SW_BIT(SW_F_PRIORITY) |                   \
		SW_BIT(SW_F_RUN_AT_MS) | SW_BIT(SW_F_EXPIRES_AT_MS) |          \
		SW_BIT(SW_F_UNIQUE) | SW_BIT(SW_F_UNIQUE_ALSO) |               \
		SW_BIT(SW_F_FAIR) | SW_BIT(SW_F_MAX_ATTEMPTS) |                \
		SW_BIT(SW_F_TIMEOUT_MS) | SW_BIT(SW_F_HEADER) |                \
		SW_BIT(SW_F_CONTENT_TYPE) | SW_BIT(SW_F_ATTEMPT) |             \
		SW_BIT(SW_F_CRASHES) | SW_BIT(SW_F_CAUSE) |                    \
		SW_BIT(SW_F_CREATED_AT_MS) | SW_BIT(SW_F_ENDED_AT_MS) |        \
		SW_BIT(SW_F_EVENT) | SW_BIT(SW_F_ORIGIN))

struct import {
	struct cmd *c;
	struct sw_buf batch;
	unsigned n;
	int64_t lines[SW_ITEMS_MAX]; /* of the jobs in the batch */
	int64_t stored, known, ended, bad;
	int64_t jobs; /* lines of the export that is being read */
	int at_end;   /* the last line was that of an export */
	int cut;      /* lines are missing */
};

static void
bad_line(struct import *m, int64_t line, const char *why)
{
	if (m->bad++ < SHOWN)
		(void)cmd_refuse(m->c, "stdin:%" PRId64 ": %s", line, why);
}

/* --- the batch --------------------------------------------------------- */

static void
answer_take(struct import *m, int64_t line, const struct sw_item *it)
{
	int status = (int)sw_int(it, SW_F_STATUS, SW_EUNKNOWN);
	char detail[SW_TEXT_MAX + 1];

	if (status == 0 && sw_has(it, SW_F_STATE)) {
		m->known++;
	} else if (status == 0) {
		m->stored++;
	} else {
		sw_get_text(it, SW_F_DETAIL, detail, sizeof(detail));
		bad_line(m, line,
			detail[0] != '\0' ? detail : sw_strerror(status));
	}
}

/* Sends the batch, if it has jobs; the exit code. */
static int
batch_send(struct import *m)
{
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	if (m->n == 0)
		return CMD_OK;
	rc = cmd_call(m->c, &m->batch, &reply);
	for (unsigned i = 0; rc == CMD_OK && i < m->n; i++) {
		if (!sw_msg_next(&reply, &it))
			return cmd_fail(m->c, SW_EUNKNOWN);
		answer_take(m, m->lines[i], &it);
	}
	m->n = 0;
	sw_msg_begin(&m->batch, SW_OP_IMPORT, 0, 0);
	return rc;
}

/* --- lines ------------------------------------------------------------- */

/* The put of a job's history is made of its other fields. */
static void
events_trim(json_t *job)
{
	json_t *events = json_object_get(job, "events");

	for (size_t i = json_array_size(events); i-- > 0;) {
		const char *kind = json_string_value(
			json_object_get(json_array_get(events, i), "kind"));

		if (kind != NULL && strcmp(kind, "put") == 0)
			(void)json_array_remove(events, i);
	}
}

/* Jobs that ran when they were exported run again.  0: the job is left out. */
static int
state_map(json_t *job)
{
	const char *state = json_string_value(json_object_get(job, "state"));

	if (state == NULL)
		state = "ready";
	if (strcmp(state, "done") == 0 || strcmp(state, "cancelled") == 0)
		return 0;
	json_add(job, "state",
		json_string(strcmp(state, "leased") == 0 ? "ready" : state));
	return 1;
}

static int
job_add(struct import *m, json_t *job, int64_t line)
{
	struct sw_buf was = m->batch;
	char why[SW_WHY_ROOM];
	size_t mark;
	int rc;

	for (;;) {
		mark = sw_item_begin(&m->batch);
		if (json_read(&m->batch, job, FIELDS, why) < 0) {
			m->batch = was;
			bad_line(m, line, why);
			return CMD_OK;
		}
		sw_item_end(&m->batch, mark);
		if (!m->batch.full)
			break;
		m->batch = was;
		if (m->n == 0) {
			bad_line(m, line, "the job is too large");
			return CMD_OK;
		}
		rc = batch_send(m);
		if (rc != CMD_OK)
			return rc;
		was = m->batch;
	}
	m->lines[m->n++] = line;
	return m->n == SW_ITEMS_MAX ? batch_send(m) : CMD_OK;
}

static int
job_line(struct import *m, json_t *job, int64_t line)
{
	if (json_object_get(job, "redacted") != NULL) {
		bad_line(m, line,
			"the job was exported without what its "
			"queue redacts");
		return CMD_OK;
	}
	if (!state_map(job)) {
		m->ended++;
		return CMD_OK;
	}
	events_trim(job);
	return job_add(m, job, line);
}

/* Jobs before the line must not see its settings. */
static int
queue_line(
	struct import *m, const json_t *queue, json_t *settings, int64_t line)
{
	struct sw_buf b;
	struct sw_msg reply;
	struct sw_item it;
	const char *name;
	json_t *value;
	size_t mark;
	int rc = batch_send(m);

	if (rc != CMD_OK)
		return rc;
	b = cmd_begin(m->c, SW_OP_QUEUE_SET, 0);
	mark = sw_item_begin(&b);
	sw_put_text(&b, SW_F_QUEUE, json_string_value(queue));
	json_object_foreach(settings, name, value)
		sw_put_fmt(&b, SW_F_SETTING, "%s=%s", name,
			json_is_string(value) ? json_string_value(value) : "");
	sw_item_end(&b, mark);
	rc = cmd_call(m->c, &b, &reply);
	if (rc == CMD_OK && sw_msg_next(&reply, &it) &&
		sw_int(&it, SW_F_STATUS, SW_EUNKNOWN) != 0)
		answer_take(m, line, &it);
	return rc;
}

static void
lines_missing(struct import *m, const char *where, const char *what)
{
	m->cut = 1;
	(void)cmd_refuse(m->c, "stdin%s: %s", where, what);
}

/* The last line of an export; another export may follow. */
static void
end_line(struct import *m, const json_t *o, int64_t line)
{
	const json_t *jobs = json_object_get(o, "jobs");
	char where[32], what[SW_WHY_ROOM] = "jobs must be a whole number";
	int64_t n = json_integer_value(jobs);

	m->at_end = 1;
	if (m->c->value[CMD_O_PART] != NULL ||
		(json_is_integer(jobs) && n == m->jobs)) {
		m->jobs = 0;
		return;
	}
	if (json_is_integer(jobs))
		(void)snprintf(what, sizeof(what),
			"the export has %" PRId64 " jobs, but %" PRId64
			" lines of jobs came",
			n, m->jobs);
	(void)snprintf(where, sizeof(where), ":%" PRId64, line);
	lines_missing(m, where, what);
	m->jobs = 0;
}

static int
object_take(struct import *m, json_t *o, int64_t line)
{
	json_t *settings = json_object_get(o, "settings");
	const json_t *queue = json_object_get(o, "queue");

	if (json_is_true(json_object_get(o, "end"))) {
		end_line(m, o, line);
		return CMD_OK;
	}
	if (json_is_object(settings) && json_is_string(queue) &&
		json_string_length(queue) <= SW_QUEUE_MAX)
		return queue_line(m, queue, settings, line);
	m->jobs++;
	return job_line(m, o, line);
}

/* A lines_fn. */
static int
line_take(void *arg, struct bytes text, int64_t line, int64_t last)
{
	struct import *m = arg;
	char why[SW_WHY_ROOM];
	json_error_t error;
	json_t *o = json_loadb(
		text.p, text.len, JSON_REJECT_DUPLICATES, &error);
	int rc = CMD_OK;

	(void)last;
	m->at_end = 0;
	if (o == NULL || !json_is_object(o)) {
		(void)snprintf(why, sizeof(why), "not a JSON object%s%.200s",
			o == NULL ? ": " : "", o == NULL ? error.text : "");
		bad_line(m, line, why);
	} else {
		rc = object_take(m, o, line);
	}
	json_decref(o);
	return rc;
}

/* --- the whole --------------------------------------------------------- */

static int
summary_print(struct import *m)
{
	char stored[HUMAN_TEXT], known[HUMAN_TEXT], n[HUMAN_TEXT];

	(void)fprintf(m->c->out.f, "%s job%s stored, %s known before\n",
		human_count(stored, m->stored), m->stored == 1 ? "" : "s",
		human_count(known, m->known));
	if (m->ended > 0)
		(void)fprintf(m->c->out.f, "%s done or cancelled: left out\n",
			human_count(n, m->ended));
	if (m->bad == 0)
		return m->cut ? CMD_REFUSED : CMD_OK;
	return cmd_refuse(m->c, "not stored: %s", human_count(n, m->bad));
}

static int
import_run(struct import *m)
{
	int64_t line = 0;
	int rc = lines_pack(
		fileno(m->c->in), LINE_MAX_BYTES, 1, line_take, m, &line);

	if (rc == LINES_READ)
		return cmd_refuse(m->c, "stdin: %s", strerror(errno));
	if (rc == LINES_LONG)
		(void)cmd_refuse(m->c,
			"stdin:%" PRId64 ": the line is longer than %d bytes; "
			"what follows was not read",
			line, LINE_MAX_BYTES);
	if (rc == CMD_OK && !m->at_end && m->c->value[CMD_O_PART] == NULL)
		lines_missing(m, "",
			"the last line of the export is missing: the file is "
			"cut short (--part takes it so)");
	if (rc == CMD_OK || rc == LINES_LONG) {
		int sent = batch_send(m);

		if (sent == CMD_OK)
			sent = summary_print(m);
		return rc == LINES_LONG && sent == CMD_OK ? CMD_REFUSED : sent;
	}
	return rc;
}

int
cmd_import(struct cmd *c)
{
	struct import *m = calloc(1, sizeof(*m));
	int rc = m == NULL ? cmd_refuse(c, "out of memory") : cmd_probe(c);

	if (rc == CMD_OK) {
		m->c = c;
		m->batch.cap = SW_BATCH_MAX;
		m->batch.p = malloc(SW_BATCH_MAX);
		rc = m->batch.p == NULL ? cmd_refuse(c, "out of memory")
					: CMD_OK;
	}
	if (rc == CMD_OK) {
		sw_msg_begin(&m->batch, SW_OP_IMPORT, 0, 0);
		rc = import_run(m);
	}
	if (m != NULL)
		free(m->batch.p);
	free(m);
	return rc;
}
