/* SPDX-License-Identifier: MIT */
/* The real spawner, by its client: what a start is and how it fails. */
#include "tests/unit/worker/spawned.h"
#include "wire/setting.h"

/* --- a start -------------------------------------------------------------- */

static void
a_child_gets_its_files_variables_and_folder(void **state)
{
	static const char env[] = "SPILLWAY_QUEUE=q\0X=a b";
	struct kid k;
	struct spawn_request r = request_of(
		"echo \"$SPILLWAY_QUEUE,$X\"; pwd; echo report >&3;"
		"ls /proc/self/fd | tr '\\n' ' '; exit 3",
		&k);
	char want[512];

	(void)state;
	r.env = bytes_of(env, sizeof(env));
	request_start(&r, &k);
	kid_wait(&k);
	assert_int_equal(k.starts, 1);
	assert_int_equal(WEXITSTATUS(k.ended.status), 3);
	(void)snprintf(want, sizeof(want), "q,a b\n%s/job.", spawn.folder);
	assert_memory_equal(k.text, want, strlen(want));
	assert_non_null(strstr(k.text, "report\n0 1 2 3 4 ")); /* 4: of ls */
	assert_null(strstr(k.text, " 5 "));
}

static void
a_child_has_a_session_and_signals_of_its_own(void **state)
{
	struct kid k;
	char want[64];

	(void)state;
	shell_run("cut -d' ' -f5,6 /proc/$$/stat;"
		  "exec grep -E 'Sig(Blk|Ign)' /proc/self/status",
		&k);
	(void)snprintf(
		want, sizeof(want), "%d %d\n", k.started.pid, k.started.pid);
	assert_memory_equal(k.text, want, strlen(want));
	assert_non_null(strstr(k.text, "SigBlk:\t0000000000000000"));
	assert_non_null(strstr(k.text, "SigIgn:\t0000000000000000"));
}

static void
a_child_knows_nothing_of_its_worker_s_service_manager(void **state)
{
	struct kid k;

	(void)state;
	shell_run("env", &k);
	assert_null(strstr(k.text, "NOTIFY_SOCKET"));
	assert_null(strstr(k.text, "WATCHDOG_"));
	assert_null(strstr(k.text, "LISTEN_"));
	assert_null(strstr(k.text, "SPILLWAY_HEADER_OLD"));
	assert_non_null(strstr(k.text, "KEPT_FOR_JOBS=1"));
}

static void
a_failed_step_is_named_with_its_cause(void **state)
{
	struct kid k;

	(void)state;
	command_run(MISSING, &k);
	assert_int_equal(k.starts + k.ends, 0);
	assert_int_equal(k.failed.step, SPAWN_EXEC);
	assert_int_equal(k.failed.error, -ENOENT);
	assert_int_equal(chmod(goes, 0600), 0);
	command_run(GOES, &k);
	assert_int_equal(k.failed.step, SPAWN_EXEC);
	assert_int_equal(k.failed.error, -EACCES);
	assert_int_equal(spawn.children, 0);
}

static void
a_script_without_an_interpreter_line_is_the_shell_s(void **state)
{
	struct kid k;

	(void)state;
	command_run(SCRIPT, &k);
	assert_string_equal(k.text, "ran with a b\n");
}

static void
limits_are_set(void **state)
{
	struct kid k;
	struct spawn_request r = request_of(
		"ulimit -v; ulimit -n; ulimit -t; ulimit -c; ulimit -u", &k);

	(void)state;
	r.limits = (struct spawn_limits){.memory = 64 << 20,
		.files = 20,
		.cpu_ms = 1500,
		.processes = 4000,
		.core = 0};
	request_start(&r, &k);
	kid_wait(&k);
	/* dash has -u not in all versions: its answer is left out then. */
	assert_memory_equal(k.text, "65536\n20\n2\n0\n", 13);
	r = request_of("ulimit -v; ulimit -Hn; ulimit -t; ulimit -c", &k);
	r.limits.core = 1 << 20;
	r.limits.files = INT64_MAX; /* above what the spawner may have */
	request_start(&r, &k);
	kid_wait(&k);
	assert_int_equal(WEXITSTATUS(k.ended.status), 0);
	assert_memory_equal(k.text, "unlimited\n", 10);
}

