/* SPDX-License-Identifier: MIT */
/* Drains, each of what it does; and a spawner that is lost. */
#include "tests/unit/worker/running_rig.h"

#include "tests/unit/worker/logged.h"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>

static void
assert_ended(const struct worker_lease *j, int outcome, int cause)
{
	assert_int_equal(j->state, LEASE_ENDED);
	assert_int_equal(j->report.outcome, outcome);
	assert_int_equal(j->report.cause, cause);
}

/* --- a stop --------------------------------------------------------------- */

static void
a_stop_ends_idle_processes_and_begins_no_job(void **state)
{
	struct worker_lease *j, *waits;

	(void)state;
	j = job_begins(MAIL);
	waits = job_comes(MAIL, NULL);
	assert_int_equal(waits->state, LEASE_WAITING);
	running_stop(&rig.r);
	assert_ended(waits, SW_RELEASE, SW_C_DRAIN);
	assert_ended(job_comes(MAIL, NULL), SW_RELEASE, SW_C_DRAIN);
	UNTIL(running_stopped(&rig.r));
	talk_clear(rig.t);
	talk_say(rig.t, 0);
	assert_int_equal(talk_last(rig.t, SW_OP_WANT)->credit, 3);
	assert_int_equal(j->state, LEASE_RUNNING);
	assert_int_equal(lines_of("told"), 0);
}

/* --- SIGTERM -------------------------------------------------------------- */

static void
drain_tells_some_and_then_all(int route)
{
	struct worker_lease *a = job_begins(route), *b = job_begins(route);

	a->settings.drain = 1;
	b->settings.drain = 0;
	running_stop(&rig.r);
	running_drain(&rig.r, rig.t->now + 1000, 0);
	UNTIL(rig.t->h.running == 1);
	assert_ended(a, SW_ACK, SW_C_NONE);
	assert_int_equal(b->stop, LEASE_KEEP);
	assert_int_equal(lines_of("told"), 1);
	running_drain(&rig.r, rig.t->now + 1000, 1);
	UNTIL(rig.t->h.running == 0);
	assert_ended(b, SW_ACK, SW_C_NONE);
	assert_int_equal(lines_of("told"), 2);
	UNTIL(running_stopped(&rig.r));
}

static void
a_drain_tells_the_exec_jobs_whose_queue_says_so_and_then_all(void **state)
{
	(void)state;
	drain_tells_some_and_then_all(MAIL);
}

static void
a_drain_tells_the_kept_jobs_whose_queue_says_so_and_then_all(void **state)
{
	(void)state;
	drain_tells_some_and_then_all(FILM);
}

static void
the_end_of_the_grace_kills_an_exec_job_that_is_deaf(void **state)
{
	struct worker_lease *j;

	(void)state;
	mark("deaf");
	j = job_begins(MAIL);
	running_drain(&rig.r, rig.t->now + 1000, 1);
	turn();
	assert_int_equal(rig.t->h.running, 1);
	rig.t->now += 1000;
	UNTIL(rig.t->h.running == 0);
	assert_ended(j, SW_RELEASE, SW_C_DRAIN);
	assert_int_equal(j->report.signal, SIGKILL);
}

/* --- hand-back ------------------------------------------------------------ */

static void
a_hand_back_kills_exec_jobs(void **state)
{
	struct worker_lease *j;

	(void)state;
	mark("deaf");
	j = job_begins(MAIL);
	running_hand_back(&rig.r);
	UNTIL(rig.t->h.running == 0);
	assert_ended(j, SW_RELEASE, SW_C_DRAIN);
}

static void
a_hand_back_kills_kept_processes_with_jobs(void **state)
{
	struct worker_lease *j;

	(void)state;
	j = job_begins(FILM);
	running_hand_back(&rig.r);
	UNTIL(rig.t->h.running == 0);
	assert_ended(j, SW_RELEASE, SW_C_DRAIN);
	assert_int_equal(lines_of("told"), 0);
}

/* The broker may be away for ever: a drain does not wait for its answer. */
static void
a_drain_and_a_hand_back_need_no_broker(void **state)
{
	struct worker_lease *a, *b;

	(void)state;
	a = job_begins(MAIL);
	leases_stalled(&rig.t->h, rig.t->now);
	running_drain(&rig.r, rig.t->now + 1000, 1);
	mark("deaf");
	rig.t->h.unsettled = 0;
	b = job_begins(MAIL);
	leases_stalled(&rig.t->h, rig.t->now);
	rig.r.draining = 0;
	running_hand_back(&rig.r);
	UNTIL(rig.t->h.running == 0);
	assert_ended(a, SW_ACK, SW_C_NONE);
	assert_ended(b, SW_RELEASE, SW_C_DRAIN);
	assert_false(leases_settled(&rig.t->h));
}

