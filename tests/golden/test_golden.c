/* SPDX-License-Identifier: MIT */
/* Stores that older versions have written; tests/golden/make.sh fills them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/units.h"
#include "broker/core/load.h"
#include "broker/time/stamp.h"
#include "tests/lib/folder.h"
#include "tests/lib/rig.h"

#define NOW_MS 1796100000000 /* some hours after the stores were filled */

enum { JOBS = 13, READY = 5 };

static const char *const stores[] = {"format2-8f34508", "format2-3b2ba4c"};
static const struct store_options options = {.map_size = 64 << 20};

static const struct { /* by the number of the job */
	const char *queue;
	enum sw_state state;
	int attempt, events; /* events: with the put */
} wanted[JOBS + 1] = {
	[1] = {"work", SW_DONE, 1, 2},
	[2] = {"work", SW_DEAD, 2, 3},
	[3] = {"work", SW_DEAD, 1, 2},
	[4] = {"later", SW_DELAYED, 1, 2},
	[5] = {"slow", SW_LEASED, 0, 1},
	[6] = {"slow", SW_READY, 0, 1},
	[7] = {"wait", SW_READY, 0, 1},
	[8] = {"wait", SW_READY, 0, 1},
	[9] = {"wait", SW_READY, 0, 1},
	[10] = {"wait", SW_DELAYED, 0, 1},
	[11] = {"wait", SW_DELAYED, 0, 1},
	[12] = {"wait", SW_CANCELLED, 0, 2},
	[13] = {"wait", SW_READY, 0, 1},
};

/* --- opening -------------------------------------------------------------- */

struct golden {
	char folder[FOLDER_PATH], data[FOLDER_PATH + 16];
	struct rig *r; /* NULL: closed */
	int wanted;    /* jobs that a worker has asked for */
};

static void
unpack(struct golden *g, const char *name)
{
	char command[512];

	folder_make_fast(g->folder);
	(void)snprintf(g->data, sizeof(g->data), "%s/golden", g->folder);
	(void)snprintf(command, sizeof(command),
		"tar -C %s -xzf tests/golden/%s.tar.gz", g->folder, name);
	assert_int_equal(system(command), 0);
	g->r = NULL;
}

static int
start(struct golden *g, rig_init_fn *init)
{
	g->r = calloc(1, sizeof(*g->r));
	assert_non_null(g->r);
	g->r->now_ms = NOW_MS;
	g->r->mono_ms = 5000;
	g->r->core = calloc(1, sizeof(*g->r->core));
	assert_non_null(g->r->core);
	return rig_start(g->r, g->data, &options, init);
}

static void
stop(struct golden *g)
{
	g->r->store->driver->close(g->r->store);
	free(g->r->core);
	free(g->r);
	g->r = NULL;
}

static void
finish(struct golden *g)
{
	if (g->r != NULL)
		rig_close(g->r);
	folder_remove(g->folder);
}

/* --- what must be there --------------------------------------------------- */

/* As the script gives them: UUIDs with the number in decimal. */
static struct sw_id
golden_id(int n)
{
	struct sw_id id = {{0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80}};

	id.b[15] = (uint8_t)(n / 10 * 16 + n % 10);
	return id;
}

static void
get(struct golden *g, int n, struct sw_item *it)
{
	struct sw_id id = golden_id(n);
	size_t mark;

	rig_begin(g->r, SW_OP_GET);
	mark = sw_item_begin(&g->r->b);
	sw_put_id(&g->r->b, &id);
	assert_int_equal(rig_ask(g->r, RIG_ASKER, SW_OP_GET, mark, it), 0);
}

static enum sw_state
state_of(struct golden *g, int n)
{
	struct sw_item it;

	get(g, n, &it);
	return (enum sw_state)sw_int(&it, SW_F_STATE, SW_NONE);
}

static int
events_of(const struct sw_item *it)
{
	struct bytes e;
	size_t at = 0;
	int n = 0;

	while (sw_item_each(it, SW_F_EVENT, &at, &e))
		n++;
	return n;
}

static void
jobs_check(struct golden *g)
{
	for (int n = 1; n <= JOBS; n++) {
		struct sw_item it;

		get(g, n, &it);
		assert_true(bytes_eq(
			sw_bytes(&it, SW_F_QUEUE), bytes_str(wanted[n].queue)));
		assert_int_equal(
			sw_int(&it, SW_F_STATE, SW_NONE), wanted[n].state);
		assert_int_equal(
			sw_int(&it, SW_F_ATTEMPT, 0), wanted[n].attempt);
		assert_int_equal(events_of(&it), wanted[n].events);
		if (n == 1)
			assert_true(bytes_eq(sw_bytes(&it, SW_F_RESULT),
				bytes_str("golden")));
		if (n == 5)
			assert_true(bytes_eq(sw_bytes(&it, SW_F_WORKER),
				bytes_str("golden-worker")));
	}
}

