/* SPDX-License-Identifier: MIT */
#include "worker/process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "worker/process/disposition.h"
#include "worker/process/env.h"

enum { NOT_RUN = 127 }; /* the status of spillway-job-exec then */

/* --- starting ------------------------------------------------------------- */

static int
all_write(int fd, struct bytes b)
{
	for (size_t at = 0; at < b.len;) {
		ssize_t n = pwrite(
			fd, (const uint8_t *)b.p + at, b.len - at, (off_t)at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return n < 0 ? -errno : -EIO;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A file in memory, at its start: a job may read it as often as it likes. */
static int
body_open(struct bytes body)
{
	int fd = memfd_create("body", MFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = all_write(fd, body);
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static int
pipe_open(int p[2])
{
	if (pipe2(p, O_CLOEXEC) != 0)
		return -errno;
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void out_ready(void *arg);
static void report_ready(void *arg);

/* A line of descriptor 3. */
static void
line_take(void *arg, const struct report_line *l)
{
	struct child *c = arg;
	struct worker_lease *j = c->job;

	job_report_take(&c->reported, l);
	if (l->kind != LINE_PROGRESS)
		return;
	j->progress = l->number;
	text_line(l->bytes, j->text, sizeof(j->text));
	j->progress_new = 1;
}

static void
child_clear(struct child *c)
{
	c->out = c->report = c->number = -1;
	c->out_watch = (struct watch){out_ready, c};
	c->report_watch = (struct watch){report_ready, c};
	c->begun = c->timed_out = c->killed = c->told = 0;
	c->deadline_ms = c->kill_ms = 0;
	reader_init(&c->reader, line_take, c);
	job_report_init(&c->reported);
}

/* Opens the files of a start, and the worker's ends of two of them. */
static int
files_open(int *out_end, int *report_end, struct bytes body,
	int files[SPAWN_FILES], const char **step)
{
	int out[2] = {-1, -1}, report[2] = {-1, -1}, err;

	*step = "body";
	err = files[0] = body_open(body);
	if (err >= 0) {
		*step = "pipe";
		err = pipe_open(out);
	}
	if (err >= 0)
		err = pipe_open(report);
	*out_end = out[0];
	*report_end = report[0];
	files[1] = out[1];
	files[2] = report[1];
	return err;
}

/* Whether a header refers to a blob (blob/blob.h). */
static uint32_t
job_has_blob(const struct sw_item *job)
{
	static const char start[] = "blob=sha256:";
	static const size_t len = sizeof(start) - 1;
	struct bytes h;
	size_t at = 0;

	while (sw_item_each(job, SW_F_HEADER, &at, &h))
		if (h.len >= len && memcmp(h.p, start, len) == 0)
			return 1;
	return 0;
}

/* The queue's limit, else the worker's. */
static int64_t
memory_limit(const struct child_host *h, const struct worker_lease *job)
{
	return job->settings.memory_limit > 0 ? job->settings.memory_limit
					      : h->limits->memory;
}

static struct spawn_limits
limits_of(const struct child_host *h, const struct worker_lease *job)
{
	const struct job_settings *s = &job->settings;

	return (struct spawn_limits){.memory = memory_limit(h, job),
		.cpu_ms = s->cpu_limit,
		.files = s->files_limit,
		.processes = s->processes_limit,
		.core = s->core_limit};
}

static int
request_send(struct child *c, const struct child_host *h,
	const struct worker_lease *job, struct spawn_request *r,
	const char **step)
{
	static char env[ENV_ROOM];
	ssize_t n;

	*step = "environment";
	n = env_of_job(job, clock_now_ms(CLOCK_REALTIME), env);
	if (n < 0)
		return (int)n;
	*step = "spawner";
	r->env = bytes_of(env, (size_t)n);
	r->flags = SPAWN_WITH_FOLDER;
	r->limits = limits_of(h, job);
	c->with_blob = (int)job_has_blob(&job->item);
	r->command = job->route->command + (uint32_t)c->with_blob;
	return spawn_start(h->spawn, r, h->event, c);
}

int
child_start(struct child *c, const struct child_host *h,
	struct worker_lease *job, const char **step)
{
	struct spawn_request r = {.files = {-1, -1, -1}};
	int err;

	child_clear(c);
	c->log_output = h->limits->log_output;
	sw_id_format(&job->id, c->id);
	err = files_open(&c->out, &c->report, sw_bytes(&job->item, SW_F_BODY),
		r.files, step);
	if (err >= 0)
		err = watch_add(h->epoll, c->out, &c->out_watch);
	if (err >= 0)
		err = watch_add(h->epoll, c->report, &c->report_watch);
	if (err >= 0)
		err = request_send(c, h, job, &r, step);
	for (int i = 0; i < SPAWN_FILES; i++)
		fd_close(&r.files[i]);
	if (err < 0) {
		fd_close(&c->out);
		fd_close(&c->report);
		return err;
	}
	c->number = err;
	c->job = job;
	job->child = c;
	return 0;
}

int
child_probe(const struct child_host *h, spawn_event_fn *event, void *owner,
	const char **step)
{
	struct spawn_request r = {.flags = SPAWN_WITH_FOLDER | SPAWN_PROBE,
		.files = {-1, -1, -1}};
	int out, report, err;

	err = files_open(&out, &report, bytes_str("body"), r.files, step);
	if (err >= 0) {
		*step = "spawner";
		err = spawn_start(h->spawn, &r, event, owner);
	}
	for (int i = 0; i < SPAWN_FILES; i++)
		fd_close(&r.files[i]);
	fd_close(&out);
	fd_close(&report);
	return err < 0 ? err : 0;
}

void
child_begun(struct child *c, int64_t now_ms)
{
	c->begun = 1;
	c->deadline_ms = now_ms + sw_int(&c->job->item, SW_F_TIMEOUT_MS, 60000);
}

/* --- while it runs -------------------------------------------------------- */

static char chunk[CHILD_READ];

static struct output_log
log_of(const struct child *c)
{
	return (struct output_log){
		c->id, c->job->route->queue, clock_now_ms(CLOCK_MONOTONIC)};
}

/* 1: perhaps there is more. */
static int
out_read(struct child *c)
{
	ssize_t n = c->out < 0 ? -1 : read(c->out, chunk, sizeof(chunk));
	struct output_log log;

	if (n > 0 && c->job != NULL) {
		log = log_of(c);
		output_add(&c->output, bytes_of(chunk, (size_t)n),
			c->log_output ? &log : NULL);
	}
	if (n == 0)
		fd_close(&c->out);
	return n > 0;
}

static void
out_ready(void *arg)
{
	(void)out_read(arg);
}

/* 1: perhaps there is more. */
static int
report_read(struct child *c)
{
	static const char broken[] = "descriptor 3 could not be read";
	ssize_t n = c->report < 0 ? -1 : read(c->report, chunk, sizeof(chunk));

	if (n > 0 && c->job != NULL)
		reader_feed(&c->reader, bytes_of(chunk, (size_t)n));
	if (n < 0 && c->report >= 0 && errno != EAGAIN && errno != EINTR)
		job_report_lose(&c->reported, bytes_str(broken));
	if (n == 0)
		fd_close(&c->report);
	return n > 0;
}

static void
report_ready(void *arg)
{
	(void)report_read(arg);
}

/* --- stopping ------------------------------------------------------------- */

/* A signal that the spawner's socket does not take is sent in the next turn. */
static void
term_send(struct child *c, const struct child_host *h, int64_t kill_ms)
{
	if (spawn_signal(h->spawn, c->number, SIGTERM) == 0)
		c->kill_ms = kill_ms;
}

void
child_watch(struct child *c, const struct child_host *h)
{
	int64_t now_ms = *h->now_ms;

	if (c->begun && c->job->stop == LEASE_KEEP && !c->timed_out &&
		now_ms >= c->deadline_ms)
		c->timed_out = 1;
	if (c->job->stop == LEASE_RELEASE && !c->told)
		c->kill_ms = now_ms; /* it runs elsewhere soon */
	else if ((c->timed_out || c->job->stop != LEASE_KEEP) &&
		 c->kill_ms == 0)
		term_send(c, h, now_ms + CHILD_TERM_MS);
	if (c->kill_ms != 0 && now_ms >= c->kill_ms && !c->killed)
		c->killed = spawn_signal(h->spawn, c->number, SIGKILL) == 0;
}

void
child_drain(struct child *c, const struct child_host *h, int64_t kill_ms)
{
	if (c->job->stop != LEASE_KEEP || c->kill_ms != 0)
		return;
	term_send(c, h, kill_ms);
	if (c->kill_ms == 0)
		return;
	c->told = 1;
	c->job->stop = LEASE_RELEASE;
}

void
child_hand_back(struct child *c)
{
	if (c->job->stop != LEASE_KEEP && !c->told)
		return;
	c->told = 0;
	c->job->stop = LEASE_RELEASE;
}

/* --- its end -------------------------------------------------------------- */

/*
 * How often a pipe is read at most, for what is in it now.  Another process may
 * have opened it, by way of /proc, and write to it for ever.
 */
static int
reads_left(int fd)
{
	int n = 0;

	if (fd < 0 || ioctl(fd, FIONREAD, &n) != 0)
		return 0;
	return n / CHILD_READ + 1;
}

/* What is left in the pipes. */
static void
rest_read(struct child *c, int exited)
{
	struct output_log log = log_of(c);

	for (int n = reads_left(c->out); n > 0 && out_read(c); n--)
		;
	for (int n = reads_left(c->report); n > 0 && report_read(c); n--)
		;
	if (exited)
		reader_end(&c->reader);
	if (c->log_output)
		output_end(&c->output, &log);
}

/* Whether the kernel has ended it for its time on the processor. */
static int
is_over_cpu(const struct child *c, const struct spawn_event *e)
{
	int sig = WIFSIGNALED(e->status) ? WTERMSIG(e->status) : 0;
	int64_t limit_ms = c->job->settings.cpu_limit;

	return limit_ms > 0 &&
	       (sig == SIGXCPU ||
		       (sig == SIGKILL && !c->killed && e->cpu_ms >= limit_ms));
}

static struct disposition
disposition_of(const struct child *c, const struct child_host *h,
	const struct spawn_event *e)
{
	return disposition_of_exit(e->status, c->timed_out || is_over_cpu(c, e),
		c->killed, e->rss_kb, memory_limit(h, c->job));
}

int
child_ended(struct child *c, const struct child_host *h,
	const struct spawn_event *e)
{
	static const char over[] = "the queue's cpu_limit was used up";
	int status = e->status;
	char text[SW_ERROR_MAX];
	struct attempt_report *r = &c->job->report;
	struct bytes tail;
	struct disposition v;

	rest_read(c, WIFEXITED(status));
	if (c->with_blob && status == NOT_RUN << 8 && c->reported.not_run != 0)
		return -c->reported.not_run;
	tail = bytes_of(text, output_tail(&c->output, text));
	if (tail.len == 0 && is_over_cpu(c, e))
		tail = bytes_str(over);
	v = disposition_of(c, h, e);
	*r = (struct attempt_report){.outcome = v.outcome,
		.cause = v.cause,
		.cpu_ms = e->cpu_ms,
		.rss_kb = e->rss_kb,
		.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
	job_report_close(&c->reported, tail, r);
	if (r->outcome == SW_ACK && c->job->settings.keep_output)
		attempt_report_output(r, tail);
	return 0;
}

void
child_fini(struct child *c)
{
	fd_close(&c->out);
	fd_close(&c->report);
	output_fini(&c->output);
	reader_fini(&c->reader);
	job_report_fini(&c->reported);
	c->job = NULL;
	c->number = -1;
}
