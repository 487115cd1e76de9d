/* SPDX-License-Identifier: MIT */
#include "front/isolate/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* Sealed: an isolate that could shrink the file would crash the front. */
int
mailbox_file(const struct mail_sizes *s)
{
	int fd = (int)syscall(
		SYS_memfd_create, "mailbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)mailbox_len(s)) == 0 &&
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
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
	m->answered = (_Atomic uint32_t *)(void *)(p + 128);
	m->polling = (_Atomic uint32_t *)(void *)(p + 192);
	m->asked = (_Atomic uint32_t *)(void *)(p + 256);
	m->sleeping = (_Atomic uint32_t *)(void *)(p + 320);
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

/*
 * No wake-up is lost: each side writes its own word before it reads that of
 * the other, both sequentially consistent, so at least one side sees the
 * other's write.
 */
int
mailbox_post(const struct mailbox *m, uint32_t number)
{
	atomic_store(m->answered, number);
	return atomic_load(m->polling) == 0;
}

int
mailbox_has(const struct mailbox *m, uint32_t number)
{
	return atomic_load(m->asked) == number;
}

void
mailbox_sleeping_set(const struct mailbox *m, int sleeping)
{
	atomic_store(m->sleeping, (uint32_t)sleeping);
}

int
mailbox_ask(const struct mailbox *m, uint32_t number)
{
	atomic_store(m->asked, number);
	return atomic_load(m->sleeping) != 0;
}

uint32_t
mailbox_posted(const struct mailbox *m)
{
	return atomic_load(m->answered);
}

void
mailbox_polling_set(const struct mailbox *m, int polling)
{
	atomic_store(m->polling, (uint32_t)polling);
}

int
mailbox_answer(const struct mailbox *m, uint32_t number, struct mail_answer *a)
{
	struct mail_answer copy = *(volatile struct mail_answer *)m->answer;

	if (copy.number != number || copy.status < 200 || copy.status > 599 ||
		copy.headers_len > MAIL_HEADERS_MAX ||
		copy.body_len > m->sizes.answer ||
		copy.jobs_len > MAIL_JOBS_MAX || copy.log_len > MAIL_LOG_MAX)
		return -EPROTO;
	*a = copy;
	return 0;
}
