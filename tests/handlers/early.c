/* SPDX-License-Identifier: MIT */
/* early.c - a module whose own start does all that a handler must not do */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spillway-handler.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char done[256];

static void
did(const char *what, int worked)
{
	if (worked)
		strcat(strcat(done, " "), what);
}

static int
forked(long pid)
{
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

__attribute__((constructor)) static void
early(void)
{
	struct rlimit more = {1000, 1000};
	struct clone_args how = {.flags = CLONE_PARENT};
	int fd = open("/etc/passwd", O_RDONLY);

	did("open", fd >= 0);
	did("create", open("/tmp/early", O_CREAT | O_WRONLY, 0600) >= 0);
	did("zero", open("/dev/zero", O_RDONLY) >= 0);
	did("socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
	did("fork", forked(fork()));
	did("clone", forked(syscall(SYS_clone3, &how, sizeof(how))));
	did("kill", kill(getppid(), 0) == 0);
	did("limits", setrlimit(RLIMIT_NOFILE, &more) == 0);
	did("loose", prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	(void)req;
	(void)env;
	return res->print(res, "did:%s\n", done);
}

SW_HANDLER(handle);
