/* SPDX-License-Identifier: MIT */
/*
 * fuzz_msg: any bytes into the decoder.  What it takes must read the same
 * after it was written again; nested items are opened as the broker opens
 * follow-ups and events, and checked as a put is.  What is refused is refused
 * with a line that can stand in DETAIL.  Corpus: tests/corpus/msg, made by
 * test_corpus.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/put.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 4 };

static void
expect(int truth)
{
	if (!truth)
		abort();
}

/* Reads every byte, so that the sanitizer sees where they lie. */
static unsigned
sum(struct bytes b)
{
	const uint8_t *p = b.p;
	unsigned s = 0;

	for (size_t i = 0; i < b.len; i++)
		s += p[i];
	return s;
}

/* A reason is one line that may stand in DETAIL. */
static void
why_expect(const char *why)
{
	expect(*why != '\0' && strlen(why) <= SW_TEXT_MAX &&
		text_is_utf8(bytes_str(why)) && strchr(why, '\n') == NULL);
}

static void
item_walk(const struct sw_item *it, int depth)
{
	static volatile unsigned sink;
	char text[16], why[SW_WHY_ROOM] = "";
	int err = sw_put_check(it, why);

	expect(err == 0 || err == SW_EINVAL || err == SW_ETOOBIG ||
		err == SW_EQUEUE);
	if (err < 0)
		why_expect(why);
	for (unsigned tag = 0; tag < SW_TAGS; tag++) {
		size_t at = 0, n = 0;
		struct bytes v;

		const struct sw_field_rule *r = &sw_field_rules[tag];

		if (r->name == NULL)
			continue; /* of a newer version: passed over */
		while (sw_item_each(it, (enum sw_tag)tag, &at, &v)) {
			struct sw_item in;

			n++;
			expect(v.len <= r->longest);
			sink += sum(v);
			if (r->type == SW_T_ITEM && depth < DEPTH_MAX &&
				sw_item_open(v, &in) == 0)
				item_walk(&in, depth + 1);
		}
		expect((n > 0) == sw_has(it, (enum sw_tag)tag));
		expect(n <= 1 || sw_field_rules[tag].many);
		sw_get_text(it, (enum sw_tag)tag, text, sizeof(text));
	}
}

/* Encodes the items of a message, all in one. */
static struct bytes
encoded(struct sw_msg *m, uint8_t *space)
{
	struct sw_buf b = {.p = space, .cap = SW_MSG_MAX};
	struct sw_item it;
	unsigned n = 0;

	sw_msg_begin(&b, m->op, m->flags, m->seq);
	for (; sw_msg_next(m, &it); n++) {
		size_t mark = sw_item_begin(&b);

		item_walk(&it, 0);
		sw_copy_without(&b, &it, 0);
		sw_item_end(&b, mark);
	}
	expect(n == m->count && !b.full);
	return sw_buf_bytes(&b);
}

/* Fields that this version does not know are skipped: without them the message
 * is the same one. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[SW_MSG_MAX], again[SW_MSG_MAX];
	struct bytes known, input = bytes_of(data, size);
	struct sw_msg m;
	char why[SW_WHY_ROOM];
	int err;

	if (size > sizeof(space))
		return 0;
	err = sw_msg_open(input, &m);
	expect(err == 0 || err == SW_EINVAL || err == SW_ETOOBIG ||
		err == SW_EVERSION || err == SW_EQUEUE);
	sw_msg_why(input, why);
	why_expect(why);
	expect((err == 0) == (strcmp(why, sw_strerror(0)) == 0));
	if (err < 0)
		return 0;
	known = encoded(&m, space);
	expect(known.len <= size);
	expect(known.len < size || bytes_eq(known, input));
	expect(sw_msg_open(known, &m) == 0);
	expect(bytes_eq(encoded(&m, again), known));
	return 0;
}
