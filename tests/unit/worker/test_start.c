/* SPDX-License-Identifier: MIT */
/* What a start needs: a command's path, a job's variables; and its faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/folder.h"
#include "worker/lease/command.h"
#include "worker/lease/route.h"
#include "worker/process/env.h"
#include "worker/process/fault.h"
#include "worker/process/output.h"

/* --- commands ------------------------------------------------------------- */

static void
a_command_is_a_path_or_in_PATH(void **state)
{
	char path[COMMAND_PATH], file[FOLDER_FILE], list[512];
	char here[COMMAND_PATH];

	(void)state;
	folder_file(test_folder, "tool", "#!/bin/sh\n", file);
	assert_int_equal(command_find(file, path), -EACCES);
	(void)snprintf(list, sizeof(list), "/nonexistent:%s", test_folder);
	setenv("PATH", list, 1);
	assert_int_equal(command_find("tool", path), -EACCES);
	assert_int_equal(chmod(file, 0700), 0);
	assert_int_equal(command_find("tool", path), 0);
	assert_string_equal(path, file);
	assert_int_equal(command_find(file, path), 0);
	assert_string_equal(path, file);
	assert_int_equal(command_find("nothing", path), -ENOENT);
	assert_int_equal(command_find("/nonexistent/tool", path), -ENOENT);
	assert_int_equal(command_find(test_folder, path), -EACCES);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(test_folder), 0);
	assert_int_equal(command_find("./tool", path), 0);
	assert_int_equal(access(path, X_OK), 0);
	assert_int_equal(path[0], '/');
	setenv("PATH", "", 1); /* an empty part is the working directory */
	assert_int_equal(command_find("tool", path), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(chdir(here), 0);
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	static char name[COMMAND_PATH + 10];
	char path[COMMAND_PATH];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(command_find(name, path), -ENOENT);
	name[0] = '/';
	assert_int_equal(command_find(name, path), -ENAMETOOLONG);
	name[0] = '.';
	name[1] = '/';
	assert_int_equal(command_find(name, path), -ENAMETOOLONG);
}

/* --- variables ------------------------------------------------------------ */

static struct worker_route route = {.queue = "mail"};

static ssize_t
env_of(const char *const *headers, char room[ENV_ROOM])
{
	static uint8_t raw[16384];
	struct sw_buf b = {.p = raw, .cap = sizeof(raw)};
	struct worker_lease job = {.route = &route};

	sw_put_int(&b, SW_F_ATTEMPT, 3);
	sw_put_int(&b, SW_F_TIMEOUT_MS, 5000);
	for (; *headers != NULL; headers++)
		sw_put_text(&b, SW_F_HEADER, *headers);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &job.item), 0);
	return env_of_job(&job, 1000000, room);
}

static void
a_job_s_variables_name_it(void **state)
{
	static const char want[] =
		"SPILLWAY_JOB_ID=00000000-0000-0000-0000-000000000000\0"
		"SPILLWAY_QUEUE=mail\0SPILLWAY_ATTEMPT=3\0"
		"SPILLWAY_DEADLINE_MS=1005000\0"
		"SPILLWAY_HEADER_A_B=\0SPILLWAY_HEADER_WHO=me=you";
	static const char *const headers[] = {"who=me=you", "a-b=", NULL};
	static char room[ENV_ROOM];

	(void)state;
	assert_int_equal(env_of(headers, room), sizeof(want));
	assert_memory_equal(room, want, sizeof(want));
}

/* A shell would take the last one, getenv(3) the first. */
static void
of_two_headers_with_one_name_the_last_counts(void **state)
{
	static const char *const headers[] = {
		"a-b=1", "x=1", "A_B=2", "a.b=3", NULL};
	static char room[ENV_ROOM];
	ssize_t n = env_of(headers, room);
	int found = 0;

	(void)state;
	assert_true(n > 0);
	for (const char *at = room; at < room + n; at += strlen(at) + 1) {
		if (strncmp(at, "SPILLWAY_HEADER_A_B=", 20) != 0)
			continue;
		assert_string_equal(at + 20, "3");
		found++;
	}
	assert_int_equal(found, 1);
}

static void
the_most_headers_that_a_job_may_have_fit(void **state)
{
	static char text[2048][4], room[ENV_ROOM];
	static const char *headers[2049];
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	(void)state;
	for (int i = 0; i < 1290; i++) { /* of 3 bytes, 4096 in all */
		text[i][0] = digits[i % 36];
		text[i][1] = digits[i / 36];
		text[i][2] = '=';
		headers[i] = text[i];
	}
	assert_true(env_of(headers, room) > 0);
}

