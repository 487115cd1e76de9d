/* SPDX-License-Identifier: MIT */
#include "worker/process/watch.h"

#include <errno.h>

int
watch_add(int epoll, int fd, struct watch *w)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = w};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

void
watch_writing(int epoll, int fd, struct watch *w, int writing)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = w};

	if (writing)
		e.events |= EPOLLOUT;
	(void)epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e);
}

void
watches_wait(struct watches *s, int epoll, int wait_ms)
{
	s->n = epoll_wait(epoll, s->ready, WATCHES_READY, wait_ms);
}

void
watches_call(struct watches *s)
{
	for (int i = 0; i < s->n; i++) {
		struct watch *w = s->ready[i].data.ptr;

		w->ready(w->arg);
	}
}
