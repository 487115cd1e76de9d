/* SPDX-License-Identifier: MIT */
/*
 * keepers_rig.h - the kept processes of a queue, whose spawner, processes and
 * broker the test plays; it moves the clock, too
 */
#ifndef TESTS_WORKER_KEEPERS_RIG_H
#define TESTS_WORKER_KEEPERS_RIG_H

#include "tests/unit/worker/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/kept/keepers.h"

enum { SLOTS = 6, PROCESSES = 64, LARGE = 120 * 1024 };

struct process {
	uint32_t number;
	int sock, out;
	struct spawn_limits limits;
	char id[SW_ID_TEXT]; /* of its last job */
};

struct rig {
	struct talk *t;
	struct spawn spawn;
	int spawner; /* the spawner's end */
	int epoll;
	struct child_limits limits;
	struct keepers_host host;
	struct keepers ks;
	struct log_limit alarms;
	struct process p[PROCESSES]; /* in the order of their starts */
	int started, faults, ended;
	int signals[PROCESSES]; /* the last one of each */
};

static void
on_ended(void *arg, struct worker_lease *j)
{
	struct rig *r = arg;

	r->ended++;
	leases_end(&r->t->h, j, r->t->now);
}

static void
on_fault(void *arg, const char *step, int error)
{
	struct rig *r = arg;

	assert_string_equal(step, "fork");
	assert_int_equal(error, -EAGAIN);
	r->faults++;
}

static void
spawn_fake(struct rig *r)
{
	int sock[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	r->spawn.socket = sock[0];
	r->spawn.open = 1;
	r->spawner = sock[1];
	r->spawn.owners = calloc(SPAWN_CHILDREN, sizeof(*r->spawn.owners));
	assert_non_null(r->spawn.owners);
	for (uint32_t i = 0; i < SPAWN_CHILDREN; i++)
		r->spawn.owners[i].next_free = i + 1;
}

static struct rig *
rig_open(int slots)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->t = talk_open(slots);
	spawn_fake(r);
	r->epoll = epoll_create1(0);
	r->alarms = (struct log_limit){
		.most = KEEPERS_ALARMS, .every_ms = KEEPERS_ALARMS_MS};
	r->host = (struct keepers_host){.spawn = &r->spawn,
		.leases = &r->t->h,
		.epoll = r->epoll,
		.slots = slots,
		.null = open("/dev/null", O_RDONLY | O_CLOEXEC),
		.limits = &r->limits,
		.now_ms = &r->t->now,
		.ended = on_ended,
		.fault = on_fault,
		.alarms = &r->alarms,
		.arg = r};
	assert_int_equal(keepers_open(&r->ks, &talk_routes[0], &r->host), 0);
	return r;
}

static void
rig_close(struct rig *r)
{
	keepers_close(&r->ks);
	for (int i = 0; i < r->started; i++) {
		if (r->p[i].sock >= 0)
			close(r->p[i].sock);
		close(r->p[i].out);
	}
	close(r->host.null);
	close(r->epoll);
	close(r->spawn.socket);
	close(r->spawner);
	free(r->spawn.owners);
	talk_close(r->t);
	free(r);
}

/* --- the spawner --------------------------------------------------------- */

static struct process *
process_of(struct rig *r, uint32_t number)
{
	for (int i = r->started - 1; i >= 0; i--)
		if (r->p[i].number == number)
			return &r->p[i];
	fail_msg("no process has number %u", number);
	return NULL;
}

static void
start_take(struct rig *r, const struct spawn_start *s, struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int files[SPAWN_FILES];

	assert_non_null(c);
	memcpy(files, CMSG_DATA(c), sizeof(files));
	assert_true(r->started < PROCESSES);
	close(files[0]);
	r->p[r->started++] = (struct process){.number = s->head.number,
		.out = files[1],
		.sock = files[2],
		.limits = s->limits};
}

/* Takes what the worker has asked of its spawner. */
static void
spawner_read(struct rig *r)
{
	static struct spawn_start s;
	char room[CMSG_SPACE(sizeof(int) * SPAWN_FILES)];
	struct iovec part = {&s, sizeof(s)};

	for (;;) {
		struct msghdr m = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = room,
			.msg_controllen = sizeof(room)};
		const struct spawn_signal *sig = (const void *)&s;

		if (recvmsg(r->spawner, &m, MSG_DONTWAIT) <= 0)
			return;
		if (s.head.op == SPAWN_START)
			start_take(r, &s, &m);
		else
			r->signals[process_of(r, s.head.number) - r->p] =
				sig->signal;
	}
}

static void turn(struct rig *r);

static void
spawner_say(struct rig *r, struct process *p, struct spawn_event e)
{
	e.number = p->number;
	if (e.kind == SPAWN_ENDED) {
		close(p->sock);
		p->sock = -1;
	}
	assert_int_equal(send(r->spawner, &e, sizeof(e), 0), sizeof(e));
	turn(r);
}

static void
process_ends(struct rig *r, struct process *p, int status)
{
	spawner_say(r, p,
		(struct spawn_event){.kind = SPAWN_ENDED, .status = status});
}

/* --- the worker's loop --------------------------------------------------- */

static void
turn(struct rig *r)
{
	struct watches ready;

	do {
		watches_wait(&ready, r->epoll, 0);
		watches_call(&ready);
	} while (ready.n > 0);
	assert_true(spawn_events(&r->spawn, 100) >= 0);
	keepers_turn(&r->ks);
	spawner_read(r);
}

static void
pass(struct rig *r, int64_t ms)
{
	r->t->now += ms;
	keepers_tick(&r->ks);
	turn(r);
}

/* So many jobs come and are taken; the last of them. */
static struct worker_lease *
jobs_come(struct rig *r, int n)
{
	static uint64_t token;
	struct worker_lease *j = NULL;

	talk_give(r->t, "mail", token + 1, token + (uint64_t)n);
	token += (uint64_t)n;
	while (n-- > 0) {
		j = talk_begin(r->t);
		keepers_run(&r->ks, j);
	}
	turn(r);
	return j;
}

/* --- a process ----------------------------------------------------------- */

static void
say(struct rig *r, struct process *p, const char *text)
{
	ssize_t n = (ssize_t)strlen(text);

	assert_int_equal(write(p->sock, text, (size_t)n), n);
	turn(r);
}

static void
ready(struct rig *r, int from, int to)
{
	for (int i = from; i < to; i++)
		say(r, &r->p[i], "0 ready 1\n");
}

/* Reads what there is; "": nothing; NULL: the end. */
static const char *
heard(struct process *p)
{
	static char text[LARGE * 2];
	ssize_t n = recv(p->sock, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n == 0)
		return NULL;
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Reads the job that must be there, and says a word for it. */
static void
job_answer(struct rig *r, struct process *p, const char *fmt)
{
	char line[128];
	const char *text = heard(p), *at;

	assert_non_null(text);
	at = strstr(text, " job ");
	assert_non_null(at);
	memcpy(p->id, at + 5, SW_ID_TEXT - 1);
	for (; *fmt != '\0'; fmt = strchr(fmt, '\n') + 1) {
		(void)snprintf(line, sizeof(line), "0 %.*s %s\n",
			(int)(strchr(fmt, '\n') - fmt), fmt, p->id);
		say(r, p, line);
	}
}

static void
job_done(struct rig *r, struct process *p)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "0 done %s\n", p->id);
	say(r, p, line);
}

#endif
