/* SPDX-License-Identifier: MIT */
/*
 * test_cmd_run.c - the verbs against a broker that answers from a script
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

#include "cli/cmd.h"
#include "tests/lib/command.h"
#include "tests/lib/deadline.h"
#include "wire/proto.h"

/* A job that is not there yet. */
#define FRESH "01935af0-0000-7000-9000-000000000001"

static void
a_put_prints_the_id_it_was_stored_under(void **state)
{
	(void)state;
	assert_int_equal(seen_run("put|mail|hello|--id|" FRESH), CMD_OK);
	assert_string_equal(seen.out, FRESH "\n");
	assert_string_equal(seen.err, "");
	assert_memory_equal(script.stored, "hello", 5);

	assert_int_equal(
		seen_run_in("put|mail|-|--json|--id=" FRESH, "a\0b", 3), 0);
	assert_string_equal(seen.out, "{\"status\":0,\"id\":\"" FRESH "\"}\n");
	assert_int_equal(script.stored_len, 3);
	assert_memory_equal(script.stored, "a\0b", 3);

	assert_int_equal(
		seen_run_in("put|done|-|--id=" DONE, "\x01\0raw", 5), CMD_OK);
	HAS(seen.err, "was stored before, it is done");
	assert_int_equal(seen_run("put|again|x|--id|" DONE), CMD_REFUSED);
	assert_string_equal(seen.out, "");
	assert_string_equal(seen.err,
		"spillway put: again: another job has this id: the job with "
		"this id is in queue done\n");
}

static void
a_refused_put_says_why(void **state)
{
	(void)state;
	assert_int_equal(seen_run("put|full|x"), CMD_REFUSED);
	assert_string_equal(seen.out, "");
	HAS(seen.err, "full: the store is full");
	HAS(seen.err, "90 % used\\x1b[31m");
	assert_int_equal(seen_run("put|taken|x|--unique=k"), CMD_REFUSED);
	HAS(seen.err, "another job holds this unique key: " MUTE);
}

static void
a_put_of_unknown_outcome_is_one_line_with_the_id(void **state)
{
	(void)state;
	assert_int_equal(seen_run("put|unknown|x|--id|" FRESH), CMD_UNKNOWN);
	assert_string_equal(seen.out, "");
	assert_string_equal(seen.err,
		"spillway put: the outcome is unknown; the job may be stored: "
		"the same put with --id " FRESH " makes no second job\n");
}

static void
a_put_that_waits_prints_the_result_alone(void **state)
{
	(void)state;
	assert_int_equal(seen_run("put|mail|x|--wait|--id|" FRESH), CMD_OK);
	assert_int_equal(seen.out_len, 4);
	assert_memory_equal(seen.out, "4\0002\n", 4);
	assert_string_equal(seen.err, FRESH "\n");
	assert_int_equal(seen_run("put|taken|x|--wait-for=20ms|--id|" MUTE),
		CMD_UNKNOWN);
	HAS(seen.err, "has not ended within 20ms");
}

static char *
lines_make(size_t n, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(f, "line %zu of many, all of them whole\n", i);
	(void)fclose(f);
	return text;
}

static void
a_file_of_lines_arrives_whole_and_in_order(void **state)
{
	size_t len;
	char *text = lines_make(100000, &len);

	(void)state;
	assert_int_equal(seen_run_in("put|logs|--lines|-", text, len), CMD_OK);
	assert_int_equal(script.stored_len, len);
	assert_memory_equal(script.stored, text, len);
	assert_true(script.largest <= SW_BODY_MAX);
	assert_string_equal(seen.out, "29 jobs, 3.6 MB\n");
	assert_int_equal(seen_run_in("put|logs|--lines|-", "a\n", 2), CMD_OK);
	assert_string_equal(seen.out, "1 job, 2 B\n");

	/* more jobs than a batch holds, several batches */
	assert_int_equal(
		seen_run_in("put|logs|--lines|-|--chunk=1k|--json", text, len),
		0);
	assert_memory_equal(script.stored, text, len);
	assert_true(script.bodies > 3000 && script.largest <= 1024);
	HAS(seen.out, "\"refused\":0,\"unknown\":0}");

	assert_int_equal(
		seen_run_in("put|logs|--lines|-|--ids", text, len), CMD_OK);
	assert_int_equal(seen.out_len, script.bodies * SW_ID_TEXT);
	HAS(seen.err, "29 jobs");
	free(text);
}

