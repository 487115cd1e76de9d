/* SPDX-License-Identifier: MIT */
#include "tests/lib/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "tests/lib/deadline.h"
#include "tests/lib/local.h"
#include "tests/lib/rig.h"

enum {
	ASKED = 64,
	FRAME = 4096,
	STORED = 8 << 20,
	CPU_MS = 40,
	RSS_KB = 12595,
	NEWER = 200, /* a tag that nobody knows */
};

/* 2026-01-31T08:00:00Z, when the jobs were put. */
static const int64_t born_ms = 1769846400000;

struct seen seen;
struct script script;

static struct {
	int on;
	struct local *broker; /* of the last run */
	uint8_t asked[ASKED][FRAME];
	size_t asked_len[ASKED];
} own;

static struct sw_id
id_of(const char *text)
{
	struct sw_id id;

	assert_int_equal(sw_id_parse(text, &id), 0);
	return id;
}

int
script_is(const struct sw_item *it, const char *text)
{
	struct sw_id id, want = id_of(text);

	return sw_get_id(it, &id) && memcmp(&id, &want, sizeof(id)) == 0;
}

/* --- the jobs that are there --------------------------------------------- */

static size_t
job_say(struct rig *r, const char *text, const char *queue, struct bytes body)
{
	struct sw_id id = id_of(text);
	size_t mark = rig_say(r, SW_OP_PUT, 0);

	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_bytes(&r->b, SW_F_BODY, body);
	return mark;
}

static void
job_put(struct rig *r, size_t mark)
{
	struct sw_item it;

	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_PUT, mark, &it), 0);
}

static void
report(struct rig *r, int who, size_t mark)
{
	struct sw_item it;

	assert_int_equal(rig_ask(r, who, SW_OP_DONE, mark, &it), 0);
}

/* An error after 1.25 s, at 10 s; a crash at 60 s, and that was the last. */
static void
dead_make(struct rig *r)
{
	struct sw_id id;
	uint64_t token;
	size_t mark = job_say(r, DEAD, "mail", bytes_of("to: \xff\0\n", 7));

	sw_put_int(&r->b, SW_F_MAX_ATTEMPTS, 5);
	sw_put_text(&r->b, SW_F_HEADER, "tenant=acme");
	job_put(r, mark);
	assert_int_equal(rig_set(r, "mail", "backoff_ms=0"), 0);
	rig_pass(r, 8750);
	token = rig_next(r, 1, "mail", &id);
	rig_pass(r, 1250);
	mark = rig_report(r, &id, token, SW_RETRY, SW_C_ERROR);
	sw_put_int(&r->b, SW_F_EXIT_CODE, 3);
	sw_put_int(&r->b, SW_F_CPU_MS, CPU_MS);
	sw_put_int(&r->b, SW_F_RSS_KB, RSS_KB);
	sw_put_text(&r->b, SW_F_ERROR, "first line\nno such \033[31mhost\n");
	sw_put_text(&r->b, SW_F_WARNING, "line 2: 'progres' is not known");
	report(r, 1, mark);
	rig_pass(r, 50000);
	token = rig_next(r, 1, "mail", &id);
	mark = rig_report(r, &id, token, SW_FAIL, SW_C_CRASH);
	sw_put_int(&r->b, SW_F_SIGNAL, 11);
	report(r, 1, mark);
}

/* Ends the one job of the queue well. */
static void
work(struct rig *r, const char *queue)
{
	struct sw_id id;
	uint64_t token = rig_next(r, 2, queue, &id);
	size_t mark = rig_report(r, &id, token, SW_ACK, SW_C_NONE);

	sw_put_bytes(&r->b, SW_F_RESULT, bytes_of("4\0002\n", 4));
	sw_put_text(&r->b, SW_F_OUTPUT, "sent 3\nsent \033[31m4\n");
	sw_put_text(&r->b, SW_F_WARNING, "line 7: 'put' has no queue");
	sw_put_text(&r->b, SW_F_WARNING, "2 more lines were not understood");
	report(r, 2, mark);
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 2);
}

