/* SPDX-License-Identifier: MIT */
/* RLIMIT_CPU ends an isolate that nothing else ended, and no earlier one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "front/isolate/budget.h"

#define MS 1000000LL
#define S  (1000 * MS)

/* The CPU time, in ns, that the kernel's limit grants with such a budget. */
static int64_t
backstop_of(int64_t budget_ns)
{
	struct budget b;
	struct rlimit l;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(budget_open(&b, pid, budget_ns, 0), 0);
	assert_int_equal(prlimit(pid, RLIMIT_CPU, NULL, &l), 0);
	assert_int_equal(l.rlim_cur, l.rlim_max);
	budget_close(&b);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return (int64_t)l.rlim_max * S;
}

/* The most CPU time of an isolate when it gets its last request. */
static int64_t
last_begin(void)
{
	int64_t ns = 0;

	while (!budget_life_over(ns))
		ns += MS;
	return ns;
}

/* About twice the CPU time that an isolate can use: 7 to 9 quarters. */
static void
the_backstop_leaves_an_honest_isolate_alone(void **state)
{
	static const int64_t budgets[] = {
		10 * MS, 100 * MS, 999 * MS, 10 * S, 60 * S};

	(void)state;
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++)
		assert_in_range(4 * backstop_of(budgets[i]) /
					(last_begin() + budgets[i]),
			7, 9);
}

static void
an_isolate_is_kept_for_hundreds_of_requests(void **state)
{
	(void)state;
	assert_false(budget_life_over(400 * 10 * MS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_backstop_leaves_an_honest_isolate_alone),
		cmocka_unit_test(an_isolate_is_kept_for_hundreds_of_requests)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
