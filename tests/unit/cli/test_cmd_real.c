/* SPDX-License-Identifier: MIT */
/*
 * test_cmd_real.c - the command and the real broker, end to end
 *
 * No worker is needed: a job that expires at once is dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <signal.h>

#include "cli/cmd.h"
#include "tests/lib/command.h"
#include "tests/lib/folder.h"
#include "tests/lib/proc.h"
#include "wire/setting.h"

static struct proc broker;
static char dir[FOLDER_PATH];

static int
set_up(void **state)
{
	char data[FOLDER_FILE], endpoint[FOLDER_FILE];
	const char *const argv[] = {
		"spillway-broker", "--data", data, "--listen", endpoint, NULL};

	(void)state;
	folder_make(dir);
	(void)snprintf(data, sizeof(data), "%s/data", dir);
	(void)snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", dir);
	assert_int_equal(setenv("SPILLWAY_BROKER", endpoint, 1), 0);
	proc_start(&broker, argv, NULL);
	/* the client connects when the broker listens */
	return seen_run("stats");
}

static int
tear_down(void **state)
{
	struct proc *const all[] = {&broker};

	(void)state;
	free(seen.out);
	free(seen.err);
	proc_signal(&broker, SIGTERM);
	while (broker.pid != 0)
		proc_watch(all, 1, -1);
	folder_remove(dir);
	return broker.status;
}

#define NOWHERE "01a22c10-7a3f-7000-a6ff-b30ba1cfb85f"

/* Makes a dead job; its id. */
static void
bury(const char *queue, char id[SW_ID_TEXT])
{
	char words[128];

	(void)snprintf(words, sizeof(words),
		"put|%s|body of it|--expires=0|--header=in=%s", queue, queue);
	assert_int_equal(seen_run(words), CMD_OK);
	memcpy(id, seen.out, SW_ID_TEXT - 1);
	id[SW_ID_TEXT - 1] = '\0';
	(void)snprintf(words, sizeof(words), "wait|%s|--timeout=2m", id);
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "ended dead (expired)"));
}

static int
lines_of(const char *text)
{
	int n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

static void
a_job_is_put_found_and_cancelled(void **state)
{
	char words[128], id[SW_ID_TEXT];

	(void)state;
	assert_int_equal(seen_run("put|a|hello|--delay=1h|--unique=k"), CMD_OK);
	memcpy(id, seen.out, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(seen_run("put|a|hello|--unique=k"), CMD_REFUSED);
	assert_non_null(strstr(seen.err, id));
	assert_int_equal(seen_run("list|queue=a|state=delayed|--json"), CMD_OK);
	assert_int_equal(lines_of(seen.out), 1);
	assert_non_null(strstr(seen.out, id));
	(void)snprintf(words, sizeof(words), "get|--body|%s", id);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_string_equal(seen.out, "hello");
	(void)snprintf(words, sizeof(words), "why|%s", id);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_memory_equal(seen.out, "delayed: ", 9);
	(void)snprintf(words, sizeof(words), "cancel|%s", id);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_non_null(strstr(seen.out, "cancelled"));
	(void)snprintf(words, sizeof(words), "wait|%s", id);
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "ended cancelled\n"));
}

static void
a_refused_put_names_the_limit(void **state)
{
	(void)state;
	assert_int_equal(seen_run("queue|set|small|max_jobs=1"), CMD_OK);
	assert_int_equal(seen_run("put|small|one"), CMD_OK);
	assert_int_equal(seen_run("put|small|two"), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "queue small has its max_jobs of 1"));
}

static void
a_redrive_by_id_leaves_the_other_dead_alone(void **state)
{
	char one[SW_ID_TEXT], two[SW_ID_TEXT], words[128];

	(void)state;
	bury("b", one);
	bury("b", two);
	(void)snprintf(words, sizeof(words), "dead|list|--json|id=%s", two);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_int_equal(lines_of(seen.out), 1);
	assert_non_null(strstr(seen.out, two));
	(void)snprintf(words, sizeof(words), "dead|redrive|%s", one);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_string_equal(seen.out, "1 job redriven\n");
	(void)snprintf(words, sizeof(words), "why|%s", one);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_memory_equal(seen.out, "ready: ", 7);
	(void)snprintf(words, sizeof(words), "dead|show|%s", two);
	assert_int_equal(seen_run(words), CMD_OK);
}

static void
put_later(const char *queue, char id[SW_ID_TEXT])
{
	char words[64];

	(void)snprintf(words, sizeof(words), "put|%s|x|--delay=1h", queue);
	assert_int_equal(seen_run(words), CMD_OK);
	memcpy(id, seen.out, SW_ID_TEXT - 1);
	id[SW_ID_TEXT - 1] = '\0';
}

