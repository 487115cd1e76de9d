/* SPDX-License-Identifier: MIT */
#include "broker/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

#define PROGRAM "spillway-repair"

void
backup_init(struct backup_process *b, const char *data, int64_t map_size)
{
	*b = (struct backup_process){
		.data = data, .map_size = map_size, .out = -1};
}

/* --- the start --------------------------------------------------------- */

/* The program in the folder of this one, else the one in PATH. */
static void
program_find(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	size_t dir = slash != NULL ? (size_t)(slash + 1 - path) : 0;

	if (dir > 0)
		(void)snprintf(path + dir, PATH_MAX - dir, PROGRAM);
	if (dir == 0 || access(path, X_OK) != 0)
		(void)snprintf(path, PATH_MAX, PROGRAM);
}

/*
 * The broker blocks SIGTERM and ignores SIGPIPE; the process must not.  A
 * SIGCHLD that the broker's parent has ignored would hide how the process
 * ended.
 */
static int
process_spawn(struct backup_process *b, char **argv, int out)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, pipe;
	int err;

	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &pipe);
	err = posix_spawn_file_actions_addopen(
		&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&fa, out, STDERR_FILENO);
	if (err == 0)
		err = posix_spawnp(&b->pid, argv[0], &fa, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&fa);
	if (err != 0)
		b->pid = 0;
	return -err;
}

static int
process_start(struct backup_process *b, const char *dir)
{
	static char program[PATH_MAX], data[PATH_MAX + 16],
		to[SW_TEXT_MAX + 16], size[64];
	char *argv[] = {program, data, to, size, NULL};
	int fds[2], err;

	program_find(program);
	(void)snprintf(data, sizeof(data), "--data=%s", b->data);
	(void)snprintf(to, sizeof(to), "--copy-to=%s", dir);
	(void)snprintf(size, sizeof(size), "--map-size=%" PRId64, b->map_size);
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	err = process_spawn(b, argv, fds[1]);
	close(fds[1]);
	if (err < 0)
		close(fds[0]);
	else
		b->out = fds[0];
	return err;
}

/* In an open store the checkpoint may find it full, and nothing is lost. */
static int
checkpoint_make(struct core *c)
{
	return c->store->driver->share(c->store, 1);
}

int
backup_start(struct backup_process *b, struct core *c)
{
	static char why[SW_TEXT_MAX];
	int err;

	if (c->backup.state != BACKUP_WANTED)
		return 0;
	b->said_len = 0;
	b->said[0] = '\0';
	b->stopped = NULL;
	err = checkpoint_make(c);
	if (err < 0 && err != SW_EFULL)
		return err;
	backup_begun(c);
	if (err == 0)
		err = process_start(b, c->backup.dir);
	if (err == 0) {
		sw_log(SW_LOG_INFO, "backup", "to", c->backup.dir, NULL);
		return 0;
	}
	(void)snprintf(why, sizeof(why), "%s: %s",
		err == SW_EFULL ? "the store" : PROGRAM, sw_strerror(err));
	b->failed = (struct backup_result){.status = SW_EBACKUP, .detail = why};
	c->more = 1;
	return 0;
}

/* --- the end ----------------------------------------------------------- */

/* Keeps the last line: a new one begins with the first byte after a newline. */
static void
said_add(struct backup_process *b, const char *p, ssize_t n)
{
	for (; n > 0; n--, p++) {
		if (b->said_len > 0 && b->said[b->said_len - 1] == '\n')
			b->said_len = 0;
		if (b->said_len < sizeof(b->said) - 1)
			b->said[b->said_len++] = *p;
	}
	b->said[b->said_len] = '\0';
}

/* 1: the process has closed its end. */
static int
said_read(struct backup_process *b)
{
	char buf[512];
	ssize_t n;

	while ((n = read(b->out, buf, sizeof(buf))) > 0)
		said_add(b, buf, n);
	return n == 0;
}

static int
process_wait(struct backup_process *b)
{
	int status = -1;

	while (waitpid(b->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(b->out);
	b->out = -1;
	b->pid = 0;
	return status;
}

/* Why there is no copy, in one line. */
static void
failure_text(const struct backup_process *b, int status, char *why, size_t cap)
{
	size_t lead = sizeof(PROGRAM ": ") - 1;
	const char *said = b->said;

	if (strncmp(said, PROGRAM ": ", lead) == 0)
		said += lead;
	if (b->stopped != NULL)
		(void)snprintf(why, cap, "%s", b->stopped);
	else if (WIFSIGNALED(status))
		(void)snprintf(why, cap, "signal %d has ended " PROGRAM,
			WTERMSIG(status));
	else if (said[0] == '\0' || WEXITSTATUS(status) == 0)
		(void)snprintf(why, cap,
			PROGRAM " has ended with status %d and no result",
			WEXITSTATUS(status));
	else
		(void)snprintf(why, cap, "%.*s", (int)cap - 1, said);
	why[strcspn(why, "\n")] = '\0';
}

static void
result_of(const struct backup_process *b, int status, const struct core *c,
	struct backup_result *r, char why[SW_TEXT_MAX])
{
	*r = (struct backup_result){.took_ms = c->mono_ms - c->backup.began_ms};
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
		sscanf(b->said, "jobs=%" SCNd64 " bytes=%" SCNd64, &r->jobs,
			&r->bytes) == 2)
		return;
	failure_text(b, status, why, SW_TEXT_MAX);
	r->status = SW_EBACKUP;
	r->detail = why;
}

static void
end(struct core *c, const struct backup_result *r)
{
	(void)c->store->driver->share(c->store, 0);
	if (r->status < 0)
		sw_log(SW_LOG_WARN, "backup-failed", "to", c->backup.dir,
			"text", r->detail, NULL);
	else
		sw_log(SW_LOG_INFO, "backup-made", "to", c->backup.dir, "jobs",
			sw_num(r->jobs), "bytes", sw_num(r->bytes), "ms",
			sw_num(r->took_ms), NULL);
	backup_end(c, r);
}

static void
limit_check(struct backup_process *b, const struct core *c)
{
	const char *why = b->stopped == NULL ? backup_limit(c) : NULL;

	if (why == NULL)
		return;
	b->stopped = why;
	kill(b->pid, SIGTERM);
}

void
backup_watch(struct backup_process *b, struct core *c)
{
	struct backup_result r;
	char why[SW_TEXT_MAX] = "";

	if (b->failed.status < 0) {
		end(c, &b->failed);
		b->failed.status = 0;
	} else if (b->pid > 0 && said_read(b)) {
		result_of(b, process_wait(b), c, &r, why);
		end(c, &r);
	} else if (b->pid > 0) {
		limit_check(b, c);
	}
}

void
backup_kill(struct backup_process *b, const struct core *c)
{
	if (b->pid <= 0)
		return;
	kill(b->pid, SIGTERM);
	kill(b->pid, SIGCONT);
	(void)process_wait(b);
	sw_log(SW_LOG_WARN, "backup-failed", "to", c->backup.dir, "text",
		"the broker ends", NULL);
}
