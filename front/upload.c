/* SPDX-License-Identifier: MIT */
#include "front/upload.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>

#include "base/log.h"

enum {
	HIGH = 512 * 1024, /* buffered bytes at which reading stops */
	LOW = 128 * 1024,  /* and at which it goes on */
	GRACE_S = 30,	   /* from SIGTERM to SIGKILL */
	STEP = 256 * 1024, /* bytes that a client must send in request_s */
};

struct upload {
	TAILQ_ENTRY(upload) link;
	UT_hash_handle hh;
	struct uploads *all;
	struct evhttp_connection *conn; /* the key; NULL: not in by_conn */
	struct bufferevent *client, *store;
	struct caller *caller;
	struct event *ended, *timeout;
	pid_t pid; /* 0: none */
	int pidfd;
	int full, whole, failed;
	int orphan;  /* freed by its owner: waits for its process to end */
	size_t step; /* bytes since the last full STEP */
	char ref[UPLOAD_REF];
	upload_done_fn *done;
	void *arg;
};

/* evhttp's callbacks for bodies have no argument to find the upload by. */
static struct upload *by_conn;

static void upload_check(struct upload *);

/* --- the process -------------------------------------------------------- */

/* The program in the folder of this one, else the one in PATH. */
static void
program_find(char *path, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", path, cap);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	size_t dir = slash != NULL ? (size_t)(slash + 1 - path) : 0;

	if (dir > 0)
		(void)snprintf(path + dir, cap - dir, "spillway");
	if (dir == 0 || access(path, X_OK) != 0)
		(void)snprintf(path, cap, "spillway");
}

/* In a process group of its own: ^C at the terminal ends no upload. */
static int
process_spawn(pid_t *pid, const char *uri, int sock)
{
	char program[4096], blob[] = "blob", put[] = "put", from[] = "-",
			    blobs[] = "--blobs", *where = strdup(uri);
	char *argv[] = {program, blob, put, from, blobs, where, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t set;
	int err;

	program_find(program, sizeof(program));
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, sock, 0);
	posix_spawn_file_actions_adddup2(&fa, sock, 1);
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	err = where == NULL
		      ? ENOMEM
		      : posix_spawnp(pid, program, &fa, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	free(where);
	return -err;
}

/* The process has ended: reads the blob's reference from its output. */
static void
ref_take(struct upload *u)
{
	ssize_t n = recv(bufferevent_getfd(u->store), u->ref,
		sizeof(u->ref) - 1, MSG_DONTWAIT);

	u->ref[n > 0 ? n : 0] = '\0';
	u->ref[strcspn(u->ref, "\n")] = '\0';
	if (strncmp(u->ref, "sha256:", 7) != 0)
		u->failed = 1;
}

static void
process_ended(evutil_socket_t fd, short what, void *arg)
{
	struct upload *u = arg;
	siginfo_t si = {0};

	(void)what;
	(void)waitid(P_PIDFD, (id_t)fd, &si, WEXITED);
	u->pid = 0;
	u->all->n--;
	/* An orphan may have stored its blob: no request refers to it. */
	if (u->whole && !u->orphan && si.si_code == CLD_EXITED &&
		si.si_status == 0)
		ref_take(u);
	else
		u->failed = 1;
	upload_check(u);
}

static void
upload_expired(evutil_socket_t fd, short what, void *arg)
{
	struct upload *u = arg;

	(void)fd;
	(void)what;
	if (u->orphan) {
		(void)pidfd_send_signal(u->pidfd, SIGKILL, NULL, 0);
		return;
	}
	sw_log(SW_LOG_WARN, "upload", "text", "the body took too long to store",
		NULL);
	u->failed = 1;
	upload_check(u);
}

/* --- bytes -------------------------------------------------------------- */

/* Stops or resumes reading, and with it the client's time limit. */
static void
client_hold(struct upload *u, int hold)
{
	u->full = hold;
	if (hold) {
		caller_hold(u->caller);
		bufferevent_disable(u->client, EV_READ);
	} else {
		caller_release(u->caller);
		bufferevent_enable(u->client, EV_READ);
	}
}

/* The output buffer is below LOW, or empty. */
static void
store_wants(struct bufferevent *store, void *arg)
{
	struct upload *u = arg;

	if (u->full && !u->whole)
		client_hold(u, 0);
	if (u->whole && evbuffer_get_length(bufferevent_get_output(store)) == 0)
		(void)shutdown(bufferevent_getfd(store), SHUT_WR);
}

/* The process has closed its socket early; process_ended() follows. */
static void
store_failed(struct bufferevent *store, short what, void *arg)
{
	struct upload *u = arg;

	(void)store;
	(void)what;
	u->failed = 1;
	if (u->full && !u->whole)
		client_hold(u, 0);
	upload_check(u);
}

static void
body_came(struct evhttp_request *req, void *http)
{
	struct upload *u = upload_of(req);
	struct evbuffer *in = evhttp_request_get_input_buffer(req), *to;

	(void)http;
	if (u == NULL)
		return;
	u->step += evbuffer_get_length(in);
	if (u->step >= STEP) {
		u->step = 0;
		caller_release(u->caller);
	}
	if (u->failed) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	to = bufferevent_get_output(u->store);
	evbuffer_add_buffer(to, in);
	if (evbuffer_get_length(to) > HIGH)
		client_hold(u, 1);
}

/* --- beginning and end -------------------------------------------------- */

void
uploads_init(
	struct uploads *all, struct event_base *base, struct callers *callers)
{
	*all = (struct uploads){.base = base, .callers = callers};
	TAILQ_INIT(&all->list);
}

static void
conn_forget(struct upload *u)
{
	if (u->conn == NULL)
		return;
	evhttp_connection_set_closecb(u->conn, NULL, NULL);
	HASH_DEL(by_conn, u); /* NOLINT: not empty, for u is in it */
	u->conn = NULL;
}

static void
upload_destroy(struct upload *u)
{
	TAILQ_REMOVE(&u->all->list, u, link);
	if (u->store != NULL)
		bufferevent_free(u->store);
	if (u->ended != NULL)
		event_free(u->ended);
	if (u->timeout != NULL)
		event_free(u->timeout);
	if (u->pidfd >= 0)
		close(u->pidfd);
	free(u);
}

/* SIGTERM before the socket closes: end of file would complete the blob. */
void
upload_free(struct upload *u)
{
	static const struct timeval grace = {GRACE_S, 0};

	if (u == NULL)
		return;
	conn_forget(u);
	u->done = NULL;
	u->orphan = 1;
	if (u->pid == 0) {
		upload_destroy(u);
		return;
	}
	(void)pidfd_send_signal(u->pidfd, SIGTERM, NULL, 0);
	event_add(u->timeout, &grace);
	bufferevent_free(u->store);
	u->store = NULL;
}

static void
client_gone(struct evhttp_connection *conn, void *arg)
{
	(void)conn;
	upload_free(arg);
}

static int
process_watch(struct upload *u, int sock)
{
	struct event_base *base = u->all->base;

	u->pidfd = pidfd_open(u->pid, 0);
	u->store = bufferevent_socket_new(base, sock, BEV_OPT_CLOSE_ON_FREE);
	u->ended = event_new(base, u->pidfd, EV_READ, process_ended, u);
	u->timeout = event_new(base, -1, 0, upload_expired, u);
	if (u->pidfd < 0 || u->store == NULL || u->ended == NULL ||
		u->timeout == NULL || event_add(u->ended, NULL) != 0)
		return -ENOMEM;
	bufferevent_setcb(u->store, NULL, store_wants, store_failed, u);
	bufferevent_setwatermark(u->store, EV_WRITE, LOW, 0);
	return 0;
}

static int
process_start(struct upload *u, const char *uri)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	(void)evutil_make_socket_nonblocking(pair[0]);
	err = process_spawn(&u->pid, uri, pair[1]);
	close(pair[1]);
	if (err == 0)
		err = process_watch(u, pair[0]);
	if (u->store == NULL)
		close(pair[0]);
	if (err < 0 && u->pid > 0) {
		kill(u->pid, SIGKILL);
		waitpid(u->pid, NULL, 0);
		u->pid = 0;
	}
	return err;
}

