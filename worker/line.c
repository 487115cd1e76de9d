/* SPDX-License-Identifier: MIT */
#include "worker/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "wire/put.h"

static int
progress_parse(const char *s, struct report_line *l)
{
	char *end;

	l->number = strtol(s, &end, 10);
	if (end == s || (*end != '\0' && *end != ' ') || l->number < 0 ||
		l->number > 100)
		return -EINVAL;
	l->text = *end == ' ' ? end + 1 : end;
	return 0;
}

static int
result_parse(const char *s, struct report_line *l)
{
	l->text = s;
	return 0;
}

static int
retry_parse(const char *s, struct report_line *l)
{
	return unit_parse(UNIT_MS, s, &l->number);
}

static int
put_parse(const char *s, struct report_line *l)
{
	const char *blank = strchr(s, ' ');
	size_t n = blank != NULL ? (size_t)(blank - s) : strlen(s);

	if (sw_queue_check(s, n) < 0)
		return SW_EQUEUE;
	memcpy(l->queue, s, n);
	l->queue[n] = '\0';
	l->text = blank != NULL ? blank + 1 : s + n;
	return 0;
}

static const struct {
	const char *word;
	int (*parse)(const char *, struct report_line *);
} kinds[] = {
	[LINE_PROGRESS] = {"progress ", progress_parse},
	[LINE_RESULT] = {"result ", result_parse},
	[LINE_RETRY_AFTER] = {"retry-after ", retry_parse},
	[LINE_PUT] = {"put ", put_parse},
};

int
line_parse(const char *text, struct report_line *l)
{
	for (int k = LINE_PROGRESS; k <= LINE_PUT; k++) {
		size_t n = strlen(kinds[k].word);

		if (strncmp(text, kinds[k].word, n) != 0)
			continue;
		*l = (struct report_line){
			.kind = (enum report_kind)k, .text = ""};
		return kinds[k].parse(text + n, l);
	}
	return -EINVAL;
}

int
result_put(struct sw_buf *b, struct bytes result)
{
	struct sw_item it;

	if (sw_item_open(sw_buf_bytes(b), &it) == 0 &&
		sw_has(&it, SW_F_RESULT)) {
		const uint8_t *start = (const uint8_t *)it.f[SW_F_RESULT].p - 4;
		size_t at = (size_t)(start - b->p);
		size_t len = it.f[SW_F_RESULT].len + 4;

		memmove(b->p + at, b->p + at + len, b->len - at - len);
		b->len -= len;
	}
	if (result.len > SW_RESULT_MAX)
		return SW_ETOOBIG;
	sw_put_bytes(b, SW_F_RESULT, result);
	return 0;
}

int
follow_put(struct sw_buf *b, const char *queue, const char *header,
	struct bytes body)
{
	size_t was = b->len, mark;
	size_t texts = strlen(queue) + (header != NULL ? strlen(header) : 0);
	struct sw_item it;
	struct sw_id id;
	int err;

	if (b->cap - b->len < texts + body.len + 256)
		return SW_ETOOBIG;
	id = sw_id_make(clock_now_ms(CLOCK_REALTIME));
	mark = sw_nest_begin(b, SW_F_FOLLOW);
	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, queue);
	if (header != NULL)
		sw_put_text(b, SW_F_HEADER, header);
	sw_put_bytes(b, SW_F_BODY, body);
	err = sw_put_open(bytes_of(b->p + mark, b->len - mark), &it, NULL);
	if (err < 0)
		b->len = was;
	else
		sw_nest_end(b, mark);
	return err;
}
