/* SPDX-License-Identifier: MIT */
#include "jobs/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

size_t
job_type_groups(
	const struct job_type *t, struct config_group to[JOB_TYPE_GROUPS + 1])
{
	size_t n = 0;

	if (t->keys != NULL)
		to[n++] = (struct config_group){
			.name = t->name, .text = t->text, .keys = t->keys};
	if (t->profile_keys != NULL)
		to[n++] = (struct config_group){.name = t->name,
			.label = "NAME",
			.text = "a profile, which jobs choose by name",
			.keys = t->profile_keys};
	to[n] = (struct config_group){.name = NULL};
	return n;
}

static int
path_use(const char *path, int mode, int is_folder)
{
	struct stat st;

	if (stat(path, &st) != 0 || access(path, mode) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode) == is_folder)
		return 0;
	return is_folder ? -ENOTDIR : -EISDIR;
}

static int
path_check(const struct config *c, const char *const place[2], int mode,
	int is_folder, char *why, size_t cap)
{
	const char *path = config_text(c, place[0], place[1]);
	int err = 0;

	if (path != NULL && path[0] != '\0')
		err = path_use(path, mode, is_folder);
	if (err == 0)
		return 0;
	(void)snprintf(why, cap, "%s in [%s]: %s: %s", place[1], place[0], path,
		strerror(-err));
	return SW_EINVAL;
}

int
job_file_check(const struct config *c, const char *section, const char *key,
	int mode, char *why, size_t cap)
{
	return path_check(c, (const char *[]){section, key}, mode, 0, why, cap);
}

int
job_folder_check(const struct config *c, const char *section, const char *key,
	int mode, char *why, size_t cap)
{
	return path_check(c, (const char *[]){section, key}, mode, 1, why, cap);
}
