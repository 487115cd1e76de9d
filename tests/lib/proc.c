/* SPDX-License-Identifier: MIT */
#include "tests/lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENV_MAX = 256, PROCS_MAX = 8 };

static void
need(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

const char *
program_path(const char *name)
{
	static char path[FILENAME_MAX];
	const char *bin = getenv("SPILLWAY_BIN");

	if (bin == NULL || bin[0] != '/') {
		fputs("FAILED: SPILLWAY_BIN must be the absolute path of the "
		      "build folder, as tests/run.sh sets it\n",
			stderr);
		exit(1);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", bin, name);
	if (access(path, X_OK) != 0) {
		fprintf(stderr, "FAILED: there is no program %s\n", path);
		exit(1);
	}
	return path;
}

static void
env_join(const char **env, const char *const *more)
{
	size_t n = 0;

	for (; more != NULL && *more != NULL; more++)
		env[n++] = *more;
	for (char **e = environ; *e != NULL && n < ENV_MAX - 1; e++)
		env[n++] = *e;
	env[n] = NULL;
}

void
proc_start(struct proc *p, const char *const *argv, const char *const *more_env)
{
	posix_spawn_file_actions_t files;
	const char *env[ENV_MAX];
	union { /* posix_spawn promises to leave them as they are */
		const char *const *c;
		char *const *p;
	} args = {argv}, vars = {env};
	int out[2][2];

	*p = (struct proc){.watch = -1};
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	for (int i = 0; i < 2; i++) {
		need(pipe2(out[i], O_CLOEXEC) == 0, "pipe2");
		(void)fcntl(out[i][0], F_SETFL, O_NONBLOCK);
		posix_spawn_file_actions_adddup2(&files, out[i][1], i + 1);
		p->fd[i] = out[i][0];
	}
	env_join(env, more_env);
	need(posix_spawn(&p->pid, program_path(argv[0]), &files, NULL, args.p,
		     vars.p) == 0,
		argv[0]);
	posix_spawn_file_actions_destroy(&files);
	for (int i = 0; i < 2; i++)
		close(out[i][1]);
	p->watch = (int)syscall(SYS_pidfd_open, p->pid, 0);
	need(p->watch >= 0, "pidfd_open");
}

static void
said_take(struct proc *p, int i)
{
	char b[4096];
	ssize_t n;

	if (p->fd[i] < 0)
		return;
	while ((n = read(p->fd[i], b, sizeof(b))) > 0) {
		size_t room = PROC_SAID - 1 - p->n[i];
		size_t len = (size_t)n < room ? (size_t)n : room;

		memcpy(p->said[i] + p->n[i], b, len);
		p->n[i] += len;
		p->said[i][p->n[i]] = '\0';
	}
	if (n == 0) {
		close(p->fd[i]);
		p->fd[i] = -1;
	}
}

/* What it said last is still in the pipes. */
static void
reap(struct proc *p)
{
	need(waitpid(p->pid, &p->status, 0) == p->pid, "waitpid");
	p->pid = 0;
	close(p->watch);
	p->watch = -1;
	for (int i = 0; i < 2; i++) {
		said_take(p, i);
		if (p->fd[i] >= 0)
			close(p->fd[i]);
		p->fd[i] = -1;
	}
}

void
proc_watch(struct proc *const *all, int n, int ms)
{
	struct pollfd fds[3 * PROCS_MAX];
	nfds_t at = 0;

	for (int i = 0; i < n; i++) {
		struct proc *p = all[i];
		int of[3] = {p->watch, p->fd[0], p->fd[1]};

		for (int k = 0; k < 3 && p->pid != 0; k++)
			fds[at++] = (struct pollfd){of[k], POLLIN, 0};
	}
	(void)poll(fds, at, ms);
	at = 0;
	for (int i = 0; i < n; i++) {
		struct proc *p = all[i];

		if (p->pid == 0)
			continue;
		said_take(p, 0);
		said_take(p, 1);
		if (fds[at].revents != 0)
			reap(p);
		at += 3;
	}
}

void
proc_signal(struct proc *p, int sig)
{
	if (p->pid != 0)
		(void)kill(p->pid, sig);
}

void
proc_end(struct proc *p)
{
	if (p->pid == 0)
		return;
	proc_signal(p, SIGKILL);
	reap(p);
}
