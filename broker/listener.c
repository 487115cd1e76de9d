/* SPDX-License-Identifier: MIT */
#include "broker/listener.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/lock.h"
#include "base/options.h"
#include "link/endpoint.h"

#define IPC	 "ipc://"
#define NO_GROUP ((gid_t)-1)

static int
fail(struct listener *l, int err, const char *what, const char *text)
{
	(void)snprintf(l->why, sizeof(l->why), "%.150s: %s", what, text);
	return err;
}

static int
fail_errno(struct listener *l, const char *what)
{
	return fail(l, -errno, what, strerror(errno));
}

/* --- the folder ----------------------------------------------------------- */

/* 0: the socket is in the folder of the process, or in the root folder. */
static int
folder_of(const struct listener *l, char folder[LISTENER_PATH])
{
	char *slash;

	(void)snprintf(folder, LISTENER_PATH, "%s", l->path);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return 0;
	*slash = '\0';
	return 1;
}

/* Of a folder, for those who may use the socket. */
static mode_t
folder_mode(const struct listener *l)
{
	mode_t mode = S_IRWXU;

	if (l->mode & S_IRWXG)
		mode |= S_IRGRP | S_IXGRP;
	if (l->mode & S_IRWXO)
		mode |= S_IROTH | S_IXOTH;
	return mode;
}

static int
group_fail(struct listener *l, const char *path)
{
	char text[80];

	(void)snprintf(text, sizeof(text),
		"may not be given to the group %ju: %s", (uintmax_t)l->group,
		strerror(errno));
	return fail(l, -errno, path, text);
}

static int
access_set(struct listener *l, const char *path, mode_t mode)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return fail_errno(l, path);
	if (l->group != NO_GROUP && st.st_gid != l->group &&
		chown(path, (uid_t)-1, l->group) != 0)
		return group_fail(l, path);
	return chmod(path, mode) == 0 ? 0 : fail_errno(l, path);
}

static int
folder_make(struct listener *l)
{
	char folder[LISTENER_PATH];

	if (!folder_of(l, folder))
		return 0;
	if (mkdir(folder, S_IRWXU) == 0)
		return access_set(l, folder, folder_mode(l));
	return errno == EEXIST ? 0 : fail_errno(l, folder);
}

static int
may_enter(const struct listener *l, const struct stat *folder, gid_t group)
{
	if (folder->st_mode & S_IXOTH)
		return 1;
	if (l->mode & S_IRWXO)
		return 0;
	return !(l->mode & S_IRWXG) ||
	       ((folder->st_mode & S_IXGRP) && folder->st_gid == group);
}

int
listener_is_closed_off(struct listener *l)
{
	char folder[LISTENER_PATH];
	struct stat st, socket;

	if (l->path[0] == '\0' || !folder_of(l, folder) ||
		stat(folder, &st) != 0 || stat(l->path, &socket) != 0 ||
		may_enter(l, &st, socket.st_gid))
		return 0;
	(void)fail(
		l, 0, folder, "users of the socket may not enter the folder");
	return 1;
}

/* --- what is there -------------------------------------------------------- */

static int
in_use(struct listener *l, pid_t pid)
{
	char text[64];

	if (pid > 0)
		(void)snprintf(text, sizeof(text), "process %d listens there",
			(int)pid);
	else
		(void)snprintf(
			text, sizeof(text), "another process listens there");
	return fail(
		l, -EBUSY, l->path[0] != '\0' ? l->path : l->endpoint, text);
}

/* Only a socket that refuses connections is nobody's. */
static int
socket_look(struct listener *l)
{
	pid_t pid;
	int err = sw_endpoint_probe(l->endpoint, &pid);

	if (err == -ECONNREFUSED || err == -ENOENT)
		return 0;
	return err == 0 || err == -EPROTOTYPE
		       ? in_use(l, pid)
		       : fail(l, err, l->path, strerror(-err));
}

