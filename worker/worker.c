/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "link/endpoint.h"
#include "wire/id.h"

enum {
	BYE_MS = 2000,
	STOPPED_MS = 1000, /* for idle kept processes, before bye */
	TICK_MS = 100,	   /* the precision of deadlines and grace */
	TERM_MS = 5000,	   /* of the grace are left when jobs are told */
	FILES_OWN = 64,	   /* descriptors beside those of jobs */
	MESSAGES = 64,	   /* of the broker, in one turn */
};

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
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void signals_ready(void *arg);

/* What has come is taken once in a turn, whatever woke the loop. */
static void
link_ready(void *arg)
{
	(void)arg;
}

static int
loop_open(struct worker *w)
{
	w->signals_watch = (struct watch){signals_ready, w};
	w->link_watch = (struct watch){link_ready, w};
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->signals = signals_open();
	if (w->epoll < 0 || w->signals < 0)
		return -errno;
	return watch_add(w->epoll, w->signals, &w->signals_watch);
}

static int
link_open(struct worker *w)
{
	int err, fd;
	size_t len = sizeof(fd);

	w->ctx = zmq_ctx_new();
	w->socket = w->ctx != NULL ? zmq_socket(w->ctx, ZMQ_DEALER) : NULL;
	if (w->socket == NULL)
		return -zmq_errno();
	err = sw_socket_set(w->socket);
	if (err == 0 && zmq_connect(w->socket, w->o.endpoint) != 0)
		err = -zmq_errno();
	if (err == 0 && zmq_getsockopt(w->socket, ZMQ_FD, &fd, &len) != 0)
		err = -zmq_errno();
	return err == 0 ? watch_add(w->epoll, fd, &w->link_watch) : err;
}

/*
 * A running job needs two descriptors.  Jobs have a limit of their own, so
 * that programs which use select(2) do not see this one.
 */
static void
files_raise(int slots)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur < 2 * (rlim_t)slots + FILES_OWN)
		sw_log(SW_LOG_WARN, "few-files", "limit",
			sw_num((long long)r.rlim_cur), "slots", sw_num(slots),
			NULL);
}

/* Ends a turn and begins the next: the length of a stall between the two. */
static int64_t
turn_wait(struct worker *w, struct watches *ready, int64_t wait)
{
	int64_t boot_ms, gap;

	steady_sleep(&w->clock, clock_now_ms(CLOCK_BOOTTIME), wait);
	watches_wait(ready, w->epoll, (int)wait);
	boot_ms = clock_now_ms(CLOCK_BOOTTIME);
	gap = steady_wake(&w->clock, boot_ms);
	w->now_ms = steady_ms(&w->clock, boot_ms);
	return gap;
}

static void
watchdog_feed(struct worker *w)
{
	if (w->watchdog_ms > 0 && w->now_ms - w->fed_ms >= w->watchdog_ms) {
		w->fed_ms = w->now_ms;
		sd_notify(0, "WATCHDOG=1");
	}
}

/* Waits until a process of each kept queue is ready: 0; or an error, logged. */
static int
kept_wait(struct worker *w, enum exit_status *status)
{
	struct watches ready;
	int got;

	while ((got = running_checked(&w->running)) == 0 && w->drain_ms == 0) {
		(void)turn_wait(w, &ready, TICK_MS);
		watches_call(&ready);
		running_tick(&w->running);
		watchdog_feed(w);
	}
	if (got == -EINVAL)
		*status = EXIT_CONFIG;
	return got < 0 ? got : 0;
}

int
worker_open(struct worker *w, const struct worker_options *o,
	enum exit_status *status)
{
	const struct sw_id id = sw_id_make(clock_now_ms(CLOCK_REALTIME));
	uint64_t watchdog_us = 0;
	int err;

	*w = (struct worker){.o = *o, .signals = -1, .epoll = -1};
	w->now_ms = clock_now_ms(CLOCK_BOOTTIME);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		w->watchdog_ms = (int64_t)watchdog_us / 2000;
	files_raise(o->run.slots);
	*status = EXIT_AGAIN;
	err = leases_init(&w->leases, o->run.routes, o->run.routes_n,
		o->run.slots, o->name, message_send, w);
	leases_identify(&w->leases, &id);
	if (err == 0)
		err = loop_open(w);
	if (err == 0) {
		err = running_open(&w->running, &o->run, &w->leases, w->epoll,
			&w->now_ms, status);
		if (err == 0)
			err = kept_wait(w, status);
		if (err < 0)
			return err; /* it has logged why */
		err = link_open(w);
	}
	if (err == -EINVAL)
		*status = EXIT_USE;
	if (err < 0)
		sw_log(SW_LOG_ERR, "open", "broker", o->endpoint, "text",
			sw_strerror(err), NULL);
	return err;
}

void
worker_close(struct worker *w)
{
	running_close(&w->running);
	if (w->socket != NULL)
		zmq_close(w->socket);
	if (w->ctx != NULL)
		zmq_ctx_term(w->ctx);
	if (w->signals >= 0)
		close(w->signals);
	if (w->epoll >= 0)
		close(w->epoll);
	leases_fini(&w->leases);
	*w = (struct worker){.signals = -1, .epoll = -1};
}

/* --- draining ------------------------------------------------------------ */

static void
stop_requested(struct worker *w)
{
	if (w->drain_ms != 0) {
		sw_log(SW_LOG_INFO, "hand-back", NULL, NULL);
		running_hand_back(&w->running);
		return;
	}
	sw_log(SW_LOG_INFO, "drain", "running", sw_num(w->leases.running),
		NULL);
	sd_notify(0, "STOPPING=1");
	w->drain_ms = w->now_ms;
	running_stop(&w->running);
}

