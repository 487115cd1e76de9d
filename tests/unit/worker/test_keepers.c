/* SPDX-License-Identifier: MIT */
/* The kept processes of a queue: how many there are, their jobs, their end. */
#include "tests/unit/worker/keepers_rig.h"

#include "tests/unit/worker/logged.h"

/* --- how many ------------------------------------------------------------ */

static void
four_start_at_once_and_as_many_again_for_a_job_that_waits(void **state)
{
	struct rig *r = rig_open(32);

	(void)state;
	(void)jobs_come(r, 32);
	assert_int_equal(r->started, 4);
	pass(r, KEEPERS_WAIT_MS);
	assert_int_equal(r->started, 4); /* none of them is ready */
	ready(r, 0, 4);
	assert_int_equal(r->started, 8);
	ready(r, 4, 8);
	assert_int_equal(r->started, 16);
	ready(r, 8, 16);
	assert_int_equal(r->started, 32);
	ready(r, 16, 32);
	for (int i = 0; i < 32; i++)
		job_answer(r, &r->p[i], "begun\ndone\n");
	assert_int_equal(r->ended, 32);
	(void)jobs_come(r, 1);
	assert_int_equal(r->started, 32);
	rig_close(r);
}

static void
short_jobs_start_no_further_processes(void **state)
{
	struct rig *r = rig_open(32);

	(void)state;
	(void)jobs_come(r, 32);
	ready(r, 0, 4);
	for (int i = 0; i < 28; i++) { /* none waits for 100 ms */
		pass(r, (KEEPERS_WAIT_MS - 1) / 28);
		job_answer(r, &r->p[i % 4], "begun\ndone\n");
	}
	assert_int_equal(r->started, 4);
	rig_close(r);
}

static void
there_are_no_more_processes_than_slots(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, SLOTS);
	ready(r, 0, 4);
	pass(r, KEEPERS_WAIT_MS);
	assert_int_equal(r->started, SLOTS);
	ready(r, 4, SLOTS);
	job_answer(r, &r->p[0], "begun\ndone\n");
	(void)jobs_come(r, 1);
	pass(r, KEEPERS_WAIT_MS * 10);
	assert_int_equal(r->started, SLOTS);
	rig_close(r);
}

static void
the_process_that_had_a_job_last_gets_the_next(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 2);
	ready(r, 0, 2);
	job_answer(r, &r->p[1], "begun\ndone\n");
	job_answer(r, &r->p[0], "begun\ndone\n");
	for (int i = 0; i < 3; i++) {
		(void)jobs_come(r, 1);
		job_answer(r, &r->p[0], "begun\ndone\n");
	}
	pass(r, KEEPER_IDLE_MS - 1);
	assert_string_equal(heard(&r->p[1]), "");
	pass(r, 1);
	assert_null(heard(&r->p[1])); /* the other is not needed */
	rig_close(r);
}

/* --- faults -------------------------------------------------------------- */

static void
a_failed_start_closes_the_queue_until_one_is_ready(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j;

	(void)state;
	(void)jobs_come(r, 2);
	assert_int_equal(r->started, 2);
	process_ends(r, &r->p[0], 1 << 8);
	assert_int_equal(r->ended, 2); /* they have gone back */
	assert_true(r->t->h.route_closed[0]);
	assert_false(r->t->h.route_closed[1]);
	process_ends(r, &r->p[1], 1 << 8); /* the pause is not longer for it */
	pass(r, FAULT_FIRST_MS - 1);
	assert_int_equal(r->started, 2);
	pass(r, 1);
	assert_int_equal(r->started, 3);
	spawner_say(r, &r->p[2],
		(struct spawn_event){.kind = SPAWN_FAILED,
			.step = SPAWN_EXEC,
			.error = -ENOENT});
	pass(r, 2 * FAULT_FIRST_MS - 1);
	assert_int_equal(r->started, 3);
	assert_true(r->t->h.route_closed[0]);
	pass(r, 1);
	assert_int_equal(r->started, 4);
	ready(r, 3, 4);
	assert_false(r->t->h.route_closed[0]);
	/* Ready is not enough: the next fault is not the first one. */
	join(r->t);
	j = jobs_come(r, 1);
	process_ends(r, &r->p[3], 0);
	assert_false(j->begun);
	assert_true(r->t->h.route_closed[0]);
	pass(r, 4 * FAULT_FIRST_MS - 1);
	assert_int_equal(r->started, 4);
	pass(r, 1);
	ready(r, 4, 5);
	join(r->t);
	(void)jobs_come(r, 1);
	job_answer(r, &r->p[4], "begun\ndone\n");
	assert_int_equal(r->ks.fault.pause_ms, 0);
	assert_int_equal(r->faults, 0);
	rig_close(r);
}