static void
each_line_becomes_a_job_of_its_own(void **state)
{
	size_t len;
	char *text = lines_make(1000, &len);

	(void)state;
	assert_int_equal(
		seen_run_in("put|mail|--lines|-|--each", text, len), CMD_OK);
	assert_int_equal(script.bodies, 1000);
	assert_int_equal(script.stored_len, len - 1000); /* the newlines */
	HAS(seen.out, "1,000 jobs");
	free(text);
}

static void
a_line_too_long_hands_over_nothing_of_the_file(void **state)
{
	size_t len;
	char *text = lines_make(2000, &len);

	(void)state;
	memset(text + len - 1200, 'x', 1100);
	assert_int_equal(
		seen_run_in("put|logs|--lines|-|--chunk=1k", text, len),
		CMD_REFUSED);
	assert_int_equal(script.bodies, 0);
	HAS(seen.err, "stdin:196");
	HAS(seen.err, "longer than 1.0 KB");
	free(text);
}

static void
refused_lines_are_named(void **state)
{
	(void)state;
	assert_int_equal(seen_run_in("put|full|--lines|-|--chunk=8",
				 "one\ntwo\nthree\nfour\n", 19),
		CMD_REFUSED);
	HAS(seen.err, "stdin:1-2: not stored: the store is full");
	HAS(seen.err, "stdin:3-3: not stored");
	assert_string_equal(seen.out, "0 jobs, 0 B\n");
}

static void
a_dead_job_is_shown_with_its_whole_history(void **state)
{
	(void)state;
	assert_int_equal(seen_run("dead|show|" DEAD), CMD_OK);
	HAS(seen.out, "state     dead (crash)\n");
	HAS(seen.out, "attempts  2 of 5, 1 of them crashed\n");
	HAS(seen.out, "header    tenant=acme\n");
	HAS(seen.out, "2026-01-31T08:00:10Z  attempt 1  error  retry  exit 3  "
		      "ran 1.2s  cpu 40ms  rss 12.3 MB  on worker-1\n"
		      "      | first line\n"
		      "      | no such \\x1b[31mhost\n"
		      "      ! line 2: 'progres' is not known\n");
	HAS(seen.out, "attempt 2  crash  fail  signal 11 (Segmentation "
		      "fault)  ran 0ms  on worker-1\n");
	HAS(seen.out, "body  7 B\n      | to: \\xff\\x00\n");
	HAS(seen.out, "    spillway dead redrive " DEAD "\n");
	assert_int_equal(seen_run("dead|show|" DONE), CMD_REFUSED);
	HAS(seen.err, "it is not dead, it is done");
}

static void
a_done_job_is_shown_with_its_output_and_warnings(void **state)
{
	(void)state;
	assert_int_equal(seen_run("get|" DONE), CMD_OK);
	HAS(seen.out, "  done 1  ran 0ms  on worker-2\n"
		      "      | sent 3\n"
		      "      | sent \\x1b[31m4\n"
		      "      ! line 7: 'put' has no queue\n"
		      "      ! 2 more lines were not understood\n");
	assert_int_equal(seen_run("get|--json|" DONE), CMD_OK);
	HAS(seen.out, "\"output\":\"sent 3\\nsent \\u001b[31m4\\n\"");
	HAS(seen.out, "\"warnings\":[\"line 7: 'put' has no queue\","
		      "\"2 more lines were not understood\"]");
}

