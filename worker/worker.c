/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "link/endpoint.h"

enum { BYE_MS = 2000, TICK_MS = 100 };

/* --- opening ------------------------------------------------------------ */

static void
message_send(void *arg, struct bytes message)
{
	struct worker *w = arg;

	/* leases_send() sends an unanswered message again. */
	(void)zmq_send(w->socket, message.p, message.len, ZMQ_DONTWAIT);
}

static int
signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
link_open(struct worker *w)
{
	int err;

	w->ctx = zmq_ctx_new();
	w->socket = w->ctx != NULL ? zmq_socket(w->ctx, ZMQ_DEALER) : NULL;
	if (w->socket == NULL)
		return -zmq_errno();
	err = sw_socket_set(w->socket);
	if (err == 0 && zmq_connect(w->socket, w->o.endpoint) != 0)
		err = -zmq_errno();
	return err;
}

int
worker_open(struct worker *w, const struct worker_options *o)
{
	size_t slots = (size_t)o->slots;
	uint64_t watchdog_us = 0;
	int err;

	*w = (struct worker){.o = *o, .signals = -1};
	w->children = calloc(slots, sizeof(*w->children));
	w->polls = calloc(2 + 2 * slots, sizeof(*w->polls));
	err = w->children == NULL || w->polls == NULL ? -ENOMEM : 0;
	if (err == 0)
		err = leases_init(&w->leases, o->routes, o->routes_n, o->slots,
			o->name, message_send, w);
	for (size_t i = 0; err == 0 && i < slots; i++)
		w->children[i].out = w->children[i].report = -1;
	if (err == 0)
		err = dirs_open();
	if (err == 0)
		w->signals = signals_open();
	if (err == 0 && w->signals < 0)
		err = -errno;
	if (err == 0)
		err = link_open(w);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		w->watchdog_ms = (int64_t)watchdog_us / 2000;
	if (err < 0)
		sw_log(SW_LOG_ERR, "open", "broker", o->endpoint, "text",
			sw_strerror(err), NULL);
	return err;
}

void
worker_close(struct worker *w)
{
	for (int i = 0; w->children != NULL && i < w->o.slots; i++)
		child_fini(&w->children[i]);
	if (w->socket != NULL)
		zmq_close(w->socket);
	if (w->ctx != NULL)
		zmq_ctx_term(w->ctx);
	if (w->signals >= 0)
		close(w->signals);
	dirs_close();
	leases_fini(&w->leases);
	free(w->children);
	free(w->polls);
	*w = (struct worker){.signals = -1};
}

/* --- jobs and children --------------------------------------------------- */

/* Logs the alarm of a failed job; a job that succeeds ends its type's alarm. */
static void
alarm_report(struct worker *w, struct child *c)
{
	const struct job_type *type = c->route->type;
	int well = c->job->report.outcome == SW_ACK;

	if (type == NULL || (!well && c->alarm[0] == '\0'))
		return;
	if (well)
		c->alarm[0] = '\0';
	if (alarms_note(&w->alarms, type, c->alarm))
		sw_log(well ? SW_LOG_INFO : SW_LOG_ERR,
			well ? "alarm-over" : "alarm", "job", type->name,
			"text", c->alarm, NULL);
	c->alarm[0] = '\0';
}

static void
job_ended(struct worker *w, struct child *c)
{
	struct worker_lease *j = c->job;
	char id[SW_ID_TEXT];

	alarm_report(w, c);
	c->job = NULL;
	if (j->report.outcome != SW_ACK && j->stop == LEASE_KEEP) {
		sw_id_format(&j->id, id);
		sw_log(SW_LOG_INFO, "attempt", "job", id, "queue",
			j->route->queue, "outcome",
			sw_outcome_name(j->report.outcome), "cause",
			sw_cause_name(j->report.cause), NULL);
	}
	leases_end(&w->leases, j, w->now_ms);
}

static void
children_reap(struct worker *w)
{
	struct rusage ru;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0)
		for (int i = 0; i < w->o.slots; i++) {
			struct child *c = &w->children[i];

			if (c->pid != pid)
				continue;
			/* The last packet may have the job's outcome. */
			if (c->job != NULL && child_read(c))
				job_ended(w, c);
			if (c->job != NULL) {
				child_reaped(c, status, &ru, &w->o.limits);
				job_ended(w, c);
			}
			child_fini(c);
		}
}

/* An idle process of that job type, else a free slot, else any idle process. */
static struct child *
child_find(struct worker *w, const struct worker_route *route)
{
	struct child *empty = NULL, *idle = NULL;

	for (int i = 0; i < w->o.slots; i++) {
		struct child *c = &w->children[i];

		if (c->pid == 0)
			empty = c;
		else if (c->job == NULL && c->report >= 0 &&
			 c->route->type == route->type && route->type != NULL &&
			 c->jobs < CHILD_JOBS_MAX)
			return c;
		else if (c->job == NULL)
			idle = c;
	}
	if (empty != NULL || idle == NULL)
		return empty;
	(void)kill(idle->pid, SIGKILL);
	(void)waitpid(idle->pid, NULL, 0);
	child_fini(idle);
	return idle;
}

