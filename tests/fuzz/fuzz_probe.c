/* SPDX-License-Identifier: MIT */
/* fuzz_probe: any bytes as ffprobe's answer, and as ffmpeg's progress. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/transcode/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

static void
answer_check(struct bytes json)
{
	struct transcode_probe p;

	if (probe_read(json, &p) < 0)
		return;
	expect(p.width >= 0 && p.height >= 0 && p.streams >= 0);
	expect(p.duration_ms >= 0 && p.duration_ms <= 1000000000000);
	expect(p.video >= -1 && p.audio >= -1);
	expect(memchr(p.format, '\0', sizeof(p.format)) != NULL);
}

/* However the bytes are cut, the same comes out. */
static void
progress_check(const char *data, size_t size)
{
	struct transcode_progress whole = {0}, pieces = {0};

	progress_take(&whole, data, size);
	for (size_t i = 0; i < size; i++)
		progress_take(&pieces, data + i, 1);
	expect(whole.out_ms == pieces.out_ms && whole.out_ms >= 0);
	expect(whole.speed_x100 == pieces.speed_x100 && whole.speed_x100 >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	answer_check(bytes_of(data, size));
	progress_check((const char *)data, size);
	return 0;
}