static void
each_id_gets_its_answer_though_replies_are_short(void **state)
{
	(void)state;
	assert_int_equal(
		seen_run("get|--json|" DEAD "|" NONE "|" BIG "|" BIG "|" BIG
			 "|" BIG "|" BIG "|" BIG "|" BIG "|" BIG "|" DONE),
		CMD_REFUSED);
	assert_int_equal(script.asked_n, 2);
	HAS(seen.err, NONE ": no such job");
	HAS(seen.out, "\"detail\":\"no such job\",\"id\":\"" NONE "\"}\n{");
	HAS(seen.out, "\"body_base64\":\"dG86IP8ACg==\"");
	HAS(seen.out, "{\"attempt\":2,\"outcome\":\"fail\","
		      "\"cause\":\"crash\",\"signal\":11,");
	HAS(strstr(seen.out, "\"id\":\"" BIG "\""), "\"id\":\"" DONE "\"");
	assert_int_equal(seen_run("get|" DONE), CMD_OK);
	HAS(seen.out, "state     done\n");
	assert_int_equal(seen_run("get|--body|" DEAD), CMD_OK);
	assert_int_equal(seen.out_len, 7);
	assert_memory_equal(seen.out, "to: \xff\0\n", 7);
}

static void
the_end_of_a_wait_is_the_exit_code(void **state)
{
	(void)state;
	assert_int_equal(seen_run("wait|" DONE), CMD_OK);
	assert_memory_equal(seen.out, "4\0002\n", 4);
	assert_int_equal(seen_run("wait|" DEAD), CMD_REFUSED);
	HAS(seen.err, "    first line\n    no such \\x1b[31mhost\n");
	HAS(seen.err, "ended dead (crash), see spillway dead show " DEAD);
	assert_int_equal(seen_run("wait|" NONE), CMD_REFUSED);
	HAS(seen.err, "no such job");
}

/* Reaching the broker may take any time: each attempt waits longer. */
static void
a_wait_without_an_end_is_unknown(void **state)
{
	int rc = CMD_NO_BROKER, ms = 10;
	char words[128];

	(void)state;
	while (rc == CMD_NO_BROKER && (ms *= 2) < PLENTY_MS) {
		(void)snprintf(words, sizeof(words), "wait|--timeout|%dms|%s",
			ms, MUTE);
		rc = seen_run(words);
	}
	assert_int_equal(rc, CMD_UNKNOWN);
}

static void
cancel_and_why_answer_in_one_line(void **state)
{
	(void)state;
	assert_int_equal(seen_run("cancel|" MUTE "|" DEAD), CMD_REFUSED);
	assert_string_equal(seen.out, MUTE "  cancelled\n");
	HAS(seen.err, DEAD ": the job's state does not allow this: it is dead");
	assert_int_equal(seen_run("why|" DONE), CMD_OK);
	assert_string_equal(seen.out, "ready: queue mail is \\x1b[5mpaused\n");
	assert_int_equal(seen_run("why|" DONE "|" DONE), CMD_OK);
	HAS(seen.out, DONE "  ready: queue mail is");
	assert_int_equal(seen_run("why|" DONE "|--json"), CMD_OK);
	HAS(seen.out, "\"text\":\"queue mail is \\u001b[5mpaused\"");
}

static void
a_listing_walks_all_pages(void **state)
{
	struct sw_item it;

	(void)state;
	assert_int_equal(seen_run("dead|list|queue=mail|error~host"), CMD_OK);
	assert_int_equal(script.asked_n, 3);
	it = script_asked(1, SW_OP_LIST);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_CURSOR), bytes_str("c1")));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_MATCH), bytes_str("host")));
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_DEAD);
	HAS(seen.out, "CAUSE  NOTE\n" DEAD "  mail   dead       2  ");
	HAS(seen.out, "  crash  no such host\n" DEAD);

	assert_int_equal(seen_run("dead|list|--json|--limit=1"), CMD_OK);
	assert_int_equal(script.asked_n, 2); /* first which queues there are */
	it = script_asked(1, SW_OP_LIST);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_QUEUE), bytes_str("mail")));
	assert_int_equal(sw_int(&it, SW_F_LIMIT, 0), 1);
	assert_ptr_equal(strchr(seen.out, '\n'), seen.out + seen.out_len - 1);

	/* all states in turn, of which only dead has pages */
	assert_int_equal(seen_run("list|--json"), CMD_OK);
	assert_int_equal(script.asked_n, 8);
}

