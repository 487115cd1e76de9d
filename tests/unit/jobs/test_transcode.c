/* SPDX-License-Identifier: MIT */
/* The command lines of ffmpeg, its sandbox, and the outputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "jobs/transcode/command.h"
#include "jobs/transcode/outputs.h"
#include "jobs/transcode/subprocess.h"
#include "jobs/transcode/transcode.h"
#include "tests/lib/folder.h"
#include "tests/lib/jobs.h"

static char why[512];

static int
conf_text_read(const char *text, struct config **c)
{
	char path[FOLDER_FILE];
	int err;

	folder_file(test_folder, "jobs.conf", text, path);
	err = job_type_config_read(c, path, &transcode_type, why, sizeof(why));
	if (err < 0)
		return err;
	err = profile_check(*c, why, sizeof(why));
	if (err < 0)
		config_free(*c);
	return err;
}

/* --- profiles ------------------------------------------------------------ */

static void
the_profiles_need_no_configuration(void **state)
{
	static const char *const names[] = {
		"hls", "mp4", "webm", "audio", "thumbnail", "poster"};
	struct transcode_profile p;
	struct config *c;

	(void)state;
	assert_int_equal(conf_text_read("", &c), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(
			profile_read(&p, c, names[i], why, sizeof(why)), 0);
	assert_int_equal(profile_read(&p, c, "x", why, sizeof(why)), SW_EINVAL);
	config_free(c);
}

static void
a_section_changes_a_profile_or_makes_another(void **state)
{
	struct transcode_profile p;
	struct config *c;

	(void)state;
	assert_int_equal(conf_text_read("[transcode hls]\n"
					"ladder = 720:2800  480:1400\n"
					"[transcode small]\n"
					"base = webm\ncodec = av1\ncrf = 40\n"
					"audio = none\n"
					"[transcode first]\n"
					"base = poster\nat = 0\n",
				 &c),
		0);
	assert_int_equal(profile_read(&p, c, "hls", why, sizeof(why)), 0);
	assert_int_equal(p.rungs_n, 2);
	assert_int_equal(p.rungs[1].height, 480);
	assert_int_equal(p.rungs[1].kbit, 1400);
	assert_int_equal(p.crf, 23);
	assert_int_equal(profile_read(&p, c, "small", why, sizeof(why)), 0);
	assert_string_equal(p.codec->encoder, "libsvtav1");
	assert_string_equal(p.ext, "webm");
	assert_null(p.audio);
	assert_int_equal(p.crf, 40);
	assert_int_equal(profile_read(&p, c, "first", why, sizeof(why)), 0);
	assert_int_equal(p.at_percent, 0);
	config_free(c);
}

static void
a_profile_that_cannot_be_is_refused_at_the_start(void **state)
{
	static const struct {
		const char *text, *said;
	} bad[] = {
		{"[transcode mine]\ncrf = 20\n", "base = "},
		{"[transcode mp4]\ncodec = vp9\n", "must be h264 h265 av1"},
		{"[transcode mp4]\ncodec = \n", "must be h264 h265 av1"},
		{"[transcode webm]\naudio = aac\n", "must be opus none"},
		{"[transcode hls]\naudio = mp3\n", "must be aac none"},
		{"[transcode mp4]\npreset = -f\n", "ultrafast to veryslow"},
		{"[transcode mp4]\nladder = 720:1 480:1\n",
			"at most 1 HEIGHT:KBIT"},
		{"[transcode hls]\nladder = 480:900 720:900\n", "falling"},
		{"[transcode hls]\nladder = 721:900\n", "even"},
		{"[transcode hls]\nladder = 720\n", "HEIGHT:KBIT"},
		{"[transcode hls]\nladder = 720:9000x\n", "HEIGHT:KBIT"},
		{"[transcode hls]\nladder =\n", "HEIGHT:KBIT"},
		{"[transcode hls]\nladder = 36:99 34:98 32:97 30:96 28:95 "
		 "26:94 24:93 22:92 20:91\n",
			"at most 8 HEIGHT:KBIT"},
		{"[transcode hls]\nladder = 4322:900\n", "16 to 4320 "},
		{"[transcode hls]\nladder = 14:900\n", "16 to 4320 "},
		{"[transcode mp4]\nladder = 720:9\n", "10 to 1000000 kbit/s"},
		{"[transcode mp4]\nladder = 720:1000001\n", "10 to 1000000 "},
		{"[transcode mp4]\ncrf = 52\n", "h264 takes 51 at most"},
		{"[transcode mp4]\ncodec = h265\ncrf = 52\n",
			"crf = 52: h265 takes 51 at most"},
		{"[transcode webm]\ncrf = 64\n", "must be 1 to 63"},
		{"[transcode audio]\ncodec = mp3\naudio_kbit = 321\n",
			"audio_kbit = 321: mp3 takes 320 at most"},
		{"[transcode mp4]\naudio = mp3\naudio_kbit = 512\n",
			"mp3 takes 320 at most"},
		{"[transcode poster]\ncrf = 20\n", "'crf' does not apply"},
		{"[transcode mp4]\nwidth = 20\n", "'width' does not apply"},
		{"[transcode]\nffmpeg = ffmpeg\n", "must be an absolute path"},
	};
	struct config *c = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(conf_text_read(bad[i].text, &c) < 0);
		if (strstr(why, bad[i].said) == NULL)
			fail_msg("'%s' has no '%s'", why, bad[i].said);
	}
}