/* A job that was given before a start failed begins. */
static void
a_job_that_begins_in_a_pause_does_not_end_the_pause(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 2);
	ready(r, 0, 1);
	process_ends(r, &r->p[1], 1 << 8);
	assert_true(r->t->h.route_closed[0]);
	job_answer(r, &r->p[0], "begun\n"); /* it has no room for another */
	pass(r, FAULT_FIRST_MS - 1);
	assert_int_equal(r->started, 2);
	pass(r, 1);
	assert_int_equal(r->started, 3);
	ready(r, 2, 3);
	assert_false(r->t->h.route_closed[0]);
	rig_close(r);
}

/* A process that was on its start when another failed. */
static void
a_process_that_gets_ready_in_a_pause_waits_for_its_end(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 2);
	process_ends(r, &r->p[0], 1 << 8);
	ready(r, 1, 2);
	assert_true(r->t->h.route_closed[0]);
	pass(r, FAULT_FIRST_MS - 1);
	assert_true(r->t->h.route_closed[0]);
	pass(r, 1);
	assert_false(r->t->h.route_closed[0]);
	assert_int_equal(r->started, 2); /* it has room: none is needed */
	/* It was of no use, either: the next pause is longer. */
	join(r->t);
	(void)jobs_come(r, 1);
	process_ends(r, &r->p[1], 1 << 8);
	pass(r, 2 * FAULT_FIRST_MS - 1);
	assert_int_equal(r->started, 2);
	pass(r, 1);
	assert_int_equal(r->started, 3);
	rig_close(r);
}

static void
a_start_after_a_pause_that_the_worker_could_not_do_is_done_later(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 1);
	process_ends(r, &r->p[0], 1 << 8);
	pass(r, FAULT_FIRST_MS);
	assert_int_equal(r->started, 2);
	spawner_say(r, &r->p[1],
		(struct spawn_event){.kind = SPAWN_FAILED,
			.step = SPAWN_FORK,
			.error = -EAGAIN});
	assert_int_equal(r->faults, 1);
	pass(r, 2 * FAULT_FIRST_MS);
	assert_int_equal(r->started, 3);
	keepers_lost(&r->ks);
	pass(r, 4 * FAULT_FIRST_MS);
	assert_int_equal(r->started, 4);
	ready(r, 3, 4);
	assert_false(r->t->h.route_closed[0]);
	rig_close(r);
}

static void
what_the_worker_lacks_is_no_fault_of_the_queue(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 1);
	spawner_say(r, &r->p[0],
		(struct spawn_event){.kind = SPAWN_FAILED,
			.step = SPAWN_FORK,
			.error = -EAGAIN});
	assert_int_equal(r->faults, 1);
	assert_int_equal(r->ended, 1);
	assert_false(r->t->h.route_closed[0]);
	rig_close(r);
}

static void
a_lost_spawner_hands_all_jobs_back(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j = jobs_come(r, 1);

	(void)state;
	ready(r, 0, 1);
	job_answer(r, &r->p[0], "begun\n");
	assert_true(j->begun);
	keepers_lost(&r->ks);
	assert_int_equal(r->ended, 1);
	assert_int_equal(j->report.outcome, SW_RELEASE);
	assert_int_equal(r->ks.starting + r->ks.serving, 0);
	assert_false(r->t->h.route_closed[0]);
	rig_close(r);
}

/* --- jobs ---------------------------------------------------------------- */