static int
path_look(struct listener *l)
{
	struct stat st;

	if (lstat(l->path, &st) != 0)
		return errno == ENOENT ? 0 : fail_errno(l, l->path);
	if (!S_ISSOCK(st.st_mode))
		return fail(l, -EEXIST, l->path,
			"the file is no socket and is not replaced");
	return l->lock >= 0 ? socket_look(l) : 0;
}

static int
lock_open(struct listener *l)
{
	char path[LISTENER_PATH + sizeof(".lock")];
	pid_t holder = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s.lock", l->path);
	fd = lock_file_open(path, &holder);
	if (fd == -EBUSY)
		return in_use(l, holder);
	if (fd < 0)
		return fail(l, fd, path, strerror(-fd));
	l->lock = fd;
	return 0;
}

/* --- the life of a listener ----------------------------------------------- */

/* A name that is no file, and goes with its process. */
static int
is_abstract(const char *endpoint)
{
	return strncmp(endpoint, IPC "@", strlen(IPC "@")) == 0;
}

/* "*" is a name that libzmq chooses. */
int
listener_is_file(const char *endpoint)
{
	return strncmp(endpoint, IPC, strlen(IPC)) == 0 &&
	       !is_abstract(endpoint) &&
	       strcmp(endpoint + strlen(IPC), "*") != 0;
}

static void
options_set(struct listener *l, const struct listener_options *o)
{
	*l = (struct listener){.mode = o->mode, .group = o->group, .lock = -1};
	(void)snprintf(l->endpoint, sizeof(l->endpoint), "%s", o->endpoint);
	if (listener_is_file(l->endpoint))
		(void)snprintf(l->path, sizeof(l->path), "%s",
			l->endpoint + strlen(IPC));
}

int
listener_place_check(const struct listener_options *o, char why[LISTENER_WHY])
{
	struct listener l;
	char folder[LISTENER_PATH];
	int err;

	options_set(&l, o);
	if (l.path[0] == '\0')
		return 0;
	if (!folder_of(&l, folder))
		strcpy(folder, l.path[0] == '/' ? "/" : ".");
	err = options_folder_check(folder);
	err = err < 0 ? fail(&l, err, folder, strerror(-err)) : path_look(&l);
	strcpy(why, l.why);
	return err;
}

int
listener_init(struct listener *l, const struct listener_options *o)
{
	int err;

	options_set(l, o);
	if (l->path[0] == '\0')
		return is_abstract(l->endpoint) ? socket_look(l) : 0;
	err = folder_make(l);
	if (err == 0)
		err = path_look(l);
	if (err == 0)
		err = lock_open(l);
	return err == 0 ? path_look(l) : err;
}

void
listener_fini(struct listener *l)
{
	if (l->lock >= 0)
		close(l->lock);
	*l = (struct listener){.lock = -1};
}

static int
socket_note(struct listener *l)
{
	struct stat st;
	int err = access_set(l, l->path, l->mode);

	if (err < 0)
		return err;
	if (stat(l->path, &st) != 0)
		return fail_errno(l, l->path);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

int
listener_bind(struct listener *l, void *socket)
{
	size_t cap = sizeof(l->endpoint);
	int err = l->bound ? listener_check(l) : 0;

	if (err < 0)
		return err;
	if (zmq_bind(socket, l->endpoint) != 0 ||
		zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, l->endpoint, &cap) !=
			0)
		return fail(l, -zmq_errno(), l->endpoint,
			zmq_strerror(zmq_errno()));
	l->bound = 1;
	return l->path[0] != '\0' ? socket_note(l) : 0;
}

static int
lost(struct listener *l, const char *path)
{
	return fail(l, -ENOTCONN, path, "the file was removed or replaced");
}

int
listener_check(struct listener *l)
{
	char lock[LISTENER_PATH + sizeof(".lock")];
	struct stat st;

	if (l->path[0] == '\0')
		return 0;
	if (stat(l->path, &st) != 0
			? errno == ENOENT || errno == ENOTDIR
			: st.st_dev != l->dev || st.st_ino != l->ino)
		return lost(l, l->path);
	(void)snprintf(lock, sizeof(lock), "%s.lock", l->path);
	return lock_is_named(l->lock, lock) < 0 ? lost(l, lock) : 0;
}
