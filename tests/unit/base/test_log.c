/* SPDX-License-Identifier: MIT */
/* Log lines, byte by byte as the journal reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "tests/lib/deadline.h"

static int saved_stderr, out[2];

static int
stderr_into_a_pipe(void **state)
{
	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	return saved_stderr < 0 || pipe2(out, 0) != 0 ||
	       dup2(out[1], STDERR_FILENO) < 0;
}

static int
stderr_back(void **state)
{
	(void)state;
	sw_log_set(SW_LOG_INFO);
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	(void)close(out[0]);
	(void)close(out[1]);
	return 0;
}

/* Reads what was logged since the last call; a mark keeps the read from
 * blocking. */
static const char *
logged(void)
{
	static char text[8192];
	ssize_t n;

	if (write(STDERR_FILENO, "#", 1) != 1)
		return "";
	n = read(out[0], text, sizeof(text) - 1);
	if (n < 1)
		return "";
	text[n - 1] = '\0';
	return text;
}

static void
expect_logged(const char *value, const char *want)
{
	char line[256];

	sw_log(SW_LOG_INFO, "t", "k", value, NULL);
	(void)snprintf(line, sizeof(line), "<6>ev=t k=%s\n", want);
	assert_string_equal(logged(), line);
}

static void
a_line_starts_with_its_level_and_event(void **state)
{
	(void)state;
	sw_log(SW_LOG_ERR, "stop", NULL);
	assert_string_equal(logged(), "<3>ev=stop\n");
	sw_log(SW_LOG_INFO, "lease", "queue", "email", "attempt", sw_num(2),
		NULL);
	assert_string_equal(logged(), "<6>ev=lease queue=email attempt=2\n");
}