/* --- command lines ------------------------------------------------------- */

static struct ffmpeg_command command;

/* The command line for a video of that size, as one string. */
static const char *
line_of(const char *profile, int width, int height, int64_t at_ms)
{
	static char text[COMMAND_ROOM + COMMAND_WORDS];
	struct transcode_probe probe = {.duration_ms = 20000,
		.video = 1,
		.audio = 2,
		.width = width,
		.height = height};
	struct ffmpeg_task t = {
		.probe = &probe, .input = "/b/ab", .at_ms = at_ms};
	struct transcode_profile p;
	struct config *c;

	assert_int_equal(conf_text_read("", &c), 0);
	assert_int_equal(profile_read(&p, c, profile, why, sizeof(why)), 0);
	t.conf = c;
	t.profile = &p;
	command_make(&command, &t);
	assert_false(command.full);
	config_free(c);
	text[0] = '\0';
	for (int i = 0; i < command.n; i++) {
		strcat(text, command.argv[i]);
		strcat(text, " ");
	}
	return text;
}

#define assert_in(text, part)                                                  \
	do {                                                                   \
		if (strstr(text, part) == NULL)                                \
			fail_msg("no '%s' in: %s", part, text);                \
	} while (0)

static void
every_command_guards_its_input(void **state)
{
	static const char *const names[] = {
		"hls", "mp4", "webm", "audio", "thumbnail", "poster"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *l = line_of(names[i], 640, 360, -1);
		const char *input = strstr(l, " -i file:/b/ab ");

		assert_non_null(input);
		assert_in(l, "/usr/bin/ffmpeg -nostdin ");
		assert_in(l, "-protocol_whitelist file ");
		assert_true(strstr(l, "-format_whitelist mov,") < input);
		assert_in(l, "-max_pixels 35389440 ");
		assert_in(l, "-map_metadata -1 ");
		assert_null(strstr(l, "hls,"));
		assert_null(strstr(l, "concat"));
	}
}

static void
no_rung_is_higher_than_the_source(void **state)
{
	const char *l = line_of("hls", 854, 480, -1);

	(void)state;
	assert_in(l, "[0:1]split=2[s0][s1];[s0]scale=-2:480[v0];"
		     "[s1]scale=-2:360[v1]");
	assert_in(l, "-maxrate:v:0 1400k -bufsize:v:0 2800k");
	assert_in(l, "v:0,agroup:a,name:480p v:1,agroup:a,name:360p "
		     "a:0,agroup:a,default:yes,name:audio");
	assert_in(l, "%v_%05d.ts");
	l = line_of("hls", 201, 101, -1);
	assert_in(l, "[0:1]split=1[s0];[s0]scale=-2:100[v0]");
	assert_in(line_of("mp4", 2, 1, -1), "scale=-2:2");
}

static void
of_a_video_higher_than_wide_the_width_counts(void **state)
{
	(void)state;
	assert_in(line_of("mp4", 1080, 1920, -1), "scale=1080:-2");
	assert_in(line_of("mp4", 3840, 2160, -1), "scale=-2:1080");
}

static void
an_image_is_taken_where_the_job_or_the_profile_says(void **state)
{
	(void)state;
	assert_in(line_of("poster", 640, 360, -1), "-ss 2.000 -i");
	assert_in(line_of("poster", 640, 360, 1500), "-ss 1.500 -i");
	assert_in(line_of("thumbnail", 640, 360, 0), "-ss 0.000 -i");
}

