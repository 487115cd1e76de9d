/* SPDX-License-Identifier: MIT */
/* The real spawner, by its client: ends, groups, folders; much and wrong. */
#include "tests/unit/worker/spawned.h"

/* --- groups --------------------------------------------------------------- */

/* The pids that the job printed, a line each. */
static int
pids_read(const char *text, pid_t *pids, int most)
{
	int n = 0;
	char *end;

	for (const char *at = text; n < most; at = end) {
		pids[n] = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		n++;
	}
	return n;
}

/* In its group; in a session of its own; and an orphan of that. */
static void
what_a_job_started_ends_with_it(void **state)
{
	pid_t pids[8];
	struct kid k;

	(void)state;
	shell_start("trap 'exit 0' USR1; up='trap \"\" USR1; echo $$; "
		    "exec sleep 1000';"
		    "sh -c \"$up\" & setsid sh -c \"$up\" &"
		    "(setsid sh -c \"sh -c '$up' &\");"
		    "while :; do sleep 0.02; done",
		&k);
	UNTIL((out_read(&k), pids_read(k.text, pids, 8)) == 3);
	for (int i = 0; i < 3; i++)
		assert_true(is_alive(pids[i]));
	assert_int_equal(
		spawn_signal(&spawn, (int)k.started.number, SIGUSR1), 0);
	kid_wait(&k);
	assert_int_equal(k.ended.status, 0);
	for (int i = 0; i < 3; i++)
		assert_false(is_alive(pids[i]));
}

/* Starts a job whose grandchild has left its group, and waits for both. */
static void
escape_start(struct kid *k, pid_t pids[2])
{
	shell_start("trap '' TERM; echo $$;"
		    "(setsid sh -c 'trap \"\" TERM; echo $$; "
		    "while :; do sleep 0.1; done' &);"
		    "while :; do sleep 0.1; done",
		k);
	UNTIL((out_read(k), pids_read(k->text, pids, 2)) == 2);
	assert_true(is_alive(pids[0]));
	assert_true(is_alive(pids[1]));
}

static void
a_killed_job_takes_with_it_what_has_left_its_group(void **state)
{
	pid_t pids[2];
	struct kid k;

	(void)state;
	escape_start(&k, pids);
	assert_int_equal(
		spawn_signal(&spawn, (int)k.started.number, SIGTERM), 0);
	assert_int_equal(
		spawn_signal(&spawn, (int)k.started.number, SIGKILL), 0);
	kid_wait(&k);
	assert_int_equal(WTERMSIG(k.ended.status), SIGKILL);
	assert_false(is_alive(pids[0]));
	assert_false(is_alive(pids[1]));
}

static void
the_end_of_one_job_is_not_that_of_another_s_processes(void **state)
{
	pid_t pids[2];
	struct kid k, other;

	(void)state;
	escape_start(&k, pids);
	shell_run("sleep 1000 & true", &other);
	assert_true(is_alive(pids[0]));
	assert_true(is_alive(pids[1]));
	assert_int_equal(
		spawn_signal(&spawn, (int)k.started.number, SIGKILL), 0);
	kid_wait(&k);
	assert_false(is_alive(pids[1]));
}

/* The kernel's list of them is longer than what one read(2) gives. */
static void
left_overs_are_found_among_many_children(void **state)
{
	enum { MANY = 1100 };
	static struct kid all[MANY];
	pid_t pid;
	struct kid k;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		shell_start("exec sleep 1000", &all[i]);
		close(all[i].out);
	}
	UNTIL(spawn.starting == 0);
	shell_run("setsid sh -c 'echo $$; >up; exec sleep 1000' & "
		  "until [ -e up ]; do sleep 0.02; done",
		&k);
	assert_int_equal(k.ends, 1);
	assert_int_equal(pids_read(k.text, &pid, 1), 1);
	assert_false(is_alive(pid));
}

/* Of another user, where the tests may become one: they wait for no end. */
static void
a_left_over_that_cannot_be_killed_delays_no_end(void **state)
{
	pid_t pid;
	struct kid k;

	(void)state;
	shell_run("setsid setpriv --reuid 65534 --clear-groups --inh-caps=-all "
		  "sleep 15 & echo $!; "
		  "until [ $(stat -c %u /proc/$!) = 65534 ]; do :; done",
		&k);
	if (getuid() != 0)
		return;
	assert_int_equal(pids_read(k.text, &pid, 1), 1);
	for (int i = 0; i < 50; i++) {
		shell_run("true", &k);
		assert_int_equal(k.ended.status, 0);
	}
	assert_true(is_alive(pid));
}