static void
waiting_jobs_are_moved_run_and_buried(void **state)
{
	char one[SW_ID_TEXT], two[SW_ID_TEXT], words[160];

	(void)state;
	put_later("e", one);
	put_later("e", two);
	assert_int_equal(seen_run("queue|set|f|rate=0"), CMD_OK);
	(void)snprintf(words, sizeof(words), "move|%s|f", one);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_string_equal(seen.out, "1 job moved\n");
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "the job is in queue f already"));
	assert_int_equal(seen_run("move|queue=e|nowhere"), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "no such queue: nowhere"));
	assert_int_equal(seen_run("run|queue=f"), CMD_OK);
	assert_string_equal(seen.out, "1 job made ready\n");
	(void)snprintf(words, sizeof(words), "run|%s", one);
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "not changed: the job is ready"));
	(void)snprintf(words, sizeof(words), "run|%s|" NOWHERE, one);
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "not changed: the job is ready"));
	assert_non_null(strstr(seen.err, NOWHERE ": no such job\n"));
	(void)snprintf(words, sizeof(words), "purge|state=done|%s|--yes", one);
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_non_null(strstr(seen.err, ": no done job matches\n"));
	(void)snprintf(
		words, sizeof(words), "bury|%s|--reason=no recipient", two);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_int_equal(seen_run("dead|list|queue=e"), CMD_OK);
	assert_non_null(strstr(seen.out, "buried  no recipient"));
}

/* Also where they are in several queues. */
static void
the_dead_are_listed_newest_first(void **state)
{
	char one[SW_ID_TEXT], two[SW_ID_TEXT], three[SW_ID_TEXT];
	const char *a, *b, *c;

	(void)state;
	bury("nb", one);
	bury("na", two);
	bury("nb", three);
	assert_int_equal(seen_run("dead|list|--limit=50"), CMD_OK);
	a = strstr(seen.out, one);
	b = strstr(seen.out, two);
	c = strstr(seen.out, three);
	assert_true(a != NULL && b != NULL && c != NULL && c < b && b < a);
	assert_int_equal(seen_run("dead|list|--limit=1|--json"), CMD_OK);
	assert_non_null(strstr(seen.out, three));
	assert_int_equal(lines_of(seen.out), 1);
	assert_int_equal(
		seen_run("list|queue=nb|state=dead|--limit=1"), CMD_OK);
	assert_non_null(strstr(seen.out, one));
	assert_int_equal(
		seen_run("list|queue=nb|state=dead|--limit=1|--newest"),
		CMD_OK);
	assert_non_null(strstr(seen.out, three));
}

static void
jobs_of_a_selector_are_cancelled_with_yes(void **state)
{
	char one[SW_ID_TEXT], other[SW_ID_TEXT], words[128];

	(void)state;
	put_later("g", one);
	put_later("h", other);
	assert_int_equal(seen_run("cancel|queue=g"), CMD_USAGE);
	assert_non_null(strstr(seen.out, "1 job would be cancelled\n"));
	assert_non_null(
		strstr(seen.err, "nothing was cancelled: add --yes to cancel"));
	assert_int_equal(seen_run("cancel|queue=g|--yes"), CMD_OK);
	assert_string_equal(seen.out, "1 job cancelled\n");
	(void)snprintf(words, sizeof(words), "why|%s|%s", one, other);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_non_null(strstr(seen.out, "cancelled: "));
	assert_non_null(strstr(seen.out, "delayed: "));
}

static void
a_purge_by_id_or_header_deletes_just_those(void **state)
{
	char one[SW_ID_TEXT], two[SW_ID_TEXT], three[SW_ID_TEXT], words[128];

	(void)state;
	bury("c", one);
	bury("c", two);
	bury("d", three);
	(void)snprintf(words, sizeof(words), "dead|purge|--yes|%s", one);
	assert_int_equal(seen_run(words), CMD_OK);
	assert_string_equal(seen.out, "1 job deleted\n");
	(void)snprintf(words, sizeof(words), "get|%s", one);
	assert_int_equal(seen_run(words), CMD_REFUSED);
	assert_int_equal(seen_run("dead|purge|header=in=d|--dry-run"), CMD_OK);
	assert_non_null(strstr(seen.out, three));
	assert_int_equal(seen_run("dead|purge|header=in=d|--yes"), CMD_OK);
	assert_string_equal(seen.out, "1 job deleted\n");
	assert_int_equal(seen_run("dead|list|queue=c|--json"), CMD_OK);
	assert_int_equal(lines_of(seen.out), 1);
	assert_non_null(strstr(seen.out, two));
}

static void
a_queue_that_is_missing_is_named_and_not_made(void **state)
{
	static const char *const rows[][2] = {
		{"queue|show|nosuch", "spillway queue show"},
		{"pause|nosuch", "spillway pause"},
		{"list|queue=nosuch", "spillway list"},
		{"dead|redrive|queue=nosuch", "spillway dead redrive"},
	};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(seen_run(rows[i][0]), CMD_REFUSED);
		(void)snprintf(line, sizeof(line),
			"%s: no such queue: nosuch\n", rows[i][1]);
		assert_string_equal(seen.err, line);
	}
	assert_int_equal(seen_run("queues"), CMD_OK);
	assert_null(strstr(seen.out, "nosuch"));
}