static void
jobs_make(struct rig *r)
{
	static const uint8_t body[SW_BODY_MAX];
	size_t mark;

	r->now_ms = born_ms;
	dead_make(r);
	job_put(r, job_say(r, DONE, "done", bytes_of("\x01\0raw", 5)));
	work(r, "done");
	mark = job_say(r, MUTE, "taken", bytes_str("x"));
	sw_put_text(&r->b, SW_F_UNIQUE, "k");
	job_put(r, mark);
	job_put(r, job_say(r, BIG, "big", bytes_of(body, sizeof(body))));
}

/* --- the script ---------------------------------------------------------- */

static void
status(struct sw_buf *b, int err)
{
	sw_put_int(b, SW_F_STATUS, err);
}

static void
dead_fields(struct sw_buf *b)
{
	struct sw_id id = id_of(DEAD);

	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, "mail");
	sw_put_int(b, SW_F_STATE, SW_DEAD);
	sw_put_int(b, SW_F_CAUSE, SW_C_CRASH);
	sw_put_int(b, SW_F_ATTEMPT, 2);
	sw_put_int(b, SW_F_CREATED_AT_MS, born_ms);
	sw_put_int(b, SW_F_ENDED_AT_MS, born_ms + 60000);
}

/* Pages "" -> "c1" (empty) -> "c2" -> end; only the dead are there. */
static void
all_list(struct sw_buf *b, const struct sw_item *it)
{
	struct bytes cursor = sw_bytes(it, SW_F_CURSOR);
	int dead = sw_int(it, SW_F_STATE, SW_DEAD) == SW_DEAD;
	size_t mark = sw_item_begin(b);
	int last = bytes_eq(cursor, bytes_str("c2"));

	status(b, 0);
	sw_put_int(b, SW_F_COUNT, 7);
	if (dead && !last)
		sw_put_text(b, SW_F_CURSOR, cursor.len == 0 ? "c1" : "c2");
	sw_item_end(b, mark);
	if (!dead || bytes_eq(cursor, bytes_str("c1")))
		return;
	mark = sw_item_begin(b);
	dead_fields(b);
	sw_put_text(b, SW_F_ERROR, "trace\nno such host\n");
	sw_put_text(b, (enum sw_tag)NEWER, "a field of a newer broker");
	sw_item_end(b, mark);
}

/* 99 and 5 jobs; on the last page one is left as it was. */
static void
all_sweep(struct sw_buf *b, const struct sw_item *it)
{
	int first = !sw_has(it, SW_F_CURSOR);
	struct sw_id id = id_of(first ? DONE : DEAD);
	size_t mark = sw_item_begin(b);

	status(b, 0);
	sw_put_int(b, SW_F_COUNT, first ? 99 : 5);
	if (first)
		sw_put_text(b, SW_F_CURSOR, "next");
	sw_item_end(b, mark);
	mark = sw_item_begin(b);
	status(b, first ? 0 : SW_EUNIQUE);
	sw_put_id(b, &id);
	sw_item_end(b, mark);
}

static void
all_queues(struct sw_buf *b, const struct sw_item *it)
{
	int known = !sw_has(it, SW_F_QUEUE) ||
		    bytes_eq(it->f[SW_F_QUEUE], bytes_str("mail"));
	size_t mark = sw_item_begin(b);

	status(b, known ? 0 : SW_ENOQUEUE);
	sw_item_end(b, mark);
	if (!known)
		return;
	mark = sw_item_begin(b);
	sw_put_text(b, SW_F_QUEUE, "mail");
	sw_put_text(b, SW_F_SETTING, "paused=1");
	sw_put_text(b, SW_F_SETTING, "backoff_cap_ms=3600000");
	sw_put_text(b, SW_F_STAT, "ready=1234567");
	sw_put_text(b, SW_F_STAT, "dead=2");
	sw_put_text(b, SW_F_STAT, "oldest_ready_ms=192000");
	sw_put_text(b, SW_F_STAT, "arrival_per_s=12.5");
	sw_item_end(b, mark);
}

