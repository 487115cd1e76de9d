/* SPDX-License-Identifier: MIT */
/*
 * The set-up of the built-in jobs that is wrong: it ends the program before its
 * first job, and --check-config finds it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/jobs.h"

/* `option`: NULL, or one that the program gets. */
static void
refused(const char *program, const char *option, const char *conf,
	const char *said)
{
	const char *const argv[] = {program, option, NULL};
	char path[FOLDER_FILE], env[FOLDER_FILE + 32];
	struct kept_process p;

	folder_file(test_folder, "jobs.conf", conf, path);
	(void)snprintf(env, sizeof(env), "SPILLWAY_JOBS=%s", path);
	kept_start(&p, argv, (const char *[]){env, NULL});
	assert_int_equal(kept_wait(&p), EX_CONFIG << 8);
	if (strstr(p.said, said) == NULL)
		fail_msg("'%s' has no '%s'", p.said, said);
	assert_ptr_equal(strchr(p.said, '\n'), p.said + strlen(p.said) - 1);
	assert_int_equal(p.in_len, 0);
}

static void
a_wrong_set_up_is_a_line_and_78_as_asked_or_before_ready(void **state)
{
	static const struct {
		const char *program, *conf, *why;
	} wrong[] = {
		{"spillway-job-email",
			"[email]\nserver = a\n"
			"ca_file = /no/ca\n",
			"ca_file in [email]: /no/ca: No such file"},
		{"spillway-job-email",
			"[email]\nserver = a\n"
			"templates = /dev/null\n",
			"templates in [email]: /dev/null: "},
		{"spillway-job-webhook",
			"[webhook]\nany_url = yes\nunsigned = yes\n"
			"ca_file = /no/ca\n",
			"ca_file in [webhook]: /no/ca: No such file"},
		{"spillway-job-transcode", "[transcode]\nffmpeg = /no/f\n",
			"ffmpeg in [transcode]: /no/f: No such file"},
		{"spillway-job-transcode",
			"[transcode]\nffmpeg = /bin/sh\nffprobe = /dev\n",
			"ffprobe in [transcode]: /dev: Is a directory"},
		{"spillway-job-transcode",
			"[transcode]\nffmpeg = /etc/passwd\n",
			"ffmpeg in [transcode]: /etc/passwd: Permission"},
		{"spillway-job-email", "", "server"},
		{"spillway-job-email", "[email]\nsrver = a\n", ":2: unknown"},
		{"spillway-job-email", "[logs]\n x = 1\n", ":2: the line must"},
		{"spillway-job-webhook", "[webhook a]\nurl = x\n", "url"},
		{"spillway-job-logs", "[logs]\narchive = /none\n", "/none"},
		{"spillway-job-transcode", "[transcode a]\nbase = b\n",
			"must be hls"},
		{"spillway-job-noop", "[noop]\nx = y\n", ":2: unknown key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		refused(wrong[i].program, "--check-config", wrong[i].conf,
			wrong[i].why);
		refused(wrong[i].program, NULL, wrong[i].conf, wrong[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_wrong_set_up_is_a_line_and_78_as_asked_or_before_ready),
	};

	(void)alarm(deadline_s());
	return cmocka_run_group_tests_name(
		"programs_start", tests, test_folder_make, test_folder_remove);
}
