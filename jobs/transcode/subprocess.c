/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/subprocess.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOK_MS = 200, /* between two measurements of the folder */
	BROKEN = 127,  /* exit status before exec */
};

/* --- in the new process -------------------------------------------------- */

/* Reports an error before exec through a pipe that exec closes. */
static void
start_fail(int report, int err)
{
	(void)!write(report, &err, sizeof(err));
	_exit(BROKEN);
}

static void
child_run(const struct subprocess *t, const int files[3], int report,
	pid_t parent)
{
	static char path[] = "PATH=/usr/bin:/bin", lang[] = "LC_ALL=C.UTF-8",
		    quiet[] = "SVT_LOG=1";
	char *env[] = {path, lang, quiet, NULL};
	int err = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(BROKEN); /* the parent died before prctl() */
	if (chdir(t->sandbox->folder) != 0)
		start_fail(report, -errno);
	for (int i = 0; i < 3; i++)
		if (dup2(files[i], i) < 0)
			start_fail(report, -errno);
	if (dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) != 0)
		start_fail(report, -errno);
	close_range(4, ~0U, 0);
	if (!t->without_sandbox)
		err = sandbox_enter(t->sandbox);
	if (err == 0)
		(void)execve(t->argv[0], t->argv, env);
	start_fail(3, err < 0 ? err : -errno);
}

/* --- watching ------------------------------------------------------------ */

int64_t
folder_size(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	struct stat st;
	int64_t n = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
				0 &&
			S_ISREG(st.st_mode))
			n += (int64_t)st.st_blocks * 512;
	closedir(d);
	return n;
}

static void
stderr_keep(struct subprocess *t, const char *b, size_t n)
{
	size_t room = sizeof(t->stderr_text) - 1;

	if (n > room) {
		b += n - room;
		n = room;
	}
	if (t->stderr_len + n > room) {
		size_t drop = t->stderr_len + n - room;

		memmove(t->stderr_text, t->stderr_text + drop,
			t->stderr_len - drop);
		t->stderr_len -= drop;
	}
	memcpy(t->stderr_text + t->stderr_len, b, n);
	t->stderr_len += n;
	t->stderr_text[t->stderr_len] = '\0';
}

struct subprocess_watch {
	struct subprocess *t;
	pid_t pid;
	struct pollfd fds[3]; /* stdout, stderr, the process's end */
	int64_t look_ms;
	int stopped;
};

static void
watch_stop(struct subprocess_watch *w, enum subprocess_end why)
{
	if (w->stopped)
		return;
	w->stopped = 1;
	w->t->end = why;
	(void)kill(w->pid, SIGKILL);
}

/* Reads all available bytes; closes the pipe at its end. */
static void
pipe_read(struct subprocess_watch *w, struct pollfd *p)
{
	char b[8192];
	ssize_t n;

	while ((n = read(p->fd, b, sizeof(b))) > 0) {
		if (p != &w->fds[0])
			stderr_keep(w->t, b, (size_t)n);
		else if (!w->stopped &&
			 w->t->take(w->t->arg, b, (size_t)n) != 0)
			watch_stop(w, SUBPROCESS_REFUSED);
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(p->fd);
		p->fd = -1;
	}
}

static void
disk_look(struct subprocess_watch *w)
{
	int64_t now = clock_now_ms(CLOCK_MONOTONIC);

	if (w->t->disk == 0 || now < w->look_ms)
		return;
	w->look_ms = now + LOOK_MS;
	if (folder_size(w->t->sandbox->folder) > w->t->disk)
		watch_stop(w, SUBPROCESS_DISK);
}

static void
watch_run(struct subprocess_watch *w)
{
	int ended = 0;

	while (!ended) {
		int n = poll(w->fds, 3, LOOK_MS);

		ended = n > 0 && w->fds[2].revents != 0;
		for (int i = 0; i < 2; i++)
			if (w->fds[i].fd >= 0)
				pipe_read(w, &w->fds[i]);
		disk_look(w);
	}
	w->look_ms = 0; /* counts the bytes written since the last look */
	disk_look(w);
}

/* --- the end ------------------------------------------------------------- */

static void
end_judge(struct subprocess_watch *w, int status, const struct rusage *ru)
{
	struct subprocess *t = w->t;
	int64_t cpu_s = (int64_t)ru->ru_utime.tv_sec + ru->ru_stime.tv_sec;

	if (w->stopped)
		return;
	t->end = WIFEXITED(status) ? SUBPROCESS_EXITED : SUBPROCESS_KILLED;
	t->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	if (t->end == SUBPROCESS_EXITED)
		return;
	if (t->code == SIGXFSZ)
		t->end = SUBPROCESS_FILE;
	/* The kernel counts threads by ticks: the sum may lack up to 1 s. */
	if ((t->code == SIGKILL || t->code == SIGXCPU) &&
		t->sandbox->cpu_s > 0 && cpu_s + 1 >= t->sandbox->cpu_s)
		t->end = SUBPROCESS_CPU;
}

static int
watch_open(struct subprocess_watch *w, int pipes[3][2])
{
	static const short in = POLLIN;
	int fd = (int)syscall(SYS_pidfd_open, w->pid, 0);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		w->fds[i] = (struct pollfd){pipes[i][0], in, 0};
		pipes[i][0] = -1;
		(void)fcntl(w->fds[i].fd, F_SETFL, O_NONBLOCK);
	}
	w->fds[2] = (struct pollfd){fd, in, 0};
	return 0;
}

static void
pipes_close(int pipes[3][2], int end)
{
	for (int i = 0; i < 3; i++)
		if (pipes[i][end] >= 0) {
			close(pipes[i][end]);
			pipes[i][end] = -1;
		}
}

/* Waits until exec has closed the pipe `report`: 0, or the error in it. */
static int
start_wait(int report)
{
	ssize_t n;
	int err = 0;

	do
		n = read(report, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(err) ? err : 0;
}

static pid_t
child_start(const struct subprocess *t, int pipes[3][2])
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t self = getpid(), pid = null < 0 ? -1 : fork();

	if (pid == 0)
		child_run(t, (int[]){null, pipes[0][1], pipes[1][1]},
			pipes[2][1], self);
	if (pid < 0)
		pid = -errno;
	if (null >= 0)
		close(null);
	return pid;
}

int
subprocess_run(struct subprocess *t)
{
	int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}; /* out, err, report */
	struct subprocess_watch w = {
		.t = t, .fds = {{.fd = -1}, {.fd = -1}, {.fd = -1}}};
	struct rusage ru;
	int status, err = 0;

	t->stderr_text[0] = '\0';
	t->stderr_len = 0;
	t->rss_kb = 0;
	for (int i = 0; err == 0 && i < 3; i++)
		if (pipe2(pipes[i], O_CLOEXEC) != 0)
			err = -errno;
	if (err == 0)
		w.pid = child_start(t, pipes);
	pipes_close(pipes, 1);
	if (err == 0 && w.pid < 0)
		err = w.pid;
	if (err < 0)
		goto out;
	err = start_wait(pipes[2][0]);
	if (err == 0)
		err = watch_open(&w, pipes);
	if (err == 0)
		watch_run(&w);
	else
		(void)kill(w.pid, SIGKILL);
	while (wait4(w.pid, &status, 0, &ru) < 0 && errno == EINTR)
		continue;
	t->rss_kb = ru.ru_maxrss;
	if (err == 0)
		end_judge(&w, status, &ru);
out:
	pipes_close(pipes, 0);
	for (int i = 0; i < 3; i++)
		if (w.fds[i].fd >= 0)
			close(w.fds[i].fd);
	return err;
}
