/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/diagnosis.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
	LINES = 2,
	LINE_MAX_LEN = 300,
	UNDECODED = 69, /* exit status: over two thirds (-max_error_rate) */
};

/*
 * ffmpeg's exit status does not tell a full disk from a broken video, but its
 * stderr does.  The first row that is found decides; the machine's faults come
 * first, for they often end in "Invalid data" too.
 */
static const struct diagnosis_row {
	const char *text;
	int final;
	const char *plain; /* in place of its words; NULL: they are plain */
} table[] = {
	{"No space left on device", 0, NULL},
	{"Disk quota exceeded", 0, NULL},
	{"Cannot allocate memory", 0, NULL},
	{"Resource temporarily unavailable", 0, NULL},
	{"Input/output error", 0, NULL},
	{"error while loading shared libraries", 0, NULL},
	{"Unknown encoder", 0, NULL}, /* of this machine's ffmpeg */
	{"Unrecognized option", 0, NULL},
	{"File too large", 1, NULL},
	{"exceeds specified max pixel count", 1,
		"its pictures are larger than max_pixels allows"},
	{"Invalid data found", 1, NULL},
	{"moov atom not found", 1, NULL},
	{"Format not on whitelist", 1,
		"its container is none of those that 'formats' allows"},
	{"not on whitelist", 1, NULL},
	{"not on list", 1, NULL},
	{"Cannot determine format of input", 1,
		"not one frame of it can be decoded"},
	{"does not contain any stream", 1, NULL},
	{"matches no streams", 1, NULL},
	{"Conversion failed", 1, NULL},
	{"End of file", 1, NULL},
	{"Invalid argument", 1, NULL},
	{"Error while decoding", 1, NULL},
	{"Picture size", 1, NULL},
};

static const struct diagnosis_row *
row_find(const char *stderr_text)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strstr(stderr_text, table[i].text) != NULL)
			return &table[i];
	return NULL;
}

static const char *
skip(const char *p, const char *end, char c)
{
	while (p < end && *p == c)
		p++;
	return p;
}

/* Cuts "[mov,mp4 @ 0x55d0]" and "file:/path: " off a line. */
static struct bytes
line_trim(struct bytes line, const char *input)
{
	const char *p = line.p, *end = p + line.len, *at;
	size_t len = strlen(input);

	p = skip(p, end, ' ');
	while (p < end && *p == '[' &&
		(at = memchr(p, ']', (size_t)(end - p))) != NULL)
		p = skip(at + 1, end, ' ');
	at = len > 0 ? memmem(p, (size_t)(end - p), input, len) : NULL;
	if (at != NULL && at - p <= 6)
		p = skip(skip(at + len, end, ':'), end, ' ');
	return bytes_of(p, (size_t)(end - p));
}

/* Skips empty lines and "    Last message repeated 7 times". */
static int
is_news(struct bytes line)
{
	static const char again[] = "Last message repeated";
	size_t len = sizeof(again) - 1;

	return line.len > 0 &&
	       (line.len < len || memcmp(line.p, again, len) != 0);
}

/* Writes the last lines of stderr, the last one first; returns how many. */
static int
lines_last(const struct subprocess *t, const char *input,
	struct bytes lines[LINES])
{
	size_t end = t->stderr_len;
	int n = 0;

	while (n < LINES && end > 0) {
		size_t at = end;

		while (at > 0 && t->stderr_text[at - 1] != '\n')
			at--;
		lines[n] = line_trim(
			bytes_of(t->stderr_text + at, end - at), input);
		if (is_news(lines[n]) &&
			(n == 0 || !bytes_eq(lines[n], lines[0])))
			n++;
		end = at > 0 ? at - 1 : 0;
	}
	return n;
}

static void
lines_print(FILE *f, const struct subprocess *t, const char *input)
{
	struct bytes lines[LINES];
	int n = lines_last(t, input, lines);

	if (t->code == UNDECODED)
		(void)fputs("most of it cannot be decoded: ", f);
	if (n == 0)
		(void)fprintf(f, "exit status %d without a message", t->code);
	if (n > 0)
		(void)text_print(f, lines[0], LINE_MAX_LEN);
	if (n < 2)
		return;
	(void)fputs(" (", f);
	(void)text_print(f, lines[1], LINE_MAX_LEN);
	(void)fputs(")", f);
}

int
diagnosis_write(
	const struct subprocess *t, const char *input, char why[DIAGNOSIS])
{
	static const struct {
		const char *text;
		int final;
	} ends[] = {
		[SUBPROCESS_KILLED] = {NULL, 0},
		[SUBPROCESS_CPU] = {"it used up its CPU time ('cpu')", 1},
		[SUBPROCESS_FILE] = {"a file grew beyond max_output", 1},
		[SUBPROCESS_DISK] = {"its files grew beyond disk", 1},
		[SUBPROCESS_REFUSED] = {"its output is too long", 1},
	};
	const struct diagnosis_row *row = row_find(t->stderr_text);
	FILE *f = fmemopen(why, DIAGNOSIS, "w");
	int final = 0;

	why[0] = '\0';
	if (f == NULL)
		return 0;
	if (t->end == SUBPROCESS_EXITED) {
		final = row != NULL ? row->final : t->code == UNDECODED;
		if (row != NULL && row->plain != NULL)
			(void)fputs(row->plain, f);
		else
			lines_print(f, t, input);
	} else if (t->end == SUBPROCESS_KILLED) {
		(void)fprintf(f, "it was killed by signal %d (%s)", t->code,
			strsignal(t->code));
	} else {
		(void)fputs(ends[t->end].text, f);
		final = ends[t->end].final;
	}
	(void)fclose(f);
	why[DIAGNOSIS - 1] = '\0';
	return final;
}
