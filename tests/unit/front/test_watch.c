/* SPDX-License-Identifier: MIT */
/* Mailboxes are polled before the loop sleeps, and no answer is missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "front/isolate/watch.h"

static const struct mail_sizes sizes = {.request = 4096, .answer = 4096};

/* An isolate that answers by a rule of the test's. */
struct fake {
	struct watched watched; /* first: its callback casts */
	struct mailbox mail;
	struct watch *watch;
	int answers_when_asked; /* just after a wake-up is asked for */
	int answers;		/* not taken yet */
	int again;		/* requests that begin when one is taken */
};

static int
fake_look(struct watched *w)
{
	struct fake *f = (struct fake *)w;

	if (f->answers_when_asked && atomic_load(f->mail.polling) == 0) {
		f->answers_when_asked = 0;
		f->answers++;
	}
	if (f->answers == 0)
		return 0;
	f->answers--;
	watch_end(w);
	if (f->again > 0) {
		f->again--;
		f->answers++;
		watch_begin(f->watch, w);
	}
	return 1;
}

static void
fake_open(struct fake *f, struct watch *w)
{
	int fd = mailbox_file(&sizes);

	*f = (struct fake){.watch = w};
	assert_true(fd >= 0);
	assert_int_equal(mailbox_map(&f->mail, fd, &sizes), 0);
	close(fd);
	f->watched.mail = &f->mail;
	f->watched.look = fake_look;
	watch_begin(w, &f->watched);
}

static void
an_answer_that_is_there_keeps_the_loop_awake(void **state)
{
	struct watch w = LIST_HEAD_INITIALIZER(w);
	struct fake f;

	(void)state;
	fake_open(&f, &w);
	f.answers = 1;
	assert_int_equal(watch_turn(&w), 1);
	assert_int_equal(mailbox_post(&f.mail, 2), 0);
	assert_int_equal(watch_turn(&w), 0);
	mailbox_unmap(&f.mail);
}

static void
who_has_not_answered_rings(void **state)
{
	struct watch w = LIST_HEAD_INITIALIZER(w);
	struct fake f;

	(void)state;
	fake_open(&f, &w);
	assert_int_equal(mailbox_post(&f.mail, 2), 0);
	assert_int_equal(watch_turn(&w), 0);
	assert_int_equal(mailbox_post(&f.mail, 3), 1);
	assert_int_equal(mailbox_posted(&f.mail), 3);
	assert_true(LIST_EMPTY(&w));
	mailbox_unmap(&f.mail);
}

static void
who_dozes_is_woken_and_who_looks_is_not(void **state)
{
	struct watch w = LIST_HEAD_INITIALIZER(w);
	struct fake f;

	(void)state;
	fake_open(&f, &w);
	assert_int_equal(mailbox_ask(&f.mail, 2), 0);
	assert_true(mailbox_has(&f.mail, 2));
	mailbox_sleeping_set(&f.mail, 1);
	assert_false(mailbox_has(&f.mail, 3));
	assert_int_equal(mailbox_ask(&f.mail, 3), 1);
	assert_true(mailbox_has(&f.mail, 3));
	mailbox_sleeping_set(&f.mail, 0);
	assert_int_equal(mailbox_ask(&f.mail, 4), 0);
	mailbox_unmap(&f.mail);
}

static void
an_answer_between_the_last_look_and_sleep_is_not_missed(void **state)
{
	struct watch w = LIST_HEAD_INITIALIZER(w);
	struct fake f;

	(void)state;
	fake_open(&f, &w);
	f.answers_when_asked = 1;
	assert_int_equal(watch_turn(&w), 1);
	mailbox_unmap(&f.mail);
}

static void
what_begins_with_an_answer_is_looked_at_in_the_same_turn(void **state)
{
	struct watch w = LIST_HEAD_INITIALIZER(w);
	struct fake f;

	(void)state;
	fake_open(&f, &w);
	f.answers = 1;
	f.again = 3;
	assert_int_equal(watch_turn(&w), 1);
	assert_int_equal(f.again + f.answers, 0);
	mailbox_unmap(&f.mail);
}

static void
answers_without_end_leave_the_sockets_their_turn(void **state)
{
	struct watch w = LIST_HEAD_INITIALIZER(w);
	struct fake f;

	(void)state;
	fake_open(&f, &w);
	f.answers = 1;
	f.again = 1000000;
	assert_int_equal(watch_turn(&w), 1);
	assert_true(f.again > 1000000 - 1000);
	watch_end(&f.watched);
	watch_end(&f.watched);
	mailbox_unmap(&f.mail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_is_there_keeps_the_loop_awake),
		cmocka_unit_test(who_has_not_answered_rings),
		cmocka_unit_test(who_dozes_is_woken_and_who_looks_is_not),
		cmocka_unit_test(
			an_answer_between_the_last_look_and_sleep_is_not_missed),
		cmocka_unit_test(
			what_begins_with_an_answer_is_looked_at_in_the_same_turn),
		cmocka_unit_test(
			answers_without_end_leave_the_sockets_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