static const struct queue *
queue_of(struct golden *g, const char *name)
{
	const struct queue *q = queue_find(
		g->r->core->queues_by_name, bytes_str(name));

	assert_non_null(q);
	return q;
}

/* What an operator had set, and what were defaults of that version. */
static void
settings_check(struct golden *g)
{
	const struct queue *wait = queue_of(g, "wait");

	assert_int_equal(wait->set[SW_S_paused], 1);
	assert_int_equal(wait->set[SW_S_rate], 7 * UNIT_RATE_SECOND);
	assert_int_equal(wait->set[SW_S_max_crashes], 9);
	assert_int_equal(wait->set[SW_S_max_attempts], 5);
	assert_int_equal(wait->set[SW_S_backoff_ms], 1000);
	assert_int_equal(queue_of(g, "work")->set[SW_S_max_attempts], 2);
}

static int
letter_each(void *arg, struct bytes key, struct bytes val)
{
	(void)val;
	((int *)arg)[*(const uint8_t *)key.p]++;
	return 0;
}

static void
letters_count(struct golden *g, int letters[256])
{
	memset(letters, 0, 256 * sizeof(*letters));
	assert_int_equal(
		g->r->store->driver->scan(g->r->store, 0, bytes_of("", 0),
			bytes_of("", 0), SIZE_MAX, letter_each, letters),
		0);
}

static void
all_check(struct golden *g)
{
	int letters[256];

	letters_count(g, letters);
	assert_int_equal(letters['t'], 0);
	assert_int_equal(letters['a'], 1);
	assert_int_equal(letters['j'], JOBS);
	assert_int_equal(letters['r'], READY);
	jobs_check(g);
	settings_check(g);
	rig_check_rows(g->r);
	rig_check_counters(g->r);
	verify_sound(g->r);
}

static int
take(struct golden *g, int who)
{
	struct sw_id id;
	struct sw_item it;
	uint64_t token;
	size_t mark;

	rig_want(g->r, who, ++g->wanted);
	if (!rig_item(g->r, who, SW_OP_JOBS, 0, &it))
		return 0;
	assert_true(sw_get_id(&it, &id));
	token = (uint64_t)sw_int(&it, SW_F_TOKEN, 0);
	mark = rig_report(g->r, &id, token, SW_ACK, 0);
	assert_int_equal(rig_ask(g->r, who, SW_OP_DONE, mark, &it), 0);
	return id.b[15] / 16 * 10 + id.b[15] % 16;
}

/* Takes and acks all ready jobs of a queue, which come in this order. */
static void
taken_are(struct golden *g, int who, const char *queue, const int *jobs)
{
	g->wanted = 0;
	assert_int_equal(rig_set(g->r, queue, "paused=0"), 0);
	assert_int_equal(rig_set(g->r, queue, "rate=0"), 0);
	assert_int_equal(rig_hello(g->r, who, queue, 0), 0);
	do
		assert_int_equal(take(g, who), *jobs);
	while (*jobs++ != 0);
}

/* The urgent job first, then one job of each fair key in turn; each once. */
static void
order_check(struct golden *g)
{
	static const int wait[] = {7, 9, 8, 13, 0}, slow[] = {6, 0};
	int letters[256];

	taken_are(g, 1, "wait", wait);
	taken_are(g, 2, "slow", slow);
	letters_count(g, letters);
	assert_int_equal(letters['r'], 0);
	rig_check_rows(g->r);
	verify_sound(g->r);
}

/* --- tests ---------------------------------------------------------------- */

static void
a_store_of_an_older_version_is_converted_at_the_start(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++) {
		struct golden g;

		unpack(&g, stores[i]);
		assert_int_equal(start(&g, core_init), 0);
		assert_int_not_equal(g.r->core->converted, 0);
		all_check(&g);
		rig_restart(g.r);
		assert_int_equal(g.r->core->converted, 0);
		all_check(&g);
		order_check(&g);
		finish(&g);
	}
}

static void
its_jobs_go_on_as_they_would_have(void **unused)
{
	static const int64_t day_ms = 24 * 3600 * 1000;

	(void)unused;
	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++) {
		struct golden g;

		unpack(&g, stores[i]);
		assert_int_equal(start(&g, core_init), 0);
		rig_pass(g.r, 60000); /* nobody extends the lease */
		assert_int_equal(state_of(&g, 5), SW_READY);
		rig_pass(g.r, 299 * day_ms);
		assert_int_equal(state_of(&g, 1), SW_DONE);
		rig_pass(g.r, 2 * day_ms);
		assert_int_equal(state_of(&g, 11), SW_READY);
		assert_int_equal(state_of(&g, 10), SW_DELAYED);
		assert_int_equal(state_of(&g, 9), SW_READY);
		rig_pass(g.r, (int64_t)365 * 80 * day_ms);
		assert_int_equal(state_of(&g, 9), SW_DEAD); /* expired */
		assert_int_equal(state_of(&g, 10), SW_DEAD);
		finish(&g);
	}
}

/* --- crashes -------------------------------------------------------------- */

