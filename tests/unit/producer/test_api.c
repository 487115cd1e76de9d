/* SPDX-License-Identifier: MIT */
/*
 * The library as its users see it: includes spillway.h and the test
 * broker's header, none of the project's other headers.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/api.h"

enum { MANY = 250 };

static struct sw_job *
emails(size_t n)
{
	struct sw_job *jobs = calloc(n, sizeof(*jobs));

	assert_non_null(jobs);
	for (size_t i = 0; i < n; i++)
		jobs[i] = api_email();
	return jobs;
}

static void
a_put_is_confirmed(void **state)
{
	struct api_room *r = *state;
	struct sw_job job = api_email();
	struct sw_put_result res;

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, &res), 0);
	assert_string_equal(sw_why(r->c), "");
	assert_true(local_has(r->broker, &job.id));
	assert_memory_equal(&res.id, &job.id, sizeof(job.id));
	assert_int_equal(res.status, 0);
	assert_int_equal(res.state, SW_NONE);
	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, &res), 0);
	assert_int_equal(res.state, SW_READY);
	assert_int_equal(local_jobs(r->broker), 1);
}

static void
every_field_of_a_job_arrives(void **state)
{
	struct api_room *r = *state;
	const char *const headers[] = {"trace=7", "lang=de", NULL};
	struct sw_job job = {
		.queue = "email",
		.body = "hello",
		.body_len = 5,
		.priority = 9,
		.delay_ms = 1000,
		.expires_at_ms = 2000,
		.unique = "key",
		.unique_also = SW_UNIQUE_DEAD,
		.fair = "tenant",
		.max_attempts = 3,
		.timeout_ms = 4000,
		.content_type = "text/plain",
		.headers = headers,
	};

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_string_equal(api_text(r, "queue"), "email");
	assert_string_equal(api_text(r, "body"), "hello");
	assert_string_equal(api_text(r, "unique"), "key");
	assert_string_equal(api_text(r, "fair"), "tenant");
	assert_string_equal(api_text(r, "content_type"), "text/plain");
	assert_string_equal(api_text(r, "headers"), "trace=7");
	assert_int_equal(api_int(r, "priority"), 9);
	assert_int_equal(api_int(r, "delay_ms"), 1000);
	assert_int_equal(api_int(r, "expires_at_ms"), 2000);
	assert_int_equal(api_int(r, "unique_also"), SW_UNIQUE_DEAD);
	assert_int_equal(api_int(r, "max_attempts"), 3);
	assert_int_equal(api_int(r, "timeout_ms"), 4000);
	assert_int_equal(api_int(r, "run_at_ms"), INT64_MIN);
}

static void
what_is_not_set_is_not_sent(void **state)
{
	static const char *const names[] = {"priority", "delay_ms", "run_at_ms",
		"expires_at_ms", "unique_also", "max_attempts", "timeout_ms"};
	struct api_room *r = *state;
	struct sw_job job = {.queue = "q"};

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(api_int(r, names[i]), INT64_MIN);
	assert_string_equal(api_text(r, "body"), "");
	assert_null(api_text(r, "unique"));
	job = (struct sw_job){.queue = "q", .priority = SW_PRIORITY_LOWEST};
	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_int_equal(api_int(r, "priority"), 0);
}

static void
a_refused_put_tells_its_reason(void **state)
{
	static const enum local_act acts[] = {LOCAL_REFUSE};
	struct api_room *r = *state;

	api_full_set(r, 1);
	assert_int_equal(api_put_email(r, PLENTY_MS), SW_EFULL);
	assert_string_equal(sw_why(r->c), "the store is full");
	api_full_set(r, 0);
	api_queue_set(r, "email", "max_bytes=1");
	assert_int_equal(api_put_email(r, PLENTY_MS), SW_EMAXBYTES);
	assert_string_equal(sw_why(r->c), "queue email has its max_bytes of 1");
	local_script(r->broker, acts, 1);
	assert_int_equal(api_put_email(r, PLENTY_MS), SW_EBUSY);
	assert_string_equal(sw_why(r->c), "not today");
}

static void
a_taken_unique_key_names_its_holder(void **state)
{
	struct api_room *r = *state;
	struct sw_job holder = api_email(), job = api_email();
	struct sw_put_result res;

	holder.unique = job.unique = "key";
	assert_int_equal(sw_put(r->c, &holder, PLENTY_MS, NULL), 0);
	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, &res), SW_EUNIQUE);
	assert_memory_equal(&res.id, &holder.id, sizeof(res.id));
	assert_string_equal(sw_why(r->c), sw_error_text(SW_EUNIQUE));
}

static void
a_broken_link_puts_again_under_the_same_id(void **state)
{
	static const enum local_act acts[] = {LOCAL_BREAK, LOCAL_BREAK};
	struct api_room *r = *state;
	struct sw_job job = api_email();

	local_script(r->broker, acts, 2);
	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_int_equal(local_requests(r->broker, OP_PUT), 3);
	assert_true(local_has(r->broker, &job.id));
	assert_int_equal(local_jobs(r->broker), 1);
}

static void
a_put_without_a_broker_says_so(void **state)
{
	struct api_room *r = *state;

	assert_int_equal(api_put_email(r, 30), SW_ELINK);
	assert_non_null(strstr(sw_why(r->c), local_endpoint(r->broker)));
	local_up(r->broker);
	assert_int_equal(api_put_email(r, PLENTY_MS), 0);
	assert_int_equal(local_jobs(r->broker), 1);
}

static void
an_unanswered_put_has_an_unknown_outcome(void **state)
{
	static const enum local_act acts[] = {LOCAL_OK, LOCAL_DROP};
	struct api_room *r = *state;
	struct sw_job job = api_email();

	local_script(r->broker, acts, 2);
	assert_int_equal(api_put_email(r, PLENTY_MS), 0);
	assert_int_equal(sw_put(r->c, &job, 30, NULL), SW_ETIMEOUT);
	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_true(local_requests(r->broker, OP_PUT) >= 3);
	assert_true(local_has(r->broker, &job.id));
	assert_int_equal(local_jobs(r->broker), 2);
}

static void
many_jobs_leave_in_messages_of_a_hundred(void **state)
{
	struct api_room *r = *state;
	struct sw_job *jobs = emails(MANY);

	assert_int_equal(sw_put_many(r->c, jobs, MANY, PLENTY_MS, NULL), 0);
	assert_int_equal(local_jobs(r->broker), MANY);
	assert_int_equal(local_requests(r->broker, OP_PUT), 3);
	assert_int_equal(local_seen(r->broker)->most, 100);
	free(jobs);
}

static void
large_jobs_leave_in_messages_of_a_mebibyte(void **state)
{
	struct api_room *r = *state;
	struct sw_job *jobs = emails(24);
	char *body = calloc(1, SW_BODY_MAX);

	for (int i = 0; i < 24; i++) {
		jobs[i].body = body;
		jobs[i].body_len = SW_BODY_MAX;
	}
	assert_int_equal(sw_put_many(r->c, jobs, 24, PLENTY_MS, NULL), 0);
	assert_int_equal(local_jobs(r->broker), 24);
	assert_true(local_seen(r->broker)->largest <= 1024 * 1024);
	assert_true(local_seen(r->broker)->largest > 7 * SW_BODY_MAX);
	free(body);
	free(jobs);
}

static void
each_of_many_has_its_own_result(void **state)
{
	struct api_room *r = *state;
	struct sw_job *jobs = emails(MANY);
	struct sw_put_result *res = calloc(MANY, sizeof(*res));

	api_queue_set(r, "tiny", "max_bytes=1");
	for (size_t i = 2; i < MANY; i += 2)
		jobs[i].queue = "tiny";
	jobs[0].queue = "No Such Name";
	assert_int_equal(
		sw_put_many(r->c, jobs, MANY, PLENTY_MS, res), SW_EQUEUE);
	assert_non_null(strstr(sw_why(r->c), "No Such Name"));
	assert_int_equal(res[0].status, SW_EQUEUE);
	for (size_t i = 1; i < MANY; i++) {
		assert_int_equal(res[i].status, i % 2 == 1 ? 0 : SW_EMAXBYTES);
		assert_memory_equal(&res[i].id, &jobs[i].id, sizeof(res[i].id));
		assert_int_equal(local_has(r->broker, &jobs[i].id), i % 2);
	}
	free(res);
	free(jobs);
}

static void
many_without_a_broker_all_fail(void **state)
{
	struct api_room *r = *state;
	struct sw_job *jobs = emails(2000);
	struct sw_put_result *res = calloc(2000, sizeof(*res));

	assert_int_equal(sw_put_many(r->c, jobs, 2000, 30, res), SW_ELINK);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(res[i].status, SW_ELINK);
	free(res);
	free(jobs);
}

static void
ids_made_in_a_row_grow(void **state)
{
	struct api_room *r = *state;
	struct sw_job *jobs = emails(100);

	assert_int_equal(sw_put_many(r->c, jobs, 100, PLENTY_MS, NULL), 0);
	for (int i = 1; i < 100; i++)
		assert_true(memcmp(&jobs[i - 1].id, &jobs[i].id,
				    sizeof(struct sw_id)) < 0);
	free(jobs);
}

static void
a_bad_job_is_refused_before_it_is_sent(void **state)
{
	static char big[SW_BODY_MAX + 1], key[300], headers[2][3000];
	static const char *const no_name[] = {"value", NULL};
	static const char *const large[] = {headers[0], headers[1], NULL};
	const struct {
		struct sw_job job;
		int err;
		const char *why;
	} bad[] = {
		{{.queue = NULL}, SW_EQUEUE, "queue"},
		{{.queue = ""}, SW_EQUEUE, "queue"},
		{{.queue = "a b"}, SW_EQUEUE, "a b"},
		{{.queue = key}, SW_EQUEUE, "queue"},
		{{.queue = "q", .body_len = 1}, SW_EINVAL, "NULL"},
		{{.queue = "q", .body = big, .body_len = sizeof(big)},
			SW_ETOOBIG, "131073"},
		{{.queue = "q", .priority = 10}, SW_EINVAL, "priority"},
		{{.queue = "q", .priority = -2}, SW_EINVAL, "priority"},
		{{.queue = "q", .delay_ms = -1}, SW_EINVAL, "delay_ms"},
		{{.queue = "q", .delay_ms = INT64_MAX}, SW_EINVAL, "delay_ms"},
		{{.queue = "q", .delay_ms = 1, .run_at_ms = 1}, SW_EINVAL,
			"exclude"},
		{{.queue = "q", .run_at_ms = -1}, SW_EINVAL, "run_at_ms"},
		{{.queue = "q", .expires_at_ms = -1}, SW_EINVAL, "expires"},
		{{.queue = "q", .unique_also = 4}, SW_EINVAL, "unique_also"},
		{{.queue = "q", .max_attempts = -1}, SW_EINVAL, "attempts"},
		{{.queue = "q", .timeout_ms = -1}, SW_EINVAL, "timeout_ms"},
		{{.queue = "q", .unique = key}, SW_ETOOBIG, "unique"},
		{{.queue = "q", .fair = key}, SW_ETOOBIG, "fair"},
		{{.queue = "q", .content_type = key}, SW_ETOOBIG, "content"},
		{{.queue = "q", .headers = no_name}, SW_EINVAL, "name=value"},
		{{.queue = "q", .headers = large}, SW_ETOOBIG, "5998"},
	};
	struct api_room *r = *state;

	memset(key, 'k', sizeof(key) - 1);
	for (int i = 0; i < 2; i++) {
		memset(headers[i], 'h', 3000);
		headers[i][1] = '=';
		headers[i][2999] = '\0';
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sw_job job = bad[i].job;

		assert_int_equal(
			sw_put(r->c, &job, PLENTY_MS, NULL), bad[i].err);
		assert_non_null(strstr(sw_why(r->c), bad[i].why));
		assert_int_equal(sw_submit(r->c, &job, NULL, NULL), bad[i].err);
		assert_non_null(strstr(sw_why(r->c), bad[i].why));
	}
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(local_requests(r->broker, 0), 0);
}

static void
a_job_is_waited_for_and_looked_at(void **state)
{
	struct api_room *r = *state;
	struct sw_job job = api_email();
	struct sw_info info;
	struct sw_id none;

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_int_equal(sw_get(r->c, &job.id, PLENTY_MS, &info), 0);
	assert_int_equal(info.state, SW_READY);
	assert_int_equal(info.attempt, 0);
	assert_string_equal(info.cause, "none");
	api_email_fail(r);
	assert_int_equal(sw_get(r->c, &job.id, PLENTY_MS, &info), 0);
	assert_int_equal(info.error_len, 9);
	assert_memory_equal(info.error, "it rained", 9);
	assert_string_equal(info.cause, "error");
	api_email_end(r);
	for (int i = 0; i < 2; i++) {
		assert_int_equal((i == 0 ? sw_wait : sw_get)(
					 r->c, &job.id, PLENTY_MS, &info),
			0);
		assert_int_equal(info.state, SW_DONE);
		assert_string_equal(info.queue, "email");
		assert_int_equal(info.attempt, 2);
		assert_int_equal(info.result_len, 2);
		assert_memory_equal(info.result, "42", 2);
		assert_int_equal(info.error_len, 0);
		assert_int_equal(info.progress, -1);
		assert_string_equal(info.cause, "none");
	}
	sw_id_new(&none);
	assert_int_equal(sw_get(r->c, &none, PLENTY_MS, &info), SW_ENOJOB);
	assert_string_equal(sw_why(r->c), sw_error_text(SW_ENOJOB));
}

static void
a_wait_that_is_too_short_says_so(void **state)
{
	struct api_room *r = *state;
	struct sw_job job = api_email();
	struct sw_info info;

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_int_equal(sw_wait(r->c, &job.id, 30, &info), SW_ETIMEOUT);
	api_email_end(r);
	assert_int_equal(sw_wait(r->c, &job.id, PLENTY_MS, &info), 0);
}

static void
a_long_wait_is_asked_for_again(void **state)
{
	struct api_room *r = *state;
	struct sw_job job = api_email();
	struct sw_info info;

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	api_email_end(r);
	api_wait_cut(r);
	assert_int_equal(sw_wait(r->c, &job.id, -1, &info), 0);
	assert_int_equal(api_waits(), 2);
	assert_int_equal(info.state, SW_DONE);
}

static void
a_job_is_cancelled_once(void **state)
{
	struct api_room *r = *state;
	struct sw_job job = api_email();
	int s = -1;

	assert_int_equal(sw_put(r->c, &job, PLENTY_MS, NULL), 0);
	assert_int_equal(sw_cancel(r->c, &job.id, PLENTY_MS, &s), 0);
	assert_int_equal(s, SW_CANCELLED);
	s = -1;
	assert_int_equal(sw_cancel(r->c, &job.id, PLENTY_MS, &s), SW_ESTATE);
	assert_int_equal(s, SW_CANCELLED);
	assert_int_equal(sw_cancel(r->c, &job.id, PLENTY_MS, NULL), SW_ESTATE);
}

/*
 * ThreadSanitizer allows no new threads in a fork, and AddressSanitizer's
 * allocator may deadlock in the fork of a process with threads.
 */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static int