static void
all_workers(struct sw_buf *b, const struct sw_item *it)
{
	size_t mark = sw_item_begin(b);

	(void)it;
	status(b, 0);
	sw_item_end(b, mark);
	mark = sw_item_begin(b);
	sw_put_text(b, SW_F_WORKER, "box\033]0;owned\007:12");
	sw_put_int(b, SW_F_SLOTS, 8);
	sw_put_text(b, SW_F_STAT, "leased=3");
	sw_put_text(b, SW_F_STAT, "seen_ms_ago=250");
	sw_put_text(b, SW_F_STAT, "queues=mail,logs");
	sw_item_end(b, mark);
}

static void
all_stats(struct sw_buf *b, const struct sw_item *it)
{
	size_t mark = sw_item_begin(b);

	(void)it;
	status(b, 0);
	sw_put_text(b, SW_F_STAT, "version=0.1.0");
	sw_put_text(b, SW_F_STAT, "uptime_ms=192000");
	sw_put_text(b, SW_F_STAT, "commits=1234");
	sw_item_end(b, mark);
}

static void
all_why(struct sw_buf *b, const struct sw_item *it)
{
	size_t mark = sw_item_begin(b);

	(void)it;
	status(b, 0);
	sw_put_int(b, SW_F_STATE, SW_READY);
	sw_put_text(b, SW_F_TEXT, "queue mail is \033[5mpaused");
	sw_item_end(b, mark);
}

typedef void answer_fn(struct sw_buf *, const struct sw_item *);

/* All items of the answer, for the first of the request. */
static answer_fn *const answers[128] = {
	[SW_OP_LIST] = all_list,
	[SW_OP_REDRIVE] = all_sweep,
	[SW_OP_PURGE] = all_sweep,
	[SW_OP_QUEUES] = all_queues,
	[SW_OP_WORKERS] = all_workers,
	[SW_OP_STATS] = all_stats,
	[SW_OP_WHY] = all_why,
};

static int
put_answer(struct sw_buf *b, struct sw_msg *m, const struct sw_item *first)
{
	struct sw_item it = *first;

	/* An answer without items: the outcome of the put is unknown. */
	if (bytes_eq(sw_bytes(&it, SW_F_QUEUE), bytes_str("unknown")))
		return 1;
	if (!bytes_eq(sw_bytes(&it, SW_F_QUEUE), bytes_str("full")))
		return 0;
	do {
		size_t mark = sw_item_begin(b);

		status(b, SW_EFULL);
		sw_put_text(b, SW_F_DETAIL, "90 % used\033[31m");
		sw_item_end(b, mark);
	} while (sw_msg_next(m, &it));
	return 1;
}

static void
ask_keep(struct bytes frame)
{
	int n = script.asked_n;

	if (n == ASKED || frame.len > FRAME)
		return;
	memcpy(own.asked[n], frame.p, frame.len);
	own.asked_len[n] = frame.len;
	script.asked_n = n + 1;
}

/* Is one waited for that was put to "mail", it ends now. */
static int
answer(struct rig *r, struct sw_msg m, struct bytes frame, struct sw_buf *b)
{
	struct sw_item it = {.have = 0, .raw = {"", 0}};
	const struct queue *q = r->core->queues[0];

	(void)sw_msg_next(&m, &it);
	if (m.op == SW_OP_PUT)
		return put_answer(b, &m, &it);
	ask_keep(frame);
	if (m.op == SW_OP_WAIT && q->count[SW_READY] > 0)
		work(r, q->name);
	if (answers[m.op] == NULL)
		return 0;
	answers[m.op](b, &it);
	return 1;
}

/* --- runs ---------------------------------------------------------------- */

static void
broker_begin(void)
{
	local_stop(own.broker);
	own.broker = local_start(1);
	jobs_make(local_lock(own.broker));
	script.asked_n = 0;
	local_unlock(own.broker);
	local_answer(own.broker, answer);
	assert_int_equal(
		setenv("SPILLWAY_BROKER", local_endpoint(own.broker), 1), 0);
}

