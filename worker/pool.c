/* SPDX-License-Identifier: MIT */
/*
 * pool.c - the process in which built-in jobs run, one after the other
 *
 * A packet in has a job's fields; a packet out has its progress, an alarm, or
 * its end with an outcome.  A crash of a job ends this process alone.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "worker/attach.h"
#include "worker/dir.h"
#include "worker/pooled.h"
#include "worker/report.h"

struct pool_job {
	struct job job;
	char id[SW_ID_TEXT];
	struct sw_item item;
	struct sw_buf reported;
	char error[SW_ERROR_MAX];
	char header[SW_HEADERS_MAX + 1]; /* the last value of job_header() */
	int sock;
	const char *dir; /* "": it could not be made */
	int dir_used;
	int64_t delay_ms; /* of retry_after(); -1: none */
	int result_long;  /* the last result was too large */
	int64_t ran_kb;	  /* the most memory of a program that the job ran */
	int peak;	  /* /proc/self/clear_refs, or -1 */
	struct attached blob;
};

static struct pool_job *
pool_job_of(const struct job *job)
{
	union {
		const void *c;
		void *p;
	} u = {job->priv};

	return u.p;
}

static const char *
job_header(const struct job *job, const char *name)
{
	struct pool_job *r = pool_job_of(job);
	size_t at = 0, n = strlen(name);
	struct bytes h;

	while (sw_item_each(&r->item, SW_F_HEADER, &at, &h)) {
		const char *p = h.p;

		if (h.len <= n || memcmp(p, name, n) != 0 || p[n] != '=')
			continue;
		memcpy(r->header, p + n + 1, h.len - n - 1);
		r->header[h.len - n - 1] = '\0';
		return r->header;
	}
	return NULL;
}

static void
packet_send(struct pool_job *r, const struct sw_buf *b)
{
	if (send(r->sock, b->p, b->len, MSG_NOSIGNAL) != (ssize_t)b->len)
		_exit(EXIT_FAILURE); /* the worker is gone */
}

static void
job_progress(struct job *job, int percent, const char *text)
{
	uint8_t room[SW_TEXT_MAX + 64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};

	sw_put_int(&b, SW_F_PROGRESS, percent);
	sw_put_fmt(&b, SW_F_TEXT, "%s", text);
	packet_send(pool_job_of(job), &b);
}

static void
job_result(struct job *job, struct bytes result)
{
	struct pool_job *r = pool_job_of(job);

	r->result_long = result_put(&r->reported, result) < 0;
}

static void
job_error(struct job *job, const char *fmt, ...)
{
	struct pool_job *r = pool_job_of(job);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
}

/* Sends an alarm: a packet with ERROR and without OUTCOME. */
static void
job_alarm(struct job *job, const char *text)
{
	uint8_t room[SW_TEXT_MAX + 64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};

	sw_put_fmt(&b, SW_F_ERROR, "%.*s", SW_TEXT_MAX, text);
	packet_send(pool_job_of(job), &b);
}

static void
job_retry_after(struct job *job, int64_t ms)
{
	pool_job_of(job)->delay_ms = ms;
}

static int
job_follow(struct job *job, const char *queue, const char *header,
	struct bytes body)
{
	struct bytes headers = bytes_of("", 0);

	if (header != NULL)
		headers = bytes_of(header, strlen(header) + 1);
	return follow_put(
		&pool_job_of(job)->reported, queue, headers, body, NULL);
}

static const char *
job_folder(struct job *job)
{
	struct pool_job *r = pool_job_of(job);

	r->dir_used = 1;
	return r->dir[0] != '\0' ? r->dir : NULL;
}