put_in_fork(struct api_room *r)
{
	struct sw_job job = api_email();
	struct sw_client *own;

	if (SANITIZED)
		return api_put_email(r, 1000) == -EPERM;
	return sw_open(&own, local_endpoint(r->broker)) == 0 &&
	       sw_put(own, &job, PLENTY_MS, NULL) == 0;
}

static void
a_fork_leaves_the_client_to_its_parent(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};
	struct sw_job job = api_email();
	int status;
	pid_t pid;

	if (SANITIZED)
		print_message("skipped: fork: a client of its own in a fork "
			      "does not live under a sanitizer\n");
	api_submit_emails(r->c, 3, &t);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int ok = sw_put(r->c, &job, 1000, NULL) == -EPERM &&
			 sw_submit(r->c, &job, api_count, &t) == -EPERM &&
			 put_in_fork(r);

		sw_close(r->c);
		_exit(ok && t.calls == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 3);
	assert_true(local_jobs(r->broker) >= 3);
}

static void *
put_beside(void *arg)
{
	struct sw_client *c;
	struct sw_job jobs[60];
	struct api_tally t = {0};
	intptr_t bad = 0;

	if (sw_open(&c, arg) < 0)
		return (void *)1;
	for (int i = 0; i < 60; i++)
		jobs[i] = api_email();
	for (int i = 0; i < 5; i++) {
		struct sw_job job = api_email();

		bad += sw_put_many(c, jobs, 60, PLENTY_MS, NULL) != 0;
		bad += sw_submit(c, &job, api_count, &t) != 0;
		bad += sw_flush(c, PLENTY_MS) != 0;
	}
	bad += t.good != 5;
	sw_close(c);
	return (void *)bad;
}