static void
a_redrive_sums_its_pages_and_keeps_the_rate(void **state)
{
	struct sw_item it;

	(void)state;
	assert_int_equal(
		seen_run("dead|redrive|queue=mail|--rate=50"), CMD_REFUSED);
	assert_int_equal(script.asked_n, 2);
	it = script_asked(1, SW_OP_REDRIVE);
	assert_int_equal(script_flags(1), 0);
	assert_int_equal(sw_int(&it, SW_F_RATE, 0), 50);
	assert_int_equal(sw_int(&it, SW_F_OFFSET, 0), 99);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_CURSOR), bytes_str("next")));
	assert_string_equal(seen.out, "104 jobs redriven, over 2.0s\n");
	HAS(seen.err, DEAD ": not changed: another job holds");

	assert_int_equal(
		seen_run("dead|redrive|queue=mail|--rate=10/m"), CMD_REFUSED);
	it = script_asked(1, SW_OP_REDRIVE);
	assert_false(sw_has(&it, SW_F_RATE));
	assert_int_equal(sw_int(&it, SW_F_DELAY_MS, 0), 6000);
	assert_int_equal(sw_int(&it, SW_F_OFFSET, 0), 99);
	assert_string_equal(seen.out, "104 jobs redriven, over 10m18s\n");

	assert_int_equal(
		seen_run("dead|redrive|--all|--dry-run|--limit=99"), CMD_OK);
	assert_int_equal(script.asked_n, 1);
	assert_int_equal(script_flags(0), SW_FLAG_DRY_RUN);
	HAS(seen.out, DONE "\n");
	HAS(seen.out, "99 jobs would be redriven\n");
}

static void
dead_retry_is_dead_redrive_by_another_name(void **state)
{
	char *out, *err;

	(void)state;
	assert_int_equal(
		seen_run("dead|redrive|queue=mail|--rate=50"), CMD_REFUSED);
	out = strdup(seen.out);
	err = strdup(seen.err);
	assert_true(out != NULL && err != NULL);
	assert_int_equal(
		seen_run("dead|retry|queue=mail|--rate=50"), CMD_REFUSED);
	(void)script_asked(1, SW_OP_REDRIVE);
	assert_string_equal(seen.out, out);
	assert_string_equal(seen.err, err);
	free(out);
	free(err);
	assert_int_equal(seen_run("help|dead|retry"), CMD_OK);
	HAS(seen.out, "usage: spillway dead redrive");
	HAS(seen.out, "`spillway dead retry` is an alias");
	assert_int_equal(seen_run("help"), CMD_OK);
	HAS(seen.out, "  dead redrive  make dead jobs ready again "
		      "(alias: dead retry)\n");
}

static void
ids_are_sent_each_by_itself(void **state)
{
	struct sw_item it;

	(void)state;
	(void)seen_run(
		"dead|redrive|" DEAD "|id=" DONE "|queue=mail|--limit=1000");
	assert_int_equal(script.asked_n, 2);
	for (int i = 0; i < 2; i++) {
		it = script_asked(i, SW_OP_REDRIVE);
		assert_true(script_is(&it, i == 0 ? DEAD : DONE));
		assert_true(sw_has(&it, SW_F_QUEUE));
		assert_int_equal(sw_int(&it, SW_F_LIMIT, 0), 1);
	}
}

static void
nothing_is_purged_without_yes(void **state)
{
	struct sw_item it;

	(void)state;
	assert_int_equal(
		seen_run("dead|purge|queue=mail|--limit=99"), CMD_USAGE);
	for (int i = 0; i < script.asked_n; i++)
		assert_int_equal(script_flags(i), SW_FLAG_DRY_RUN);
	HAS(seen.err, "nothing was deleted: add --yes");
	assert_int_equal(
		seen_run(
			"purge|state=ready|queue=mail|--yes|--limit=99|--json"),
		CMD_OK);
	it = script_asked(0, SW_OP_PURGE);
	assert_int_equal(script_flags(0), 0);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_READY);
	assert_string_equal(
		seen.out, "{\"count\":99,\"refused\":0,\"dry_run\":false}\n");
}

