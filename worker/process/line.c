/* SPDX-License-Identifier: MIT */
#include "worker/process/line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

enum {
	DIGITS_MAX = 18,  /* of a length: less than 2^63 */
	KEPT_SPARE = 256, /* bytes of memory that stay from line to line */
	ERRNO_MAX = 4095, /* of the kernel */
};

/* --- memory --------------------------------------------------------------- */

static int
room_make(struct report_reader *r, size_t need)
{
	size_t cap = r->cap > 0 ? r->cap : KEPT_SPARE;
	uint8_t *p;

	while (cap < need)
		cap *= 2;
	if (cap == r->cap)
		return 0;
	p = realloc(r->p, cap);
	if (p == NULL)
		return -ENOMEM;
	r->p = p;
	r->cap = cap;
	return 0;
}

/* Keeps the bytes of `in` that are within the first `most` bytes. */
static void
part_keep(struct report_reader *r, struct bytes in, size_t most)
{
	size_t n = most > r->len ? most - r->len : 0;

	n = n < in.len ? n : in.len;
	r->seen += in.len;
	if (n == 0 || r->starved)
		return;
	if (room_make(r, r->len + n) < 0) {
		r->starved = 1;
		return;
	}
	memcpy(r->p + r->len, in.p, n);
	r->len += n;
}

static void
part_forget(struct report_reader *r)
{
	if (r->cap > KEPT_SPARE) {
		free(r->p);
		r->p = NULL;
		r->cap = 0;
	}
	r->len = r->seen = 0;
	r->starved = 0;
}

/* --- what is reported
 * --------------------------------------------------------- */

static void
text_report(struct report_reader *r, enum report_kind kind, const char *text)
{
	struct report_line l = {.kind = kind, .bytes = bytes_str(text)};

	r->fn(r->arg, &l);
}

/* Says where and what, and quotes the start of the line. */
static void
line_refuse(struct report_reader *r, enum report_kind kind, const char *why,
	struct bytes line)
{
	char text[LINE_TEXT + 1], quoted[SW_QUOTE_ROOM];

	text_line(line, quoted, sizeof(quoted));
	(void)snprintf(text, sizeof(text), "line %" PRId64 ": %s: \"%s\"",
		r->lines, why, quoted);
	text_report(r, kind, text);
}

static void
lost_report(struct report_reader *r, const char *what)
{
	char text[LINE_TEXT + 1];

	(void)snprintf(
		text, sizeof(text), "line %" PRId64 ": %s", r->lines, what);
	text_report(r, LINE_LOST, text);
}

/* --- the arguments of a line ---------------------------------------------- */

/* Cuts off the bytes up to the first blank, which is dropped. */
static struct bytes
word_cut(struct bytes *in)
{
	const uint8_t *blank = memchr(in->p, ' ', in->len);
	size_t n = blank != NULL ? (size_t)(blank - (const uint8_t *)in->p)
				 : in->len;
	struct bytes word = bytes_of(in->p, n);

	n += blank != NULL;
	*in = bytes_of((const uint8_t *)in->p + n, in->len - n);
	return word;
}

static int
number_parse(struct bytes word, int64_t *number)
{
	const char *p = word.p;
	int64_t n = 0;

	if (word.len == 0 || word.len > DIGITS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < word.len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EINVAL;
		n = n * 10 + (p[i] - '0');
	}
	*number = n;
	return 0;
}

static int
queue_parse(struct bytes word, char queue[SW_QUEUE_MAX + 1])
{
	if (sw_field_queue_check(word, NULL) < 0)
		return -EINVAL;
	memcpy(queue, word.p, word.len);
	queue[word.len] = '\0';
	return 0;
}

/* The rest of a line of which `seen` may say that more came than was kept. */
static struct bytes
rest_of(const struct report_reader *r, struct bytes line, struct bytes rest)
{
	if (r->seen <= line.len)
		return rest;
	return bytes_of(NULL, rest.len + (r->seen - line.len));
}

/* --- words ---------------------------------------------------------------- */

/* `line` is the whole line, `args` what is behind its word. */
typedef int
line_word_fn(struct report_reader *, struct bytes line, struct bytes args);

static int
progress_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	(void)line;
	if (number_parse(word_cut(&args), &r->now.number) < 0 ||
		r->now.number > 100)
		return -EINVAL;
	r->now.bytes = args;
	r->fn(r->arg, &r->now);
	return 0;
}

static int
result_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	r->now.bytes = rest_of(r, line, args);
	r->fn(r->arg, &r->now);
	return 0;
}

static int
retry_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	char text[UNIT_TEXT];
	int err;

	if (args.len == 0 || args.len >= sizeof(text) ||
		memchr(args.p, '\0', args.len) != NULL)
		return -EINVAL;
	memcpy(text, args.p, args.len);
	text[args.len] = '\0';
	err = unit_parse(UNIT_MS, text, &r->now.number);
	if (err < 0 && err != -ERANGE)
		return err;
	if (err == -ERANGE || r->now.number > SW_DELAY_MAX_MS) {
		r->now.number = SW_DELAY_MAX_MS;
		line_refuse(r, LINE_WARNING,
			"retry-after is 366d at most, and was taken as that",
			line);
	}
	r->fn(r->arg, &r->now);
	return 0;
}

static int
not_run_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	(void)line;
	if (number_parse(args, &r->now.number) < 0 || r->now.number < 1 ||
		r->now.number > ERRNO_MAX)
		return -EINVAL;
	r->fn(r->arg, &r->now);
	return 0;
}

static int
put_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	if (queue_parse(word_cut(&args), r->now.queue) < 0)
		return -EINVAL;
	r->now.bytes = rest_of(r, line, args);
	r->fn(r->arg, &r->now);
	return 0;
}

