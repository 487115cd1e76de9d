/* SPDX-License-Identifier: MIT */
/*
 * fuzz_line: what a job says on fd 3, and the small words that people and
 * peers write: settings, durations, ids, queue names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "link/endpoint.h"
#include "wire/id.h"
#include "wire/setting.h"
#include "worker/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

/* A line becomes a part of the report; its bytes are within the line. */
static void
line_use(const char *text, size_t len, struct sw_buf *b)
{
	struct report_line l;
	struct sw_item it;

	if (line_parse(text, &l) < 0)
		return;
	expect((l.text >= text && l.text <= text + len) || *l.text == '\0');
	if (l.kind == LINE_PROGRESS)
		expect(l.number >= 0 && l.number <= 100);
	if (l.kind == LINE_RETRY_AFTER)
		expect(l.number >= 0);
	if (l.kind == LINE_RESULT)
		(void)!result_put(b, bytes_str(l.text));
	if (l.kind == LINE_PUT)
		(void)!follow_put(b, l.queue, NULL, bytes_str(l.text));
	expect(!b->full && sw_item_open(sw_buf_bytes(b), &it) == 0);
}

static void
lines_use(char *text)
{
	static uint8_t space[SW_BATCH_MAX];
	struct sw_buf b = {.p = space, .cap = sizeof(space)};
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		line_use(line, strlen(line), &b);
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
		expect(values[i] >= sw_setting_rules[i].min &&
			values[i] <= sw_setting_rules[i].max);
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
	lines_use(text);
	free(text);
	return 0;
}
