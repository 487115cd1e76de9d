/* SPDX-License-Identifier: MIT */
#include "mailbox.h"

#include <errno.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static size_t
rounded(size_t n)
{
	return (n + PAGE - 1) / PAGE * PAGE;
}

size_t
mailbox_len(const struct mail_sizes *s)
{
	return PAGE + rounded(s->request) + rounded(MAIL_HEADERS_MAX) +
	       rounded(MAIL_LOG_MAX) + rounded(MAIL_JOBS_MAX) +
	       rounded(s->answer);
}

int
mailbox_map(struct mailbox *m, int fd, const struct mail_sizes *s)
{
	size_t len = mailbox_len(s);
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*m = (struct mailbox){.sizes = *s, .len = len, .base = p};
	m->request = (struct mail_request *)(void *)p;
	m->answer = (struct mail_answer *)(void *)(p + 64);
	m->texts = p + PAGE;
	m->headers = m->texts + rounded(s->request);
	m->log = m->headers + rounded(MAIL_HEADERS_MAX);
	m->jobs = m->log + rounded(MAIL_LOG_MAX);
	m->body = m->jobs + rounded(MAIL_JOBS_MAX);
	return 0;
}

void
mailbox_unmap(struct mailbox *m)
{
	if (m->base != NULL)
		munmap(m->base, m->len);
	m->base = NULL;
}

int
mailbox_answer(const struct mailbox *m, uint32_t number, struct mail_answer *a)
{
	struct mail_answer copy = *(volatile struct mail_answer *)m->answer;

	if (copy.number != number || copy.status < 100 || copy.status > 599 ||
		copy.headers_len > MAIL_HEADERS_MAX ||
		copy.body_len > m->sizes.answer ||
		copy.jobs_len > MAIL_JOBS_MAX || copy.log_len > MAIL_LOG_MAX)
		return -EPROTO;
	*a = copy;
	return 0;
}
