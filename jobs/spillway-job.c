/* SPDX-License-Identifier: MIT */
#include "jobs/spillway-job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "jobs/cost.h"
#include "wire/kept.h"
#include "wire/limits.h"
#include "wire/proto.h"

enum {
	MESSAGE_MAX = KEPT_LINE_MAX + 1 + KEPT_BYTES_MAX,
	REST_MAX = 4096, /* received while a job runs: that it is cancelled */
	PARTS = 3,
};

/* The process at work.  The job is first: a job's address is its kit's. */
struct kit {
	struct spillway_job job;
	spillway_job_fn *run;
	int fd;

	/* A message; behind a job's message and a NUL what came while it runs.
	 */
	uint8_t in[MESSAGE_MAX + 1 + REST_MAX];
	size_t in_len, rest_at; /* rest_at is 0 between jobs */
	int gone; /* the worker closed its end, or a send failed */

	char id[KEPT_LINE_MAX + 1], queue[SW_QUEUE_MAX + 1];
	char error[SW_ERROR_MAX + 1];
	int64_t delay_ms; /* of the retry; -1: the queue's own */
	size_t result_len, puts_len;
	int puts_n, result_long, cancelled;
	struct job_cost cost;
};

static struct kit *
kit_of(const struct spillway_job *job)
{
	union {
		const struct spillway_job *job;
		struct kit *kit;
	} u = {job};

	return u.kit;
}

/* --- sending -------------------------------------------------------------- */