/* On a terminal, which has no clock of its own. */
static void
a_person_reads_time_and_level(void **state)
{
	char line[256];
	int at = posix_openpt(O_RDWR | O_NOCTTY), terminal, was;
	ssize_t n;

	(void)state;
	assert_true(at >= 0 && grantpt(at) == 0 && unlockpt(at) == 0);
	terminal = open(ptsname(at), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	was = dup(STDERR_FILENO);
	assert_true(dup2(terminal, STDERR_FILENO) >= 0);
	sw_log(SW_LOG_WARN, "dead", "queue", "q", NULL);
	assert_true(dup2(was, STDERR_FILENO) >= 0);
	n = read(at, line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_memory_equal(line + 4, "-", 1); /* 2026-01-31T08:00:00.000Z */
	assert_string_equal(line + 23, "Z warn ev=dead queue=q\r\n");
	(void)close(was);
	(void)close(terminal);
	(void)close(at);
}

static void
less_urgent_lines_are_left_out(void **state)
{
	(void)state;
	sw_log(SW_LOG_DEBUG, "d", NULL);
	assert_string_equal(logged(), "");
	sw_log_set(SW_LOG_DEBUG);
	sw_log(SW_LOG_DEBUG, "d", NULL);
	assert_string_equal(logged(), "<7>ev=d\n");
	sw_log_set(SW_LOG_ERR);
	sw_log(SW_LOG_WARN, "w", NULL);
	assert_string_equal(logged(), "");
	sw_log_set(SW_LOG_INFO);
}

static void
plain_values_stand_as_they_are(void **state)
{
	(void)state;
	expect_logged("ipc:///run/spillway/broker.sock",
		"ipc:///run/spillway/broker.sock");
	expect_logged("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
}

static void
values_that_would_break_the_line_are_quoted(void **state)
{
	(void)state;
	expect_logged("", "\"\"");
	expect_logged("two words", "\"two words\"");
	expect_logged("a=b", "\"a=b\"");
	expect_logged("say \"hi\"", "\"say \\\"hi\\\"\"");
	expect_logged("C:\\x", "\"C:\\\\x\"");
}

/* Untrusted text can neither begin a line of its own nor control a terminal. */
static void
control_characters_are_escaped(void **state)
{
	char value[2] = "", want[16];

	(void)state;
	expect_logged("x\n<0>ev=forged", "\"x\\x0a<0>ev=forged\"");
	expect_logged("\x1b[2J", "\"\\x1b[2J\"");
	for (int c = 1; c < 0x80; c = c == 0x1f ? 0x7f : c + 1) {
		value[0] = (char)c;
		(void)snprintf(want, sizeof(want), "\"\\x%02x\"", (unsigned)c);
		expect_logged(value, want);
	}
	/* C1, which some terminals heed; a change of direction; not UTF-8 */
	expect_logged("\xc2\x9b"
		      "2J",
		"\"\\xc2\\x9b2J\"");
	expect_logged("\xe2\x80\xae", "\"\\xe2\\x80\\xae\"");
	expect_logged("\xff\xc3", "\"\\xff\\xc3\"");
	expect_logged("h\xc3\xb6he", "h\xc3\xb6he");
}

static void
a_missing_value_is_an_empty_one(void **state)
{
	const char *none = NULL;

	(void)state;
	expect_logged(none, "\"\"");
}

static void
a_line_that_is_too_long_is_cut_and_still_one_line(void **state)
{
	char event[4000], value[4000];
	const char *line;

	(void)state;
	memset(value, '\n', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	sw_log(SW_LOG_INFO, "t", "a", value, "b", value, NULL);
	line = logged();
	assert_int_equal(strlen(line), 2048);
	assert_ptr_equal(strchr(line, '\n'), line + 2047);

	memset(event, 'e', sizeof(event) - 1);
	event[sizeof(event) - 1] = '\0';
	sw_log(SW_LOG_INFO, event, "a", "b", NULL);
	line = logged();
	assert_int_equal(strlen(line), 2048);
	assert_ptr_equal(strchr(line, '\n'), line + 2047);
}

static void
numbers_live_for_sixteen_calls(void **state)
{
	const char *first = sw_num(INT64_MIN);

	(void)state;
	for (int i = 1; i < 16; i++)
		(void)sw_num(i);
	assert_string_equal(first, "-9223372036854775808");
	(void)sw_num(16);
	assert_string_equal(first, "16");
}

#define LOG_TEST(f)                                                            \
	cmocka_unit_test_setup_teardown(f, stderr_into_a_pipe, stderr_back)

static void
a_line_that_cannot_be_written_is_lost_and_the_next_is_not(void **state)
{
	int null = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(dup2(null, STDERR_FILENO) >= 0);
	sw_log(SW_LOG_INFO, "t", "k", "lost", NULL);
	assert_true(dup2(out[1], STDERR_FILENO) >= 0);
	close(null);
	expect_logged("here", "here");
}

enum { BURST = 5000, FULL = 4 << 20 };

/* Reads all that `fd` has; returns how many lines, and the last two. */
static int
lines_read(int fd, char **text, const char **last, const char **before)
{
	int n = 0;
	size_t len = 0;
	ssize_t got;

	*text = calloc(1, FULL);
	assert_non_null(*text);
	while ((got = read(fd, *text + len, FULL - 1 - len)) > 0)
		len += (size_t)got;
	*last = *before = *text;
	for (char *p = *text; *p != '\0'; p = strchr(p, '\n') + 1) {
		*before = *last;
		*last = p;
		n++;
	}
	return n;
}

/* `end` is stderr's other end, which nobody reads until all is logged. */
static void
expect_dropped(int end)
{
	const char *last, *before;
	char *text, report[64];
	int kept;

	(void)alarm(deadline_s()); /* a log that waits would wait for ever */
	for (int i = 0; i < BURST; i++)
		sw_log(SW_LOG_INFO, "burst", "n", sw_num(i), NULL);
	assert_int_equal(fcntl(end, F_SETFL, O_NONBLOCK), 0);
	kept = lines_read(end, &text, &last, &before);
	assert_in_range(kept, 1, BURST - 1);
	free(text);
	sw_log(SW_LOG_INFO, "after", NULL);
	assert_int_equal(lines_read(end, &text, &last, &before), 2);
	(void)snprintf(report, sizeof(report),
		"<4>ev=log-dropped lines=%d\n<6>ev=after\n", BURST - kept);
	assert_string_equal(before, report);
	free(text);
	(void)alarm(0);
}

static void
a_pipe_that_nobody_reads_drops_lines_and_counts_them(void **state)
{
	(void)state;
	expect_dropped(out[0]);
}

static void
a_socket_that_nobody_reads_drops_lines_and_counts_them(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	expect_dropped(ends[0]);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* A child closes all descriptors and opens others under their numbers. */
static void
a_number_that_was_used_again_gets_no_line(void **state)
{
	struct stat mine, theirs;
	FILE *f = tmpfile();
	int fd;

	(void)state;
	expect_logged("a", "a");
	assert_int_equal(fstat(STDERR_FILENO, &mine), 0);
	for (fd = 3; fd < 256; fd++)
		if (fd != out[0] && fd != out[1] && fstat(fd, &theirs) == 0 &&
			theirs.st_ino == mine.st_ino)
			assert_true(dup2(fileno(f), fd) == fd);
	expect_logged("b", "b");
	assert_int_equal(lseek(fileno(f), 0, SEEK_END), 0);
	(void)fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_line_starts_with_its_level_and_event),
		LOG_TEST(a_person_reads_time_and_level),
		LOG_TEST(less_urgent_lines_are_left_out),
		LOG_TEST(plain_values_stand_as_they_are),
		LOG_TEST(values_that_would_break_the_line_are_quoted),
		LOG_TEST(control_characters_are_escaped),
		LOG_TEST(a_missing_value_is_an_empty_one),
		LOG_TEST(a_line_that_is_too_long_is_cut_and_still_one_line),
		LOG_TEST(numbers_live_for_sixteen_calls),
		LOG_TEST(
			a_line_that_cannot_be_written_is_lost_and_the_next_is_not),
		LOG_TEST(a_pipe_that_nobody_reads_drops_lines_and_counts_them),
		LOG_TEST(
			a_socket_that_nobody_reads_drops_lines_and_counts_them),
		LOG_TEST(a_number_that_was_used_again_gets_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