static void
queues_are_listed_set_and_paused(void **state)
{
	struct sw_item it;

	(void)state;
	assert_int_equal(seen_run("queues"), CMD_OK);
	HAS(seen.out, "mail   1,234,567        0        0     2  12.5");
	HAS(seen.out, "3m12s");
	HAS(seen.out, "paused\n");
	assert_int_equal(seen_run("queues|--json"), CMD_OK);
	assert_string_equal(seen.out,
		"{\"queue\":\"mail\",\"settings\":{\"paused\":1,"
		"\"backoff_cap_ms\":3600000},\"stats\":{\"ready\":1234567,"
		"\"dead\":2,\"oldest_ready_ms\":192000,"
		"\"arrival_per_s\":12.5}}\n");
	assert_int_equal(seen_run("queue|show|mail"), CMD_OK);
	HAS(seen.out, "backoff_cap_ms     1h  longest wait before any");
	assert_int_equal(
		seen_run("queue|set|mail|rate=7|backoff_ms=2s"), CMD_OK);
	it = script_asked(0, SW_OP_QUEUE_SET);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_SETTING), bytes_str("rate=7")));
	assert_int_equal(seen_run("pause|mail"), CMD_OK);
	it = script_asked(1, SW_OP_QUEUE_SET);
	assert_true(
		bytes_eq(sw_bytes(&it, SW_F_SETTING), bytes_str("paused=yes")));
	/* a mistyped name makes no queue */
	assert_int_equal(seen_run("pause|mial"), CMD_REFUSED);
	assert_int_equal(script.asked_n, 1);
	HAS(seen.err, "mial: no such queue");
}

static void
workers_stats_and_top_are_harmless_text(void **state)
{
	(void)state;
	assert_int_equal(seen_run("workers"), CMD_OK);
	HAS(seen.out, "box\\x1b]0;owned\\x07:12      8        3");
	HAS(seen.out, "250ms ago  mail,logs\n");
	assert_int_equal(seen_run("stats"), CMD_OK);
	HAS(seen.out, "uptime_ms  3m12s\n");
	HAS(seen.out, "commits    1,234\n");
	assert_int_equal(seen_run("stats|--json"), CMD_OK);
	assert_string_equal(seen.out,
		"{\"version\":\"0.1.0\",\"uptime_ms\":192000,"
		"\"commits\":1234}\n");
	assert_int_equal(seen_run("top"), CMD_OK);
	HAS(seen.out, "spillway  up 3m12s");
	HAS(seen.out, "1.2M");
	HAS(seen.out, "box\\x1b]0;owned\\x07:12");
	assert_null(strchr(seen.out, '\033'));
	for (char *p = seen.out, *nl; (nl = strchr(p, '\n')) != NULL;
		p = nl + 1)
		assert_true(nl - p <= 82); /* one "‖" is three bytes */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_prints_the_id_it_was_stored_under),
		cmocka_unit_test(a_refused_put_says_why),
		cmocka_unit_test(
			a_put_of_unknown_outcome_is_one_line_with_the_id),
		cmocka_unit_test(a_put_that_waits_prints_the_result_alone),
		cmocka_unit_test(a_file_of_lines_arrives_whole_and_in_order),
		cmocka_unit_test(each_line_becomes_a_job_of_its_own),
		cmocka_unit_test(
			a_line_too_long_hands_over_nothing_of_the_file),
		cmocka_unit_test(refused_lines_are_named),
		cmocka_unit_test(a_dead_job_is_shown_with_its_whole_history),
		cmocka_unit_test(
			a_done_job_is_shown_with_its_output_and_warnings),
		cmocka_unit_test(
			each_id_gets_its_answer_though_replies_are_short),
		cmocka_unit_test(the_end_of_a_wait_is_the_exit_code),
		cmocka_unit_test(a_wait_without_an_end_is_unknown),
		cmocka_unit_test(cancel_and_why_answer_in_one_line),
		cmocka_unit_test(a_listing_walks_all_pages),
		cmocka_unit_test(a_redrive_sums_its_pages_and_keeps_the_rate),
		cmocka_unit_test(dead_retry_is_dead_redrive_by_another_name),
		cmocka_unit_test(ids_are_sent_each_by_itself),
		cmocka_unit_test(nothing_is_purged_without_yes),
		cmocka_unit_test(queues_are_listed_set_and_paused),
		cmocka_unit_test(workers_stats_and_top_are_harmless_text),
	};

	return cmocka_run_group_tests(tests, script_up, script_down);
}