static void
the_most_that_a_codec_takes_is_taken(void **state)
{
	struct transcode_profile p;
	struct config *c;

	(void)state;
	assert_int_equal(conf_text_read("[transcode hls]\ncrf = 51\n"
					"ladder = 4320:1000000 16:10\n"
					"[transcode webm]\ncrf = 63\n"
					"[transcode mp4]\ncodec = av1\n"
					"crf = 63\naudio = mp3\n"
					"audio_kbit = 320\n"
					"[transcode audio]\n"
					"audio_kbit = 512\n",
				 &c),
		0);
	assert_int_equal(profile_read(&p, c, "hls", why, sizeof(why)), 0);
	assert_int_equal(p.crf, 51);
	assert_int_equal(p.rungs[1].height, 16);
	config_free(c);
}

static void
an_image_has_an_end_whatever_the_video_is_like(void **state)
{
	(void)state;
	assert_in(line_of("thumbnail", 640, 360, -1),
		"scale=w='max(2,min(min(320,iw*sar),1280*dar))':"
		"h='max(2,min(1280,");
}

static void
a_command_that_does_not_fit_is_not_run(void **state)
{
	static char path[COMMAND_ROOM + 1];
	struct config *c;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(conf_text_read("", &c), 0);
	command_probe(&command, c, path);
	assert_true(command.full);
	command_probe(&command, c, "/b/ab");
	assert_false(command.full);
	config_free(c);
}

/* --- outputs ------------------------------------------------------------- */

static void
a_job_that_made_nothing_is_told_from_a_store_that_fails(void **state)
{
	struct transcode_outputs o = {.profile = "mp4"};
	char store[128], out[FOLDER_FILE];

	(void)state;
	(void)snprintf(store, sizeof(store), "dir:%s/store", test_folder);
	(void)snprintf(out, sizeof(out), "%s/made", test_folder);
	assert_int_equal(mkdir(store + strlen("dir:"), 0700), 0);
	assert_int_equal(mkdir(out, 0700), 0);
	assert_int_equal(outputs_put(&o, store, out), -ENODATA);
	assert_string_equal(o.why, "nothing was made: No data available");
	assert_int_equal(outputs_put(&o, store, "/nonexistent"), -ENOENT);
	assert_null(o.json);
}

/* --- the sandbox --------------------------------------------------------- */

static char got[4096];
static size_t got_len;

static int
got_take(void *arg, const char *b, size_t n)
{
	(void)arg;
	if (n > sizeof(got) - 1 - got_len)
		return -1;
	memcpy(got + got_len, b, n);
	got_len += n;
	got[got_len] = '\0';
	return 0;
}

/* Runs lines of Python, in the sandbox or without. */
static struct subprocess
python(const char *text, int without_sandbox, struct sandbox sandbox)
{
	static char program[] = "/usr/bin/python3", alone[] = "-ISBc";
	static char words[1024];
	char *argv[] = {program, alone, words, NULL};
	struct subprocess t = {.argv = argv,
		.sandbox = &sandbox,
		.without_sandbox = without_sandbox,
		.disk = 1 << 20,
		.take = got_take};

	(void)snprintf(words, sizeof(words), "%s", text);
	sandbox.program = program;
	sandbox.folder = test_folder;
	got_len = 0;
	got[0] = '\0';
	assert_int_equal(subprocess_run(&t), 0);
	return t;
}

/* Each succeeds without the sandbox and fails within. */
static void
the_sandbox_holds_back_network_files_processes_and_signals(void **state)
{
	static const char *const tries[] = {
		"import socket; socket.socket()",
		"import socket; socket.socketpair()",
		"open('/etc/passwd')",
		"import os; os.listdir('/')",
		"import os; f = os.getcwd() + '-outside'; "
		"open(f, 'w').close(); os.unlink(f)",
		"import os; os.fork() or os._exit(0)",
		"import os; os.execv('/bin/true', ['true'])",
		"import os, signal; os.kill(os.getppid(), 0)",
		"import os; os.symlink('/etc', 'link'); os.unlink('link')",
		"import os; os.mkdir('d'); os.rmdir('d')",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct subprocess t = python(tries[i], 1, (struct sandbox){0});

		if (t.end != SUBPROCESS_EXITED || t.code != 0)
			fail_msg("control: %s: %s", tries[i], t.stderr_text);
		t = python(tries[i], 0, (struct sandbox){0});
		if (t.end != SUBPROCESS_EXITED || t.code == 0 ||
			(strstr(t.stderr_text, "PermissionError") == NULL))
			fail_msg("not held back: %s: %s", tries[i],
				t.stderr_text);
	}
}

