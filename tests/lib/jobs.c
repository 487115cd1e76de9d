/* SPDX-License-Identifier: MIT */
#include "tests/lib/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <signal.h>

#include "tests/lib/deadline.h"
#include "tests/lib/proc.h"

enum { ROOM = 2 * (KEPT_LINE_MAX + 1 + KEPT_BYTES_MAX), GROUPS_MAX = 16 };

/* --- configuration -------------------------------------------------------- */

static int
groups_read(struct config **to, const char *file,
	const struct config_group *groups, config_others_fn *others, char *why,
	size_t cap)
{
	char line[INI_WHY] = "";
	struct config *c = NULL;
	int err;

	err = config_new(&c, groups);
	if (err == 0 && file != NULL)
		err = config_shared_read(c, file, others, line);
	(void)snprintf(why, cap, "%s", line);
	if (err < 0)
		config_free(c);
	else
		*to = c;
	return err;
}

int
job_config_read(struct config **to, const char *file,
	const struct job_type *types, char *why, size_t cap)
{
	static struct config_group groups[GROUPS_MAX + 1];
	size_t n = 0;

	for (const struct job_type *t = types; t->name != NULL; t++) {
		assert_true(n + JOB_TYPE_GROUPS <= GROUPS_MAX);
		n += job_type_groups(t, groups + n);
	}
	return groups_read(to, file, groups, NULL, why, cap);
}

int
job_type_config_read(struct config **to, const char *file,
	const struct job_type *type, char *why, size_t cap)
{
	static struct config_group groups[JOB_TYPE_GROUPS + 1];

	(void)job_type_groups(type, groups);
	return groups_read(to, file, groups, config_others_skip, why, cap);
}

/* --- starting ------------------------------------------------------------- */

/* In the new process: its descriptors 0, 2 and 3, and no others. */
static void
files_place(int sock, int errors)
{
	int null = open("/dev/null", O_RDONLY);
	int s = fcntl(sock, F_DUPFD, 10), e = fcntl(errors, F_DUPFD, 10);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || s < 0 || e < 0 || dup2(null, 0) < 0 || dup2(e, 2) < 0 ||
		dup2(s, KEPT_FD) < 0 || close_range(KEPT_FD + 1, ~0U, 0) != 0)
		_exit(99);
}

/* 0 in the new process. */
static pid_t
process_begin(struct kept_process *p)
{
	int sock[2], errors[2];

	memset(p, 0, sizeof(*p));
	p->in = malloc(ROOM);
	assert_non_null(p->in);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		files_place(sock[1], errors[1]);
		return 0;
	}
	(void)close(sock[1]);
	(void)close(errors[1]);
	p->sock = sock[0];
	p->errors = errors[0];
	return p->pid;
}

void
kept_start(
	struct kept_process *p, const char *const *argv, const char *const *env)
{
	union {
		const char *const *c;
		char *const *p;
	} u = {argv};
	char *path = strdup(program_path(argv[0]));

	if (process_begin(p) == 0) {
		for (; env != NULL && *env != NULL; env++)
			(void)putenv(strdup(*env));
		(void)execv(path, u.p);
		_exit(98);
	}
	free(path);
}

void
kept_fork(struct kept_process *p, int (*main_fn)(void *), void *arg)
{
	if (process_begin(p) == 0)
		_exit(main_fn(arg));
}

/* --- messages ------------------------------------------------------------- */

static void
readable_await(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	if (poll(&poll_fd, 1, deadline_ms()) != 1)
		fail_msg("nothing came from the process");
}

static void
errors_read(struct kept_process *p)
{
	size_t len = strlen(p->said);
	ssize_t n;

	while ((n = read(p->errors, p->said + len, KEPT_SAID - 1 - len)) > 0)
		len += (size_t)n;
	p->said[len] = '\0';
}

struct kept_message
kept_receive(struct kept_process *p)
{
	struct kept_message m = {.args_n = 0};
	ssize_t n = 0, got;
	size_t need;

	memmove(p->in, p->in + p->taken, p->in_len - p->taken);
	p->in_len -= p->taken;
	p->taken = 0;
	while ((n = kept_parse(bytes_of(p->in, p->in_len), &m, &need)) == 0) {
		readable_await(p->sock);
		got = recv(p->sock, p->in + p->in_len, ROOM - p->in_len, 0);
		if (got <= 0) {
			errors_read(p);
			fail_msg("the process has closed the socket: %s",
				p->said);
		}
		p->in_len += (size_t)got;
	}
	if (n < 0)
		fail_msg("not a message: %.40s", (const char *)p->in);
	p->taken = (size_t)n;
	return m;
}