int
upload_begin(struct uploads *all, struct evhttp_request *req, const char *uri,
	size_t most)
{
	struct upload *u = calloc(1, sizeof(*u));
	int err = all->n < most ? 0 : -EAGAIN;

	if (u == NULL)
		return -ENOMEM;
	u->all = all;
	u->pidfd = -1;
	u->conn = evhttp_request_get_connection(req);
	u->client = evhttp_connection_get_bufferevent(u->conn);
	u->caller = caller_of(all->callers, u->client);
	TAILQ_INSERT_TAIL(&all->list, u, link);
	HASH_ADD_PTR(by_conn, conn, u);
	evhttp_connection_set_closecb(u->conn, client_gone, u);
	evhttp_request_set_chunked_cb(req, body_came);
	if (err == 0)
		err = process_start(u, uri);
	u->failed = err < 0;
	all->n += !u->failed;
	if (err < 0)
		sw_log(SW_LOG_WARN, "upload", "text",
			err == -EAGAIN ? "too many at once" : strerror(-err),
			NULL);
	return 0;
}

struct upload *
upload_of(const struct evhttp_request *req)
{
	struct evhttp_connection *conn = req->evcon;
	struct upload *u;

	HASH_FIND_PTR(by_conn, &conn, u);
	return u;
}

static void
upload_check(struct upload *u)
{
	upload_done_fn *done = u->done;

	if (u->orphan) {
		if (u->pid == 0)
			upload_destroy(u);
		return;
	}
	if (done == NULL || (u->pid != 0 && !u->failed))
		return;
	u->done = NULL;
	done(u->arg, u->failed ? NULL : u->ref);
}

void
upload_end(struct upload *u, int64_t limit_s, upload_done_fn *done, void *arg)
{
	const struct timeval limit = {limit_s, 0};

	conn_forget(u);
	u->whole = 1;
	u->done = done;
	u->arg = arg;
	if (u->store != NULL)
		store_wants(u->store, u);
	if (u->timeout != NULL)
		event_add(u->timeout, &limit);
	upload_check(u);
}

void
uploads_fini(struct uploads *all)
{
	struct upload *u, *next;

	for (u = TAILQ_FIRST(&all->list); u != NULL; u = next) {
		next = TAILQ_NEXT(u, link);
		conn_forget(u);
		if (u->pid > 0) {
			kill(u->pid, SIGKILL);
			(void)waitpid(u->pid, NULL, 0);
		}
		upload_destroy(u);
	}
}