static void
threads_with_a_client_each_do_not_meet(void **state)
{
	struct api_room *r = *state;
	pthread_t threads[4];
	char endpoint[128];
	void *bad;

	(void)snprintf(
		endpoint, sizeof(endpoint), "%s", local_endpoint(r->broker));
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, put_beside, endpoint),
			0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(local_jobs(r->broker), 4 * 65);
}

static void
ids_are_read_and_written(void **state)
{
	struct sw_id id, back;
	char text[SW_ID_TEXT];

	(void)state;
	sw_id_new(&id);
	sw_id_write(&id, text);
	assert_int_equal(strlen(text), SW_ID_TEXT - 1);
	assert_int_equal(text[14], '7');
	assert_int_equal(sw_id_read(text, &back), 0);
	assert_memory_equal(&id, &back, sizeof(id));
	assert_int_equal(sw_id_read("nonsense", &back), SW_EID);
}

/* spillway.h repeats the wire's numbers: this test compares the two. */
static void
the_public_numbers_are_those_of_the_wire(void **state)
{
#define E(name)                                                                \
	{                                                                      \
		name, #name                                                    \
	}
	static const struct {
		int num;
		const char *name;
	} errors[] = {E(SW_ENOJOB), E(SW_ESTALE), E(SW_ESTATE), E(SW_EFULL),
		E(SW_EMAXJOBS), E(SW_EMAXBYTES), E(SW_EINVAL), E(SW_ETOOBIG),
		E(SW_EUNIQUE), E(SW_EQUEUE), E(SW_ESETTING), E(SW_EVERSION),
		E(SW_EOP), E(SW_EBUSY), E(SW_ESESSION), E(SW_ECORRUPT),
		E(SW_EFENCED), E(SW_EUNKNOWN), E(SW_ETIMEOUT), E(SW_ELINK),
		E(SW_EFORMAT), E(SW_EID), E(SW_ECANCEL), E(SW_ENOQUEUE),
		E(SW_ECONFLICT), E(SW_EQUEUES), E(SW_EINUSE), E(SW_EWAITS)};
#undef E
	static const char *const states[] = {[SW_NONE] = "none",
		[SW_DELAYED] = "delayed",
		[SW_READY] = "ready",
		[SW_LEASED] = "leased",
		[SW_DONE] = "done",
		[SW_DEAD] = "dead",
		[SW_CANCELLED] = "cancelled",
		[SW_CANCELLED + 1] = "?"};
	const int n = sizeof(errors) / sizeof(errors[0]);

	(void)state;
	for (int i = 0; i < n; i++) {
		assert_int_equal(errors[i].num, -5001 - i);
		assert_string_equal(
			sw_error_name(errors[i].num), errors[i].name);
	}
	assert_string_equal(sw_error_name(-5001 - n), "errno");
	for (int i = 0; i <= SW_CANCELLED + 1; i++)
		assert_string_equal(sw_state_text(i), states[i]);
}

