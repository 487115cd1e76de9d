/* SPDX-License-Identifier: MIT */
#include "spawner/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"

#define ROOT "spillway-worker."

enum { TRIES = 16, EVENTS_ROOM = 256, FILE_NAME = CGROUP_NAME + 32 };

static int
kernel_make(int dir, const char *name)
{
	return mkdirat(dir, name, 0755);
}

static int
kernel_remove(int dir, const char *name)
{
	return unlinkat(dir, name, AT_REMOVEDIR);
}

const struct cgroup_kernel cgroup_kernel = {kernel_make, kernel_remove};

/* --- files and folders ---------------------------------------------------- */

static int
folder_open(int dir, const char *name)
{
	return openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void
file_name(unsigned long number, const char *file, char name[FILE_NAME])
{
	(void)snprintf(name, FILE_NAME, "spillway-job-%lu%s", number, file);
}

static void
kill_write(int dir, const char *file)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "1", 1);
	close(fd);
}

/* The first folder in `dir`: 1; or 0. */
static int
inner_first(int dir, char name[NAME_MAX + 1])
{
	const struct dirent *e = NULL;
	int fd = folder_open(dir, ".");
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 &&
			strcmp(e->d_name, "..") != 0)
			break;
	if (e != NULL)
		(void)snprintf(name, NAME_MAX + 1, "%s", e->d_name);
	if (d != NULL)
		closedir(d);
	return e != NULL;
}

/* Removes one group within, of those that have none: 1; or 0. */
static int
inner_remove(const struct cgroups *c, int dir, const char *name)
{
	char inner[NAME_MAX + 1];
	int fd = folder_open(dir, name), gone = 0;

	while (fd >= 0 && !gone && inner_first(fd, inner)) {
		int next;

		(void)!fchmodat(fd, inner, 0755, 0);
		next = folder_open(fd, inner);
		gone = c->kernel->remove(fd, inner) == 0;
		close(fd);
		fd = next;
	}
	if (fd >= 0)
		close(fd);
	return gone;
}

/* A job may have made groups in its own.  1: gone; 0: not yet. */
static int
tree_remove(const struct cgroups *c, int dir, const char *name)
{
	for (int i = 0; i < CGROUP_REMOVES; i++) {
		if (c->kernel->remove(dir, name) == 0 || errno == ENOENT)
			return 1;
		if (!inner_remove(c, dir, name))
			return 0;
	}
	return 0;
}

/* --- where ---------------------------------------------------------------- */

/* Undoes the octal escapes of a path in mountinfo, in place. */
static void
path_unescape(char *path)
{
	char *to = path;

	for (const char *at = path; *at != '\0'; to++)
		if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3) {
			*to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
				     (at[3] - '0'));
			at += 4;
		} else {
			*to = *at++;
		}
	*to = '\0';
}

/* The path of the group of version 2: 1; or 0. */
static int
group_read(const char *file, char group[CGROUP_PATH])
{
	FILE *f = fopen(file, "re");
	int found = 0;

	while (f != NULL && !found && fgets(group, CGROUP_PATH, f) != NULL)
		found = strncmp(group, "0::/", 4) == 0;
	if (f != NULL)
		fclose(f);
	if (!found)
		return 0;
	group[strcspn(group, "\n")] = '\0';
	memmove(group, group + 3, strlen(group + 3) + 1);
	return 1;
}

/*
 * The folder of `group` below the mount of a line of mountinfo: 1; or 0: not
 * of version 2, or a mount of other groups.
 */
static int
mount_match(char *line, const char *group, char path[CGROUP_PATH])
{
	char root[CGROUP_PATH], point[CGROUP_PATH];
	size_t len;
	int n;

	if (strstr(line, " - cgroup2 ") == NULL ||
		sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2)
		return 0;
	path_unescape(root);
	path_unescape(point);
	len = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(group, root, len) != 0 ||
		(group[len] != '/' && group[len] != '\0'))
		return 0;
	n = snprintf(path, CGROUP_PATH, "%s%s", point, group + len);
	return n > 0 && n < CGROUP_PATH;
}

