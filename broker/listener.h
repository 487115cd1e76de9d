/* SPDX-License-Identifier: MIT */
/*
 * listener.h - where the broker listens, and the lock beside its socket
 *
 * libzmq replaces whatever file has the name of an ipc:// socket.  So a broker
 * first takes the lock of the file PATH.lock, and looks at what is at PATH: a
 * file that is no socket stays, and so does a socket at which somebody
 * listens.  Later it asks from time to time whether PATH is still its own.
 */
#ifndef BROKER_LISTENER_H
#define BROKER_LISTENER_H

#include <linux/limits.h>
#include <sys/types.h>

enum {
	LISTENER_PATH = 108, /* of a socket, as in sockaddr_un */
	LISTENER_WHY = 256,
};

struct listener_options {
	const char *endpoint;
	mode_t mode; /* of an ipc:// socket */
	gid_t group; /* of it; (gid_t)-1: that of the process or folder */
};

struct listener {
	char endpoint[PATH_MAX];  /* once bound: ZMQ_LAST_ENDPOINT */
	char path[LISTENER_PATH]; /* of the socket; empty: it is no file */
	mode_t mode;
	gid_t group;
	int lock; /* descriptor; -1: none */
	int bound;
	dev_t dev; /* the socket, once bound */
	ino_t ino;
	char why[LISTENER_WHY]; /* a description of the last error */
};

/*
 * Whether the endpoint is a file, which has a mode and a group.  To a port of
 * tcp:// or a name of ipc://@ any user of the machine may connect.
 */
int listener_is_file(const char *endpoint);

/*
 * Takes the endpoint for this process, before anything is bound; makes the
 * folder of the socket, if it is missing, for those who may use the socket.
 * -EBUSY: another process listens there, and `why` names it; -EEXIST: there is
 * a file that is no socket; or another -errno.  listener_fini() must follow
 * also after an error.
 */
int listener_init(struct listener *, const struct listener_options *)
	__attribute__((warn_unused_result));
void listener_fini(struct listener *);

/* Whether listener_init() could not make what it needs, or meets a file that is
 * no socket: its errors, with `why`.  Takes no lock, and makes nothing. */
int listener_place_check(const struct listener_options *,
	char why[LISTENER_WHY]) __attribute__((warn_unused_result));

/*
 * Binds a zmq socket, again if the last one was closed, and gives an ipc://
 * socket its group and mode.  -EADDRINUSE; -ENOTCONN, see below; or another
 * -errno.
 */
int listener_bind(struct listener *, void *socket)
	__attribute__((warn_unused_result));

/* -ENOTCONN: the socket or its lock was removed or replaced, so that no new
 * client finds this process.  Makes stat calls only. */
int listener_check(struct listener *) __attribute__((warn_unused_result));

/*
 * Whether a group or others that may use the socket cannot enter its folder,
 * which this process has not made: `why` says so.
 */
int listener_is_closed_off(struct listener *);

#endif