int
main(void)
{
#define WITH(test)                                                             \
	cmocka_unit_test_setup_teardown(test, api_with_broker, api_clean_up)
#define WITHOUT(test)                                                          \
	cmocka_unit_test_setup_teardown(test, api_without_broker, api_clean_up)
	const struct CMUnitTest tests[] = {
		WITH(a_put_is_confirmed),
		WITH(every_field_of_a_job_arrives),
		WITH(what_is_not_set_is_not_sent),
		WITH(a_refused_put_tells_its_reason),
		WITH(a_taken_unique_key_names_its_holder),
		WITH(a_broken_link_puts_again_under_the_same_id),
		WITHOUT(a_put_without_a_broker_says_so),
		WITH(an_unanswered_put_has_an_unknown_outcome),
		WITH(many_jobs_leave_in_messages_of_a_hundred),
		WITH(large_jobs_leave_in_messages_of_a_mebibyte),
		WITH(each_of_many_has_its_own_result),
		WITHOUT(many_without_a_broker_all_fail),
		WITH(ids_made_in_a_row_grow),
		WITH(a_bad_job_is_refused_before_it_is_sent),
		WITH(a_job_is_waited_for_and_looked_at),
		WITH(a_wait_that_is_too_short_says_so),
		WITH(a_long_wait_is_asked_for_again),
		WITH(a_job_is_cancelled_once),
		WITH(a_fork_leaves_the_client_to_its_parent),
		WITH(threads_with_a_client_each_do_not_meet),
		cmocka_unit_test(ids_are_read_and_written),
		cmocka_unit_test(the_public_numbers_are_those_of_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
