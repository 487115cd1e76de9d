/* SPDX-License-Identifier: MIT */
/* The readers of the output of ffprobe and ffmpeg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "jobs/transcode/diagnosis.h"
#include "jobs/transcode/probe.h"

static void
a_probe_finds_streams_and_turns_the_picture(void **state)
{
	struct transcode_probe p;

	(void)state;
	assert_int_equal(
		probe_read(
			bytes_str("{\"streams\":[{\"index\":0,\"codec_type\":"
				  "\"video\",\"width\":9,\"height\":9,"
				  "\"disposition\":{\"attached_pic\":1}},"
				  "{\"index\":1,\"codec_type\":\"data\"},"
				  "{\"index\":2,\"codec_type\":\"audio\"},"
				  "{\"index\":3,\"codec_type\":\"video\","
				  "\"width\":64,\"height\":48,"
				  "\"side_data_list\":[{},{\"rotation\":-90}]}"
				  "],\"format\":{\"format_name\":\"avi\","
				  "\"duration\":\"1.6004\"}}"),
			&p),
		0);
	assert_int_equal(p.streams, 4);
	assert_int_equal(p.video, 3);
	assert_int_equal(p.audio, 2);
	assert_int_equal(p.width, 48);
	assert_int_equal(p.height, 64);
	assert_int_equal(p.duration_ms, 1600);
	assert_string_equal(p.format, "avi");
}

static void
a_probe_that_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{", "1",
		"{\"streams\":[{\"index\":-1}]}",
		"{\"streams\":[{\"index\":"
		"0,\"codec_type\":\"video\",\"width\":-5}]}",
		"{\"streams\":[{\"index\":0,\"codec_type\":\"video\","
		"\"width\":1e30}]}"};
	struct transcode_probe p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(probe_read(bytes_str(bad[i]), &p), SW_EFORMAT);
	assert_int_equal(probe_read(bytes_str("{\"format\":{\"duration\":"
					      "\"nan\"}}"),
				 &p),
		0);
	assert_int_equal(p.duration_ms, 0);
	assert_int_equal(p.video, -1);
}

static void
progress_comes_in_pieces_and_never_steps_back(void **state)
{
	static const char text[] = "frame=1\nout_time_us=N/A\nspeed=N/A\n"
				   "out_time_us=2500000\nspeed=1.53x\n"
				   "out_time_us=2400000\nprogress=end\n";
	struct transcode_progress p = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		progress_take(&p, text + i, 1);
	assert_int_equal(p.out_ms, 2500);
	assert_int_equal(p.speed_x100, 153);
}

static void
a_complaint_tells_the_videos_faults_from_the_machines(void **state)
{
	static const struct {
		const char *said, *line;
		int final, code;
	} all[] = {
		{"[mov @ 0x55] moov atom not found\n/b/ab: Invalid data found "
		 "when processing input\n",
			"Invalid data found when processing input (moov atom "
			"not found)",
			1, 1},
		{"file:/b/ab: End of file\n", "End of file", 1, 1},
		{"av_write: No space left on device\nInvalid data found\n",
			"Invalid data found (av_write: No space left on "
			"device)",
			0, 1},
		{"x: Cannot allocate memory\n", "x: Cannot allocate memory", 0,
			1},
		{"[ffv1 @ 0x5] [IMGUTILS @ 0x7] Picture size 0x0\n",
			"Picture size 0x0", 1, 1},
		{"\033[31mred\n", "\\x1b[31mred", 0, 1},
		{"", "exit status 1 without a message", 0, 1},
		{"[mp3 @ 0x55] Format not on whitelist 'mov'\n"
		 "/b/ab: Invalid argument\n",
			"its container is none of those that 'formats' allows",
			1, 1},
		{"#0:1: broken\n    Last message repeated 7 times\n",
			"most of it cannot be decoded: #0:1: broken", 1, 69},
		{"#0:1: broken\nCannot allocate memory\n",
			"most of it cannot be decoded: Cannot allocate memory "
			"(#0:1: broken)",
			0, 69},
	};
	char line[DIAGNOSIS];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct subprocess t = {
			.end = SUBPROCESS_EXITED, .code = all[i].code};

		strcpy(t.stderr_text, all[i].said);
		t.stderr_len = strlen(t.stderr_text);
		assert_int_equal(
			diagnosis_write(&t, "/b/ab", line), all[i].final);
		assert_string_equal(line, all[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_finds_streams_and_turns_the_picture),
		cmocka_unit_test(a_probe_that_cannot_be_is_refused),
		cmocka_unit_test(progress_comes_in_pieces_and_never_steps_back),
		cmocka_unit_test(
			a_complaint_tells_the_videos_faults_from_the_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
