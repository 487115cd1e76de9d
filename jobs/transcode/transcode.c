/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/transcode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/body.h"
#include "jobs/config.h"
#include "jobs/transcode/command.h"
#include "jobs/transcode/diagnosis.h"
#include "jobs/transcode/outputs.h"
#include "jobs/transcode/subprocess.h"
#include "wire/msg.h"
#include "wire/proto.h"

#define CONF "transcode"

enum {
	PATH = 4096,
	REPORT_MS = 1000, /* between two words of progress */
	/* An output may be shorter than the input by the larger of both: */
	SHORT_MS = 1000,
	SHORT_PART = 20,    /* 1/20 of the length */
	AT_MAX = 864000000, /* ten days, as max_duration's most */
};

struct transcode_job {
	struct job *job;
	struct ffmpeg_task task;
	struct transcode_profile profile;
	struct transcode_probe probe;
	struct ffmpeg_command command;
	char name[PROFILE_NAME];
	char then[SW_QUEUE_MAX + 1];
	char folder[PATH]; /* the programs' own */
	char why[BODY_WHY];
	struct transcode_progress progress;
	int64_t reported_ms;
};

static int64_t
limit_of(const struct transcode_job *w, const char *key)
{
	return config_number(w->job->conf, CONF, key);
}

static enum job_disposition
job_fail(struct transcode_job *w, const char *why)
{
	w->job->error(w->job, "%s", why);
	return JOB_FAIL;
}

static enum job_disposition
job_retry(struct transcode_job *w, const char *what, int err)
{
	w->job->error(w->job, "%s: %s", what, sw_strerror(err));
	return JOB_RETRY;
}

/* --- the job's body ------------------------------------------------------ */

static int
body_refuse(struct transcode_job *w, const char *why)
{
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
	return SW_EINVAL;
}

static int
profile_take(void *arg, const char *key, json_t *value)
{
	struct transcode_job *w = arg;
	const char *name = NULL;
	int err = body_text(key, value, &name, w->why);

	if (err == 0 && (name[0] == '\0' || strlen(name) >= sizeof(w->name)))
		err = body_refuse(w, "'profile' is not a profile's name");
	if (err == 0)
		strcpy(w->name, name);
	return err;
}

static int
at_take(void *arg, const char *key, json_t *value)
{
	struct transcode_job *w = arg;
	double at = json_is_number(value) ? json_number_value(value) : -1;

	(void)key;
	if (!(at >= 0 && at <= AT_MAX) || at != (double)(int64_t)at) {
		(void)snprintf(w->why, sizeof(w->why),
			"'at_ms' is not a whole number from 0 to %d", AT_MAX);
		return SW_EINVAL;
	}
	w->task.at_ms = (int64_t)at;
	return 0;
}

static int
then_take(void *arg, const char *key, json_t *value)
{
	struct transcode_job *w = arg;
	const char *name = NULL;
	int err = body_text(key, value, &name, w->why);

	if (err == 0 && sw_queue_check(name, strlen(name)) < 0)
		err = body_refuse(w, "'then' is not a queue's name");
	if (err == 0)
		strcpy(w->then, name);
	return err;
}

static int
body_read(struct transcode_job *w)
{
	static const struct body_key keys[] = {
		{"at_ms", at_take},
		{"profile", profile_take},
		{"then", then_take},
		{NULL, NULL},
	};
	json_t *body = NULL;
	int err = body_parse(w->job->body, &body, w->why);

	if (err == 0)
		err = body_take(body, "the body", keys, w, w->why);
	if (err == 0 && w->name[0] == '\0')
		err = body_refuse(w, "there is no 'profile'");
	json_decref(body);
	return err;
}

static enum job_disposition
request_read(struct transcode_job *w)
{
	struct job *job = w->job;

	if (body_read(w) < 0)
		return job_fail(w, w->why);
	if (job->blob.path == NULL)
		return job_fail(w, "there is no input: put the job with --blob "
				   "FILE");
	if (profile_read(&w->profile, job->conf, w->name, w->why,
		    sizeof(w->why)) < 0)
		return job_fail(w, w->why);
	if (w->task.at_ms >= 0 && w->profile.kind != PROFILE_IMAGE)
		return job_fail(w, "'at_ms' is for images");
	if (job->blob.size == 0)
		return job_fail(w, "the input is empty");
	return JOB_ACK;
}

/* --- running ------------------------------------------------------------- */