static void
begun_is_told_when_the_process_says_so(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j = jobs_come(r, 1);

	(void)state;
	ready(r, 0, 1);
	assert_false(j->begun);
	job_answer(r, &r->p[0], "begun\n");
	assert_true(j->begun);
	rig_close(r);
}

static void
a_job_that_waits_for_a_process_is_stopped(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j = jobs_come(r, 2);

	(void)state;
	j->stop = LEASE_CANCEL;
	pass(r, 1);
	assert_int_equal(r->ended, 1);
	assert_int_equal(j->report.outcome, SW_STOPPED);
	ready(r, 0, 2);
	job_answer(r, &r->p[0], "begun\ndone\n");
	assert_int_equal(r->ended, 2);
	rig_close(r);
}

static void
a_process_with_other_limits_is_replaced(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j;

	(void)state;
	keepers_check(&r->ks);
	turn(r);
	ready(r, 0, 1);
	assert_int_equal(r->p[0].limits.files, CHILD_FILES);
	talk_give(r->t, "mail", 1000, 1000);
	j = talk_begin(r->t);
	j->settings.memory_limit = 1 << 20;
	keepers_run(&r->ks, j);
	turn(r);
	assert_null(heard(&r->p[0]));
	assert_int_equal(r->started, 2);
	assert_int_equal(r->p[1].limits.memory, 1 << 20);
	assert_int_equal(r->p[1].limits.cpu_ms, 0); /* of all its jobs */
	ready(r, 1, 2);
	job_answer(r, &r->p[1], "begun\ndone\n");
	rig_close(r);
}

static void
what_was_said_before_the_socket_was_closed_counts(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j = jobs_come(r, 1);
	char line[64];
	int n;

	(void)state;
	ready(r, 0, 1);
	job_answer(r, &r->p[0], "begun\n");
	n = snprintf(line, sizeof(line), "0 done %s\n", r->p[0].id);
	assert_int_equal(write(r->p[0].sock, line, (size_t)n), n);
	close(r->p[0].sock);
	r->p[0].sock = -1;
	j->stop = LEASE_CANCEL;
	keepers_tick(&r->ks); /* writes first, and finds nobody */
	assert_int_equal(r->ended, 1);
	assert_int_equal(j->report.outcome, SW_ACK);
	rig_close(r);
}

/* A job that has crashed so many times comes and is taken. */
static void
crashed_job_comes(struct rig *r, uint8_t n, int crashes)
{
	struct sw_buf b = {.p = r->t->room, .cap = sizeof(r->t->room)};
	struct sw_id id = {{n}};
	size_t mark;

	sw_msg_begin(&b, SW_OP_JOBS, 0, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "mail");
	sw_put_int(&b, SW_F_TOKEN, 5000 + n);
	sw_put_int(&b, SW_F_CRASHES, crashes);
	sw_item_end(&b, mark);
	leases_receive(&r->t->h, sw_buf_bytes(&b), r->t->now);
	keepers_run(&r->ks, talk_begin(r->t));
	turn(r);
}

static void
a_job_that_has_crashed_shares_its_process_with_no_other(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	crashed_job_comes(r, 1, 0);
	say(r, &r->p[0], "0 ready 1 4\n");
	crashed_job_comes(r, 2, 0);
	assert_int_equal(r->started, 1);
	assert_int_equal(r->ks.all->k.jobs_n, 2);
	crashed_job_comes(r, 3, 1);
	assert_int_equal(r->ks.all->k.jobs_n, 2);
	assert_int_equal(r->started, 2);
	say(r, &r->p[1], "0 ready 1 4\n");
	crashed_job_comes(r, 4, 0);
	crashed_job_comes(r, 5, 0);
	assert_int_equal(r->ks.all->k.jobs_n, 4);
	crashed_job_comes(
		r, 6, 0); /* one is full, the job of the other alone */
	job_answer(r, &r->p[1], "begun\n");
	assert_int_equal(r->ks.all->next->k.jobs_n, 1);
	assert_int_equal(r->ks.waiting_n, 1);
	job_done(r, &r->p[1]);
	assert_int_equal(r->ks.waiting_n, 0);
	assert_int_equal(r->ks.all->next->k.jobs_n, 1);
	rig_close(r);
}

