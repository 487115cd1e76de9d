/* SPDX-License-Identifier: MIT */
#include "worker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "worker/dir.h"
#include "worker/disposition.h"
#include "worker/env.h"

enum { FILES_MAX = 1024 };

/* --- in the new process -------------------------------------------------- */

static void
limit_set(int which, rlim_t most)
{
	struct rlimit r = {most, most};

	(void)setrlimit(which, &r);
}

/* Sets a process group, death with the parent, limits, and signals. */
static void
process_begin(pid_t parent, const struct child_limits *limits)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EX_SOFTWARE); /* the parent died before prctl() */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	limit_set(RLIMIT_CORE, 0);
	limit_set(RLIMIT_NOFILE, FILES_MAX);
	if (limits->memory > 0)
		limit_set(RLIMIT_AS, (rlim_t)limits->memory);
}

/*
 * Puts the files in their places and closes all others.  On an error the job
 * must not run: with the worker's own stdin it could still exit with 0.
 */
static void
files_place(int in, int out, int report)
{
	/* Out of the way first: one of them may be among 0 to 3. */
	int i = fcntl(in, F_DUPFD, 10), o = fcntl(out, F_DUPFD, 10);
	int r = fcntl(report, F_DUPFD, 10);

	if (i < 0 || o < 0 || r < 0 || dup2(i, 0) < 0 || dup2(o, 1) < 0 ||
		dup2(o, 2) < 0 || dup2(r, 3) < 0 || close_range(4, ~0U, 0) != 0)
		_exit(EX_TEMPFAIL);
}

/* --- starting ------------------------------------------------------------ */

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
	memset(c, 0, offsetof(struct child, tail));
	c->tail_len = 0;
	c->timed_out = c->killed = c->jobs = 0;
	c->deadline_ms = c->kill_ms = 0;
	c->out = c->report = -1;
	reader_init(&c->reader, line_take, c);
	job_report_init(&c->reported);
	c->alarm[0] = c->dir[0] = '\0';
}

static void
job_attach(struct child *c, struct worker_lease *job, int64_t now_ms)
{
	c->job = job;
	job->child = c;
	c->tail_len = 0;
	c->timed_out = 0;
	c->kill_ms = 0;
	c->deadline_ms = now_ms + sw_int(&job->item, SW_F_TIMEOUT_MS, 60000);
}

