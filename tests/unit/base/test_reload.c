/* SPDX-License-Identifier: MIT */
/* What differs between two readings of a configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/options.h"
#include "tests/unit/worker/logged.h"

static const struct config_key shop_keys[] = {
	{"listen", CONFIG_ADDRESS | CONFIG_MANY, 0, 0, NULL, "where"},
	{"serve", CONFIG_PAIR | CONFIG_MANY, 0, 0, NULL, "what"},
	{"goods", CONFIG_URI, 0, 0, NULL, "from where"},
	{"owner", CONFIG_TEXT, 0, 0, "Ann", "who"},
	{"pause_ms", CONFIG_MS, 0, 60000, "2s", "between them"},
	{"tls", CONFIG_FLAG, 0, 1, "yes", "whether"},
	{"shut_ms", CONFIG_MS | CONFIG_MANY, 0, 60000, NULL, "when"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const struct config_key shelf_keys[] = {
	{"colour", CONFIG_TEXT, 0, 0, "red", "which"},
	{"set.", CONFIG_TEXT, 0, 0, NULL, "a value"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const struct config_group groups[] = {
	{"shop", NULL, "the shop", shop_keys, NULL, NULL},
	{"shelf", "NAME", "a shelf", shelf_keys, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

static struct config *
config_of(const char *text)
{
	char file[] = "/tmp/spillway-reload.XXXXXX", why[INI_WHY];
	int fd = mkstemp(file);
	struct config *c;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(config_new(&c, groups), 0);
	if (config_file_read(c, file, why) < 0)
		fail_msg("%s", why);
	assert_int_equal(unlink(file), 0);
	return c;
}

static char said[1024];

static void
say(void *arg, const struct options_change *ch)
{
	size_t len = strlen(said);

	(void)arg;
	(void)snprintf(said + len, sizeof(said) - len, "%s.%s %s->%s%s\n",
		ch->section, ch->name, ch->old != NULL ? ch->old : "-",
		ch->now != NULL ? ch->now : "-", ch->removed ? " gone" : "");
}

static void
changes_are(const char *before, const char *now, const char *want)
{
	struct config *from = config_of(before), *to = config_of(now);
	int n;

	said[0] = '\0';
	n = options_changes(from, to, say, NULL);
	assert_string_equal(said, want);
	for (const char *p = want; *p != '\0'; p++)
		n -= *p == '\n';
	assert_int_equal(n, 0);
	config_free(from);
	config_free(to);
}

static void
the_same_values_are_no_change(void **state)
{
	(void)state;
	changes_are("", "", "");
	changes_are("[shop]\npause_ms = 30s\nlisten = a:1\nlisten = b:1\n",
		"[shop]\nlisten = b:1\nlisten = a:1\npause_ms = 30000ms\n", "");
	changes_are("[shop]\nowner = Ann\n", "", "");
	changes_are("", "[shop]\ntls = on\npause_ms = 2000ms\n", "");
	changes_are("[shop]\ntls = 1\n", "[shop]\ntls = true\n", "");
}

static void
a_value_that_differs_is_a_change(void **state)
{
	(void)state;
	changes_are("[shop]\npause_ms = 1s\n", "[shop]\npause_ms = 3s\n",
		"shop.pause_ms 1s->3s\n");
	changes_are("", "[shop]\nowner = Bob\n", "shop.owner Ann->Bob\n");
	changes_are("[shop]\nowner = Bob\n", "", "shop.owner Bob->Ann gone\n");
	changes_are("", "[shop]\ngoods = x:\n", "shop.goods -->x:\n");
	changes_are("[shop]\ngoods = x:\n", "", "shop.goods x:->- gone\n");
}

static void
of_a_key_that_stands_often_each_value_counts(void **state)
{
	(void)state;
	changes_are("[shop]\nserve = a=1\nserve = b=1\n",
		"[shop]\nserve = b=1\nserve = a=2\n",
		"shop.serve a=1->- gone\nshop.serve -->a=2\n");
	changes_are("[shop]\nshut_ms = 30s\nshut_ms = 1s\n",
		"[shop]\nshut_ms = 2s\nshut_ms = 30000ms\n",
		"shop.shut_ms 1s->- gone\nshop.shut_ms -->2s\n");
	changes_are("[shelf x]\nset.A = 1\nset.B = 1\n",
		"[shelf x]\nset.A = 2\nset.B = 1\n",
		"shelf x.set.A 1->- gone\nshelf x.set.A -->2\n");
}

static void
a_section_may_come_and_go(void **state)
{
	(void)state;
	changes_are("", "[shelf new]\ncolour = blue\n",
		"shelf new.colour -->blue\n");
	changes_are("[shelf old]\ncolour = blue\n", "",
		"shelf old.colour blue->- gone\n");
	changes_are("[shelf x]\ncolour = blue\n", "[shelf x]\n",
		"shelf x.colour blue->red gone\n");
}

static void
a_key_takes_effect_now_or_at_the_next_start(void **state)
{
	static const char *const live[] = {"owner", "tls", NULL};
	struct options_change ch = {.section = "shop", .key = &shop_keys[3]};

	(void)state;
	assert_null(options_change_effect(&ch, live));
	ch.key = &shop_keys[0];
	assert_string_equal(
		options_change_effect(&ch, live), "at the next start");
}

/* --- the log -------------------------------------------------------------- */

static const char *line;

static void
log_it(void *arg, const struct options_change *ch)
{
	(void)arg;
	options_change_log(ch, NULL);
}

/* What a change logs. */
static const char *
logged(const char *before, const char *now)
{
	struct config *from = config_of(before), *to = config_of(now);

	logged_begin(SW_LOG_INFO);
	(void)options_changes(from, to, log_it, NULL);
	line = logged_text();
	logged_end();
	config_free(from);
	config_free(to);
	return line;
}

static void
a_change_is_a_line_with_both_values(void **state)
{
	(void)state;
	assert_string_equal(logged("", "[shop]\nowner = Bob\n"),
		"<6>ev=reload section=shop key=owner old=Ann new=Bob "
		"effect=now\n");
}

static void
what_may_be_a_secret_is_not_in_the_log(void **state)
{
	(void)state;
	assert_string_equal(logged("[shop]\nserve = a=curl -u secret\n",
				    "[shop]\nserve = b=curl -u secret\n"),
		"<6>ev=reload section=shop key=serve old=a new=\"\" "
		"effect=now\n"
		"<6>ev=reload section=shop key=serve old=\"\" new=b "
		"effect=now\n");
	assert_null(strstr(logged("[shop]\ngoods = http://u:secret@h/\n",
				   "[shop]\ngoods = http://u:secret@i/\n"),
		"secret"));
	assert_non_null(strstr(line, "key=goods"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_values_are_no_change),
		cmocka_unit_test(a_value_that_differs_is_a_change),
		cmocka_unit_test(of_a_key_that_stands_often_each_value_counts),
		cmocka_unit_test(a_section_may_come_and_go),
		cmocka_unit_test(a_key_takes_effect_now_or_at_the_next_start),
		cmocka_unit_test(a_change_is_a_line_with_both_values),
		cmocka_unit_test(what_may_be_a_secret_is_not_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