/* A message that the socket does not take at once is sent as it is read. */
static void
half_a_message_is_followed_by_the_rest(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct sw_buf b = {.p = r->t->room, .cap = sizeof(r->t->room)};
	static char body[LARGE];
	struct sw_id id = {{9}};
	const int small = 4096;
	size_t mark, n = 0;
	const char *text;

	(void)state;
	keepers_check(&r->ks);
	turn(r);
	ready(r, 0, 1);
	(void)setsockopt(r->ks.all->socket, SOL_SOCKET, SO_SNDBUF, &small,
		sizeof(small));
	memset(body, 'x', sizeof(body));
	sw_msg_begin(&b, SW_OP_JOBS, 0, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "mail");
	sw_put_int(&b, SW_F_TOKEN, 5000);
	sw_put_bytes(&b, SW_F_BODY, bytes_of(body, sizeof(body)));
	sw_item_end(&b, mark);
	leases_receive(&r->t->h, sw_buf_bytes(&b), r->t->now);
	keepers_run(&r->ks, talk_begin(r->t));
	turn(r);
	assert_true(r->ks.all->writing);
	while ((text = heard(&r->p[0])) != NULL && text[0] != '\0') {
		n += strlen(text);
		turn(r);
	}
	assert_true(n > LARGE);
	assert_false(r->ks.all->writing);
	rig_close(r);
}

/* --- the end ------------------------------------------------------------- */

static void
a_drain_ends_idle_processes_and_hands_back_what_waits(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 2);
	ready(r, 0, 2);
	job_answer(r, &r->p[0], "begun\ndone\n");
	job_answer(r, &r->p[1], "begun\n");
	(void)jobs_come(r, 5); /* one runs, four wait for two processes */
	assert_int_equal(r->started, 4);
	(void)heard(&r->p[0]);
	keepers_drain(&r->ks);
	turn(r);
	assert_int_equal(r->ended, 5);
	assert_int_equal(r->signals[2], SIGKILL);
	assert_int_equal(r->signals[3], SIGKILL);
	assert_string_equal(heard(&r->p[1]), ""); /* its job has the grace */
	process_ends(r, &r->p[2], SIGKILL);
	process_ends(r, &r->p[3], SIGKILL);
	pass(r, 10000);
	assert_int_equal(r->started, 4);
	job_done(r, &r->p[1]);
	assert_int_equal(r->ended, 6);
	pass(r, 100);
	assert_null(heard(&r->p[1]));
	rig_close(r);
}

static void
a_drain_asks_at_once_where_the_queue_says_so(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j = jobs_come(r, 1);

	(void)state;
	ready(r, 0, 1);
	job_answer(r, &r->p[0], "begun\n");
	j->settings.drain = 0;
	keepers_drain(&r->ks);
	keepers_cancel(&r->ks);
	turn(r);
	assert_string_equal(heard(&r->p[0]), "");
	assert_int_equal(j->stop, LEASE_KEEP);
	j->settings.drain = 1;
	keepers_cancel(&r->ks);
	turn(r);
	assert_non_null(strstr(heard(&r->p[0]), "cancel "));
	assert_int_equal(j->stop, LEASE_RELEASE);
	rig_close(r);
}

static void
the_end_of_the_grace_kills_what_runs(void **state)
{
	struct rig *r = rig_open(SLOTS);
	struct worker_lease *j = jobs_come(r, 1);

	(void)state;
	ready(r, 0, 1);
	job_answer(r, &r->p[0], "begun\n");
	keepers_drain(&r->ks);
	keepers_cancel_all(&r->ks);
	turn(r);
	assert_int_equal(r->signals[0], 0);
	keepers_hand_back(&r->ks);
	turn(r);
	assert_int_equal(r->signals[0], SIGKILL);
	process_ends(r, &r->p[0], SIGKILL);
	assert_int_equal(j->report.outcome, SW_RELEASE);
	assert_int_equal(r->ended, 1);
	rig_close(r);
}

/* --- alarms -------------------------------------------------------------- */

static void
alarms_say(struct rig *r, int n)
{
	static int nth;
	char text[64];

	while (n-- > 0) {
		(void)snprintf(text, sizeof(text), "9 alarm\ntext %04d", nth++);
		say(r, &r->p[0], text);
	}
}

