/* SPDX-License-Identifier: MIT */
/*
 * beanstalk.c - beanstalkd's driver: its text protocol, pipelined
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

enum { ROOM = 1 << 20 };

/* One connection; what is to be sent, and what has come, unread from `at`. */
struct pipe {
	int fd;
	size_t out_len, in_len, at;
	char out[ROOM], in[ROOM];
};

struct link {
	struct pipe producer, worker;
	uint64_t put, reserved; /* asked for, ever */
	uint64_t wanted;
	struct bench_count *count;
};

static int
ready(const struct server *s)
{
	int fd = server_dial(s);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
start(struct server *s)
{
	char name[256], at[sizeof(s->socket) + 8], dir[sizeof(s->dir)];
	char l_opt[] = "-l", b_opt[] = "-b", f_opt[] = "-f0";
	char *argv[] = {name, l_opt, at, b_opt, dir, f_opt, NULL};

	(void)snprintf(name, sizeof(name), "%s", s->program);
	(void)snprintf(at, sizeof(at), "unix:%s", s->socket);
	(void)snprintf(dir, sizeof(dir), "%s", s->dir);
	return server_start(s, argv, ready);
}

static int
pipe_add(struct pipe *p, const char *bytes, size_t n)
{
	if (ROOM - p->out_len < n)
		return bench_fail(-ENOBUFS, "beanstalkd: too much to send");
	memcpy(p->out + p->out_len, bytes, n);
	p->out_len += n;
	return 0;
}

static int
pipe_write(struct pipe *p)
{
	ssize_t n = send(
		p->fd, p->out, p->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	p->out_len -= (size_t)n;
	memmove(p->out, p->out + n, p->out_len);
	return 0;
}

static int
pipe_read(struct pipe *p)
{
	ssize_t n;

	memmove(p->in, p->in + p->at, p->in_len - p->at);
	p->in_len -= p->at;
	p->at = 0;
	n = recv(p->fd, p->in + p->in_len, ROOM - p->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	p->in_len += (size_t)n;
	return 0;
}

static void
pipe_poll(const struct pipe *p, struct pollfd *f)
{
	f->fd = p->fd;
	f->events = p->out_len > 0 ? POLLIN | POLLOUT : POLLIN;
	f->revents = 0;
}

static int
pipe_serve(struct pipe *p, const struct pollfd *f)
{
	int err = f->revents & POLLOUT ? pipe_write(p) : 0;

	if (err == 0 && f->revents & (POLLIN | POLLHUP | POLLERR))
		err = pipe_read(p);
	return err < 0 ? bench_fail(err, "beanstalkd: %s", strerror(-err)) : 0;
}

static int
ack(struct link *l, unsigned long long id)
{
	char line[48];
	int n = snprintf(line, sizeof(line), "delete %llu\r\n", id);

	return pipe_add(&l->worker, line, (size_t)n);
}

static int
reply(struct link *l, const char *line, size_t *body)
{
	unsigned long long id;

	*body = 0;
	if (strncmp(line, "INSERTED ", 9) == 0)
		l->count->put++;
	else if (strcmp(line, "DELETED") == 0)
		l->count->acked++;
	else if (sscanf(line, "RESERVED %llu %zu", &id, body) == 2) {
		*body += 2;
		l->count->leased++;
		return ack(l, id);
	} else if (strncmp(line, "USING ", 6) != 0 &&
		   strncmp(line, "WATCHING ", 9) != 0)
		return bench_fail(-EPROTO, "beanstalkd says: %s", line);
	return 0;
}

/* Takes whole replies only: a line, and the body if it announces one. */
static int
pipe_take(struct link *l, struct pipe *p)
{
	while (p->at < p->in_len) {
		char *line = p->in + p->at;
		char *end = memchr(line, '\n', p->in_len - p->at);
		size_t line_len, body;
		unsigned long long id;
		int err;

		if (end == NULL || end == line)
			break;
		line_len = (size_t)(end - line) + 1;
		end[-1] = '\0';
		if (sscanf(line, "RESERVED %llu %zu", &id, &body) == 2 &&
			p->in_len - p->at < line_len + body + 2) {
			end[-1] = '\r';
			break;
		}
		err = reply(l, line, &body);
		if (err < 0)
			return err;
		p->at += line_len + body;
	}
	return 0;
}

static void
close_link(void *link)
{
	struct link *l = link;

	if (l == NULL)
		return;
	if (l->producer.fd >= 0)
		close(l->producer.fd);
	if (l->worker.fd >= 0)
		close(l->worker.fd);
	free(l);
}

static int
open_link(const struct server *s, const char *queue, void **link)
{
	struct link *l = calloc(1, sizeof(*l));
	char line[128];
	int n, err;

	if (l == NULL)
		return -ENOMEM;
	l->producer.fd = server_dial(s);
	l->worker.fd = server_dial(s);
	err = l->producer.fd < 0 ? l->producer.fd : l->worker.fd;
	if (err >= 0) {
		n = snprintf(line, sizeof(line), "use %s\r\n", queue);
		err = pipe_add(&l->producer, line, (size_t)n);
	}
	if (err >= 0) {
		n = snprintf(line, sizeof(line),
			"watch %s\r\nignore default\r\n", queue);
		err = pipe_add(&l->worker, line, (size_t)n);
	}
	if (err < 0)
		close_link(l);
	else
		*link = l;
	return err < 0 ? err : 0;
}

static int
put(void *link, size_t n, size_t chunk)
{
	struct link *l = link;
	char head[64];
	int len = snprintf(head, sizeof(head), "put 4 0 60 %d\r\n", BENCH_BODY);
	int err = 0;

	(void)chunk;
	for (l->put += n; err == 0 && n > 0; n--) {
		err = pipe_add(&l->producer, head, (size_t)len);
		if (err == 0)
			err = pipe_add(&l->producer, bench_body(), BENCH_BODY);
		if (err == 0)
			err = pipe_add(&l->producer, "\r\n", 2);
	}
	return err;
}

/*
 * No more reserves than puts: one that waits holds up the deletes behind it.
 */
static int
reserve(struct link *l)
{
	uint64_t most = l->wanted < l->put ? l->wanted : l->put;
	int err = 0;

	for (; err == 0 && l->reserved < most; l->reserved++)
		err = pipe_add(&l->worker, "reserve\r\n", 9);
	return err;
}

static int
want(void *link, uint64_t total)
{
	struct link *l = link;

	l->wanted = total;
	return reserve(l);
}

static int
turn(void *link, int wait_ms, struct bench_count *c)
{
	struct link *l = link;
	struct pollfd f[2];
	int err;

	l->count = c;
	err = pipe_write(&l->producer);
	if (err == 0)
		err = pipe_write(&l->worker);
	if (err < 0)
		return bench_fail(err, "beanstalkd: %s", strerror(-err));
	pipe_poll(&l->producer, &f[0]);
	pipe_poll(&l->worker, &f[1]);
	if (poll(f, 2, wait_ms) < 0)
		return -errno;
	err = pipe_serve(&l->producer, &f[0]);
	if (err == 0)
		err = pipe_serve(&l->worker, &f[1]);
	if (err == 0)
		err = pipe_take(l, &l->producer);
	if (err == 0)
		err = pipe_take(l, &l->worker);
	return err;
}

const struct bench_driver bench_beanstalk = {
	.name = "beanstalkd",
	.label = "beanstalkd -f0",
	.start = start,
	.open = open_link,
	.close = close_link,
	.put = put,
	.want = want,
	.turn = turn,
};
