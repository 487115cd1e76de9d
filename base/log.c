/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

static enum sw_log_level level = SW_LOG_INFO;

static struct {
	int own;  /* stderr opened anew, not blocking; 0: it is not */
	int torn; /* the last line was cut: a newline comes first */
	unsigned long lines; /* dropped, and not reported yet */
} sink;

struct log_line {
	char text[2048];
	size_t len;
};

void
sw_log_set(enum sw_log_level l)
{
	level = l;
}

/* Appends `n` bytes, cut so that a newline still fits. */
static void
line_add(struct log_line *l, const char *s, size_t n)
{
	size_t room = sizeof(l->text) - 1 - l->len;

	n = n < room ? n : room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static int
needs_quotes(const char *v, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = text_safe((const uint8_t *)v + i, len - i);
		if (n == 0 || strchr(" \"=\\", v[i]) != NULL)
			return 1;
	}
	return len == 0;
}

static void
line_add_value(struct log_line *l, const char *v)
{
	size_t len = strlen(v);
	int quote = needs_quotes(v, len);

	if (quote)
		line_add(l, "\"", 1);
	for (size_t i = 0, n; i < len; i += n) {
		char hex[8];

		n = text_safe((const uint8_t *)v + i, len - i);
		if (n == 0)
			line_add(l, hex,
				(size_t)snprintf(hex, sizeof(hex), "\\x%02x",
					(unsigned char)v[i]));
		else if (v[i] == '"' || v[i] == '\\')
			line_add(l, (char[]){'\\', v[i]}, 2);
		else
			line_add(l, v + i, n);
		n += n == 0;
	}
	if (quote)
		line_add(l, "\"", 1);
}

/* --- writing, without waiting for a reader -------------------------------- */

static int
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * O_NONBLOCK on stderr itself would hold for every process that shares it, so
 * a pipe or a terminal is opened anew.  The number may have been closed and
 * used again since, and stderr may be another file: both are looked at.
 */
static int
sink_own(const struct stat *err)
{
	struct stat own;
	int fd;

	if (sink.own > 0 && fstat(sink.own, &own) == 0 &&
		is_same_file(err, &own))
		return sink.own;
	fd = open("/proc/self/fd/2",
		O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	sink.own = fd > STDERR_FILENO ? fd : 0;
	return sink.own;
}

static ssize_t
sink_write(const char *text, size_t len)
{
	struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
	struct stat err;
	int known = fstat(STDERR_FILENO, &err) == 0;

	if (known && S_ISSOCK(err.st_mode))
		return send(
			STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (known && !S_ISFIFO(err.st_mode) && !S_ISCHR(err.st_mode))
		return write(STDERR_FILENO, text, len);
	if (known && sink_own(&err) > 0)
		return write(sink.own, text, len);
	return poll(&room, 1, 0) > 0 ? write(STDERR_FILENO, text, len) : -1;
}

/* Whether the line was taken, perhaps in part. */
static int
line_write(const char *text, size_t len)
{
	ssize_t n;

	if (sink.torn && sink_write("\n", 1) != 1)
		return 0;
	sink.torn = 0;
	n = sink_write(text, len);
	sink.torn = n > 0 && (size_t)n < len;
	return n > 0;
}

static const char *
level_name(enum sw_log_level lv)
{
	return lv == SW_LOG_ERR	   ? "error"
	       : lv == SW_LOG_WARN ? "warn"
	       : lv == SW_LOG_INFO ? "info"
				   : "debug";
}

/* What a line begins with: the level for the journal, which has its own clock;
 * time and level for a person at a terminal. */
static size_t
prefix_print(char *to, size_t cap, enum sw_log_level lv)
{
	struct timespec now;
	struct tm tm;
	char day[32];

	if (!isatty(STDERR_FILENO) ||
		clock_gettime(CLOCK_REALTIME, &now) != 0 ||
		gmtime_r(&now.tv_sec, &tm) == NULL ||
		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return (size_t)snprintf(to, cap, "<%d>", (int)lv);
	return (size_t)snprintf(to, cap, "%s.%03ldZ %s ", day,
		now.tv_nsec / 1000000, level_name(lv));
}

static void
line_write_or_count(const char *text, size_t len)
{
	char report[96];
	size_t n;

	if (sink.lines > 0) {
		n = prefix_print(report, sizeof(report), SW_LOG_WARN);
		n += (size_t)snprintf(report + n, sizeof(report) - n,
			"ev=log-dropped lines=%lu\n", sink.lines);
		if (line_write(report, n))
			sink.lines = 0;
	}
	if (sink.lines > 0 || !line_write(text, len))
		sink.lines++;
}

void
sw_log(enum sw_log_level lv, const char *event, ...)
{
	struct log_line l = {.len = 0};
	const char *key, *value;
	va_list ap;

	if (lv > level)
		return;
	l.len = prefix_print(l.text, sizeof(l.text), lv);
	line_add(&l, "ev=", 3);
	line_add(&l, event, strlen(event));
	va_start(ap, event);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		line_add(&l, " ", 1);
		line_add(&l, key, strlen(key));
		line_add(&l, "=", 1);
		line_add_value(&l, value != NULL ? value : "");
	}
	va_end(ap);
	l.text[l.len++] = '\n';
	line_write_or_count(l.text, l.len);
}

const char *
sw_num(long long n)
{
	static char ring[16][24];
	static unsigned at;
	char *s = ring[at++ % 16];

	(void)snprintf(s, sizeof(ring[0]), "%lld", n);
	return s;
}
