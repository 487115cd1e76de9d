/* SPDX-License-Identifier: MIT */
#include "broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/plant.h"
#include "link/accept.h"
#include "link/endpoint.h"

enum {
	SHARD = 0,
	FULL_MS = 3000,	 /* see core_reload(); a client sends again after one
			    second,  then two, and is told by name */
	CHECK_MS = 1000, /* between two looks at socket and files */
	STALL_LOG_MS = 1000, /* shorter stalls are not logged */
};

static int
error_log(int err, const char *event, const char *what)
{
	sw_log(SW_LOG_ERR, event, "at", what, "error", sw_errname(err), "text",
		sw_strerror(err), NULL);
	return err;
}

/* --- opening ------------------------------------------------------------ */

static int
socket_open(struct broker *br)
{
	static const int yes = 1, sndhwm = 1000;
	int err;

	br->ctx = zmq_ctx_new();
	br->socket = br->ctx != NULL ? zmq_socket(br->ctx, ZMQ_ROUTER) : NULL;
	if (br->socket == NULL)
		return -zmq_errno();
	err = sw_socket_set(br->socket);
	if (err == 0 && (zmq_setsockopt(br->socket, ZMQ_ROUTER_MANDATORY, &yes,
				 sizeof(yes)) != 0 ||
				zmq_setsockopt(br->socket, ZMQ_SNDHWM, &sndhwm,
					sizeof(sndhwm)) != 0))
		err = -zmq_errno();
	return err == 0 ? listener_bind(&br->listener, br->socket) : err;
}

static void
socket_close(struct broker *br)
{
	if (br->socket != NULL)
		zmq_close(br->socket);
	if (br->ctx != NULL)
		zmq_ctx_term(br->ctx);
	br->socket = br->ctx = NULL;
}

static int
listen_failed(struct broker *br, int err)
{
	br->status = err == -EBUSY	? EXIT_AGAIN
		     : err == -ENOTCONN ? EXIT_DEAF
					: EXIT_UNAVAILABLE;
	sw_log(SW_LOG_ERR, err == -ENOTCONN ? "deaf" : "listen", "at",
		br->listener.endpoint, "error", sw_errname(err), "text",
		sw_strerror(err), "why", br->listener.why, NULL);
	return err;
}

/* Before the store, which a broker that may not listen leaves alone. */
static int
listen_claim(struct broker *br, const struct broker_config *cfg)
{
	const struct listener_options o = {.endpoint = cfg->listen,
		.mode = cfg->socket_mode,
		.group = cfg->socket_group};
	int err = listener_init(&br->listener, &o);

	return err < 0 ? listen_failed(br, err) : 0;
}

static int
listen_open(struct broker *br)
{
	int err = socket_open(br);

	if (err < 0)
		return listen_failed(br, err);
	if (listener_is_closed_off(&br->listener))
		sw_log(SW_LOG_WARN, "closed-off", "at", br->listener.endpoint,
			"why", br->listener.why, NULL);
	return 0;
}

static int
signals_open(struct broker *br)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	br->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return br->signals < 0 ? error_log(-errno, "signals", "signalfd") : 0;
}

static int
store_ready(struct broker *br, const struct broker_config *cfg)
{
	struct store_options o = {
		.map_size = (uint64_t)cfg->map_size, .force = (int)cfg->force};
	struct core_start at = {.boot_id = clock_boot_id()};
	int err = store_open(&br->store, cfg->data, &o);

	if (err == 0)
		err = br->store->driver->claim(br->store, SHARD, 0, &br->claim);
	if (err == -EBUSY)
		br->status = EXIT_AGAIN;
	if (err < 0) {
		sw_log(SW_LOG_ERR, "store", "data", cfg->data, "error",
			sw_errname(err), "text", sw_strerror(err), "why",
			br->store != NULL ? br->store->why : "", NULL);
		return err;
	}
	at.boot_ms = clock_now_ms(CLOCK_BOOTTIME);
	at.wall_ms = clock_now_ms(CLOCK_REALTIME);
	err = core_init(&br->core, br->store, &br->claim, &at);
	if (err == 0 && br->core.converted > 0)
		sw_log(SW_LOG_INFO, "converted", "rows",
			sw_num((int64_t)br->core.converted), "format",
			sw_num(STORE_FORMAT), NULL);
	if (err < 0)
		sw_log(SW_LOG_ERR, "load", "at", cfg->data, "error",
			sw_errname(err), "text", sw_strerror(err), "why",
			br->store->why, "run",
			err == SW_ECORRUPT ? br->repair : "", NULL);
	return err;
}