void
kept_ready(struct kept_process *p)
{
	struct kept_message m = kept_receive(p);
	int64_t v = 0, at_once = 0;

	assert_true(kept_is(&m, "ready"));
	assert_int_equal(kept_int(&m, 0, 9, &v), 0);
	assert_int_equal(v, KEPT_VERSION);
	assert_int_equal(kept_int(&m, 1, 9, &at_once), 0);
	assert_int_equal(at_once, 1);
	assert_int_equal(m.bytes.len, 0);
}

void
kept_send(struct kept_process *p, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(p->sock, at, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

void
kept_job(struct kept_process *p, const char *id, const char *const *headers,
	struct bytes body)
{
	char line[KEPT_LINE_MAX + 2], block[8192];
	size_t at = 0;
	int n;

	for (; headers != NULL && *headers != NULL; headers++) {
		memcpy(block + at, *headers, strlen(*headers) + 1);
		at += strlen(*headers) + 1;
	}
	n = kept_line(
		line, at + body.len, "job %s queue 2 20 %d %zu", id, 60000, at);
	assert_true(n > 0);
	kept_send(p, line, (size_t)n);
	kept_send(p, block, at);
	kept_send(p, body.p, body.len);
}

/* --- the reports of a job --------------------------------------------------
 */

static void
text_copy(struct bytes b, char *to, size_t cap)
{
	size_t n = b.len < cap - 1 ? b.len : cap - 1;

	if (n > 0)
		memcpy(to, b.p, n);
	to[n] = '\0';
}

static void
put_take(const struct kept_message *m, struct kept_end *end)
{
	struct bytes headers, body, h;
	size_t at = 0;

	assert_int_equal(kept_text(m, 1, end->queue, sizeof(end->queue)), 0);
	assert_int_equal(kept_headers(m, 2, &headers, &body), 0);
	end->header[0] = '\0';
	if (kept_header_next(headers, &at, &h))
		text_copy(h, end->header, sizeof(end->header));
	text_copy(body, end->body, sizeof(end->body));
	end->puts_n++;
}

/* 1: the message ends the job. */
static int
report_take(const struct kept_message *m, struct kept_end *end)
{
	int at = kept_is(m, "retry") ? 2 : 1;

	if (kept_is(m, "begun"))
		end->begun++;
	else if (kept_is(m, "progress"))
		end->progress_n++;
	else if (kept_is(m, "put"))
		put_take(m, end);
	else if (kept_is(m, "result")) {
		assert_true(m->bytes.len <= sizeof(end->result));
		end->results_n++;
		end->result_len = m->bytes.len;
		memcpy(end->result, m->bytes.p, m->bytes.len);
	} else {
		assert_true(kept_is(m, "done") || kept_is(m, "retry") ||
			    kept_is(m, "fail"));
		text_copy(m->word, end->word, sizeof(end->word));
		text_copy(m->bytes, end->error, sizeof(end->error));
		if (kept_is(m, "retry"))
			(void)!kept_int(m, 1, INT64_MAX, &end->delay_ms);
		(void)!kept_int(m, at, INT64_MAX, &end->cpu_ms);
		(void)!kept_int(m, at + 1, INT64_MAX, &end->rss_kb);
		return 1;
	}
	return 0;
}

void
kept_end(struct kept_process *p, const char *id, struct kept_end *end)
{
	int ended = 0;

	memset(end, 0, sizeof(*end));
	end->delay_ms = end->cpu_ms = end->rss_kb = -1;
	while (!ended) {
		struct kept_message m = kept_receive(p);

		if (kept_is(&m, "alarm")) {
			text_copy(m.bytes, end->alarm, sizeof(end->alarm));
			continue;
		}
		assert_true(m.args_n > 0 && bytes_eq(m.args[0], bytes_str(id)));
		ended = report_take(&m, end);
		assert_true(end->begun == 1); /* before all else */
	}
}

void
kept_run(struct kept_process *p, const char *id, const char *const *headers,
	struct bytes body, struct kept_end *end)
{
	kept_job(p, id, headers, body);
	kept_end(p, id, end);
}

/* --- its end ---------------------------------------------------------------
 */

int
kept_wait(struct kept_process *p)
{
	int status = -1;

	/* Its stderr ends with it; a process that hangs is the deadline's. */
	for (char c; strlen(p->said) < KEPT_SAID - 1;) {
		readable_await(p->errors);
		if (read(p->errors, &c, 1) <= 0)
			break;
		p->said[strlen(p->said)] = c;
	}
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	(void)close(p->errors);
	if (p->sock >= 0)
		(void)close(p->sock);
	free(p->in);
	p->in = NULL;
	p->sock = p->errors = -1;
	return status;
}

int
kept_close(struct kept_process *p)
{
	(void)close(p->sock);
	p->sock = -1;
	return kept_wait(p);
}