static int
all_write(int fd, struct bytes b)
{
	const uint8_t *p = b.p;

	for (size_t at = 0; at < b.len;) {
		ssize_t n = write(fd, p + at, b.len - at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return n < 0 ? -errno : -EIO;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int
body_file(const struct worker_lease *job)
{
	int fd = memfd_create("body", MFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = all_write(fd, sw_bytes(&job->item, SW_F_BODY));
	if (err == 0 && lseek(fd, 0, SEEK_SET) != 0)
		err = -errno;
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

/* `files`: stdin, stdout and stderr, descriptor 3. */
static void
exec_run(const struct child *c, const struct worker_lease *job,
	const char *blobs, const int files[3])
{
	files_place(files[0], files[1], files[2]);
	env_job_set(job);
	env_blob(job, blobs, c->dir);
	if (c->dir[0] == '\0' || chdir(c->dir) != 0) {
		dprintf(2, "no folder for the job could be made in $TMPDIR\n");
		_exit(EX_TEMPFAIL);
	}
	execvp(job->route->argv[0], job->route->argv);
	dprintf(2, "%s: %s\n", job->route->argv[0], strerror(errno));
	_exit(127);
}

int
child_exec(struct child *c, struct worker_lease *job,
	const struct child_limits *limits, int64_t now_ms)
{
	int out[2] = {-1, -1}, rep[2] = {-1, -1}, in, err;
	pid_t self = getpid();

	child_clear(c);
	in = err = body_file(job);
	if (err >= 0)
		err = pipe_open(out);
	if (err >= 0)
		err = pipe_open(rep);
	if (err < 0)
		goto out;
	c->route = job->route;
	dir_make(c->dir);
	c->pid = fork();
	if (c->pid == 0) {
		process_begin(self, limits);
		exec_run(c, job, limits->blobs, (int[]){in, out[1], rep[1]});
	}
	err = c->pid < 0 ? -errno : 0;
	if (err == 0) {
		setpgid(c->pid, c->pid); /* the child does so, too: a race */
		c->out = out[0];
		c->report = rep[0];
		out[0] = rep[0] = -1;
		job_attach(c, job, now_ms);
	} else {
		c->pid = 0;
	}
out:
	for (int i = 0; i < 2; i++) {
		if (out[i] >= 0)
			close(out[i]);
		if (rep[i] >= 0)
			close(rep[i]);
	}
	if (in >= 0)
		close(in);
	return err;
}

int
child_pool(struct child *c, const struct worker_route *route,
	const struct child_limits *limits)
{
	static const int size = CHILD_PACKET * 2;
	int out[2], sock[2], null, err;
	pid_t self = getpid();

	child_clear(c);
	err = pipe_open(out);
	if (err < 0)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0) {
		err = -errno;
		close(out[0]);
		close(out[1]);
		return err;
	}
	for (int i = 0; i < 2; i++)
		(void)setsockopt(
			sock[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->route = route;
	dir_make(c->dir);
	c->pid = fork();
	if (c->pid == 0) {
		process_begin(self, limits);
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		files_place(null, out[1], sock[1]);
		pool_run(route->type, 3, limits, c->dir);
	}
	err = c->pid < 0 ? -errno : 0;
	close(out[1]);
	close(sock[1]);
	c->out = out[0];
	c->report = sock[0];
	(void)fcntl(sock[0], F_SETFL, O_NONBLOCK);
	if (err < 0) {
		c->pid = 0;
		child_fini(c);
	} else {
		setpgid(c->pid, c->pid);
	}
	return err;
}

int
child_give(struct child *c, struct worker_lease *job, int64_t now_ms)
{
	ssize_t n = send(
		c->report, job->item.raw.p, job->item.raw.len, MSG_NOSIGNAL);

	if (n != (ssize_t)job->item.raw.len)
		return n < 0 ? -errno : -EMSGSIZE;
	job_attach(c, job, now_ms);
	c->jobs++;
	return 0;
}

/* --- while it runs ------------------------------------------------------- */

static void
out_read(struct child *c)
{
	char b[4096];
	ssize_t n;

	while ((n = read(c->out, b, sizeof(b))) > 0)
		for (ssize_t i = 0; i < n; i++)
			c->tail[c->tail_len++ % sizeof(c->tail)] = b[i];
	if (n == 0) {
		close(c->out);
		c->out = -1;
	}
}

static void
reports_read(struct child *c)
{
	static const char broken[] = "descriptor 3 could not be read";
	char b[8192];
	ssize_t n;

	while ((n = read(c->report, b, sizeof(b))) > 0 ||
		(n < 0 && errno == EINTR))
		if (n > 0 && c->job != NULL)
			reader_feed(&c->reader, bytes_of(b, (size_t)n));
	if (n < 0 && errno != EAGAIN)
		job_report_lose(&c->reported, bytes_str(broken));
	if (n == 0) {
		close(c->report);
		c->report = -1;
	}
}

/* A packet of a built-in job: PROGRESS, an alarm, or 1: OUTCOME, its end. */
static int
packet_take(struct child *c, struct bytes packet)
{
	struct attempt_report *r = &c->job->report;
	struct sw_item it;

	if (sw_item_open(packet, &it) < 0)
		return 0;
	if (!sw_has(&it, SW_F_OUTCOME) && sw_has(&it, SW_F_ERROR)) {
		sw_get_text(&it, SW_F_ERROR, c->alarm, sizeof(c->alarm));
		return 0;
	}
	if (!sw_has(&it, SW_F_OUTCOME)) {
		c->job->progress = sw_int(&it, SW_F_PROGRESS, 0);
		sw_get_text(&it, SW_F_TEXT, c->job->text, sizeof(c->job->text));
		c->job->progress_new = 1;
		return 0;
	}
	r->outcome = (int)sw_int(&it, SW_F_OUTCOME, SW_RETRY);
	r->cause = (int)sw_int(&it, SW_F_CAUSE, SW_C_ERROR);
	r->cpu_ms = sw_int(&it, SW_F_CPU_MS, 0);
	r->rss_kb = sw_int(&it, SW_F_RSS_KB, 0);
	r->delay_ms = sw_int(&it, SW_F_DELAY_MS, -1);
	r->fields = malloc(packet.len);
	if (r->fields == NULL && r->outcome == SW_ACK) {
		r->outcome = SW_RETRY; /* an ack would lose its follow-ups */
		r->cause = SW_C_ERROR;
	}
	if (r->fields != NULL) {
		struct sw_buf b = {.p = r->fields, .cap = packet.len};

		sw_copy_without(&b, &it,
			SW_BIT(SW_F_OUTCOME) | SW_BIT(SW_F_CAUSE) |
				SW_BIT(SW_F_CPU_MS) | SW_BIT(SW_F_RSS_KB) |
				SW_BIT(SW_F_DELAY_MS));
		r->fields_len = b.len;
	}
	return 1;
}

static int
packets_read(struct child *c)
{
	static uint8_t packet[CHILD_PACKET];
	ssize_t n;

	while ((n = recv(c->report, packet, sizeof(packet), 0)) > 0)
		if (c->job != NULL &&
			packet_take(c, bytes_of(packet, (size_t)n)))
			return 1;
	if (n == 0) {
		close(c->report);
		c->report = -1;
	}
	return 0;
}

int
child_read(struct child *c)
{
	int ended = 0;

	if (c->out >= 0)
		out_read(c);
	if (c->report >= 0 && c->route->type != NULL)
		ended = packets_read(c);
	else if (c->report >= 0)
		reports_read(c);
	return ended;
}

static void
group_signal(struct child *c, int sig)
{
	if (kill(-c->pid, sig) != 0)
		(void)kill(c->pid, sig);
	if (sig == SIGKILL)
		c->killed = 1;
}

void
child_watch(struct child *c, int64_t now_ms)
{
	struct worker_lease *j = c->job;

	if (c->pid == 0 || j == NULL)
		return;
	if (j->stop == LEASE_STALE) {
		if (!c->killed)
			group_signal(c, SIGKILL);
		return;
	}
	if (c->kill_ms == 0 &&
		(now_ms >= c->deadline_ms || j->stop != LEASE_KEEP)) {
		c->timed_out = now_ms >= c->deadline_ms;
		c->kill_ms = now_ms + CHILD_TERM_MS;
		group_signal(c, j->stop == LEASE_RELEASE ? SIGKILL : SIGTERM);
	}
	if (c->kill_ms != 0 && now_ms >= c->kill_ms && !c->killed)
		group_signal(c, SIGKILL);
}

/* --- its end ------------------------------------------------------------- */

/* Turns the ring so that the end of the output stands in order. */
static struct bytes
tail_get(const struct child *c, char text[SW_ERROR_MAX])
{
	size_t cap = sizeof(c->tail), n = c->tail_len < cap ? c->tail_len : cap;

	for (size_t i = 0; i < n; i++)
		text[i] = c->tail[(c->tail_len - n + i) % cap];
	return bytes_of(text, n);
}

static int64_t
tv_ms(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

void
child_reaped(struct child *c, int status, const struct rusage *ru,
	const struct child_limits *limits)
{
	struct attempt_report *r = &c->job->report;
	struct disposition v = disposition_of_exit(
		status, c->timed_out, c->killed, ru->ru_maxrss, limits->memory);
	char text[SW_ERROR_MAX];

	(void)child_read(c);
	if (WIFEXITED(status))
		reader_end(&c->reader);
	*r = (struct attempt_report){.outcome = v.outcome,
		.cause = v.cause,
		.cpu_ms = tv_ms(&ru->ru_utime) + tv_ms(&ru->ru_stime),
		.rss_kb = ru->ru_maxrss,
		.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
	job_report_close(&c->reported, tail_get(c, text), r);
}

void
child_fini(struct child *c)
{
	if (c->pid > 0)
		(void)kill(-c->pid, SIGKILL); /* the rest of its group */
	if (c->out >= 0)
		close(c->out);
	if (c->report >= 0)
		close(c->report);
	if (c->dir[0] != '\0')
		dir_remove(c->dir);
	reader_fini(&c->reader);
	job_report_fini(&c->reported);
	c->out = c->report = -1;
	c->dir[0] = '\0';
	c->pid = 0;
	c->job = NULL;
}