static void
a_signal_reaches_the_whole_group(void **state)
{
	struct kid k;

	(void)state;
	shell_start("sh -c 'trap \"echo child; exit\" TERM; echo up;"
		    "while :; do sleep 0.05; done' &"
		    "trap 'echo leader; wait; exit 9' TERM; wait; wait",
		&k);
	UNTIL((out_read(&k), k.len) > 0);
	assert_int_equal(
		spawn_signal(&spawn, (int)k.started.number, SIGTERM), 0);
	kid_wait(&k);
	assert_non_null(strstr(k.text, "child"));
	assert_non_null(strstr(k.text, "leader"));
	assert_int_equal(WEXITSTATUS(k.ended.status), 9);
}

static void
kill_and_look(int kill_spawner)
{
	int p[2];
	pid_t pid, pids[2];
	struct spawn mine;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) { /* a worker */
		struct kid k;

		mine = spawn;
		spawner_begin(&spawn);
		escape_start(&k, pids);
		(void)!write(p[1], pids, sizeof(pids));
		if (!kill_spawner)
			(void)pause();
		(void)kill(spawn.pid, SIGKILL);
		while (spawn_events(&spawn, 1) >= 0)
			;
		_exit(0);
	}
	(void)mine;
	close(p[1]);
	assert_int_equal(read(p[0], pids, sizeof(pids)), sizeof(pids));
	close(p[0]);
	if (!kill_spawner)
		(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	UNTIL(!is_alive(pids[0]));
	if (!kill_spawner)
		UNTIL(!is_alive(pids[1]));
	if (is_alive(pids[1])) /* the worker's to kill: it is its subreaper */
		(void)kill(pids[1], SIGKILL);
}

static void
a_killed_worker_leaves_no_process(void **state)
{
	(void)state;
	kill_and_look(0);
}

static void
a_killed_spawner_is_noticed_and_takes_the_leaders_with_it(void **state)
{
	(void)state;
	kill_and_look(1);
}

static void
a_spawner_that_takes_nothing_is_stuck(void **state)
{
	const int64_t start = 1000, end = start + SPAWN_STUCK_MS;
	struct kid k;

	(void)state;
	shell_run("exit 0", &k);
	assert_int_equal(spawn_is_stuck(&spawn, start), 0);
	assert_int_equal(spawn_is_stuck(&spawn, end), 0); /* nothing waits */
	assert_int_equal(kill(spawn.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(spawn.pid, NULL, WUNTRACED), spawn.pid);
	shell_start("exit 0", &k);
	assert_int_equal(spawn_is_stuck(&spawn, end + SPAWN_STUCK_MS - 1), 0);
	assert_int_equal(spawn_is_stuck(&spawn, end + SPAWN_STUCK_MS), 1);
	assert_int_equal(spawn_is_stuck(&spawn, end + SPAWN_STUCK_MS), 0);
	assert_int_equal(kill(spawn.pid, SIGCONT), 0);
	kid_wait(&k);
	assert_int_equal(spawn_is_stuck(&spawn, end + 3 * SPAWN_STUCK_MS), 0);
}

/* --- folders -------------------------------------------------------------- */

static void
a_folder_goes_with_its_job_whatever_is_in_it(void **state)
{
	struct kid k;

	(void)state;
	shell_run("mkdir -p a/b/c; echo x >a/b/c/d; ln -s / l;"
		  "chmod 0 a/b/c; chmod 500 a; mkfifo p",
		&k);
	assert_int_equal(k.ended.status, 0);
	assert_int_equal(folders_left(), 0);
}

/* As an archive may set it, whose first entry is the folder itself. */
static void
a_folder_that_may_not_be_written_to_goes_too(void **state)
{
	struct kid k;
	char gone[SPAWN_FOLDER + 8];

	(void)state;
	shell_run("echo x >file; chmod 555 .", &k);
	assert_int_equal(folders_left(), 0);
	shell_run("echo x >file; chmod 0 . ../gone ..", &k);
	shell_run("echo x >file; rm -rf ../gone", &k);
	assert_int_equal(k.starts, 1);
	assert_int_equal(k.ended.status, 0);
	assert_int_equal(folders_left(), 0);
	(void)snprintf(gone, sizeof(gone), "%s/gone", spawn.folder);
	UNTIL(rmdir(gone) == 0);
	assert_int_equal(mkdir(gone, 0700), 0);
}

static void
a_deep_tree_is_deleted_too(void **state)
{
	struct kid k;
	char gone[SPAWN_FOLDER + 8];

	(void)state;
	shell_run("i=0; while [ $i -lt 600 ]; do mkdir 0123456789; "
		  "cd -P 0123456789; i=$((i + 1)); done",
		&k);
	assert_int_equal(k.ended.status, 0);
	(void)snprintf(gone, sizeof(gone), "%s/gone", spawn.folder);
	/* rmdir(2) succeeds on an empty folder alone. */
	UNTIL(rmdir(gone) == 0);
	assert_int_equal(mkdir(gone, 0700), 0);
}

static void
a_root_that_is_gone_is_made_anew(void **state)
{
	struct kid k;
	char gone[SPAWN_FOLDER + 8];

	(void)state;
	shell_run("true", &k);
	(void)snprintf(gone, sizeof(gone), "%s/gone", spawn.folder);
	UNTIL(rmdir(gone) == 0);
	assert_int_equal(rmdir(spawn.folder), 0);
	shell_run("pwd", &k);
	assert_int_equal(k.ended.status, 0);
	assert_memory_equal(k.text, folder, strlen(folder));
}

static void
without_room_for_a_folder_nothing_runs(void **state)
{
	char away[FOLDER_PATH + 8];
	struct kid k;

	(void)state;
	(void)snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	for (int i = 0; i < 2; i++) {
		shell_run("echo ran", &k);
		assert_int_equal(k.fails, 1);
		assert_int_equal(
			k.failed.step, i == 0 ? SPAWN_CHDIR : SPAWN_MKDIR);
		assert_int_equal(k.failed.error, -ENOENT);
		assert_string_equal(k.text, "");
	}
	assert_int_equal(rename(away, folder), 0);
	shell_run("echo ran", &k);
	assert_string_equal(k.text, "ran\n");
}

/* --- much, and wrong ------------------------------------------------------ */

static void
nothing_happens(int sig)
{
	(void)sig;
}

/* Signals interrupt this end as often as they can. */
static void
a_thousand_starts_leave_nothing_behind(void **state)
{
	enum { N = 1000, AT_ONCE = 50 };
	static struct kid kids[AT_ONCE];
	struct itimerval every = {{0, 1000}, {0, 1000}}, none = {{0}, {0}};
	struct sigaction act = {.sa_handler = nothing_happens};
	int before = files_of(spawn.pid);

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	for (int n = 0; n < N; n += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++) {
			struct spawn_request r = request_of("exit 7", &kids[i]);

			if (i % 5 == 0)
				r.command = MISSING;
			request_start(&r, &kids[i]);
		}
		for (int i = 0; i < AT_ONCE; i++) {
			kid_wait(&kids[i]);
			assert_int_equal(kids[i].fails, i % 5 == 0);
			assert_int_equal(kids[i].ends, i % 5 != 0);
		}
	}
	assert_int_equal(setitimer(ITIMER_REAL, &none, NULL), 0);
	assert_int_equal(files_of(spawn.pid), before);
	assert_int_equal(spawn.children, 0);
	assert_int_equal(folders_left(), 0);
}

