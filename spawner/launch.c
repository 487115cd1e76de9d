/* SPDX-License-Identifier: MIT */
#include "spawner/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_RUN = 127 };

static char shell[] = "/bin/sh";

/* The spawner, and what it may have at most itself. */
static struct {
	pid_t pid;
	rlim_t most[RLIM_NLIMITS];
} own;

int
launch_command_read(struct launch_command *c, const char *texts, size_t len)
{
	char *copy;
	int n = 0;

	if (len == 0 || texts[0] == '\0' || texts[len - 1] != '\0')
		return -EINVAL;
	copy = malloc(len);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, texts, len);
	*c = (struct launch_command){.path = copy};
	for (size_t at = strlen(copy) + 1; at < len; n++) {
		if (n == SPAWN_WORDS)
			break;
		c->argv[n] = copy + at;
		at += strlen(copy + at) + 1;
	}
	c->script[0] = shell;
	c->script[1] = copy;
	for (int i = 1; i < n; i++)
		c->script[1 + i] = c->argv[i];
	if (n > 0 && n < SPAWN_WORDS)
		return 0;
	free(copy);
	*c = (struct launch_command){.path = NULL};
	return -EINVAL;
}

void
launch_init(void)
{
	own.pid = getpid();
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit r = {0, RLIM_INFINITY};

		(void)getrlimit((__rlimit_resource_t)i, &r);
		own.most[i] = r.rlim_max;
	}
}

/* --- in the child: system calls alone, the memory is the spawner's -------- */

static void
must_do(struct launch *l, int result)
{
	if (result >= 0)
		return;
	l->error = -errno;
	_exit(EXIT_NOT_RUN);
}

static void
session_begin(struct launch *l)
{
	l->step = SPAWN_SESSION;
	must_do(l, setsid());
	must_do(l, prctl(PR_SET_PDEATHSIG, SIGKILL));
	if (getppid() != own.pid)
		_exit(EXIT_NOT_RUN); /* the spawner died before prctl() */
	must_do(l, prctl(PR_SET_CHILD_SUBREAPER, 1));
}

static void
cgroup_enter(struct launch *l)
{
	l->step = SPAWN_ENTER;
	if (l->procs >= 0)
		must_do(l, (int)write(l->procs, "0", 1));
}

static void
files_place(struct launch *l)
{
	l->step = SPAWN_PLACE;
	must_do(l, dup2(l->files[0], STDIN_FILENO));
	must_do(l, dup2(l->files[1], STDOUT_FILENO));
	must_do(l, dup2(l->files[1], STDERR_FILENO));
	must_do(l, dup2(l->files[2], SPAWN_SOCKET));
	must_do(l, close_range(SPAWN_SOCKET + 1, ~0U, 0));
}

/* A limit above the spawner's own becomes that. */
static void
limit_set(struct launch *l, int which, int64_t soft, int64_t hard)
{
	rlim_t most = own.most[which];
	struct rlimit r = {(rlim_t)soft, (rlim_t)hard};

	r.rlim_max = r.rlim_max < most ? r.rlim_max : most;
	r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
	must_do(l, setrlimit((__rlimit_resource_t)which, &r));
}

static void
limits_set(struct launch *l)
{
	const struct spawn_limits *m = l->limits;
	int64_t cpu_s = (m->cpu_ms + 999) / 1000;

	l->step = SPAWN_LIMIT;
	limit_set(l, RLIMIT_CORE, m->core, m->core);
	if (m->files > 0)
		limit_set(l, RLIMIT_NOFILE, m->files, m->files);
	if (m->processes > 0)
		limit_set(l, RLIMIT_NPROC, m->processes, m->processes);
	if (m->cpu_ms > 0) /* SIGXCPU, and SIGKILL a second later */
		limit_set(l, RLIMIT_CPU, cpu_s, cpu_s + 1);
	if (m->memory > 0)
		limit_set(l, RLIMIT_AS, m->memory, m->memory);
}

__attribute__((noreturn)) static void
child_run(struct launch *l)
{
	sigset_t none;

	session_begin(l);
	cgroup_enter(l);
	files_place(l);
	l->step = SPAWN_CHDIR;
	if (l->folder != NULL)
		must_do(l, chdir(l->folder));
	limits_set(l);
	l->step = SPAWN_EXEC;
	if (l->command == NULL)
		_exit(EXIT_SUCCESS);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(l->command->path, l->command->argv, l->env);
	if (errno == ENOEXEC) /* as execvp(3) does */
		(void)execve(shell, l->command->script, l->env);
	must_do(l, -1);
	_exit(EXIT_NOT_RUN);
}

/* --- in the spawner ------------------------------------------------------- */

/* A function of its own: nothing of its frame is used after vfork(). */
__attribute__((noinline)) static pid_t
child_begin(struct launch *l)
{
	pid_t pid = vfork();

	if (pid == 0)
		child_run(l);
	return pid;
}

/* The pid; or -errno. */
static pid_t
child_launch(struct launch *l)
{
	pid_t pid;

	l->step = SPAWN_FORK;
	l->error = 0;
	pid = child_begin(l);
	if (pid < 0)
		return -errno;
	if (l->error == 0)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return l->error;
}

pid_t
launch_run(struct launch *l, struct cgroups *cgroups, unsigned long *cgroup)
{
	pid_t pid;

	l->step = SPAWN_CGROUP;
	pid = cgroups_make(cgroups, cgroup, &l->procs);
	if (pid < 0)
		return pid;
	pid = child_launch(l);
	if (l->procs >= 0)
		close(l->procs);
	if (pid < 0 && !cgroups_end(cgroups, *cgroup))
		cgroups_later(cgroups, *cgroup);
	return pid;
}
