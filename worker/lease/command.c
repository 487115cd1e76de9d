/* SPDX-License-Identifier: MIT */
#include "worker/lease/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where execvp(3) looks without $PATH. */
#define PATH_DEFAULT "/bin:/usr/bin"

int
command_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || access(path, X_OK) != 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EACCES;
}

/* Joins to an absolute path; `folder` "" is the working directory. */
static int
path_join(const char *folder, size_t folder_len, const char *name,
	char path[COMMAND_PATH])
{
	char here[COMMAND_PATH] = "";
	int n;

	if (folder_len == 0 || folder[0] != '/') {
		if (getcwd(here, sizeof(here) - 1) == NULL)
			return -errno;
		strcat(here, "/");
	}
	n = snprintf(path, COMMAND_PATH, "%s%.*s%s%s", here, (int)folder_len,
		folder, folder_len > 0 ? "/" : "", name);
	return n < COMMAND_PATH ? 0 : -ENAMETOOLONG;
}

static int
path_search(const char *name, char path[COMMAND_PATH])
{
	const char *at = getenv("PATH"), *end;
	int err = -ENOENT;

	for (at = at != NULL ? at : PATH_DEFAULT;; at = end + 1) {
		int tried;

		end = strchrnul(at, ':');
		tried = path_join(at, (size_t)(end - at), name, path);
		if (tried == 0)
			tried = command_check(path);
		if (tried == 0)
			return 0;
		if (tried == -EACCES)
			err = tried;
		if (*end == '\0')
			return err;
	}
}

int
command_find(const char *name, char path[COMMAND_PATH])
{
	int err;

	if (strchr(name, '/') == NULL)
		return path_search(name, path);
	if (name[0] == '/')
		err = strlen(name) < COMMAND_PATH ? 0 : -ENAMETOOLONG;
	else
		err = path_join("", 0, name, path);
	if (err == 0 && name[0] == '/')
		strcpy(path, name);
	return err < 0 ? err : command_check(path);
}

int
command_beside(const char *name, char path[COMMAND_PATH])
{
	ssize_t n = readlink("/proc/self/exe", path, COMMAND_PATH - 1);
	char *slash;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL ||
		(size_t)(slash + 1 - path) + strlen(name) >= COMMAND_PATH)
		return -ENAMETOOLONG;
	strcpy(slash + 1, name);
	return command_check(path);
}