/* Each limit of a queue at its least but 0. */
static void
the_least_limits_let_a_command_run(void **state)
{
	struct kid k;
	struct spawn_request r = request_of("", &k);

	(void)state;
	r.command = PLAIN;
	r.limits = (struct spawn_limits){
		.memory = sw_setting_rules[SW_S_memory_limit].min,
		.files = sw_setting_rules[SW_S_files_limit].min,
		.cpu_ms = 1,
		.processes = 1,
		.core = 1};
	request_start(&r, &k);
	kid_wait(&k);
	assert_int_equal(k.fails, 0);
	assert_int_equal(k.ended.status, 0);
}

static void
time_on_the_processor_ends(void **state)
{
	struct kid k;
	struct spawn_request r = request_of("while :; do :; done", &k);

	(void)state;
	r.limits.cpu_ms = 1000;
	request_start(&r, &k);
	kid_wait(&k);
	assert_int_equal(WTERMSIG(k.ended.status), SIGXCPU);
	assert_in_range(k.ended.cpu_ms, 500, 3000);
}

static void
a_probe_does_all_but_run_a_command(void **state)
{
	struct kid k;
	struct spawn_request r = request_of("echo ran", &k);

	(void)state;
	r.flags |= SPAWN_PROBE;
	request_start(&r, &k);
	kid_wait(&k);
	assert_int_equal(k.starts, 1);
	assert_int_equal(k.ended.status, 0);
	assert_string_equal(k.text, "");
}

/* One that reads nothing: the socket fills up with the commands. */
static void
no_call_waits_for_a_spawner_that_does_not_answer(void **state)
{
	enum { MANY = 40 };
	static char large[SPAWN_PACKET / 2];
	const char *const argv[] = {"it", large, NULL};
	struct spawn_command_line lines[MANY];
	char mute[FOLDER_FILE];
	struct spawn s;
	int folder_error = 1, status;
	pid_t pid;

	(void)state;
	folder_file(folder, "mute", "#!/bin/sh\nexec sleep 1000\n", mute);
	assert_int_equal(chmod(mute, 0700), 0);
	memset(large, 'x', sizeof(large) - 1);
	for (int i = 0; i < MANY; i++)
		lines[i] = (struct spawn_command_line){"/bin/sh", argv};
	assert_int_equal(spawn_begin(&s, mute, lines, MANY, 5), 0);
	assert_int_equal(spawn_opening(&s, 5, &folder_error), 1);
	assert_true(s.lines_sent < MANY);
	assert_int_equal(
		spawn_opening(&s, 4 + SPAWN_READY_MS, &folder_error), 1);
	assert_int_equal(spawn_opening(&s, 5 + SPAWN_READY_MS, &folder_error),
		-ETIMEDOUT);
	pid = s.pid;
	spawn_leave(&s);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, SIGKILL);
	assert_int_equal(folder_error, 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(a_child_gets_its_files_variables_and_folder),
		T(a_child_has_a_session_and_signals_of_its_own),
		T(a_child_knows_nothing_of_its_worker_s_service_manager),
		T(a_failed_step_is_named_with_its_cause),
		T(a_script_without_an_interpreter_line_is_the_shell_s),
		T(limits_are_set),
		T(the_least_limits_let_a_command_run),
		T(time_on_the_processor_ends),
		T(a_probe_does_all_but_run_a_command),
		T(no_call_waits_for_a_spawner_that_does_not_answer),
	};

	return cmocka_run_group_tests_name("spawn", tests, begin, finish);
}