int
broker_open(struct broker *br, struct broker_config *cfg)
{
	uint64_t watchdog_us = 0;
	int err;

	*br = (struct broker){.reload.cfg = cfg,
		.data = cfg->data,
		.signals = -1,
		.guard.statm = -1,
		.listener.lock = -1,
		.status = EXIT_SOFTWARE};
	(void)snprintf(br->repair, sizeof(br->repair),
		"spillway-repair --data %s --rebuild", br->data);
	backup_init(&br->backup, cfg->data, cfg->map_size);
	umask(077);
	err = listen_claim(br, cfg);
	if (err == 0)
		err = store_ready(br, cfg);
	if (err == 0)
		err = signals_open(br);
	if (err == 0)
		err = reload_settings(&br->reload, &br->core);
	if (err == 0)
		err = listen_open(br);
	if (err == 0)
		guard_open(&br->guard, cfg->link_memory);
	accept_open();
	if (err == 0 && sd_watchdog_enabled(0, &watchdog_us) > 0)
		br->watchdog_ms = (int64_t)watchdog_us / 2000;
	return err;
}

void
broker_close(struct broker *br)
{
	backup_kill(&br->backup, &br->core);
	socket_close(br);
	listener_fini(&br->listener);
	accept_close();
	guard_close(&br->guard);
	core_fini(&br->core);
	if (br->store != NULL)
		br->store->driver->close(br->store);
	if (br->signals >= 0)
		close(br->signals);
	*br = (struct broker){.signals = -1, .listener.lock = -1};
}

/* --- a turn ------------------------------------------------------------- */

/*
 * Receives one message: the routing id and one frame.  A message with more
 * frames is not of the protocol: peer->len is 0.  Returns 0 if there is none.
 */
static int
message_take(struct broker *br, struct peer *peer, zmq_msg_t *frame)
{
	zmq_msg_t more;
	int n, extra = 0;

	*peer = (struct peer){0};
	n = zmq_recv(br->socket, peer->b, sizeof(peer->b), ZMQ_DONTWAIT);
	if (n < 0)
		return 0;
	peer->len = (uint8_t)n;
	if (zmq_msg_recv(frame, br->socket, ZMQ_DONTWAIT) < 0)
		return 0;
	zmq_msg_init(&more);
	for (int rest = zmq_msg_more(frame); rest; rest = zmq_msg_more(&more)) {
		extra = 1;
		if (zmq_msg_recv(&more, br->socket, ZMQ_DONTWAIT) < 0)
			break;
	}
	zmq_msg_close(&more);
	if (extra || n > (int)sizeof(peer->b))
		peer->len = 0;
	return 1;
}

static void
requests_take(struct broker *br)
{
	struct peer peer;
	zmq_msg_t frame;

	while (core_may_take(&br->core)) {
		int got;

		zmq_msg_init(&frame);
		got = message_take(br, &peer, &frame);
		if (got && peer.len > 0)
			core_take(&br->core, &peer,
				bytes_of(zmq_msg_data(&frame),
					zmq_msg_size(&frame)));
		zmq_msg_close(&frame);
		if (!got)
			return;
	}
	br->core.more = 1;
}

static void
batch_done(void *arg, int err)
{
	struct broker *br = arg;

	br->committed = err;
}

static int
commit(struct broker *br)
{
	const struct batch *b = &br->core.batch;
	const struct store_driver *d = br->store->driver;
	int err;

	core_close(&br->core);
	if (b->n == 0)
		return 0;
	br->committed = 1;
	err = d->commit(br->store, &br->claim, b->ops, b->n, batch_done, br);
	while (err == 0 && br->committed == 1) {
		zmq_pollitem_t it = {
			.fd = d->fd(br->store), .events = ZMQ_POLLIN};

		zmq_poll(&it, 1, -1);
		err = d->turn(br->store);
	}
	return err < 0 ? err : br->committed;
}