int
cgroup_own(const char *cgroup_file, const char *mounts_file,
	char path[CGROUP_PATH])
{
	char group[CGROUP_PATH], line[4 * CGROUP_PATH];
	int found = 0;
	FILE *f;

	if (!group_read(cgroup_file, group))
		return -ENODATA;
	f = fopen(mounts_file, "re");
	if (f == NULL)
		return -errno;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = mount_match(line, group, path);
	fclose(f);
	return found ? 0 : -ENODATA;
}

/* Only the superuser reads the attribute trusted.delegate. */
static int
is_delegated(int fd)
{
	static const char *const names[] = {
		"user.delegate", "trusted.delegate"};
	char value[2];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fgetxattr(fd, names[i], value, sizeof(value)) == 1 &&
			value[0] == '1')
			return 1;
	return 0;
}

/* --- the root ------------------------------------------------------------- */

/*
 * Another spawner may remove the folder between its making and flock(2), as a
 * stale one: then the name's inode differs, and another folder is made.
 */
static int
root_lock(struct cgroups *c)
{
	struct stat a, b;

	c->root = folder_open(c->parent, c->name);
	if (c->root < 0)
		return errno == ENOENT ? -EBUSY : -errno;
	if (flock(c->root, LOCK_EX | LOCK_NB) == 0 && fstat(c->root, &a) == 0 &&
		fstatat(c->parent, c->name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
		a.st_ino == b.st_ino)
		return 0;
	close(c->root);
	c->root = -1;
	return -EBUSY;
}

static int
root_check(struct cgroups *c)
{
	int err;

	if (faccessat(c->root, "cgroup.kill", W_OK, 0) == 0)
		return 0;
	err = errno == ENOENT ? -ENOSYS : -errno;
	(void)c->kernel->remove(c->parent, c->name);
	close(c->root);
	c->root = -1;
	return err;
}

static int
root_make(struct cgroups *c)
{
	int err = -EBUSY;

	for (int i = 0; i < TRIES && err == -EBUSY; i++) {
		(void)snprintf(c->name, sizeof(c->name), ROOT "%d-%u",
			(int)getpid(), ++c->roots);
		if (c->kernel->make(c->parent, c->name) == 0)
			err = root_lock(c);
		else if (errno != EEXIST)
			err = -errno;
	}
	return err < 0 ? err : root_check(c);
}

int
cgroups_open(
	struct cgroups *c, const struct cgroup_kernel *kernel, const char *path)
{
	int err;

	*c = (struct cgroups){.root = -1, .stale = 1};
	c->parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->parent < 0)
		return -ENODATA;
	c->kernel = kernel;
	err = is_delegated(c->parent) ? root_make(c) : -ENODATA;
	if (err == 0)
		return 0;
	close(c->parent);
	*c = (struct cgroups){.kernel = NULL};
	return err;
}

/* --- the groups of children ----------------------------------------------- */

static int
group_make(struct cgroups *c, unsigned long number)
{
	char name[FILE_NAME];

	file_name(number, "", name);
	if (c->root < 0)
		return -ENOENT;
	return c->kernel->make(c->root, name) == 0 ? 0 : -errno;
}

/* Undoes what a job may have done to the root: it is the same user. */
static int
root_restore(struct cgroups *c, int err)
{
	if (err != -ENOENT)
		return fchmod(c->root, 0755) == 0 ? 0 : err;
	if (c->root >= 0)
		close(c->root);
	c->root = -1;
	return root_make(c);
}

int
cgroups_make(struct cgroups *c, unsigned long *number, int *procs)
{
	char name[FILE_NAME];
	int err;

	*number = 0;
	*procs = -1;
	if (c->kernel == NULL)
		return 0;
	err = group_make(c, ++c->made);
	if (err == -ENOENT || err == -EACCES) {
		err = root_restore(c, err);
		if (err == 0)
			err = group_make(c, c->made);
	}
	if (err < 0)
		return err;
	file_name(c->made, "/cgroup.procs", name);
	*procs = openat(c->root, name, O_WRONLY | O_CLOEXEC);
	if (*procs < 0) {
		err = -errno;
		(void)cgroups_end(c, c->made);
		return err;
	}
	*number = c->made;
	return 0;
}