/* Words behind the length are for later versions. */
static int
block_begin(struct report_reader *r, struct bytes line, struct bytes args,
	const char *word)
{
	int64_t len;

	if (number_parse(word_cut(&args), &len) < 0)
		return -EINVAL;
	if (args.len > 0)
		line_refuse(r, LINE_WARNING,
			"the words behind the length are ignored", line);
	r->word = word;
	r->left = (size_t)len;
	r->now.bytes = bytes_of(NULL, r->left);
	return 0;
}

static int
result_bytes_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	return block_begin(r, line, args, "result-bytes");
}

/* A block for no queue is skipped, so that its bytes are not read as lines. */
static int
put_bytes_read(struct report_reader *r, struct bytes line, struct bytes args)
{
	int bad = queue_parse(word_cut(&args), r->now.queue);
	int err = block_begin(r, line, args, "put-bytes");

	if (err == 0 && bad < 0) {
		line_refuse(r, LINE_LOST, "put-bytes names no queue", line);
		r->now.kind = LINE_LOST;
	}
	return err;
}

static const struct line_word {
	const char *word;
	enum report_kind kind;
	line_word_fn *read;
	const char *rule;
	enum report_kind failure; /* when `read` refuses the arguments */
} line_words[] = {
	{"progress", LINE_PROGRESS, progress_read,
		"must be progress PERCENT [TEXT], 0 to 100", LINE_WARNING},
	{"result", LINE_RESULT, result_read, "", LINE_LOST},
	{"result-bytes", LINE_RESULT, result_bytes_read,
		"must be result-bytes LENGTH", LINE_LOST},
	{"retry-after", LINE_RETRY_AFTER, retry_read,
		"must be retry-after DURATION, such as 30s", LINE_WARNING},
	{"not-run", LINE_NOT_RUN, not_run_read, "must be not-run ERRNO",
		LINE_WARNING},
	{"put", LINE_PUT, put_read, "put names no queue", LINE_LOST},
	{"put-bytes", LINE_PUT, put_bytes_read,
		"must be put-bytes QUEUE LENGTH", LINE_LOST},
	{NULL, LINE_WARNING, NULL, "is not understood", LINE_WARNING},
};

static const struct line_word *
line_word_find(struct bytes word)
{
	const struct line_word *w = line_words;

	while (w->word != NULL && !bytes_eq(bytes_str(w->word), word))
		w++;
	return w;
}

/* --- lines and blocks ----------------------------------------------------- */

static const char no_memory[] = "the worker had no memory for it";

static void
block_end(struct report_reader *r, const void *p)
{
	r->word = NULL;
	r->now.bytes.p = p;
	if (r->starved)
		lost_report(r, no_memory);
	else if (r->now.kind != LINE_LOST)
		r->fn(r->arg, &r->now);
	part_forget(r);
}

static void
line_end(struct report_reader *r, struct bytes line)
{
	struct bytes args = line.len > 0 ? line : bytes_of("", 0);
	const struct line_word *w = line_word_find(word_cut(&args));

	r->lines++;
	r->now = (struct report_line){.kind = w->kind, .bytes = {"", 0}};
	if (r->starved)
		lost_report(r, no_memory);
	else if (line.len > 0 &&
		 (w->read == NULL || w->read(r, line, args) < 0))
		line_refuse(r, w->failure, w->rule, line);
	part_forget(r);
	if (r->word != NULL && r->left == 0)
		block_end(r, "");
}

/* Each reads some of `in`, at least a byte, and returns how many. */
static size_t
line_feed(struct report_reader *r, struct bytes in)
{
	const uint8_t *p = in.p, *end = memchr(p, '\n', in.len);
	struct bytes part = bytes_of(p, end ? (size_t)(end - p) : in.len);

	if (end == NULL || r->seen > 0)
		part_keep(r, part, LINE_MAX_LEN);
	if (end == NULL)
		return in.len;
	line_end(r, r->seen > 0 ? bytes_of(r->p, r->len) : part);
	return part.len + 1;
}

static size_t
block_feed(struct report_reader *r, struct bytes in)
{
	size_t most = r->now.kind == LINE_RESULT ? SW_RESULT_MAX : SW_BODY_MAX;
	size_t n = in.len < r->left ? in.len : r->left;
	int skip = r->now.kind == LINE_LOST || r->now.bytes.len > most;

	r->left -= n;
	if (!skip && (r->seen > 0 || r->left > 0))
		part_keep(r, bytes_of(in.p, n), most);
	if (r->left == 0)
		block_end(r, skip ? NULL : r->seen > 0 ? r->p : in.p);
	return n;
}

void
reader_init(struct report_reader *r, report_line_fn *fn, void *arg)
{
	*r = (struct report_reader){.fn = fn, .arg = arg};
}

void
reader_feed(struct report_reader *r, struct bytes in)
{
	const uint8_t *p = in.p;

	for (size_t at = 0; at < in.len;) {
		struct bytes rest = bytes_of(p + at, in.len - at);

		at += r->word != NULL ? block_feed(r, rest)
				      : line_feed(r, rest);
	}
}

void
reader_end(struct report_reader *r)
{
	char text[LINE_TEXT + 1];

	if (r->word == NULL && r->seen > 0)
		line_end(r, bytes_of(r->p, r->len));
	if (r->word == NULL || r->now.kind == LINE_LOST)
		return;
	(void)snprintf(text, sizeof(text),
		"%s announced %zu bytes, of which %zu were missing", r->word,
		r->now.bytes.len, r->left);
	lost_report(r, text);
	r->word = NULL;
}

void
reader_fini(struct report_reader *r)
{
	free(r->p);
	*r = (struct report_reader){.fn = r->fn, .arg = r->arg};
}
