/* SPDX-License-Identifier: MIT */
#include "link/dial.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "link/endpoint.h"

#define WATCH "inproc://watch" /* a name within the context */

static int
option_set(void *sock, int option, int value)
{
	return zmq_setsockopt(sock, option, &value, sizeof(value)) == 0
		       ? 0
		       : -zmq_errno();
}

static int
zmq_failed(int err)
{
	return err == EPROTONOSUPPORT || err == ENOCOMPATPROTO ? -EINVAL : -err;
}

static int
watch_open(struct dial *d)
{
	int err;

	if (zmq_socket_monitor(d->sock, WATCH,
		    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) !=
		0)
		return -zmq_errno();
	d->mon = zmq_socket(d->ctx, ZMQ_PAIR);
	if (d->mon == NULL)
		return -zmq_errno();
	/* A full monitor would block libzmq's thread: no high-water mark. */
	err = option_set(d->mon, ZMQ_RCVHWM, 0);
	if (err == 0)
		err = option_set(d->mon, ZMQ_LINGER, 0);
	if (err == 0 && zmq_connect(d->mon, WATCH) != 0)
		err = -zmq_errno();
	return err;
}

static int
socket_open(struct dial *d, const char *endpoint)
{
	int err;

	d->sock = zmq_socket(d->ctx, ZMQ_DEALER);
	if (d->sock == NULL)
		return -zmq_errno();
	err = sw_socket_set(d->sock);
	if (err == 0)
		err = option_set(d->sock, ZMQ_IMMEDIATE, 1);
	if (err == 0)
		err = watch_open(d);
	if (err == 0 && zmq_connect(d->sock, endpoint) != 0)
		err = zmq_failed(zmq_errno());
	return err;
}

int
dial_open(struct dial *d, const char *endpoint)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->poll_fd = d->timer_fd = -1;
	d->pid = getpid();
	d->ctx = zmq_ctx_new();
	if (d->ctx == NULL)
		return -zmq_errno();
	zmq_msg_init(&d->in[0]);
	zmq_msg_init(&d->in[1]);
	err = socket_open(d, endpoint);
	if (err < 0)
		dial_close(d);
	return err;
}

static void
fds_close(struct dial *d)
{
	if (d->timer_fd >= 0)
		(void)close(d->timer_fd);
	if (d->poll_fd >= 0)
		(void)close(d->poll_fd);
	d->timer_fd = d->poll_fd = -1;
}

/* A forked child lacks the context's threads, so that zmq_ctx_term() would
 * never return. */
void
dial_close(struct dial *d)
{
	if (d->ctx == NULL)
		return;
	zmq_msg_close(&d->in[0]);
	zmq_msg_close(&d->in[1]);
	fds_close(d);
	if (!dial_foreign(d)) {
		if (d->sock != NULL)
			(void)zmq_socket_monitor(d->sock, NULL, 0);
		if (d->mon != NULL)
			(void)zmq_close(d->mon);
		if (d->sock != NULL)
			(void)zmq_close(d->sock);
		while (zmq_ctx_term(d->ctx) != 0 && zmq_errno() == EINTR)
			;
	}
	d->ctx = NULL;
}

int
dial_foreign(const struct dial *d)
{
	return d->pid != getpid();
}

/* Drops the other frames of a message. */
static void
rest_drop(void *sock, zmq_msg_t *msg)
{
	while (zmq_msg_more(msg))
		if (zmq_msg_recv(msg, sock, ZMQ_DONTWAIT) < 0)
			return;
}

int
dial_watch(struct dial *d)
{
	int news = 0;
	zmq_msg_t msg;

	zmq_msg_init(&msg);
	while (zmq_msg_recv(&msg, d->mon, ZMQ_DONTWAIT) >= 2) {
		uint16_t event;

		memcpy(&event, zmq_msg_data(&msg), sizeof(event));
		d->up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
		d->epoch += (unsigned)d->up;
		news = 1;
		rest_drop(d->mon, &msg);
	}
	zmq_msg_close(&msg);
	return news;
}

int
dial_send(struct dial *d, struct bytes frame)
{
	return zmq_send(d->sock, frame.p, frame.len, ZMQ_DONTWAIT) >= 0
		       ? 0
		       : -EAGAIN;
}

int
dial_recv(struct dial *d, struct bytes *frame)
{
	zmq_msg_t *msg = &d->in[d->cur];

	while (zmq_msg_recv(msg, d->sock, ZMQ_DONTWAIT) >= 0) {
		if (!zmq_msg_more(msg)) {
			*frame = bytes_of(zmq_msg_data(msg), zmq_msg_size(msg));
			return 0;
		}
		rest_drop(d->sock, msg);
	}
	return -EAGAIN;
}

void
dial_keep(struct dial *d)
{
	d->cur ^= 1;
}

int
dial_wait(struct dial *d, int64_t wait_ms, int out)
{
	zmq_pollitem_t items[] = {
		{.socket = d->sock, .events = ZMQ_POLLIN},
		{.socket = d->mon, .events = ZMQ_POLLIN},
	};

	if (out)
		items[0].events |= ZMQ_POLLOUT;
	if (wait_ms > INT32_MAX)
		wait_ms = INT32_MAX;
	if (zmq_poll(items, 2, wait_ms < 0 ? -1 : (long)wait_ms) < 0)
		return -EINTR;
	return 0;
}

static int
poll_add(int poll_fd, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

static int
poll_add_socket(int poll_fd, void *sock)
{
	int fd;
	size_t len = sizeof(fd);

	if (zmq_getsockopt(sock, ZMQ_FD, &fd, &len) != 0)
		return -zmq_errno();
	return poll_add(poll_fd, fd);
}

/*
 * ZMQ_FD is edge-triggered, and any call on the socket may consume the edge.
 * So dial_settle() makes the timer expire at once if a message is waiting that
 * ZMQ_FD no longer signals (zmq_getsockopt(3)).
 */
int
dial_fd(struct dial *d)
{
	int err = 0;

	if (d->poll_fd >= 0)
		return d->poll_fd;
	d->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->timer_fd = timerfd_create(
		CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (d->poll_fd < 0 || d->timer_fd < 0)
		err = -errno;
	if (err == 0)
		err = poll_add(d->poll_fd, d->timer_fd);
	if (err == 0)
		err = poll_add_socket(d->poll_fd, d->sock);
	if (err == 0)
		err = poll_add_socket(d->poll_fd, d->mon);
	if (err < 0) {
		fds_close(d);
		return err;
	}
	d->armed_ms = INT64_MAX;
	dial_arm(d, 0);
	return d->poll_fd;
}

void
dial_arm(struct dial *d, int64_t at_ms)
{
	struct itimerspec spec = {0};

	if (d->timer_fd < 0 || at_ms == d->armed_ms)
		return;
	d->armed_ms = at_ms;
	if (at_ms != INT64_MAX) {
		spec.it_value.tv_sec = at_ms / 1000;
		spec.it_value.tv_nsec = at_ms % 1000 * 1000000 + 1;
	}
	(void)timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void
dial_settle(struct dial *d, int64_t at_ms, int out)
{
	int events = 0, wanted = out ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
	size_t len = sizeof(events);

	if (d->timer_fd < 0)
		return;
	(void)zmq_getsockopt(d->sock, ZMQ_EVENTS, &events, &len);
	dial_arm(d, events & wanted ? 0 : at_ms);
}
