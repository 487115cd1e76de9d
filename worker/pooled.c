/* SPDX-License-Identifier: MIT */
#include "worker/pooled.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "worker/disposition.h"

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
	limit_set(RLIMIT_NOFILE, CHILD_FILES);
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

static int
pipe_open(int p[2])
{
	if (pipe2(p, O_CLOEXEC) != 0)
		return -errno;
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	return 0;
}

int
pooled_open(struct pooled *c, const struct job_type *type,
	const struct child_limits *limits)
{
	static const int size = POOLED_PACKET * 2;
	int out[2], sock[2], null, err;
	pid_t self = getpid();

	*c = (struct pooled){.out = -1, .socket = -1};
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
	c->type = type;
	dir_make(c->dir);
	c->pid = fork();
	if (c->pid == 0) {
		process_begin(self, limits);
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		files_place(null, out[1], sock[1]);
		pool_run(type, 3, limits, c->dir);
	}
	err = c->pid < 0 ? -errno : 0;
	close(out[1]);
	close(sock[1]);
	c->out = out[0];
	c->socket = sock[0];
	(void)fcntl(sock[0], F_SETFL, O_NONBLOCK);
	if (err < 0) {
		c->pid = 0;
		pooled_fini(c);
	} else {
		setpgid(c->pid, c->pid);
	}
	return err;
}

int
pooled_give(struct pooled *c, struct worker_lease *job, int64_t now_ms)
{
	ssize_t n = send(
		c->socket, job->item.raw.p, job->item.raw.len, MSG_NOSIGNAL);

	if (n != (ssize_t)job->item.raw.len)
		return n < 0 ? -errno : -EMSGSIZE;
	c->job = job;
	job->child = c;
	output_fini(&c->output);
	c->timed_out = 0;
	c->kill_ms = 0;
	c->deadline_ms = now_ms + sw_int(&job->item, SW_F_TIMEOUT_MS, 60000);
	c->jobs++;
	return 0;
}

/* --- while it runs ------------------------------------------------------- */

static void
out_read(struct pooled *c)
{
	char b[4096];
	ssize_t n;

	while ((n = read(c->out, b, sizeof(b))) > 0)
		output_add(&c->output, bytes_of(b, (size_t)n), NULL);
	if (n == 0) {
		close(c->out);
		c->out = -1;
	}
}

/* A packet of a built-in job: PROGRESS, an alarm, or 1: OUTCOME, its end. */
static int
packet_take(struct pooled *c, struct bytes packet)
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
packets_read(struct pooled *c)
{
	static uint8_t packet[POOLED_PACKET];
	ssize_t n;

	while ((n = recv(c->socket, packet, sizeof(packet), 0)) > 0)
		if (c->job != NULL &&
			packet_take(c, bytes_of(packet, (size_t)n)))
			return 1;
	if (n == 0) {
		close(c->socket);
		c->socket = -1;
	}
	return 0;
}

int
pooled_read(struct pooled *c)
{
	if (c->out >= 0)
		out_read(c);
	return c->socket >= 0 && packets_read(c);
}

static void
group_signal(struct pooled *c, int sig)
{
	if (kill(-c->pid, sig) != 0)
		(void)kill(c->pid, sig);
	if (sig == SIGKILL)
		c->killed = 1;
}

void
pooled_watch(struct pooled *c, int64_t now_ms)
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

static int64_t
tv_ms(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

void
pooled_reaped(struct pooled *c, int status, const struct rusage *ru,
	const struct child_limits *limits)
{
	static const struct disposition gone = {SW_RETRY, SW_C_ERROR};
	struct disposition v = disposition_of_exit(
		status, c->timed_out, c->killed, ru->ru_maxrss, limits->memory);
	char text[SW_ERROR_MAX];
	struct sw_buf b = {.cap = SW_ERROR_MAX + 8};
	size_t n = output_tail(&c->output, text);

	if (v.outcome == SW_ACK)
		v = gone; /* an exit is no end of a job */
	b.p = n > 0 ? malloc(b.cap) : NULL;
	if (b.p != NULL)
		sw_put_bytes(&b, SW_F_ERROR, bytes_of(text, n));
	c->job->report = (struct attempt_report){.outcome = v.outcome,
		.cause = v.cause,
		.delay_ms = -1,
		.cpu_ms = tv_ms(&ru->ru_utime) + tv_ms(&ru->ru_stime),
		.rss_kb = ru->ru_maxrss,
		.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.fields = b.p,
		.fields_len = b.len};
}

void
pooled_fini(struct pooled *c)
{
	if (c->pid > 0)
		(void)kill(-c->pid, SIGKILL); /* the rest of its group */
	if (c->out >= 0)
		close(c->out);
	if (c->socket >= 0)
		close(c->socket);
	if (c->dir[0] != '\0')
		dir_remove(c->dir);
	output_fini(&c->output);
	c->out = c->socket = -1;
	c->dir[0] = '\0';
	c->pid = 0;
	c->job = NULL;
}