static int64_t
cpu_ms(const struct rusage *ru)
{
	return ((int64_t)ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000 +
	       (ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1000;
}

/* CPU time of this process and of its children. */
static int64_t
cpu_used(void)
{
	struct rusage self, ran;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &ran);
	return cpu_ms(&self) + cpu_ms(&ran);
}

static void
job_ran(struct job *job, int64_t rss_kb)
{
	struct pool_job *r = pool_job_of(job);

	if (rss_kb > r->ran_kb)
		r->ran_kb = rss_kb;
}

/*
 * Resets the peak of memory, so that it is this job's and not that of one
 * before (proc(5), clear_refs).  The kernel has no reset for children, so
 * jobs report theirs by job_ran().
 */
static void
peak_reset(struct pool_job *r)
{
	r->ran_kb = 0;
	if (r->peak >= 0)
		(void)!pwrite(r->peak, "5", 1, 0);
}

static int64_t
peak_kb(const struct pool_job *r)
{
	struct rusage self;

	getrusage(RUSAGE_SELF, &self);
	return self.ru_maxrss > r->ran_kb ? self.ru_maxrss : r->ran_kb;
}

static void
end_put(struct pool_job *r, enum job_disposition disposition, int64_t cpu)
{
	static const int dispositions[][2] = {
		[JOB_ACK] = {SW_ACK, SW_C_NONE},
		[JOB_RETRY] = {SW_RETRY, SW_C_ERROR},
		[JOB_FAIL] = {SW_FAIL, SW_C_PERMANENT},
	};

	if (disposition != JOB_ACK) {
		r->reported.len = 0; /* only an ack has a result */
		r->reported.full = 0;
		sw_put_bytes(&r->reported, SW_F_ERROR, bytes_str(r->error));
	}
	if (disposition == JOB_RETRY && r->delay_ms >= 0)
		sw_put_int(&r->reported, SW_F_DELAY_MS, r->delay_ms);
	sw_put_int(&r->reported, SW_F_OUTCOME, dispositions[disposition][0]);
	sw_put_int(&r->reported, SW_F_CAUSE, dispositions[disposition][1]);
	sw_put_int(&r->reported, SW_F_CPU_MS, cpu_used() - cpu);
	sw_put_int(&r->reported, SW_F_RSS_KB, peak_kb(r));
}

/* An ack whose result is too large or does not fit becomes a fail or retry. */
static void
end_send(struct pool_job *r, enum job_disposition disposition, int64_t cpu)
{
	if (disposition == JOB_ACK && r->result_long) {
		job_error(&r->job, RESULT_TOOBIG);
		disposition = JOB_FAIL;
	}
	end_put(r, disposition, cpu);
	if (r->reported.full) {
		job_error(&r->job,
			"the worker had no room for what the job reported");
		end_put(r, JOB_RETRY, cpu);
	}
	packet_send(r, &r->reported);
}

/* Runs the job, after opening the blob that it refers to, if any. */
static enum job_disposition
job_call(struct pool_job *r, const struct job_type *type)
{
	enum job_disposition disposition;
	int err = type->streams
			  ? attach_open(&r->item, r->job.blobs, &r->blob)
			  : attach(&r->item, r->job.blobs, r->dir, &r->blob);

	r->job.blob.path = err == 1 && !type->streams ? r->blob.path : NULL;
	r->job.blob.stream = r->blob.stream;
	r->job.blob.size = err == 1 ? r->blob.size : 0;
	r->dir_used = r->dir[0] != '\0' && r->job.blobs != NULL;
	if (err < 0) {
		job_error(&r->job, "blob: %s", r->blob.why);
		return blob_is_final(err) ? JOB_FAIL : JOB_RETRY;
	}
	disposition = type->run(&r->job);
	attach_close(&r->blob);
	return disposition;
}

static void
job_run(struct pool_job *r, const struct job_type *type, struct bytes packet)
{
	char queue[SW_QUEUE_MAX + 1], type_text[SW_NAME_MAX + 1];
	enum job_disposition disposition;
	struct sw_id id = {{0}};
	int64_t cpu, now_ms;

	if (sw_item_open(packet, &r->item) < 0)
		_exit(EXIT_FAILURE);
	now_ms = clock_now_ms(CLOCK_REALTIME);
	cpu = cpu_used();
	peak_reset(r);
	sw_get_text(&r->item, SW_F_QUEUE, queue, sizeof(queue));
	(void)sw_get_id(&r->item, &id);
	sw_id_format(&id, r->id);
	r->job.id = r->id;
	sw_get_text(&r->item, SW_F_CONTENT_TYPE, type_text, sizeof(type_text));
	r->job.queue = queue;
	r->job.content_type = type_text;
	r->job.body = sw_bytes(&r->item, SW_F_BODY);
	r->job.attempt = (int)sw_int(&r->item, SW_F_ATTEMPT, 1);
	r->job.max_attempts = (int)sw_int(&r->item, SW_F_MAX_ATTEMPTS, 1);
	r->job.deadline_ms = now_ms + sw_int(&r->item, SW_F_TIMEOUT_MS, 0);
	r->reported.len = 0;
	r->reported.full = 0;
	r->error[0] = '\0';
	r->delay_ms = -1;
	r->result_long = 0;
	disposition = job_call(r, type);
	if (r->dir_used)
		dir_empty(r->dir);
	end_send(r, disposition, cpu);
}

void
pool_run(const struct job_type *type, int sock,
	const struct child_limits *limits, const char *dir)
{
	static uint8_t packet[POOLED_PACKET], reported[POOLED_PACKET - 1024];
	static struct pool_job r;
	ssize_t n;

	r = (struct pool_job){.sock = sock,
		.dir = dir,
		.peak = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC),
		.job = {.conf = limits->conf,
			.blobs = limits->blobs,
			.header = job_header,
			.priv = &r,
			.progress = job_progress,
			.result = job_result,
			.error = job_error,
			.alarm = job_alarm,
			.retry_after = job_retry_after,
			.folder = job_folder,
			.follow = job_follow,
			.ran = job_ran},
		.reported = {.p = reported, .cap = sizeof(reported)}};
	while ((n = recv(sock, packet, sizeof(packet), 0)) > 0)
		job_run(&r, type, bytes_of(packet, (size_t)n));
	_exit(EXIT_SUCCESS);
}
