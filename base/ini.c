/* SPDX-License-Identifier: MIT */
#include "base/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { SHOWN_MAX = 100 };

static const char blanks[] = " \t\r";
static const char key_bytes[] = "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

char *
ini_show(const char *text, char to[INI_SHOWN])
{
	size_t at = 0;

	for (; *text != '\0' && at < SHOWN_MAX; text++)
		if (*text >= ' ' && *text <= '~')
			to[at++] = *text;
		else
			at += (size_t)snprintf(to + at, INI_SHOWN - at,
				"\\x%02x", (unsigned)(unsigned char)*text);
	(void)snprintf(to + at, INI_SHOWN - at, "%s", *text ? "..." : "");
	return to;
}

static int
refuse(char why[INI_WHY], const char *what, const char *text)
{
	char shown[INI_SHOWN];

	(void)snprintf(why, INI_WHY, "%s '%s'", what, ini_show(text, shown));
	return -EINVAL;
}

/*
 * One line without its end.  1; 0: the file has ended; or a negative error.
 * Not fgets(), which hides NUL bytes.
 */
static int
line_take(FILE *f, char line[INI_LINE_MAX + 1], char why[INI_WHY])
{
	size_t n = 0;
	int c;

	errno = 0;
	while ((c = getc(f)) != EOF && c != '\n') {
		if (c == '\0' || n == INI_LINE_MAX) {
			(void)snprintf(why, INI_WHY,
				c == '\0' ? "there is a NUL byte in the line"
					  : "the line is longer than %d bytes",
				INI_LINE_MAX);
			return -EINVAL;
		}
		line[n++] = (char)c;
	}
	line[n] = '\0';
	if (ferror(f))
		return errno != 0 ? -errno : -EIO;
	return c == '\n' || n > 0;
}

/* Ends `text` before its comment and the blanks at its end. */
static void
comment_cut(char *text)
{
	size_t n = 0;

	while (text[n] != '\0' &&
		(text[n] != ';' ||
			(n > 0 && strchr(blanks, text[n - 1]) == NULL)))
		n++;
	while (n > 0 && strchr(blanks, text[n - 1]) != NULL)
		n--;
	text[n] = '\0';
}

static int
header_split(char *line, struct ini_item *item, char why[INI_WHY])
{
	char *end = strchr(line, ']'), *rest;

	if (end == NULL)
		return refuse(why, "missing ] in", line);
	rest = end + 1 + strspn(end + 1, blanks);
	if (*rest != '\0' && *rest != ';' && *rest != '#')
		return refuse(why, "unexpected text behind ]:", rest);
	*end = '\0';
	item->key = NULL;
	item->text = line + 1;
	return 0;
}

static int
key_split(char *line, struct ini_item *item, char why[INI_WHY])
{
	size_t len = strspn(line, key_bytes);
	char *p = line + len + strspn(line + len, blanks);

	if (*p == ':' && len > 0)
		return refuse(
			why, "must be 'key = value' with '=', not ':':", line);
	if (strchr(p, '=') == NULL)
		return refuse(why, "missing '=' in", line);
	if (*p != '=' || len == 0) {
		*strchr(p, '=') = '\0';
		comment_cut(line);
		return refuse(why, "bad key", line);
	}
	line[len] = '\0';
	p += 1 + strspn(p + 1, blanks);
	comment_cut(p);
	item->key = line;
	item->text = p;
	return 0;
}

/* 1: the line says something; 0: it is empty or a comment. */
static int
line_split(char *line, struct ini_item *item, char why[INI_WHY])
{
	size_t indent = strspn(line, blanks);
	int err;

	if (strchr("#;", line[indent]) != NULL) /* or the end of the line */
		return 0;
	if (indent > 0)
		return refuse(
			why, "the line must not be indented:", line + indent);
	err = line[0] == '[' ? header_split(line, item, why)
			     : key_split(line, item, why);
	return err < 0 ? err : 1;
}

struct reading {
	ini_fn *fn;
	void *arg;
	int line, in_section;
};

static int
line_read(struct reading *rd, char *line, char why[INI_WHY])
{
	struct ini_item item = {.line = rd->line};
	int got;

	if (rd->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3; /* what some editors begin a UTF-8 file with */
	got = line_split(line, &item, why);
	if (got <= 0)
		return got;
	if (item.key == NULL)
		rd->in_section = 1;
	if (!rd->in_section)
		return refuse(why, "key before the first [section]:", item.key);
	return rd->fn(rd->arg, &item, why);
}

/* --- the file ------------------------------------------------------------- */

/* Whether reading ends: a FIFO with a name may never have a writer.  A pipe of
 * the shell's, <(...) or /dev/stdin, has a file system of its own. */
static int
is_readable(int fd)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return 0;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
	       S_ISCHR(st.st_mode) || fs.f_type == PIPEFS_MAGIC;
}

static int
file_open(const char *file, FILE **to, char why[INI_WHY])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;

	if (fd < 0)
		return -errno;
	if (!is_readable(fd)) {
		(void)snprintf(why, INI_WHY, "is not a regular file");
		err = -EINVAL;
	} else if (fcntl(fd, F_SETFL, O_RDONLY) != 0) {
		err = -errno;
	}
	if (err == 0) {
		*to = fdopen(fd, "r");
		err = *to != NULL ? 0 : -errno;
	}
	if (err < 0)
		(void)close(fd);
	return err;
}

int
ini_read(const char *file, ini_fn *fn, void *arg, char why[INI_WHY])
{
	char line[INI_LINE_MAX + 1] = "", what[INI_WHY] = "";
	struct reading rd = {.fn = fn, .arg = arg};
	FILE *f = NULL;
	int bad, err = file_open(file, &f, what);

	if (err == 0)
		err = 1;
	while (err > 0) {
		err = line_take(f, line, what);
		rd.line += err != 0;
		bad = err > 0 ? line_read(&rd, line, what) : 0;
		err = bad < 0 ? bad : err;
	}
	if (f != NULL)
		(void)fclose(f);
	if (err < 0 && (what[0] == '\0' || rd.line == 0))
		(void)snprintf(why, INI_WHY, "%.300s: %.200s", file,
			what[0] != '\0' ? what : strerror(-err));
	else if (err < 0)
		(void)snprintf(
			why, INI_WHY, "%.300s:%d: %.200s", file, rd.line, what);
	return err;
}
