/* SPDX-License-Identifier: MIT */
/*
 * Kept processes that do anything: messages that fit and that do not, bytes
 * that are none, ends at any moment.  Whatever they do, each job that one was
 * given ends once, and the next process does a good job.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/chance.h"
#include "tests/sim/keeper.h"

enum { PROCESSES = 3000, STEPS = 40 };

static struct keeper_rig rig;
static uint64_t seed;
static int given[256];

static uint64_t
draw(uint64_t below)
{
	return chance_draw(&seed) % below;
}

static char
name_draw(void)
{
	return (char)('A' + draw(6));
}

static void
message_say(void)
{
	static const char *const said[] = {
		"0 begun %?\n",
		"0 done %? 1 2\n",
		"2 retry %? 5\nno",
		"0 fail %?\n",
		"3 result %?\nabc",
		"2 put %? q 0\nhi",
		"1 progress %? 50\nx",
		"2 alarm\nah",
		"0 ready 1 3\n",
		"5 other %?\nbytes",
		"9 result %?\nshort",
		"0 put %?\n",
	};
	char text[64] = "", *name;
	/* Mostly the first ones, or no process would live long. */
	size_t most = draw(4) == 0 ? sizeof(said) / sizeof(said[0]) : 2;

	strcpy(text, said[draw(most)]);
	name = strchr(text, '?');
	if (name != NULL)
		*name = name_draw();
	keeper_rig_say(&rig, text);
}

static void
bytes_say(void)
{
	static const char letters[] = "0123456789 \n donebegun%\0\xff";
	char bytes[64];
	size_t n = 1 + draw(sizeof(bytes));

	for (size_t i = 0; i < n; i++)
		bytes[i] = letters[draw(sizeof(letters) - 1)];
	keeper_rig_say_bytes(&rig, bytes_of(bytes, n));
}

static void
job_give(void)
{
	char name = name_draw();

	if (keeper_room(&rig.k) == 0)
		return;
	if (keeper_rig_give(&rig, name) == 0)
		given[(unsigned char)name]++;
}

static void
output_read(void)
{
	size_t n = keeper_output(&rig.k).len;

	keeper_written(&rig.k, draw(2) ? n : draw(n + 1));
}

static void
step(void)
{
	static const int64_t ms[] = {1, 500, 2000, 6000, 31000, 61000};

	switch (draw(16)) {
	case 0:
		keeper_rig_pass(&rig, ms[draw(sizeof(ms) / sizeof(ms[0]))]);
		break;
	case 1:
		keeper_cancel(&rig.k, &rig.names[(unsigned char)name_draw()],
			rig.now_ms);
		break;
	case 2:
		if (draw(16) == 0)
			keeper_kill(&rig.k);
		break;
	case 3:
		if (draw(8) == 0)
			keeper_rig_eof(&rig);
		break;
	case 4:
		if (draw(8) == 0)
			bytes_say();
		break;
	case 5:
		keeper_close(&rig.k, rig.now_ms);
		break;
	case 6:
	case 7:
	case 8:
		job_give();
		break;
	case 9:
	case 10:
		output_read();
		break;
	default:
		message_say();
		break;
	}
	keeper_rig_events(&rig);
}

/* How many lines of the events begin so. */
static int
count(const char *start)
{
	int n = strncmp(rig.events, start, strlen(start)) == 0;

	for (const char *p = rig.events; (p = strchr(p, '\n')) != NULL; p++)
		n += strncmp(p + 1, start, strlen(start)) == 0;
	return n;
}

static void
process_check(void)
{
	const char *last;

	rig.events[rig.len] = '\0';
	assert_int_equal(count("gone "), 1);
	rig.events[rig.len - 1] = '\0';
	last = strrchr(rig.events, '\n');
	last = last != NULL ? last + 1 : rig.events;
	assert_int_equal(strncmp(last, "gone ", 5), 0);
	assert_in_range(count("signal 9"), 0, 1);
	assert_in_range(count("close"), 0, 1);
	for (int i = 0; i < 256; i++)
		assert_int_equal(given[i], rig.ended[i]);
	assert_int_equal(rig.k.jobs_n, 0);
	rig.len = 0;
}

static void
good_process(void)
{
	keeper_rig_start(&rig, 8);
	keeper_rig_say(&rig, "0 ready 1\n");
	assert_int_equal(keeper_rig_give(&rig, 'G'), 0);
	keeper_rig_say(&rig, "0 begun %G\n0 done %G\n");
	keeper_rig_expect(&rig, "ready\nbegun G\nended G ack none\n");
	given['G']++;
}

static void
whatever_a_process_does_each_job_ends_once(void **state)
{
	static const int statuses[] = {
		0, 1 << 8, 78 << 8, SIGKILL, SIGSEGV, SIGTERM};

	(void)state;
	seed = chance_seed();
	keeper_rig_init(&rig, 1);
	for (int i = 0; i < PROCESSES; i++) {
		int n = (int)draw(STEPS);

		keeper_rig_start(&rig, 8);
		if (draw(8) > 0)
			keeper_rig_say(&rig,
				draw(2) ? "0 ready 1 3\n" : "0 ready 1\n");
		for (int s = 0; s < n; s++)
			step();
		keeper_rig_exit(&rig, statuses[draw(6)], draw(2) ? "a\nb" : "");
		process_check();
		good_process();
	}
	keeper_rig_fini(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_a_process_does_each_job_ends_once),
	};

	return cmocka_run_group_tests_name("keeper_random", tests, NULL, NULL);
}