/* --- a command that is gone ------------------------------------------------
 */

/* The log of the route that was closed names what is missing. */
static void
assert_closed_for(const char *name)
{
	char want[2 * FOLDER_FILE];

	assert_true(rig.t->h.route_closed[MAIL]);
	(void)snprintf(want, sizeof(want),
		"<3>ev=route-closed queue=mail step=exec path=%s/%s "
		"text=\"No such file or directory\"\n",
		folder, name);
	assert_string_equal(logged_text(), want);
	logged_end();
}

static void
remove_file(const char *name)
{
	assert_int_equal(unlink(path_of(name)), 0);
}

static void
what_fetches_blobs_is_named_when_it_is_missing(void **state)
{
	struct worker_lease *j;

	(void)state;
	remove_file("spillway-job-exec");
	logged_begin(SW_LOG_ERR);
	j = job_comes(MAIL, with_blob);
	UNTIL(j->state == LEASE_ENDED);
	assert_closed_for("spillway-job-exec");
	assert_ended(j, SW_RELEASE, SW_C_DRAIN);
	assert_false(j->begun);
	rig.t->now += FAULT_FIRST_MS;
	turn();
	assert_true(rig.t->h.route_closed[MAIL]); /* the command is there */
	program_is("spillway-job-exec", program_path("spillway-job-exec"));
	rig.t->now += 2 * FAULT_FIRST_MS;
	UNTIL(!rig.t->h.route_closed[MAIL]);
	(void)job_begins(MAIL);
	assert_int_equal(rig.r.faults[MAIL].pause_ms, 0);
}

static void
a_command_that_is_gone_once_the_blob_is_there_is_no_attempt(void **state)
{
	struct worker_lease *j;

	(void)state;
	remove_file("spillway-job-exec");
	script_write("spillway-job-exec", "echo not-run 2 >&3; exit 127\n");
	for (int64_t pause = FAULT_FIRST_MS; pause < 8000; pause *= 2) {
		if (pause == FAULT_FIRST_MS)
			logged_begin(SW_LOG_ERR);
		remove_file("exec");
		j = job_comes(MAIL, with_blob);
		UNTIL(j->state == LEASE_ENDED);
		assert_ended(j, SW_RELEASE, SW_C_LOST);
		if (pause == FAULT_FIRST_MS)
			assert_closed_for("exec");
		script_write("exec", "exit 0\n");
		assert_int_equal(rig.r.faults[MAIL].pause_ms, pause);
		rig.t->now += pause;
		UNTIL(!rig.t->h.route_closed[MAIL]);
	}
	script_write("spillway-job-exec", "exit 127\n");
	j = job_comes(MAIL, with_blob);
	UNTIL(j->state == LEASE_ENDED);
	assert_ended(j, SW_RETRY, SW_C_ERROR);
	assert_int_equal(rig.r.faults[MAIL].pause_ms, 0);
}

static void
a_job_cannot_say_that_it_was_not_run(void **state)
{
	struct worker_lease *j;

	(void)state;
	script_write("exec", "echo not-run 2 >&3; exit 127\n");
	j = job_comes(MAIL, NULL);
	UNTIL(j->state == LEASE_ENDED);
	assert_ended(j, SW_RETRY, SW_C_ERROR);
	assert_false(rig.t->h.route_closed[MAIL]);
}

/* The command has the descriptor on which spillway-job-exec says so. */
static void
a_job_with_a_blob_that_says_so_closes_nothing(void **state)
{
	static const char *const scripts[] = {"echo not-run 2 >&3; exit 127\n",
		"echo not-run 12 >&3; exit 127\n"};
	struct worker_lease *j;

	(void)state;
	remove_file("spillway-job-exec");
	for (int i = 0; i < 2; i++) {
		script_write("spillway-job-exec", scripts[i]);
		j = job_comes(MAIL, with_blob);
		UNTIL(j->state == LEASE_ENDED);
		assert_ended(j, SW_RELEASE, SW_C_LOST);
		assert_false(rig.t->h.route_closed[MAIL]);
		assert_false(rig.t->h.closed);
	}
}

/* --- a lost spawner ------------------------------------------------------- */