static void
a_packet_that_is_wrong_does_no_harm(void **state)
{
	static char much[SPAWN_PACKET];
	const struct spawn_head heads[] = {{SPAWN_START, SPAWN_CHILDREN - 1},
		{SPAWN_SIGNAL, 0}, {99, 0}, {SPAWN_START, UINT32_MAX}};
	int before = files_of(spawn.pid);
	struct kid k;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memcpy(much, &heads[i], sizeof(heads[i]));
		assert_int_equal(send(spawn.socket, much, 5, 0), 5);
		assert_true(send(spawn.socket, much, sizeof(heads[0]), 0) > 0);
		assert_true(send(spawn.socket, much, 1000, 0) > 0);
	}
	shell_run("echo ran", &k);
	assert_string_equal(k.text, "ran\n");
	assert_int_equal(files_of(spawn.pid), before);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(what_a_job_started_ends_with_it),
		T(a_killed_job_takes_with_it_what_has_left_its_group),
		T(the_end_of_one_job_is_not_that_of_another_s_processes),
		T(left_overs_are_found_among_many_children),
		T(a_left_over_that_cannot_be_killed_delays_no_end),
		T(a_signal_reaches_the_whole_group),
		T(a_killed_worker_leaves_no_process),
		T(a_killed_spawner_is_noticed_and_takes_the_leaders_with_it),
		T(a_spawner_that_takes_nothing_is_stuck),
		T(a_folder_goes_with_its_job_whatever_is_in_it),
		T(a_folder_that_may_not_be_written_to_goes_too),
		T(a_deep_tree_is_deleted_too),
		T(a_root_that_is_gone_is_made_anew),
		T(without_room_for_a_folder_nothing_runs),
		T(a_thousand_starts_leave_nothing_behind),
		T(a_packet_that_is_wrong_does_no_harm),
	};

	return cmocka_run_group_tests_name("spawn_ends", tests, begin, finish);
}