/* What cannot be read counts as alive, until its caller's time is over. */
static int
is_populated(const struct cgroups *c, unsigned long number)
{
	char name[FILE_NAME], text[EVENTS_ROOM];
	ssize_t n;
	int fd;

	file_name(number, "/cgroup.events", name);
	fd = openat(c->root, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return 1;
	text[n] = '\0';
	return strstr(text, "populated 0") == NULL;
}

/* Undoes what a job may have done to the modes of its group and the root. */
static void
group_restore(const struct cgroups *c, unsigned long number)
{
	static const char *const files[] = {
		"", "/cgroup.kill", "/cgroup.events"};
	char name[FILE_NAME];

	(void)fchmod(c->root, 0755);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		file_name(number, files[i], name);
		(void)!fchmodat(c->root, name, 0755, 0);
	}
}

/* 1: gone. */
static int
group_end(struct cgroups *c, unsigned long number)
{
	char name[FILE_NAME], file[FILE_NAME];

	file_name(number, "", name);
	if (c->kernel->remove(c->root, name) == 0 || errno == ENOENT)
		return 1;
	group_restore(c, number);
	file_name(number, "/cgroup.kill", file);
	kill_write(c->root, file);
	return tree_remove(c, c->root, name);
}

int
cgroups_end(struct cgroups *c, unsigned long number)
{
	if (c->kernel == NULL || number == 0 || group_end(c, number))
		return 1;
	if (is_populated(c, number))
		return 0;
	cgroups_later(c, number);
	return 1;
}

/* Without room the group stays until the root is removed. */
void
cgroups_later(struct cgroups *c, unsigned long number)
{
	if (c->later_n < CGROUP_LATER)
		c->later[(c->first + c->later_n++) % CGROUP_LATER] = number;
}

/* --- later ---------------------------------------------------------------- */

/* A root of this user whose lock is free.  1: it is not gone yet. */
static int
stale_end(struct cgroups *c, const char *name)
{
	struct stat st;
	int fd = folder_open(c->parent, name), left = 0;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		flock(fd, LOCK_EX | LOCK_NB) == 0) {
		kill_write(fd, "cgroup.kill");
		left = !tree_remove(c, c->parent, name);
	}
	close(fd);
	return left;
}

/* 1: there are some left. */
static int
stale_roots_end(struct cgroups *c)
{
	const struct dirent *e;
	int left = 0, fd = folder_open(c->parent, ".");
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, ROOT, strlen(ROOT)) == 0)
			left |= stale_end(c, e->d_name);
	if (d != NULL)
		closedir(d);
	return left;
}

static void
later_look(struct cgroups *c)
{
	unsigned long number = c->later[c->first];

	c->first = (c->first + 1) % CGROUP_LATER;
	c->later_n--;
	if (!group_end(c, number))
		cgroups_later(c, number);
}

int
cgroups_turn(struct cgroups *c, int64_t now_ms)
{
	unsigned looks = c->later_n < CGROUP_LOOKS ? c->later_n : CGROUP_LOOKS;

	if (c->kernel == NULL || (c->later_n == 0 && !c->stale))
		return -1;
	if (now_ms < c->again_ms)
		return (int)(c->again_ms - now_ms);
	while (looks-- > 0)
		later_look(c);
	if (c->stale)
		c->stale = stale_roots_end(c);
	c->again_ms = now_ms + CGROUP_AGAIN_MS;
	return c->later_n > 0 || c->stale ? CGROUP_AGAIN_MS : -1;
}

/* --- the end -------------------------------------------------------------- */

void
cgroups_kill(struct cgroups *c)
{
	if (c->kernel != NULL && c->root >= 0)
		kill_write(c->root, "cgroup.kill");
}

void
cgroups_close(struct cgroups *c, int64_t most_ms)
{
	int64_t end_ms = clock_now_ms(CLOCK_MONOTONIC) + most_ms;

	if (c->kernel == NULL)
		return;
	cgroups_kill(c);
	while (!tree_remove(c, c->parent, c->name) &&
		clock_now_ms(CLOCK_MONOTONIC) < end_ms)
		(void)poll(NULL, 0, 1);
	if (c->root >= 0)
		close(c->root);
	close(c->parent);
	*c = (struct cgroups){.kernel = NULL};
}