static int
none_is_alive(void)
{
	FILE *f = fopen(path_of("up"), "re");
	int pid, n = 0;

	assert_non_null(f);
	while (fscanf(f, "%d", &pid) == 1)
		n += kill(pid, 0) == 0;
	fclose(f);
	return n == 0;
}

static void
jobs_of_a_lost_spawner_go_back_when_they_have_ended(void **state)
{
	struct worker_lease *a, *b;

	(void)state;
	mark("deaf");
	a = job_begins(MAIL);
	b = job_begins(FILM);
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	UNTIL(rig.t->h.running == 0);
	assert_true(none_is_alive());
	assert_ended(a, SW_RELEASE, SW_C_LOST);
	assert_ended(b, SW_RELEASE, SW_C_LOST);
	UNTIL(rig.r.phase == SPAWNER_UP && !rig.r.lost);
	(void)job_begins(MAIL);
	(void)job_begins(FILM);
	assert_int_equal(rig.r.fault.pause_ms, 0);
}

/* Each tick returns, whatever the new spawner does. */
static void
a_spawner_that_does_not_answer_closes_the_worker_and_is_tried_again(
	void **state)
{
	char mute[FOLDER_FILE];

	(void)state;
	script_write("mute", "exec sleep 1000\n");
	(void)snprintf(mute, sizeof(mute), "%s/mute", folder);
	program_is("spillway-spawner", mute);
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	UNTIL(rig.r.phase == SPAWNER_OPENING);
	turn();
	assert_int_equal(rig.r.phase, SPAWNER_OPENING);
	assert_false(rig.t->h.closed);
	rig.t->now += SPAWN_READY_MS;
	turn();
	assert_int_equal(rig.r.phase, SPAWNER_NONE);
	assert_true(rig.t->h.closed);
	program_is("spillway-spawner", program_path("spillway-spawner"));
	turn();
	assert_int_equal(rig.r.phase, SPAWNER_NONE);
	rig.t->now += FAULT_FIRST_MS;
	UNTIL(rig.r.phase == SPAWNER_UP);
	assert_false(rig.t->h.closed);
	(void)job_begins(MAIL);
}

/* The worker's loop, which has not come to look at its descriptors. */
static void
ticks_until_none_runs(void)
{
	int64_t end_ms = clock_now_ms(CLOCK_MONOTONIC) + deadline_ms();

	while (rig.t->h.running > 0) {
		assert_true(clock_now_ms(CLOCK_MONOTONIC) < end_ms);
		running_reap(&rig.r);
		running_tick(&rig.r);
		(void)poll(NULL, 0, 1);
	}
}