static int
job_start(struct worker *w, struct worker_lease *j)
{
	struct child *c = child_find(w, j->route);
	int err;

	if (c == NULL)
		return -EAGAIN;
	if (j->route->type == NULL)
		return child_exec(c, j, &w->o.limits, w->now_ms);
	if (c->pid == 0) {
		err = child_pool(c, j->route, &w->o.limits);
		if (err < 0)
			return err;
	}
	c->route = j->route;
	return child_give(c, j, w->now_ms);
}

static void
jobs_start(struct worker *w)
{
	struct worker_lease *j;

	while ((j = leases_begin(&w->leases, w->now_ms)) != NULL) {
		int err = job_start(w, j);

		if (err == 0) {
			leases_begun(&w->leases, j);
			continue;
		}
		sw_log(SW_LOG_ERR, "start", "queue", j->route->queue, "text",
			sw_strerror(err), NULL);
		/* The worker's own fault: handed back, no attempt counted. */
		j->report = (struct attempt_report){
			.outcome = SW_RELEASE, .cause = SW_C_DRAIN};
		leases_end(&w->leases, j, w->now_ms);
		/* Or the broker would lease the same job again at once. */
		leases_pause(&w->leases, w->now_ms);
	}
}

static void
children_read(struct worker *w)
{
	for (int i = 0; i < w->o.slots; i++) {
		struct child *c = &w->children[i];

		if (c->pid == 0)
			continue;
		if (child_read(c) && c->job != NULL)
			job_ended(w, c);
		child_watch(c, w->now_ms);
	}
}

/* --- draining ------------------------------------------------------------ */

static void
running_hand_back(struct worker *w)
{
	for (int i = 0; i < w->o.slots; i++)
		if (w->children[i].job != NULL &&
			w->children[i].job->stop == LEASE_KEEP)
			w->children[i].job->stop = LEASE_RELEASE;
}

static void
stop_requested(struct worker *w)
{
	if (w->drain_ms != 0) {
		sw_log(SW_LOG_INFO, "hand-back", NULL, NULL);
		running_hand_back(w);
		return;
	}
	sw_log(SW_LOG_INFO, "drain", "running", sw_num(w->leases.running),
		NULL);
	sd_notify(0, "STOPPING=1");
	w->drain_ms = w->now_ms;
	leases_drain(&w->leases);
}

/* Whether all reports and bye are confirmed, or bye has timed out. */
static int
worker_drained(struct worker *w)
{
	if (w->drain_ms == 0)
		return 0;
	if (w->now_ms - w->drain_ms >= w->o.grace_ms)
		running_hand_back(w);
	if (w->leases.running > 0)
		return 0;
	if (w->bye_ms == 0)
		w->bye_ms = w->now_ms;
	if (w->now_ms - w->bye_ms >= BYE_MS)
		return 1;
	return w->leases.used == 0 && leases_bye(&w->leases);
}

/* --- the loop ------------------------------------------------------------ */

static void
signals_take(struct worker *w)
{
	struct signalfd_siginfo si;

	while (read(w->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			stop_requested(w);
}

static void
messages_take(struct worker *w)
{
	zmq_msg_t m;

	zmq_msg_init(&m);
	while (zmq_msg_recv(&m, w->socket, ZMQ_DONTWAIT) >= 0)
		if (!zmq_msg_more(&m))
			leases_receive(&w->leases,
				bytes_of(zmq_msg_data(&m), zmq_msg_size(&m)),
				w->now_ms);
	zmq_msg_close(&m);
}

static void
wait_for_work(struct worker *w)
{
	int64_t wait = leases_wait_ms(&w->leases, w->now_ms);
	int n = 0;

	if ((w->leases.running > 0 || w->drain_ms != 0) && wait > TICK_MS)
		wait = TICK_MS; /* the precision of deadlines and grace */
	w->polls[n++] = (zmq_pollitem_t){w->socket, 0, ZMQ_POLLIN, 0};
	w->polls[n++] = (zmq_pollitem_t){NULL, w->signals, ZMQ_POLLIN, 0};
	for (int i = 0; i < w->o.slots; i++) {
		struct child *c = &w->children[i];

		if (c->out >= 0)
			w->polls[n++] = (zmq_pollitem_t){
				NULL, c->out, ZMQ_POLLIN, 0};
		if (c->report >= 0)
			w->polls[n++] = (zmq_pollitem_t){
				NULL, c->report, ZMQ_POLLIN, 0};
	}
	zmq_poll(w->polls, n, (long)wait);
}

static void
systemd_notify(struct worker *w)
{
	if (!w->ready && w->leases.joined) {
		w->ready = 1;
		sd_notify(0, "READY=1");
	}
	if (w->watchdog_ms > 0 && w->now_ms - w->fed_ms >= w->watchdog_ms) {
		w->fed_ms = w->now_ms;
		sd_notify(0, "WATCHDOG=1");
	}
}

int
worker_run(struct worker *w)
{
	w->now_ms = clock_now_ms(CLOCK_BOOTTIME);
	while (!worker_drained(w)) {
		leases_send(&w->leases, w->now_ms);
		wait_for_work(w);
		w->now_ms = clock_now_ms(CLOCK_BOOTTIME);
		signals_take(w);
		messages_take(w);
		children_read(w);
		children_reap(w);
		jobs_start(w);
		systemd_notify(w);
	}
	return 0;
}