/*
 * Running jobs get SIGTERM before the grace ends, or at once if their queue
 * says so; they go back at its end.
 */
static void
drain_tick(struct worker *w)
{
	int64_t end_ms = w->drain_ms + w->o.grace_ms;

	if (w->drain_ms == 0)
		return;
	if (w->now_ms >= end_ms)
		running_hand_back(&w->running);
	else
		running_drain(
			&w->running, end_ms, w->now_ms >= end_ms - TERM_MS);
}

/* A renewal waits for the broker to confirm all reports. */
static int
may_renew(const struct worker *w)
{
	return w->renewing && w->leases.used == 0 && w->running.helper.pid == 0;
}

/* Whether all reports and bye are confirmed, or bye has timed out. */
static int
worker_drained(struct worker *w)
{
	if (w->leases.running > 0 || !(w->drain_ms != 0 || may_renew(w)))
		return 0;
	if (w->bye_ms == 0)
		w->bye_ms = w->now_ms;
	if (w->now_ms - w->bye_ms >= BYE_MS)
		return 1;
	if (w->leases.used > 0 || (!running_stopped(&w->running) &&
					  w->now_ms - w->bye_ms < STOPPED_MS))
		return 0;
	return leases_bye(&w->leases);
}

/* --- the loop ------------------------------------------------------------ */

static void
signals_ready(void *arg)
{
	struct worker *w = arg;
	struct signalfd_siginfo si;

	while (read(w->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo == SIGCHLD)
			w->reap = 1;
		else if (si.ssi_signo == SIGHUP)
			w->o.hooks.reload(w->o.hooks.arg, w);
		else
			stop_requested(w);
}

/* Returns 1 if there may be more. */
static int
messages_take(struct worker *w)
{
	int n = 0;
	zmq_msg_t m;

	zmq_msg_init(&m);
	while (n < MESSAGES && zmq_msg_recv(&m, w->socket, ZMQ_DONTWAIT) >= 0) {
		n++;
		if (!zmq_msg_more(&m))
			leases_receive(&w->leases,
				bytes_of(zmq_msg_data(&m), zmq_msg_size(&m)),
				w->now_ms);
	}
	zmq_msg_close(&m);
	return n == MESSAGES;
}

/*
 * ZMQ_FD tells of changes alone, and any call on the socket may take notice of
 * one: so the socket itself is asked before each wait.
 */
static int
link_has_messages(struct worker *w)
{
	int events = 0;
	size_t len = sizeof(events);

	(void)zmq_getsockopt(w->socket, ZMQ_EVENTS, &events, &len);
	return (events & ZMQ_POLLIN) != 0;
}

static int64_t
wait_ms(struct worker *w)
{
	int64_t wait = leases_wait_ms(&w->leases, w->now_ms);

	if (w->more || link_has_messages(w))
		return 0;
	if ((w->leases.running > 0 || w->drain_ms != 0 || w->renewing ||
		    w->running.lost) &&
		wait > TICK_MS)
		wait = TICK_MS;
	return wait;
}

/* Time that was lost is held against no job: leases.h asks the broker first. */
static void
stall_note(struct worker *w, int64_t gap_ms)
{
	if (gap_ms == 0)
		return;
	sw_log(SW_LOG_WARN, "stall", "ms", sw_num(gap_ms), NULL);
	leases_stalled(&w->leases, w->now_ms);
}

static void
wait_for_work(struct worker *w)
{
	struct watches ready;

	stall_note(w, turn_wait(w, &ready, wait_ms(w)));
	watches_call(&ready);
}

static void
tick(struct worker *w)
{
	if (w->reap)
		running_reap(&w->running);
	w->reap = 0;
	if (w->running.helper.ended)
		w->o.hooks.helped(w->o.hooks.arg, w);
	if (w->now_ms - w->tick_ms < TICK_MS)
		return;
	w->tick_ms = w->now_ms;
	drain_tick(w);
	running_tick(&w->running);
}

/* --- the broker is away --------------------------------------------------- */

static int
broker_reached(const struct worker *w)
{
	return w->leases.received_ms != 0 &&
	       w->now_ms - w->leases.received_ms <= LEASE_SILENT_MS;
}

/*
 * The worker is ready once its own start is over: without a broker a job of the
 * service manager that waits for it would hang.
 */
static void
systemd_tell(struct worker *w, int reached)
{
	if (w->told == reached + 1)
		return;
	(void)sd_notifyf(0, "%sSTATUS=%s the broker at %s",
		w->told == 0 ? "READY=1\n" : "",
		reached ? "Serving" : "Waiting for", w->o.endpoint);
	w->told = reached + 1;
}

static void
broker_watch(struct worker *w)
{
	int reached = broker_reached(w);

	systemd_tell(w, reached);
	if (away_due(&w->away, reached, w->now_ms))
		sw_log(SW_LOG_WARN, "no-broker", "at", w->o.endpoint, "text",
			sw_endpoint_away(w->o.endpoint), "ms",
			sw_num(w->now_ms - w->away.since_ms), NULL);
}

int
worker_run(struct worker *w)
{
	while (!worker_drained(w)) {
		leases_send(&w->leases, w->now_ms);
		wait_for_work(w);
		w->more = messages_take(w);
		tick(w);
		w->more |= running_start(&w->running);
		broker_watch(w);
		watchdog_feed(w);
	}
	return w->drain_ms == 0;
}

void
worker_change(struct worker *w, const struct worker_options *o)
{
	struct child_limits *limits = &w->running.o.limits;

	w->o.grace_ms = o->grace_ms;
	limits->memory = o->run.limits.memory;
	limits->log_output = o->run.limits.log_output;
}

void
worker_renew(struct worker *w)
{
	if (w->renewing || w->drain_ms != 0)
		return;
	w->renewing = 1;
	running_stop(&w->running);
}
