/* SPDX-License-Identifier: MIT */
/*
 * fuzz_kept: what a kept process or its worker sends.  Parts of a message are
 * within the input, and a message that is written again is read as the same.
 */
#include <errno.h>
#include <stdlib.h>

#include "wire/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

static void
expect_within(struct bytes part, struct bytes all)
{
	expect((const char *)part.p >= (const char *)all.p &&
		(const char *)part.p + part.len <=
			(const char *)all.p + all.len);
}

static void
headers_use(const struct kept_message *m, int i)
{
	struct bytes headers, body, h;
	size_t at = 0;

	if (kept_headers(m, i, &headers, &body) < 0)
		return;
	expect(headers.len + body.len == m->bytes.len);
	while (kept_header_next(headers, &at, &h)) {
		expect_within(h, headers);
		expect(h.len >= 2 && memchr(h.p, '=', h.len) != NULL);
		expect(((const char *)h.p)[h.len] == '\0');
	}
	expect(at == headers.len);
}

static void
message_use(const struct kept_message *m, struct bytes all)
{
	char line[KEPT_LINE_MAX + 2], one[KEPT_LINE_MAX + 1];
	struct kept_message again;
	size_t need;
	int64_t v;

	expect_within(m->word, all);
	expect_within(m->bytes, all);
	expect(m->bytes.len <= KEPT_BYTES_MAX && m->word.len > 0);
	expect(m->args_n >= 0 && m->args_n <= KEPT_ARGS);
	for (int i = 0; i < m->args_n; i++) {
		expect_within(m->args[i], all);
		expect(kept_text(m, i, one, sizeof(one)) == 0);
		expect(strlen(one) == m->args[i].len);
		if (kept_int(m, i, 1000, &v) == 0)
			expect(v >= 0 && v <= 1000);
		headers_use(m, i);
	}
	need = (size_t)kept_line(
		line, 0, "%.*s", (int)m->word.len, (const char *)m->word.p);
	expect(kept_parse(bytes_of(line, need), &again, &need) > 0);
	expect(bytes_eq(again.word, m->word));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct kept_message m;
	size_t need = 0;
	ssize_t n;

	while ((n = kept_parse(in, &m, &need)) > 0) {
		expect((size_t)n <= in.len);
		message_use(&m, bytes_of(in.p, (size_t)n));
		in = bytes_of((const char *)in.p + n, in.len - (size_t)n);
	}
	expect(n == 0 || n == -EBADMSG);
	expect(n < 0 || need == 0 || need > in.len);
	return 0;
}