static void
in_the_sandbox_the_work_itself_can_be_done(void **state)
{
	struct subprocess t = python(
		"import threading as t, os, sys\n"
		"f = open('file', 'w'); f.write('x' * 5)\n"
		"f.close(); os.rename('file', 'other')\n"
		"w = t.Thread(target=lambda: print("
		"open('other').read())); w.start(); w.join()\n"
		"os.unlink('other'); sys.exit(7)",
		0, (struct sandbox){0});

	(void)state;
	assert_int_equal(t.end, SUBPROCESS_EXITED);
	if (t.code != 7)
		fail_msg("%s", t.stderr_text);
	assert_string_equal(got, "xxxxx\n");
}

static void
big_remove(void)
{
	char path[FOLDER_FILE];

	(void)snprintf(path, sizeof(path), "%s/big", test_folder);
	(void)unlink(path);
}

static void
each_limit_has_an_end_of_its_own(void **state)
{
	struct subprocess t;

	(void)state;
	t = python("while True: pass", 0, (struct sandbox){.cpu_s = 1});
	assert_int_equal(t.end, SUBPROCESS_CPU);
	t = python("import signal as s; s.signal(s.SIGXFSZ, s.SIG_DFL); "
		   "f = open('big', 'wb', 0)\nwhile True: f.write(bytes(4096))",
		0, (struct sandbox){.file_size = 100000});
	assert_int_equal(t.end, SUBPROCESS_FILE);
	t = python("f = open('big', 'wb', 0)\n"
		   "for i in range(1000): f.write(bytes(4096))\n"
		   "while True: pass",
		0, (struct sandbox){0});
	assert_int_equal(t.end, SUBPROCESS_DISK);
	big_remove();
	t = python("print('a look', flush=True)\n"
		   "open('big', 'wb').write(bytes(4096000))",
		0, (struct sandbox){0});
	assert_int_equal(t.end, SUBPROCESS_DISK);
	big_remove();
	t = python("while True: print('x' * 100, flush=True)", 0,
		(struct sandbox){0});
	assert_int_equal(t.end, SUBPROCESS_REFUSED);
#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: memory: a sanitizer's own address space is "
		      "beyond any limit\n");
#else
	t = python(
		"bytearray(1 << 30)", 0, (struct sandbox){.memory = 1 << 29});
	assert_int_equal(t.end, SUBPROCESS_EXITED);
	assert_in(t.stderr_text, "MemoryError");
#endif
	t = python("import os; os.abort()", 0, (struct sandbox){0});
	assert_int_equal(t.end, SUBPROCESS_KILLED);
	assert_int_equal(t.code, SIGABRT);
}

static void
a_program_that_is_not_there_is_an_error_not_an_end(void **state)
{
	static char program[] = "/nonexistent/ffmpeg";
	char *argv[] = {program, NULL};
	struct sandbox sandbox = {.program = program, .folder = test_folder};
	struct subprocess t = {
		.argv = argv, .sandbox = &sandbox, .take = got_take};

	(void)state;
	assert_int_equal(subprocess_run(&t), -ENOENT);
}

static void
of_much_that_is_said_the_end_is_kept(void **state)
{
	struct subprocess t = python(
		"import sys; sys.stderr.write('a' * 100000 + "
		"'the end')",
		0, (struct sandbox){0});

	(void)state;
	assert_int_equal(t.stderr_len, SUBPROCESS_STDERR - 1);
	assert_string_equal(t.stderr_text + t.stderr_len - 8, "athe end");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_profiles_need_no_configuration),
		cmocka_unit_test(a_section_changes_a_profile_or_makes_another),
		cmocka_unit_test(
			a_profile_that_cannot_be_is_refused_at_the_start),
		cmocka_unit_test(every_command_guards_its_input),
		cmocka_unit_test(no_rung_is_higher_than_the_source),
		cmocka_unit_test(of_a_video_higher_than_wide_the_width_counts),
		cmocka_unit_test(
			an_image_is_taken_where_the_job_or_the_profile_says),
		cmocka_unit_test(the_most_that_a_codec_takes_is_taken),
		cmocka_unit_test(
			an_image_has_an_end_whatever_the_video_is_like),
		cmocka_unit_test(a_command_that_does_not_fit_is_not_run),
		cmocka_unit_test(
			a_job_that_made_nothing_is_told_from_a_store_that_fails),
		cmocka_unit_test(
			the_sandbox_holds_back_network_files_processes_and_signals),
		cmocka_unit_test(in_the_sandbox_the_work_itself_can_be_done),
		cmocka_unit_test(each_limit_has_an_end_of_its_own),
		cmocka_unit_test(
			a_program_that_is_not_there_is_an_error_not_an_end),
		cmocka_unit_test(of_much_that_is_said_the_end_is_kept),
	};

	return cmocka_run_group_tests(
		tests, test_folder_make, test_folder_remove);
}