static int
body_add(void *arg, struct bytes key, struct bytes val)
{
	static const char ours[] = DEAD;
	char text[SW_ID_TEXT];
	struct record rec;
	struct bytes body;
	struct sw_id id;

	(void)arg;
	memcpy(id.b, (const uint8_t *)key.p + 1, SW_ID_LEN);
	sw_id_format(&id, text);
	if (memcmp(text, ours, sizeof(ours) - 2) == 0)
		return 0;
	assert_int_equal(record_open(val, &id, &rec), 0);
	body = sw_bytes(&rec.it, SW_F_BODY);
	assert_true(script.stored_len + body.len <= STORED);
	memcpy(script.stored + script.stored_len, body.p, body.len);
	script.stored_len += body.len;
	script.bodies++;
	if (body.len > script.largest)
		script.largest = body.len;
	return 0;
}

static void
broker_read(void)
{
	struct key from = key_start('j'), to = key_after(from);
	struct rig *r = local_lock(own.broker);

	script.stored_len = script.bodies = script.largest = 0;
	assert_int_equal(r->store->driver->scan(r->store, 0, key_bytes(&from),
				 key_bytes(&to), SIZE_MAX, body_add, NULL),
		0);
	local_unlock(own.broker);
}

int
script_up(void **state)
{
	(void)state;
	script.stored = malloc(STORED);
	assert_non_null(script.stored);
	own.on = 1;
	return 0;
}

int
script_down(void **state)
{
	(void)state;
	local_stop(own.broker);
	free(script.stored);
	free(seen.out);
	free(seen.err);
	return 0;
}

/* Runs the command with words split at '|', `text` on its stdin. */
int
seen_run_in(const char *words, const char *text, size_t len)
{
	char copy[SW_HEADERS_MAX + 512], timeout[32], *argv[24];
	FILE *in = tmpfile(), *o, *e;
	int n = 1, rc;

	free(seen.out);
	free(seen.err);
	o = open_memstream(&seen.out, &seen.out_len);
	e = open_memstream(&seen.err, &seen.err_len);
	assert_true(in != NULL && o != NULL && e != NULL);
	assert_int_equal(fwrite(text, 1, len, in), len);
	rewind(in);
	(void)snprintf(copy, sizeof(copy), "%s", words);
	argv[0] = copy + sizeof(copy) - 1;
	(void)snprintf(
		timeout, sizeof(timeout), "--broker-timeout=%us", deadline_s());
	if (strstr(words, "--broker-timeout") == NULL &&
		strstr(words, "--patience") == NULL)
		argv[n++] = timeout;
	for (char *w = strtok(copy, "|"); w != NULL; w = strtok(NULL, "|"))
		argv[n++] = w;
	argv[n] = NULL;
	if (own.on)
		broker_begin();
	rc = cmd_main(cmd_verbs, n, argv, in, o, e);
	if (own.on)
		broker_read();
	(void)fclose(in);
	(void)fclose(o);
	(void)fclose(e);
	/* no control character ever, but the line's end and, in a pipe, data */
	for (char *p = seen.err; *p != '\0'; p++)
		assert_true(*p == '\n' || (unsigned char)*p >= 0x20);
	return rc;
}

int
seen_run(const char *words)
{
	return seen_run_in(words, "", 0);
}

/* The first item of request `n`; its fields borrow from the script. */
struct sw_item
script_asked(int n, int op)
{
	struct sw_item it = {.have = 0, .raw = {"", 0}};
	struct sw_msg m;

	assert_true(n < script.asked_n);
	assert_int_equal(
		sw_msg_open(bytes_of(own.asked[n], own.asked_len[n]), &m), 0);
	assert_int_equal(m.op, op);
	(void)sw_msg_next(&m, &it);
	return it;
}

unsigned
script_flags(int n)
{
	return (unsigned)le_get(own.asked[n] + 4, 2);
}