static void
answers_send(struct broker *br)
{
	struct core *c = &br->core;

	for (size_t i = 0; i < c->outs_n; i++) {
		const struct out *o = &c->outs[i];

		if (zmq_send(br->socket, o->peer.b, o->peer.len,
			    ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
			zmq_send(br->socket, o->frame.p, o->frame.len,
				ZMQ_DONTWAIT) < 0)
			core_undelivered(c, o->frame);
	}
	core_end(c);
}

/*
 * Leases run on a clock that does not advance over stalls: a worker whose
 * heartbeats could not be received loses nothing by that.
 */
static void
stall_note(struct broker *br)
{
	int64_t stall_ms;

	br->boot_ms = clock_now_ms(CLOCK_BOOTTIME);
	stall_ms = steady_wake(&br->steady, br->boot_ms);
	if (stall_ms >= STALL_LOG_MS)
		sw_log(SW_LOG_WARN, "stall", "ms", sw_num(stall_ms), "text",
			"every lease got that time back", NULL);
}

static void
signals_take(struct broker *br)
{
	struct signalfd_siginfo si;

	if (read(br->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGHUP) {
		reload_configuration(&br->reload, &br->guard);
		return;
	}
	br->stop = 1;
	sw_log(SW_LOG_INFO, "stop", "signal",
		si.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM", NULL);
}

static void
wait_for_work(struct broker *br)
{
	zmq_pollitem_t items[] = {
		{.socket = br->socket, .events = ZMQ_POLLIN},
		{.fd = br->signals, .events = ZMQ_POLLIN},
		{.fd = br->backup.out, .events = ZMQ_POLLIN},
	};
	int n = br->backup.pid > 0 ? 3 : 2;
	int64_t wait = core_wait_ms(&br->core);

	if (wait > GUARD_MS)
		wait = GUARD_MS;
	steady_sleep(&br->steady, clock_now_ms(CLOCK_BOOTTIME), wait);
	zmq_poll(items, n, (long)wait);
	stall_note(br);
	if (items[1].revents != 0)
		signals_take(br);
}

static void
watchdog_feed(struct broker *br)
{
	if (br->watchdog_ms > 0 &&
		br->boot_ms - br->fed_ms >= br->watchdog_ms) {
		br->fed_ms = br->boot_ms;
		sd_notify(0, "WATCHDOG=1");
	}
}

/* Closes all links if they use too much memory.  Workers and clients connect
 * again; leases run on meanwhile. */
static int
links_guard(struct broker *br)
{
	int err;

	if (!guard_check(&br->guard, br->boot_ms))
		return 0;
	sw_log(SW_LOG_WARN, "links-closed", "limit", sw_num(br->guard.limit),
		"text", "links use more memory than --link-memory", NULL);
	socket_close(br);
	guard_reset(&br->guard);
	err = socket_open(br);
	return err < 0 ? listen_failed(br, err) : 0;
}

/*
 * Whether socket and files are still those that other processes find.  What is
 * committed to others would be confirmed in vain, so the broker ends.
 */
static int
own_check(struct broker *br)
{
	int err = listener_check(&br->listener);

	if (err < 0)
		return listen_failed(br, err);
	err = br->store->driver->check(br->store);
	if (err < 0) {
		br->status = EXIT_REPLACED;
		sw_log(SW_LOG_ERR, "replaced", "data", br->data, "why",
			br->store->why, NULL);
	}
	return err;
}

static int
own_check_due(struct broker *br)
{
	if (br->boot_ms - br->checked_ms < CHECK_MS)
		return 0;
	br->checked_ms = br->boot_ms;
	return own_check(br);
}

/*
 * The order of these lines is the durability promise: no answer and no job is
 * sent before the commit that it depends on is on disk.
 */
static int
turn(struct broker *br)
{
	struct core *c = &br->core;
	int err;

	wait_for_work(br);
	err = own_check_due(br);
	if (err < 0)
		return err;
	core_stalled(c, planted(NO_STALL_OFFSET) ? 0 : br->steady.lost_ms);
	core_begin(c, clock_now_ms(CLOCK_REALTIME), br->boot_ms);
	reload_settings_again(&br->reload, c);
	requests_take(br);
	core_tick(c);
	core_hand_out(c);
	notices_log(&br->notices, c, br->repair, br->boot_ms);
	if (c->err < 0)
		return c->err;
	if (planted(EARLY_ANSWER))
		answers_send(br);
	err = commit(br);
	if (err == SW_EFULL)
		return core_reload(c, FULL_MS); /* drops the turn */
	if (err < 0 && !planted(DEAF_COMMIT))
		return err;
	core_committed(c);
	backup_watch(&br->backup, c);
	br->reload.settings_due = 0;
	answers_send(br);
	events_log(&br->events, &c->notes, br->boot_ms);
	err = backup_start(&br->backup, c);
	if (err < 0)
		return err;
	watchdog_feed(br);
	return links_guard(br);
}

static void
store_failed(const struct broker *br, int err)
{
	int repair = err == SW_ECORRUPT ||
		     strstr(br->store->why, "spillway-repair") != NULL;

	sw_log(SW_LOG_ERR, "store", "error", sw_errname(err), "text",
		sw_strerror(err), "why", br->store->why, "run",
		repair ? br->repair : "", NULL);
}

int
broker_run(struct broker *br)
{
	int err = 0;

	sd_notify(0, "READY=1");
	sw_log(SW_LOG_INFO, "ready", "epoch", sw_num((int64_t)br->claim.epoch),
		"queues", sw_num(HASH_COUNT(br->core.queues_by_name)), "leases",
		sw_num(lease_count(&br->core.leases)), "at",
		br->listener.endpoint, NULL);
	while (!br->stop && err == 0)
		err = turn(br);
	sd_notify(0, "STOPPING=1");
	if (err < 0 && br->status == EXIT_SOFTWARE && own_check(br) == 0)
		store_failed(br, err);
	return err;
}