static struct store_driver dying;

static int
commit_and_die(struct store *s, const struct claim *c,
	const struct store_op *ops, size_t n, store_done_fn *done, void *arg)
{
	(void)store_lmdb.commit(s, c, ops, n, done, arg);
	_exit(9);
}

/* Converts in steps of one row and dies behind its first commit; 0: there was
 * nothing more to commit. */
static int
convert_a_little(struct golden *g)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (start(g, core_init_any) < 0)
			_exit(1);
		dying = store_lmdb;
		dying.commit = commit_and_die;
		g->r->store->driver = &dying;
		_exit(convert_run(g->r->core, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 1);
	return WEXITSTATUS(status);
}

static void
a_kill_behind_any_commit_of_the_conversion_loses_nothing(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++) {
		struct golden g;
		int steps = 0;

		unpack(&g, stores[i]);
		while (steps <= 20 && convert_a_little(&g) != 0)
			steps++;
		assert_in_range(steps, 6, 20);
		assert_int_equal(start(&g, core_init), 0);
		assert_int_equal(g.r->core->converted, 0);
		all_check(&g);
		order_check(&g);
		finish(&g);
	}
}

static void
a_start_goes_on_with_a_conversion_that_was_cut_short(void **unused)
{
	struct golden g;

	(void)unused;
	for (int steps = 1; steps <= 10; steps++) {
		unpack(&g, stores[0]);
		for (int n = 0; n < steps; n++)
			assert_int_equal(convert_a_little(&g), 9);
		assert_int_equal(start(&g, core_init), 0);
		assert_int_not_equal(g.r->core->converted, 0);
		all_check(&g);
		order_check(&g);
		finish(&g);
	}
}

/* --- refusals ------------------------------------------------------------- */

static uint64_t room_bytes;

static int
little_room(struct store *s, uint64_t *bytes)
{
	(void)s;
	*bytes = room_bytes;
	return 0;
}

static void
without_room_the_conversion_is_refused_with_figures(void **unused)
{
	struct store_driver d = store_lmdb;
	struct golden g;

	(void)unused;
	unpack(&g, stores[0]);
	assert_int_equal(start(&g, core_init_any), 0);
	d.room = little_room;
	g.r->store->driver = &d;
	room_bytes = CONVERT_MORE_BYTES;
	assert_int_equal(convert_run(g.r->core, 1), SW_EFULL);
	assert_non_null(strstr(g.r->store->why, "may take 9 MB"));
	assert_non_null(strstr(g.r->store->why, "room for 8"));
	room_bytes = CONVERT_MORE_BYTES + JOBS * CONVERT_ROW_BYTES;
	assert_int_equal(convert_run(g.r->core, 1), 0);
	core_fini(g.r->core);
	g.r->store->driver = &store_lmdb;
	stop(&g);
	finish(&g);
}

static void
rows_of_a_newer_format_are_refused_by_name(void **unused)
{
	const struct stamp newer = {.format = STORE_FORMAT + 1};
	struct key k = key_start('a');
	uint8_t row[STAMP_BYTES];
	struct golden g;

	(void)unused;
	unpack(&g, stores[0]);
	assert_int_equal(start(&g, core_init), 0);
	stamp_encode(&newer, row);
	rig_row_change(g.r, STORE_PUT, &k, bytes_of(row, STAMP_BYTES));
	assert_int_equal(rig_start_again(g.r), SW_EFORMAT);
	assert_non_null(strstr(g.r->store->why, "format 4"));
	assert_non_null(strstr(g.r->store->why, "up to 3"));
	stop(&g);
	finish(&g);
}

static void
a_corrupt_format_row_is_found_and_written_anew(void **unused)
{
	struct key k = key_start('a');
	struct golden g;

	(void)unused;
	unpack(&g, stores[0]);
	assert_int_equal(start(&g, core_init), 0);
	rig_row_change(g.r, STORE_PUT, &k, bytes_of("0123456789abcdef", 16));
	verify_finds(g.r, 1, VERIFY_ROW, 1);
	verify_sound(g.r);
	rig_row_change(g.r, STORE_PUT, &k, bytes_of("0123456789abcdef", 16));
	assert_int_equal(rig_start_again(g.r), 0);
	assert_int_equal(g.r->core->damaged, 1);
	assert_int_equal(rig_put(g.r, 50, "work", ""), 0);
	verify_sound(g.r);
	finish(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_store_of_an_older_version_is_converted_at_the_start),
		cmocka_unit_test(its_jobs_go_on_as_they_would_have),
		cmocka_unit_test(
			a_kill_behind_any_commit_of_the_conversion_loses_nothing),
		cmocka_unit_test(
			a_start_goes_on_with_a_conversion_that_was_cut_short),
		cmocka_unit_test(
			without_room_the_conversion_is_refused_with_figures),
		cmocka_unit_test(rows_of_a_newer_format_are_refused_by_name),
		cmocka_unit_test(
			a_corrupt_format_row_is_found_and_written_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