/* --- faults --------------------------------------------------------------- */

static void
a_fault_is_tried_again_ever_later(void **state)
{
	static const int64_t pauses[] = {
		1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct fault f = {0};
	int64_t now = 5;

	(void)state;
	assert_false(fault_try(&f, now));
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		assert_int_equal(fault_note(&f, "fork", -EAGAIN, now), i == 0);
		/* Others were under way: they make no pause longer. */
		assert_false(fault_note(&f, "fork", -EAGAIN, now + 1));
		assert_false(fault_try(&f, now + pauses[i] - 1));
		now += pauses[i];
		assert_true(fault_try(&f, now));
		assert_false(fault_try(&f, now));
	}
	assert_true(fault_over(&f));
	assert_false(fault_over(&f));
	assert_false(fault_try(&f, now + 100000));
}

static void
another_cause_is_logged_again(void **state)
{
	struct fault f = {0};

	(void)state;
	assert_true(fault_note(&f, "fork", -EAGAIN, 0));
	assert_true(fault_note(&f, "fork", -ENOMEM, 0));
	assert_true(fault_note(&f, "folder", -ENOMEM, 0));
	assert_false(fault_note(&f, "folder", -ENOMEM, 0));
}

static void
a_command_s_fault_is_its_route_s_and_no_other_is(void **state)
{
	(void)state;
	assert_true(fault_is_of_route(SPAWN_EXEC, -ENOENT, 0));
	assert_true(fault_is_of_route(SPAWN_EXEC, -EACCES, 0));
	assert_true(fault_is_of_route(SPAWN_EXEC, -ENOMEM, 1));
	assert_false(fault_is_of_route(SPAWN_EXEC, -ENOMEM, 0));
	assert_false(fault_is_of_route(SPAWN_EXEC, -EAGAIN, 1));
	assert_false(fault_is_of_route(SPAWN_EXEC, -ENFILE, 1));
	for (uint32_t step = 0; step < SPAWN_STEPS; step++) {
		assert_string_not_equal(fault_step_name(step), "?");
		if (step != SPAWN_EXEC)
			assert_false(fault_is_of_route(step, -ENOENT, 1));
	}
	assert_true(fault_may_pass(-ENOSPC));
	assert_true(fault_may_pass(-ENOENT));
	assert_false(fault_may_pass(-ENAMETOOLONG));
}

/* --- output --------------------------------------------------------------- */

static void
the_tail_of_all_output_is_kept(void **state)
{
	static char much[3 * SW_ERROR_MAX], text[SW_ERROR_MAX];
	struct output o = {0};

	(void)state;
	assert_int_equal(output_tail(&o, text), 0);
	for (size_t i = 0; i < sizeof(much); i++)
		much[i] = (char)('a' + i % 23);
	output_add(&o, bytes_of(much, 5), NULL);
	output_add(&o, bytes_of(much + 5, sizeof(much) - 5 - 1000), NULL);
	output_add(&o, bytes_of(much + sizeof(much) - 1000, 1000), NULL);
	assert_int_equal(output_tail(&o, text), SW_ERROR_MAX);
	assert_memory_equal(
		text, much + sizeof(much) - SW_ERROR_MAX, SW_ERROR_MAX);
	output_add(&o, bytes_str("end \n\n"), NULL);
	assert_int_equal(output_tail(&o, text), SW_ERROR_MAX - 3);
	assert_memory_equal(text + SW_ERROR_MAX - 6, "end", 3);
	output_fini(&o);
	assert_null(o.tail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_a_path_or_in_PATH),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(a_job_s_variables_name_it),
		cmocka_unit_test(of_two_headers_with_one_name_the_last_counts),
		cmocka_unit_test(the_most_headers_that_a_job_may_have_fit),
		cmocka_unit_test(a_fault_is_tried_again_ever_later),
		cmocka_unit_test(another_cause_is_logged_again),
		cmocka_unit_test(
			a_command_s_fault_is_its_route_s_and_no_other_is),
		cmocka_unit_test(the_tail_of_all_output_is_kept),
	};

	return cmocka_run_group_tests_name(
		"start", tests, test_folder_make, test_folder_remove);
}