/* Sends all of the parts, or marks the worker as gone. */
static void
parts_send(struct kit *k, struct iovec *part, size_t n)
{
	while (n > 0 && !k->gone) {
		struct msghdr m = {.msg_iov = part, .msg_iovlen = n};
		ssize_t sent = sendmsg(k->fd, &m, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			k->gone = 1;
		for (size_t left = sent > 0 ? (size_t)sent : 0; n > 0;) {
			if (left < part->iov_len) {
				part->iov_base = (char *)part->iov_base + left;
				part->iov_len -= left;
				break;
			}
			left -= part->iov_len;
			part++;
			n--;
		}
	}
}

static struct iovec
part_of(const void *p, size_t len)
{
	union {
		const void *c;
		void *p;
	} u = {p};

	return (struct iovec){u.p, len};
}

/* The caller's words fit: what is long in them was checked. */
static void
text_send(struct kit *k, const char *text, size_t max, const char *words)
{
	char line[KEPT_LINE_MAX + 2];
	size_t len = strnlen(text, max);
	struct iovec parts[PARTS];
	int n = kept_line(line, len, "%s", words);

	if (n < 0)
		return;
	parts[0] = part_of(line, (size_t)n);
	parts[1] = part_of(text, len);
	parts_send(k, parts, 2);
}

static void words_send(struct kit *k, const char *text, size_t max,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
words_send(struct kit *k, const char *text, size_t max, const char *fmt, ...)
{
	char words[KEPT_LINE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	text_send(k, text, max, words);
}

/* --- reports of a job ----------------------------------------------------- */

const char *
spillway_job_header(const struct spillway_job *job, const char *name)
{
	struct bytes block = bytes_of(job->headers, job->headers_len), h;
	size_t at = 0, n = strlen(name);

	while (kept_header_next(block, &at, &h)) {
		const char *p = h.p;

		if (h.len > n && memcmp(p, name, n) == 0 && p[n] == '=')
			return p + n + 1;
	}
	return NULL;
}

void
spillway_job_progress(struct spillway_job *job, int percent, const char *text)
{
	int shown = percent < 0 ? 0 : percent > 100 ? 100 : percent;

	words_send(kit_of(job), text != NULL ? text : "", SW_TEXT_MAX,
		"progress %s %d", job->id, shown);
}

/* Whether a job's reports would have room for `len` more bytes. */
static int
has_room(const struct kit *k, size_t puts_len, size_t result_len)
{
	return k->puts_len + puts_len + result_len <= KEPT_REPORTS_MAX;
}

int
spillway_job_result(struct spillway_job *job, const void *p, size_t len)
{
	struct kit *k = kit_of(job);
	char line[KEPT_LINE_MAX + 2];
	struct iovec parts[PARTS];
	int n;

	k->result_long = len > SW_RESULT_MAX;
	if (k->result_long)
		return -EMSGSIZE;
	k->result_len = len;
	n = kept_line(line, len, "result %s", job->id);
	if (n < 0)
		return n;
	parts[0] = part_of(line, (size_t)n);
	parts[1] = part_of(p, len);
	parts_send(k, parts, 2);
	return 0;
}

/* Writes the block of a put's headers: its length, or an error. */
static int
headers_write(const char *const *headers, char block[2 * SW_HEADERS_MAX])
{
	size_t at = 0;

	for (; headers != NULL && *headers != NULL; headers++) {
		const char *eq = strchr(*headers, '=');
		size_t len = strlen(*headers) + 1;

		if (eq == NULL || eq == *headers)
			return -EINVAL;
		if (len > SW_HEADERS_MAX || at + len > 2 * SW_HEADERS_MAX)
			return -EMSGSIZE;
		memcpy(block + at, *headers, len);
		at += len;
	}
	return (int)at;
}

int
spillway_job_put(struct spillway_job *job, const char *queue,
	const char *const *headers, const void *body, size_t len)
{
	char line[KEPT_LINE_MAX + 2], block[2 * SW_HEADERS_MAX];
	struct kit *k = kit_of(job);
	struct iovec parts[PARTS];
	int n, block_len = headers_write(headers, block);
	size_t all = len + (size_t)block_len;

	if (block_len < 0)
		return block_len;
	if (sw_queue_check(queue, strlen(queue)) < 0)
		return -EINVAL;
	if (len > SW_BODY_MAX || !has_room(k, all, 0) ||
		k->puts_n == SW_FOLLOWS_MAX)
		return -EMSGSIZE;
	n = kept_line(line, all, "put %s %s %d", job->id, queue, block_len);
	if (n < 0)
		return n;
	k->puts_len += all;
	k->puts_n++;
	parts[0] = part_of(line, (size_t)n);
	parts[1] = part_of(block, (size_t)block_len);
	parts[2] = part_of(body, len);
	parts_send(k, parts, 3);
	return 0;
}

void
spillway_job_error(struct spillway_job *job, const char *fmt, ...)
{
	struct kit *k = kit_of(job);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(k->error, sizeof(k->error), fmt, ap);
	va_end(ap);
}

void
spillway_job_retry_after(struct spillway_job *job, int64_t ms)
{
	kit_of(job)->delay_ms = ms < 0 ? 0 : ms;
}

void
spillway_job_alarm(struct spillway_job *job, const char *text)
{
	text_send(kit_of(job), text != NULL ? text : "", SW_TEXT_MAX, "alarm");
}

void
spillway_job_ran(struct spillway_job *job, int64_t rss_kb)
{
	cost_add(&kit_of(job)->cost, rss_kb);
}

/* --- receiving ------------------------------------------------------------ */

/* 1: something came; 0: nothing yet, or no room; the end is in k->gone. */
static int
input_read(struct kit *k, size_t cap, int flags)
{
	ssize_t n;

	if (k->in_len == cap || k->gone)
		return 0;
	do
		n = recv(k->fd, k->in + k->in_len, cap - k->in_len, flags);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		k->in_len += (size_t)n;
	else
		k->gone = n == 0 || errno != EAGAIN;
	return n > 0;
}

/* Removes `len` bytes of input at `at`. */
static void
input_cut(struct kit *k, size_t at, size_t len)
{
	memmove(k->in + at, k->in + at + len, k->in_len - at - len);
	k->in_len -= len;
}

/* 1 with a message, -EBADMSG, or 0: the worker closed its end. */
static int
message_receive(struct kit *k, struct kept_message *m, size_t *len)
{
	size_t need;

	for (;;) {
		ssize_t n = kept_parse(bytes_of(k->in, k->in_len), m, &need);

		if (n < 0)
			return (int)n;
		if (n > 0) {
			*len = (size_t)n;
			return 1;
		}
		if (!input_read(k, MESSAGE_MAX, 0))
			return 0;
	}
}

/* Looks at what came behind the job's own message. */
static void
cancels_take(struct kit *k)
{
	struct kept_message m;
	size_t need;
	ssize_t n;

	while ((n = kept_parse(
			bytes_of(k->in + k->rest_at, k->in_len - k->rest_at),
			&m, &need)) > 0 &&
		!kept_is(&m, "job")) {
		if (kept_is(&m, "cancel") && m.args_n > 0 &&
			bytes_eq(m.args[0], bytes_str(k->id)))
			k->cancelled = 1;
		input_cut(k, k->rest_at, (size_t)n);
	}
}

int
spillway_job_cancelled(struct spillway_job *job)
{
	struct kit *k = kit_of(job);

	do
		cancels_take(k);
	while (input_read(k, sizeof(k->in), MSG_DONTWAIT));
	return k->cancelled || k->gone;
}

/* --- the life of a job ---------------------------------------------------- */

static int
job_read(struct kit *k, const struct kept_message *m)
{
	int64_t attempt, most, timeout_ms;
	struct bytes headers, body;

	if (kept_text(m, 0, k->id, sizeof(k->id)) < 0 ||
		kept_text(m, 1, k->queue, sizeof(k->queue)) < 0 ||
		kept_int(m, 2, INT32_MAX, &attempt) < 0 ||
		kept_int(m, 3, INT32_MAX, &most) < 0 ||
		kept_int(m, 4, INT64_MAX / 2, &timeout_ms) < 0 ||
		kept_headers(m, 5, &headers, &body) < 0)
		return -EBADMSG;
	k->job = (struct spillway_job){.id = k->id,
		.queue = k->queue,
		.attempt = (int)attempt,
		.max_attempts = (int)most,
		.deadline_ms = clock_now_ms(CLOCK_REALTIME) + timeout_ms,
		.body = body.p,
		.body_len = body.len,
		.headers = headers.p,
		.headers_len = headers.len,
		.arg = k->job.arg};
	return 0;
}

/* Done becomes failed or retry where not all that was reported counts. */
static enum spillway_job_end
end_judge(struct kit *k, enum spillway_job_end end)
{
	if (end != SPILLWAY_JOB_DONE)
		return end;
	if (k->result_long) {
		spillway_job_error(&k->job, "%s", KEPT_RESULT_TOOBIG);
		return SPILLWAY_JOB_FAIL;
	}
	if (has_room(k, 0, k->result_len))
		return SPILLWAY_JOB_DONE;
	spillway_job_error(&k->job, "%s", KEPT_REPORTS_TOOBIG);
	k->delay_ms = -1;
	return SPILLWAY_JOB_RETRY;
}

static void
end_send(struct kit *k, enum spillway_job_end end)
{
	int64_t cpu_ms, rss_kb;
	char delay[24] = "-";

	cost_end(&k->cost, &cpu_ms, &rss_kb);
	if (k->delay_ms >= 0)
		(void)snprintf(delay, sizeof(delay), "%" PRId64, k->delay_ms);
	if (end == SPILLWAY_JOB_DONE)
		words_send(k, "", 0, "done %s %" PRId64 " %" PRId64, k->id,
			cpu_ms, rss_kb);
	else if (end == SPILLWAY_JOB_RETRY)
		words_send(k, k->error, SW_ERROR_MAX,
			"retry %s %s %" PRId64 " %" PRId64, k->id, delay,
			cpu_ms, rss_kb);
	else
		words_send(k, k->error, SW_ERROR_MAX,
			"fail %s %" PRId64 " %" PRId64, k->id, cpu_ms, rss_kb);
}

/* The first `len` bytes of input are the job's message. */
static int
job_run(struct kit *k, const struct kept_message *m, size_t len)
{
	int err = job_read(k, m);

	if (err < 0)
		return err;
	memmove(k->in + len + 1, k->in + len, k->in_len - len);
	k->in[len] = '\0';
	k->in_len++;
	k->rest_at = len + 1;
	k->error[0] = '\0';
	k->delay_ms = -1;
	k->result_len = k->puts_len = 0;
	k->puts_n = k->result_long = k->cancelled = 0;
	cost_begin(&k->cost);
	words_send(k, "", 0, "begun %s", k->id);
	end_send(k, end_judge(k, k->run(&k->job)));
	input_cut(k, 0, k->rest_at);
	k->rest_at = 0;
	return 0;
}

static int
loop_run(struct kit *k)
{
	struct kept_message m;
	size_t len = 0;
	int err;

	words_send(k, "", 0, "ready %d 1", KEPT_VERSION);
	while ((err = message_receive(k, &m, &len)) > 0) {
		if (!kept_is(&m, "job"))
			input_cut(k, 0, len);
		else if ((err = job_run(k, &m, len)) < 0)
			break;
	}
	if (err < 0)
		(void)fputs("spillway-job: what was received is not of the "
			    "protocol\n",
			stderr);
	return err < 0 ? EX_PROTOCOL : EX_OK;
}

/* Whether descriptor KEPT_FD is a stream socket. */
static int
has_worker(void)
{
	socklen_t len = sizeof(int);
	int type = 0;

	return getsockopt(KEPT_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

int
spillway_job_run(spillway_job_fn *run, void *arg)
{
	struct kit *k;
	int status;

	if (!has_worker()) {
		(void)fputs("spillway-job: must be started by "
			    "spillway-worker: descriptor 3 is no socket\n",
			stderr);
		return EX_USAGE;
	}
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		(void)fputs("spillway-job: out of memory\n", stderr);
		return EX_OSERR;
	}
	(void)fcntl(KEPT_FD, F_SETFD, FD_CLOEXEC);
	k->fd = KEPT_FD;
	k->run = run;
	k->job.arg = arg;
	cost_open(&k->cost);
	status = loop_run(k);
	cost_close(&k->cost);
	free(k);
	return status;
}
