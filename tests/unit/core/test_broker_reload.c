/* SPDX-License-Identifier: MIT */
/* SIGHUP: the settings of queues are set in a turn, which may be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/error.h"
#include "broker/reload.h"
#include "tests/lib/folder.h"
#include "tests/lib/rig.h"
#include "tests/unit/worker/logged.h"

struct reloading {
	struct rig *r;
	struct broker_config cfg;
	struct guard guard;
	struct reload reload;
};

static char file[FOLDER_FILE];

static void
file_write(const char *text)
{
	folder_file(test_folder, "broker.conf", text, file);
}

static void
reloading_open(struct reloading *l, void **state, const char *text)
{
	static char name[] = "spillway-broker", option[] = "--config";
	static char *argv[] = {name, option, file, NULL};

	*l = (struct reloading){.r = *state, .reload = {.cfg = &l->cfg}};
	file_write(text);
	assert_int_equal(broker_config_read(&l->cfg, 3, argv), 0);
}

/* SIGHUP; the lines of its own are not looked at. */
static void
hup(struct reloading *l, const char *text)
{
	file_write(text);
	reload_configuration(&l->reload, &l->guard);
	(void)logged_text();
}

/* A turn that sets what is due; the lines it has logged. */
static const char *
turn(struct reloading *l)
{
	core_begin(l->r->core, l->r->now_ms, l->r->now_ms);
	reload_settings_again(&l->reload, l->r->core);
	return logged_text();
}

/* The store refuses the turn: nothing of it has been. */
static void
refused(struct reloading *l)
{
	assert_int_equal(core_reload(l->r->core, 0), 0);
}

static void
a_change_is_logged_once_however_often_its_turn_is_refused(void **state)
{
	struct reloading l;

	reloading_open(&l, state, "[queue q]\nmax_attempts = 3\n");
	logged_begin(SW_LOG_INFO);
	hup(&l, "[queue q]\nmax_attempts = 4\nrate = 7\n");
	assert_int_equal(logged_count(turn(&l), "ev=reload queue=q"), 2);
	for (int i = 0; i < 3; i++) {
		refused(&l);
		assert_int_equal(logged_count(turn(&l), "ev=reload"), 0);
	}
	assert_int_equal(queue_find(l.r->core->queues_by_name, bytes_str("q"))
				 ->set[SW_S_max_attempts],
		4);
	refused(&l);
	hup(&l, "[queue q]\nmax_attempts = 5\n"); /* it is news again */
	assert_int_equal(
		logged_count(turn(&l), "key=max_attempts old=25 new=5"), 1);
	logged_end();
	broker_config_fini(&l.cfg);
}

static void
a_text_is_logged_by_its_name_and_only_when_it_differs(void **state)
{
	static const char text[] = "[queue q]\ndead_to = graves\n";
	struct reloading l;

	reloading_open(&l, state, "[queue q]\n");
	logged_begin(SW_LOG_INFO);
	hup(&l, text);
	assert_int_equal(
		logged_count(turn(&l), "key=dead_to old=\"\" new=graves"), 1);
	hup(&l, text);
	assert_int_equal(logged_count(turn(&l), "ev=reload"), 0);
	hup(&l, "[queue q]\ndead_to = pit\n");
	assert_int_equal(
		logged_count(turn(&l), "key=dead_to old=graves new=pit"), 1);
	logged_end();
	broker_config_fini(&l.cfg);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_change_is_logged_once_however_often_its_turn_is_refused,
			rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_text_is_logged_by_its_name_and_only_when_it_differs,
			rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(
		tests, test_folder_make, test_folder_remove);
}