/* Behind so many packets that one turn takes no more. */
static void
what_a_lost_spawner_has_said_counts_to_the_last_packet(void **state)
{
	struct worker_lease *j = job_begins(MAIL);
	struct spawn_event e = {.kind = SPAWN_ENDED, .number = SPAWN_CHILDREN};
	int sock[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	for (int i = 0; i < 2 * RUNNING_PACKETS; i++)
		assert_true(send(sock[1], &e, sizeof(e), 0) > 0);
	e.number = (uint32_t)rig.r.list->number;
	assert_true(send(sock[1], &e, sizeof(e), 0) > 0);
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	assert_int_equal(dup2(sock[0], rig.r.spawn.socket), rig.r.spawn.socket);
	close(sock[0]);
	close(sock[1]);
	ticks_until_none_runs();
	assert_ended(j, SW_ACK, SW_C_NONE);
}

static void
what_a_kept_process_said_before_its_spawner_was_lost_counts(void **state)
{
	struct worker_lease *j;

	(void)state;
	mark("quick");
	j = job_begins(FILM);
	mark("go");
	for (int64_t end = clock_now_ms(CLOCK_MONOTONIC) + deadline_ms();
		lines_of("said") == 0;) {
		assert_true(clock_now_ms(CLOCK_MONOTONIC) < end);
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(j->state, LEASE_RUNNING);
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	ticks_until_none_runs();
	assert_ended(j, SW_ACK, SW_C_NONE);
}

/* The spawner is lost, and no other can be started. */
static void
spawner_is_gone(void)
{
	remove_file("spillway-spawner");
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	UNTIL(rig.r.phase == SPAWNER_NONE && rig.t->h.closed);
}

static void
jobs_that_wait_for_a_start_go_back_when_there_is_no_spawner(void **state)
{
	struct worker_lease *begun, *waits, *next;

	(void)state;
	begun = job_begins(FILM);
	rig.r.spawn.free = SPAWN_CHILDREN; /* it takes no more */
	waits = job_comes(FILM, NULL);
	UNTIL(rig.r.kept[FILM].waiting_n == 1);
	next = job_comes(MAIL, NULL);
	UNTIL(rig.r.next == next);
	spawner_is_gone();
	assert_ended(begun, SW_RELEASE, SW_C_LOST);
	assert_ended(waits, SW_RELEASE, SW_C_DRAIN);
	assert_ended(next, SW_RELEASE, SW_C_DRAIN);
	assert_int_equal(rig.t->h.running, 0);
}

static void
a_stop_hands_back_the_job_that_waits_for_the_spawner(void **state)
{
	struct worker_lease *next;

	(void)state;
	rig.r.spawn.free = SPAWN_CHILDREN;
	next = job_comes(MAIL, NULL);
	UNTIL(rig.r.next == next);
	running_stop(&rig.r);
	assert_ended(next, SW_RELEASE, SW_C_DRAIN);
	assert_null(rig.r.next);
}

/* Its first packets are the commands: a start before them has none. */
static void
no_process_is_started_before_the_spawner_is_open(void **state)
{
	(void)state;
	spawner_is_gone();
	keepers_failed(&rig.r.kept[FILM], "run", "of the test");
	program_is("spillway-spawner", program_path("spillway-spawner"));
	rig.t->now += FAULT_FIRST_MS;
	UNTIL(rig.r.phase == SPAWNER_OPENING);
	assert_null(rig.r.kept[FILM].all);
	UNTIL(rig.r.phase != SPAWNER_OPENING);
	assert_int_equal(rig.r.phase, SPAWNER_UP);
	rig.t->now += 2 * FAULT_FIRST_MS;
	UNTIL(!rig.t->h.route_closed[FILM]);
	(void)job_begins(FILM);
}

/* The check of another configuration is no job's. */
static void
the_helper_outlives_a_lost_spawner(void **state)
{
	static char name[] = "sleep", time[] = "1000";
	char *argv[] = {name, time, NULL};
	pid_t pid;

	(void)state;
	assert_int_equal(
		posix_spawnp(&pid, name, NULL, NULL, argv, environ), 0);
	rig.r.helper.pid = pid;
	(void)job_begins(MAIL);
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	UNTIL(rig.r.lost);
	UNTIL(rig.r.phase == SPAWNER_UP && !rig.r.lost);
	assert_int_equal(rig.r.helper.pid, pid);
	assert_int_equal(kill(pid, SIGTERM), 0);
	UNTIL(rig.r.helper.ended);
	assert_int_equal(rig.r.helper.status, SIGTERM);
}

/* Else the start of the worker waits for ever. */
static void
the_first_process_of_a_queue_is_started_again_by_the_next_spawner(void **state)
{
	(void)state;
	rig.r.kept[FILM].ready = 0;
	assert_int_equal(kill(rig.r.spawn.pid, SIGKILL), 0);
	UNTIL(rig.r.lost);
	UNTIL(running_checked(&rig.r) == 1);
	assert_false(rig.t->h.closed);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(a_stop_ends_idle_processes_and_begins_no_job),
		T(a_drain_tells_the_exec_jobs_whose_queue_says_so_and_then_all),
		T(a_drain_tells_the_kept_jobs_whose_queue_says_so_and_then_all),
		T(the_end_of_the_grace_kills_an_exec_job_that_is_deaf),
		T(a_hand_back_kills_exec_jobs),
		T(a_hand_back_kills_kept_processes_with_jobs),
		T(a_drain_and_a_hand_back_need_no_broker),
		T(what_fetches_blobs_is_named_when_it_is_missing),
		T(a_command_that_is_gone_once_the_blob_is_there_is_no_attempt),
		T(a_job_cannot_say_that_it_was_not_run),
		T(a_job_with_a_blob_that_says_so_closes_nothing),
		T(jobs_of_a_lost_spawner_go_back_when_they_have_ended),
		T(a_spawner_that_does_not_answer_closes_the_worker_and_is_tried_again),
		T(what_a_lost_spawner_has_said_counts_to_the_last_packet),
		T(what_a_kept_process_said_before_its_spawner_was_lost_counts),
		T(jobs_that_wait_for_a_start_go_back_when_there_is_no_spawner),
		T(a_stop_hands_back_the_job_that_waits_for_the_spawner),
		T(no_process_is_started_before_the_spawner_is_open),
		T(the_helper_outlives_a_lost_spawner),
		T(the_first_process_of_a_queue_is_started_again_by_the_next_spawner),
	};

	return cmocka_run_group_tests_name("running", tests, NULL, NULL);
}