/* Sets the job's error from the end of a program; returns the disposition. */
static enum job_disposition
program_ended(struct transcode_job *w, const struct subprocess *t,
	const char *program)
{
	char why[DIAGNOSIS];
	int final = diagnosis_write(t, w->job->blob.path, why);

	w->job->error(w->job, "%s: %s", program, why);
	return final ? JOB_FAIL : JOB_RETRY;
}

static enum job_disposition
program_run(struct transcode_job *w, struct subprocess *t)
{
	const struct sandbox sandbox = {.program = w->command.argv[0],
		.input = w->job->blob.path,
		.folder = w->folder,
		.memory = limit_of(w, "memory"),
		.cpu_s = (limit_of(w, "cpu") + 999) / 1000,
		.file_size = limit_of(w, "max_output"),
		.no_landlock = !limit_of(w, "landlock")};
	int err;

	if (w->command.full)
		return job_fail(w, "the command is too long");
	t->argv = w->command.argv;
	t->sandbox = &sandbox;
	t->disk = limit_of(w, "disk");
	err = subprocess_run(t);
	t->sandbox = NULL;
	w->job->ran(w->job, t->rss_kb);
	if (err == -ENOSYS && !sandbox.no_landlock)
		return job_retry(w, "this kernel has no Landlock", err);
	if (err < 0)
		return job_retry(w, sandbox.program, err);
	if (t->end == SUBPROCESS_EXITED && t->code == 0)
		return JOB_ACK;
	return program_ended(w, t, strrchr(sandbox.program, '/') + 1);
}

/* --- probing ------------------------------------------------------------- */

struct probe_answer {
	char *p;
	size_t len;
};

static int
answer_take(void *arg, const char *b, size_t n)
{
	struct probe_answer *a = arg;

	if (n > PROBE_MAX - a->len)
		return -1;
	memcpy(a->p + a->len, b, n);
	a->len += n;
	return 0;
}

/* Why the profile or the limits refuse the input, or NULL. */
static const char *
probe_refuse(const struct transcode_job *w)
{
	const struct transcode_probe *p = &w->probe;
	int64_t pixels = (int64_t)p->width * p->height;

	if (p->streams > limit_of(w, "max_streams"))
		return "it has more streams than max_streams allows";
	if (p->duration_ms > limit_of(w, "max_duration"))
		return "it is longer than max_duration allows";
	if (w->profile.kind == PROFILE_AUDIO)
		return p->audio < 0 ? "there is no sound in it" : NULL;
	if (p->video < 0)
		return "there is no picture in it";
	if (pixels > limit_of(w, "max_pixels"))
		return "its pictures are larger than max_pixels allows";
	if (pixels == 0)
		return "its pictures have no size";
	if (w->task.at_ms > p->duration_ms && p->duration_ms > 0)
		return "'at_ms' is behind its end";
	return NULL;
}

static enum job_disposition
input_probe(struct transcode_job *w)
{
	struct probe_answer a = {.p = malloc(PROBE_MAX)};
	struct subprocess t = {.take = answer_take, .arg = &a};
	enum job_disposition v;
	const char *why = NULL;

	if (a.p == NULL)
		return job_retry(w, "ffprobe", -ENOMEM);
	command_probe(&w->command, w->job->conf, w->job->blob.path);
	v = program_run(w, &t);
	if (v == JOB_ACK && probe_read(bytes_of(a.p, a.len), &w->probe) < 0)
		why = "ffprobe's answer cannot be read";
	else if (v == JOB_ACK)
		why = probe_refuse(w);
	free(a.p);
	return why != NULL ? job_fail(w, why) : v;
}

/* --- making -------------------------------------------------------------- */

static void
progress_report(struct transcode_job *w, int64_t now_ms)
{
	int64_t percent = 0;
	char text[96];

	if (w->probe.duration_ms > 0)
		percent = w->progress.out_ms * 100 / w->probe.duration_ms;
	(void)snprintf(text, sizeof(text), "%.40s, %d.%02d x real time",
		w->name, w->progress.speed_x100 / 100,
		w->progress.speed_x100 % 100);
	/* 100 means that all outputs are stored. */
	w->job->progress(w->job, percent < 99 ? (int)percent : 99, text);
	w->reported_ms = now_ms;
}

