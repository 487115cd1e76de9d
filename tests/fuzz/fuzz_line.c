/* SPDX-License-Identifier: MIT */
/*
 * fuzz_line: what a job says on fd 3, and the small words that people and
 * peers write: settings, durations, ids, queue names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "link/endpoint.h"
#include "wire/id.h"
#include "wire/setting.h"
#include "worker/process/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

/* All that was read, in a sum, and the report that it becomes. */
struct received {
	struct job_report report;
	uint64_t sum;
	int lost;
};

static void
bytes_sum(struct received *h, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		h->sum = (h->sum ^ b[i]) * 1099511628211u;
}

static void
line_receive(void *arg, const struct report_line *l)
{
	struct received *h = arg;
	int text = l->kind == LINE_WARNING || l->kind == LINE_LOST;
	size_t most = l->kind == LINE_RESULT ? SW_RESULT_MAX : SW_BODY_MAX;

	expect(l->bytes.p != NULL || l->bytes.len > most);
	if (l->kind == LINE_PROGRESS)
		expect(l->number >= 0 && l->number <= 100);
	if (l->kind == LINE_RETRY_AFTER)
		expect(l->number >= 0 && l->number <= SW_DELAY_MAX_MS);
	if (l->kind == LINE_PUT)
		expect(sw_queue_check(l->queue, strlen(l->queue)) == 0);
	if (text)
		expect(l->bytes.len <= LINE_TEXT && text_is_utf8(l->bytes));
	h->lost += l->kind == LINE_LOST;
	bytes_sum(h, &l->kind, sizeof(l->kind));
	bytes_sum(h, &l->number, sizeof(l->number));
	bytes_sum(h, l->queue, strlen(l->queue));
	bytes_sum(h, &l->bytes.len, sizeof(l->bytes.len));
	if (l->bytes.p != NULL)
		bytes_sum(h, l->bytes.p, l->bytes.len);
	job_report_take(&h->report, l);
}

/* The bytes in pieces of at most `step`, each in memory of its own. */
static void
lines_receive(struct received *h, const uint8_t *data, size_t size, size_t step)
{
	struct report_reader r;

	*h = (struct received){.sum = 0};
	job_report_init(&h->report);
	reader_init(&r, line_receive, h);
	for (size_t at = 0, n; at < size; at += n) {
		uint8_t *piece;

		n = size - at < step ? size - at : step;
		piece = malloc(n);
		expect(piece != NULL);
		memcpy(piece, data + at, n);
		reader_feed(&r, bytes_of(piece, n));
		free(piece);
	}
	reader_end(&r);
	reader_fini(&r);
}

/* Wherever the bytes are cut, the same is read, and it becomes a report. */
static void
lines_use(const uint8_t *data, size_t size)
{
	struct attempt_report out = {.outcome = SW_ACK};
	struct received whole, cut;
	struct sw_item it;

	lines_receive(&whole, data, size, size);
	lines_receive(&cut, data, size, size > 0 ? 1 + data[0] % 16u : 1);
	expect(whole.sum == cut.sum);
	job_report_fini(&cut.report);
	job_report_close(&whole.report, bytes_str("an error"), &out);
	expect(sw_item_open(bytes_of(out.fields, out.fields_len), &it) == 0);
	expect(out.outcome != SW_ACK || whole.lost == 0);
	expect(out.outcome == SW_ACK || sw_has(&it, SW_F_ERROR));
	free(out.fields);
}

static void
words_use(const char *text, size_t len)
{
	int64_t values[SW_SETTINGS], value = -1;
	char written[UNIT_TEXT], why[64], again[SW_ID_TEXT], path[64];
	uint32_t given = 0;
	struct sw_id id;

	for (int i = 0; i < SW_SETTINGS; i++)
		values[i] = sw_setting_rules[i].min;
	if (sw_setting_parse(text, len, values, &given, why, sizeof(why)) < 0)
		expect(strlen(why) < sizeof(why));
	for (int i = 0; i < SW_SETTINGS; i++)
		expect(unit_is_within(sw_setting_rules[i].unit,
			sw_setting_rules[i].min, sw_setting_rules[i].max,
			values[i]));
	for (int u = 0; u < UNITS; u++)
		if (unit_parse((enum unit)u, text, &value) == 0) {
			int64_t back = -1;

			(void)unit_format((enum unit)u, value, written);
			expect(unit_parse((enum unit)u, written, &back) == 0 &&
				back == value && value >= 0);
		}
	if (sw_id_parse(text, &id) == 0) {
		sw_id_format(&id, again);
		expect(strcasecmp(text, again) == 0);
	}
	if (sw_queue_check(text, len) == 0)
		expect(len > 0 && len <= SW_QUEUE_MAX);
	setenv("RUNTIME_DIRECTORY", text, 1);
	if (sw_endpoint_default(path, sizeof(path)) == 0)
		expect(strncmp(path, "ipc://", 6) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	expect(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	words_use(text, strlen(text));
	lines_use(data, size);
	free(text);
	return 0;
}