static void
alarms_beyond_a_number_are_counted_and_the_number_is_logged(void **state)
{
	struct rig *r = rig_open(SLOTS);
	const char *text;

	(void)state;
	(void)jobs_come(r, 1);
	ready(r, 0, 1);
	logged_begin(SW_LOG_INFO);
	alarms_say(r, KEEPERS_ALARMS);
	pass(r, KEEPERS_ALARMS_MS - 1);
	alarms_say(r, 5);
	say(r, &r->p[0], "0 alarm\n"); /* none that was logged is over */
	assert_int_equal(logged_count(logged_text(), "ev="), KEEPERS_ALARMS);
	pass(r, 1);
	assert_string_equal(logged_text(), "<3>ev=alarms-left-out lines=5\n");
	alarms_say(r, 1);
	say(r, &r->p[0], "0 alarm\n");
	text = logged_text();
	assert_int_equal(logged_count(text, "ev=alarm job="), 1);
	assert_int_equal(logged_count(text, "ev=alarm-over"), 1);
	pass(r, KEEPERS_ALARMS_MS);
	assert_int_equal(logged_count(logged_text(), "left-out"), 0);
	logged_end();
	rig_close(r);
}

/* A fault that lasts, and began while another queue's alarms filled the log. */
static void
an_alarm_that_was_left_out_is_logged_when_there_is_room(void **state)
{
	struct rig *r = rig_open(SLOTS);

	(void)state;
	(void)jobs_come(r, 1);
	ready(r, 0, 1);
	alarms_say(r, KEEPERS_ALARMS);
	logged_begin(SW_LOG_INFO);
	say(r, &r->p[0], "6 alarm\nno key");
	pass(r, KEEPERS_ALARMS_MS - 1);
	assert_string_equal(logged_text(), "");
	pass(r, 1);
	assert_int_equal(logged_count(logged_text(), "text=\"no key\""), 1);
	pass(r, KEEPERS_ALARMS_MS);
	say(r, &r->p[0], "0 alarm\n");
	assert_int_equal(logged_count(logged_text(), "ev=alarm-over"), 1);
	logged_end();
	rig_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			four_start_at_once_and_as_many_again_for_a_job_that_waits),
		cmocka_unit_test(short_jobs_start_no_further_processes),
		cmocka_unit_test(there_are_no_more_processes_than_slots),
		cmocka_unit_test(the_process_that_had_a_job_last_gets_the_next),
		cmocka_unit_test(
			a_failed_start_closes_the_queue_until_one_is_ready),
		cmocka_unit_test(
			a_job_that_begins_in_a_pause_does_not_end_the_pause),
		cmocka_unit_test(
			a_process_that_gets_ready_in_a_pause_waits_for_its_end),
		cmocka_unit_test(
			a_start_after_a_pause_that_the_worker_could_not_do_is_done_later),
		cmocka_unit_test(
			what_the_worker_lacks_is_no_fault_of_the_queue),
		cmocka_unit_test(a_lost_spawner_hands_all_jobs_back),
		cmocka_unit_test(begun_is_told_when_the_process_says_so),
		cmocka_unit_test(a_job_that_waits_for_a_process_is_stopped),
		cmocka_unit_test(a_process_with_other_limits_is_replaced),
		cmocka_unit_test(
			what_was_said_before_the_socket_was_closed_counts),
		cmocka_unit_test(
			a_job_that_has_crashed_shares_its_process_with_no_other),
		cmocka_unit_test(half_a_message_is_followed_by_the_rest),
		cmocka_unit_test(
			a_drain_ends_idle_processes_and_hands_back_what_waits),
		cmocka_unit_test(a_drain_asks_at_once_where_the_queue_says_so),
		cmocka_unit_test(the_end_of_the_grace_kills_what_runs),
		cmocka_unit_test(
			alarms_beyond_a_number_are_counted_and_the_number_is_logged),
		cmocka_unit_test(
			an_alarm_that_was_left_out_is_logged_when_there_is_room),
	};

	return cmocka_run_group_tests_name("keepers", tests, NULL, NULL);
}