static int
output_take(void *arg, const char *b, size_t n)
{
	struct transcode_job *w = arg;
	int64_t now_ms;

	progress_take(&w->progress, b, n);
	now_ms = clock_now_ms(CLOCK_MONOTONIC);
	if (now_ms - w->reported_ms >= REPORT_MS)
		progress_report(w, now_ms);
	return 0;
}

/*
 * Whether the input was truncated: ffmpeg then exits 0 with a shorter output.
 * Formats whose length is only an estimate from the bit rate do not count.
 */
static int
is_short(const struct transcode_job *w)
{
	static const char *const estimated[] = {"mp3", "aac", "mpeg", "flac"};
	int64_t whole = w->probe.duration_ms, slack = whole / SHORT_PART;

	if (w->profile.kind == PROFILE_IMAGE || limit_of(w, "partial"))
		return 0;
	for (size_t i = 0; i < sizeof(estimated) / sizeof(estimated[0]); i++)
		if (strcmp(w->probe.format, estimated[i]) == 0)
			return 0;
	return w->progress.out_ms + (slack > SHORT_MS ? slack : SHORT_MS) <
	       whole;
}

static enum job_disposition
outputs_make(struct transcode_job *w)
{
	struct subprocess t = {.take = output_take, .arg = w};
	enum job_disposition v;

	command_make(&w->command, &w->task);
	v = program_run(w, &t);
	/* Behind the last frame ffmpeg writes no image: takes the first. */
	if (v == JOB_ACK && w->profile.kind == PROFILE_IMAGE &&
		folder_size(w->folder) == 0) {
		w->task.at_ms = 0;
		command_make(&w->command, &w->task);
		v = program_run(w, &t);
	}
	if (v != JOB_ACK || !is_short(w))
		return v;
	w->job->error(w->job,
		"truncated: it says it is %.1f s long, but only %.1f s could "
		"be read",
		(double)w->probe.duration_ms / 1000,
		(double)w->progress.out_ms / 1000);
	return JOB_FAIL;
}

static enum job_disposition
outputs_store(struct transcode_job *w)
{
	struct transcode_outputs o = {
		.profile = w->name, .duration_ms = w->probe.duration_ms};
	struct job *job = w->job;
	struct bytes result;
	int err;

	job->progress(job, 99, "storing");
	err = outputs_put(&o, job->blobs, w->folder);
	if (err < 0) {
		job->error(job, "storing: %s", o.why);
		return err == -ENODATA || err == SW_ETOOBIG ? JOB_FAIL
							    : JOB_RETRY;
	}
	result = bytes_str(o.json);
	job->result(job, result);
	err = w->then[0] != '\0' ? job->follow(job, w->then, o.manifest, result)
				 : 0;
	free(o.json);
	return err < 0 ? job_retry(w, "then", err) : JOB_ACK;
}

static enum job_disposition
folder_make(struct transcode_job *w)
{
	const char *folder = w->job->folder(w->job);

	if (folder == NULL)
		return job_retry(w, "there is no folder for it", -EIO);
	(void)snprintf(w->folder, sizeof(w->folder), "%s/out", folder);
	if (mkdir(w->folder, 0700) != 0)
		return job_retry(w, w->folder, -errno);
	return JOB_ACK;
}

enum job_disposition
transcode_run(struct job *job)
{
	static enum job_disposition (*const steps[])(struct transcode_job *) = {
		request_read, folder_make, input_probe, outputs_make,
		outputs_store};
	static struct transcode_job w; /* 30 KB, too much for a stack frame */
	enum job_disposition v = JOB_ACK;

	w = (struct transcode_job){.job = job,
		.task = {.conf = job->conf,
			.profile = &w.profile,
			.probe = &w.probe,
			.input = job->blob.path,
			.at_ms = -1}};
	for (size_t i = 0; v == JOB_ACK && i < sizeof(steps) / sizeof(steps[0]);
		i++)
		v = steps[i](&w);
	return v;
}

static int
transcode_check(const struct config *conf, char *why, size_t cap)
{
	int err = profile_check(conf, why, cap);

	if (err == 0)
		err = job_file_check(conf, CONF, "ffmpeg", X_OK, why, cap);
	if (err == 0)
		err = job_file_check(conf, CONF, "ffprobe", X_OK, why, cap);
	return err;
}

const struct job_type transcode_type = {
	.name = "transcode",
	.text = "a blob's video or sound as hls, mp4, webm, audio or an image",
	.run = transcode_run,
	.keys = transcode_keys,
	.profile_keys = profile_keys,
	.check = transcode_check,
};