static void
queues_keep_what_is_set(void **state)
{
	(void)state;
	assert_int_equal(seen_run("queue|set|e|rate=7|backoff_ms=3s"), CMD_OK);
	assert_int_equal(seen_run("pause|e"), CMD_OK);
	assert_int_equal(seen_run("queue|show|e|--json"), CMD_OK);
	assert_non_null(strstr(seen.out, "\"rate\":7"));
	assert_non_null(strstr(seen.out, "\"backoff_ms\":3000"));
	assert_non_null(strstr(seen.out, "\"paused\":1"));
	assert_int_equal(seen_run("resume|e"), CMD_OK);
	assert_int_equal(seen_run("queue|show|e|--json"), CMD_OK);
	assert_non_null(strstr(seen.out, "\"paused\":0"));
	assert_int_equal(seen_run("queues"), CMD_OK);
	assert_int_equal(seen_run("workers"), CMD_OK);
	assert_int_equal(seen_run("top"), CMD_OK);
}

static void
what_queue_show_prints_can_be_set(void **state)
{
	static char shown[16 * 1024];
	int found = 0;

	(void)state;
	assert_int_equal(
		seen_run("queue|set|s|timeout_ms=90m|max_bytes=1536k|rate=2|"
			 "drain=term|memory_limit=64m"),
		CMD_OK);
	assert_int_equal(seen_run("queue|show|s"), CMD_OK);
	(void)snprintf(shown, sizeof(shown), "%s", seen.out);
	assert_non_null(strstr(shown, "1h30m"));
	for (int i = 0; i < SW_SETTINGS; i++) {
		char head[64], value[64], words[160];
		const char *at;

		(void)snprintf(
			head, sizeof(head), "\n%s ", sw_setting_rules[i].name);
		at = strstr(shown, head);
		assert_non_null(at);
		assert_int_equal(sscanf(at + strlen(head), "%63s", value), 1);
		(void)snprintf(words, sizeof(words), "queue|set|s|%s=%s",
			sw_setting_rules[i].name, value);
		if (seen_run(words) != CMD_OK)
			fail_msg("%s: %s", words, seen.err);
		found++;
	}
	assert_int_equal(found, SW_SETTINGS);
	assert_int_equal(seen_run("queue|show|s"), CMD_OK);
	assert_string_equal(seen.out, shown);
}

static void
a_queue_is_deleted_with_its_jobs_if_that_is_asked_for(void **state)
{
	char id[SW_ID_TEXT];

	(void)state;
	bury("gone", id);
	assert_int_equal(seen_run("put|gone|one"), CMD_OK);
	assert_int_equal(seen_run("put|gone|two|--delay=1h"), CMD_OK);
	assert_int_equal(seen_run("put|keep|three"), CMD_OK);
	assert_int_equal(seen_run("queue|delete|gone"), CMD_REFUSED);
	assert_non_null(strstr(seen.err,
		"gone: the queue is in use: queue gone has jobs: 1 delayed, "
		"1 ready, 1 dead\n"));
	assert_int_equal(seen_run("queue|delete|gone|--purge"), CMD_OK);
	assert_string_equal(seen.out, "3 jobs deleted\n");
	assert_int_equal(seen_run("queue|show|gone"), CMD_REFUSED);
	assert_int_equal(seen_run("queue|delete|gone"), CMD_REFUSED);
	assert_non_null(strstr(seen.err, "no such queue"));
	assert_int_equal(seen_run("queue|delete|gone|--purge"), CMD_REFUSED);
	assert_int_equal(seen_run("queue|delete|No"), CMD_USAGE);
	assert_int_equal(seen_run("list|queue=keep|--json"), CMD_OK);
	assert_int_equal(lines_of(seen.out), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_put_found_and_cancelled),
		cmocka_unit_test(a_refused_put_names_the_limit),
		cmocka_unit_test(a_redrive_by_id_leaves_the_other_dead_alone),
		cmocka_unit_test(waiting_jobs_are_moved_run_and_buried),
		cmocka_unit_test(the_dead_are_listed_newest_first),
		cmocka_unit_test(jobs_of_a_selector_are_cancelled_with_yes),
		cmocka_unit_test(a_purge_by_id_or_header_deletes_just_those),
		cmocka_unit_test(a_queue_that_is_missing_is_named_and_not_made),
		cmocka_unit_test(queues_keep_what_is_set),
		cmocka_unit_test(what_queue_show_prints_can_be_set),
		cmocka_unit_test(
			a_queue_is_deleted_with_its_jobs_if_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
