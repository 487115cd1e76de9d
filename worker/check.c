/* SPDX-License-Identifier: MIT */
#include "worker/check.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit.h"
#include "worker/lease/route.h"

/* Its "the configuration is right" is not printed beside the worker's. */
static int
program_run(const char *path, char **argv, int *status)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int err = posix_spawn_file_actions_init(&files);

	if (err != 0)
		return -err;
	err = posix_spawn_file_actions_addopen(
		&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (err == 0)
		err = posix_spawn(&pid, path, &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (err != 0)
		return -err;
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int
variable_set(const char *name, const char *value)
{
	return value != NULL && setenv(name, value, 1) != 0 ? -errno : 0;
}

int
check_program(const char *name, const struct check_env *env)
{
	static char option[] = "--check-config";
	char path[COMMAND_PATH], program[sizeof(ROUTE_PROGRAM) + SW_QUEUE_MAX];
	char *argv[] = {program, option, NULL};
	int status = 0, err;

	(void)snprintf(program, sizeof(program), ROUTE_PROGRAM "%s", name);
	err = command_beside(program, path);
	if (err < 0)
		err = command_find(program, path);
	if (err == 0)
		err = variable_set("SPILLWAY_JOBS", env->file);
	if (err == 0)
		err = variable_set("SPILLWAY_BLOBS", env->blobs);
	if (err == 0)
		err = program_run(path, argv, &status);
	if (err < 0)
		(void)fprintf(stderr, "spillway-worker: %s: %s\n", program,
			strerror(-err));
	return err < 0 || status != 0;
}
