/* SPDX-License-Identifier: MIT */
/*
 * The broker's own turn, from the shipped source: only the calls into
 * ZeroMQ, the clock and the signals lead into the simulated world.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/log.h"
#include "base/must.h"
#include "broker/config.h"
#include "link/guard.h"
#include "tests/sim/model.h"
#include "tests/sim/sim.h"

/*
 * The broker's own clock: it goes to sleep when its turn ends, and a commit
 * that is late makes a turn long.
 */
static int asleep;

static int
sim_turn_clock(clockid_t id, struct timespec *t)
{
	const struct sim *w = sim_here;
	int64_t ms = asleep ? w->slept_at : w->now + w->late_ms;

	if (id == CLOCK_REALTIME)
		ms += w->wall_ms;
	*t = (struct timespec){
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	return 0;
}

static int
sim_recv(void *world, void *to, size_t cap, int flags)
{
	struct sim *w = world;
	const struct sim_frame *f = w->inbox.first;
	uint8_t *peer = to;

	(void)flags;
	if (f == NULL) {
		errno = EAGAIN;
		return -1;
	}
	must(cap >= 5);
	peer[0] = 0;
	be_set(peer + 1, 4, f->link);
	return 5;
}

static int
sim_msg_recv(zmq_msg_t *m, void *world, int flags)
{
	struct sim *w = world;
	struct sim_frame *f = sim_fifo_take(&w->inbox);
	int len = (int)f->len;

	(void)flags;
	must(zmq_msg_init_size(m, f->len) == 0);
	memcpy(zmq_msg_data(m), f->b, f->len);
	sim_trace_frame(w, f->end, "> hears ", bytes_of(f->b, f->len));
	sim_model_hear(w, f); /* keeps it */
	return len;
}

static uint32_t sending_to;

static int
send_peer(struct sim *w, const uint8_t *peer)
{
	sending_to = (uint32_t)be_get(peer + 1, 4);
	if (!sim_link_known(w, sending_to) ||
		sim_one_in(w, w->plan.mood.stuffed)) {
		errno = EAGAIN;
		return -1;
	}
	return 5;
}

static int
sim_send(void *world, const void *p, size_t len, int flags)
{
	struct sim *w = world;
	struct bytes frame = bytes_of(p, len);

	if (w->dead || w->sends_left == 0)
		return (int)len; /* nobody sees it */
	if (w->mute)
		sim_fail(w, "an answer left after a commit that failed");
	if (flags & ZMQ_SNDMORE)
		return send_peer(w, p);
	w->sends_left -= w->sends_left > 0;
	sim_trace_frame(w, w->links[sending_to].end, "< is told", frame);
	sim_model_say(w, sending_to, frame);
	return sim_tell(w, sending_to, frame) == 0 ? (int)len : -1;
}

static int
sim_poll(zmq_pollitem_t *items, int n, long ms)
{
	(void)items;
	(void)n;
	(void)ms;
	asleep = 0;
	return 0;
}

static uint64_t
sim_boot_id(void)
{
	return (uint64_t)sim_here->boots + 1;
}

static ssize_t
sim_read(int fd, void *to, size_t len)
{
	(void)fd;
	(void)to;
	(void)len;
	return -1;
}

static int
sim_store_open(
	struct store **out, const char *uri, const struct store_options *o)
{
	(void)uri;
	(void)o;
	*out = sim_here->store;
	return 0;
}

static void
sim_undelivered(struct core *c, struct bytes frame)
{
	sim_model_unsent(sim_here, sending_to, frame);
	core_undelivered(c, frame);
}

#define zmq_recv	 sim_recv
#define zmq_msg_recv	 sim_msg_recv
#define zmq_send	 sim_send
#define zmq_poll	 sim_poll
#define clock_gettime	 sim_turn_clock
#define GUARD_MS	 1000 /* no turn comes for the guard alone */
#define read		 sim_read
#define store_open	 sim_store_open
#define core_undelivered sim_undelivered
#define broker_open	 sim_unused_open
#define broker_close	 sim_unused_close
#define broker_run	 sim_unused_run
#include "base/clock.h" /* its clock is the simulated one */
#define clock_boot_id sim_boot_id
#include "broker/broker.c"

void
sim_broker_start(struct sim *w)
{
	static const struct broker_config cfg = {.data = "sim"};
	struct broker *br = calloc(1, sizeof(*br));

	must(br != NULL);
	if (sim_one_in(w, w->plan.mood.reboot))
		w->boots++;
	br->data = cfg.data;
	br->signals = -1;
	br->socket = w;
	asleep = 0;
	w->late_ms = 0;
	if (store_ready(br, &cfg) < 0)
		sim_fail(w, "the broker does not start on its own store");
	if (w->plan.lane_bytes > 0)
		br->core.lists.pool.most = w->plan.lane_bytes;
	w->broker = br;
	w->core = &br->core;
	w->dead = w->mute = 0;
	w->busy_until = w->slept_at = w->now;
	sim_note(w, "-- the broker starts, epoch %llu",
		(unsigned long long)br->claim.epoch);
	sim_model_restart(w);
	sim_wake(w, SIM_BROKER, w->now);
}

void
sim_broker_kill(struct sim *w)
{
	if (w->core == NULL)
		return;
	sim_note(w, "-- the broker dies");
	w->refuses_until = 0;
	w->pairs[SIM_FULL_KILL] += w->now < w->disk_full_until;
	core_fini(w->core);
	free(w->broker);
	w->broker = NULL;
	w->core = NULL;
	sim_fifo_drop(&w->inbox);
	for (int i = 0; i < SIM_ENDS; i++)
		sim_link_break(w, i);
	w->wake_at[SIM_BROKER] = INT64_MAX;
	sim_wake(w, SIM_BROKER,
		w->now + sim_about(w, sim_one_in(w, 4) ? 8000 : 200));
}

void
sim_broker_arrived(struct sim *w, struct sim_frame *f)
{
	if (w->core == NULL || w->now > w->links[f->link].lost_out) {
		sim_trace_frame(w, f->end, "lost   >", bytes_of(f->b, f->len));
		free(f);
		return;
	}
	sim_fifo_add(&w->inbox, f);
	sim_wake(w, SIM_BROKER, w->busy_until);
}

void
sim_broker_turn(struct sim *w)
{
	const struct sim_mood *m = &w->plan.mood;
	int err;

	if (w->core == NULL) {
		sim_broker_start(w);
		return;
	}
	if (w->now < w->busy_until) {
		sim_wake(w, SIM_BROKER, w->busy_until);
		return;
	}
	w->late_ms = 0;
	asleep = 1;
	w->sends_left = sim_one_in(w, m->half) ? sim_pick(w, 4) : -1;
	sim_model_turn(w);
	err = turn(w->broker);
	if (w->dead || w->sends_left == 0 || (err < 0 && w->mute)) {
		sim_broker_kill(w);
		return;
	}
	if (err < 0)
		sim_fail(w, "the broker ends by itself: %s", sw_errname(err));
	if (w->mute && w->commit_failed != SW_EFULL)
		sim_fail(w, "the broker goes on after an unknown outcome");
	if (w->mute) {
		sim_model_restart(w); /* it has read all anew */
		w->refuses_until = w->core->mono_ms + SIM_REFUSES_MS;
	}
	w->mute = 0;
	w->busy_until = w->slept_at = w->now + w->late_ms;
	if (w->late_ms > STEADY_TURN_MS)
		w->stalled_ms += w->late_ms - STEADY_TURN_MS;
	sim_wake(w, SIM_BROKER, w->busy_until + core_wait_ms(w->core));
}

/* A pause that is shorter than a sleep may pass for one. */
void
sim_broker_pause(struct sim *w, int64_t ms)
{
	static const int64_t unnoticed_ms = 1000 + STEADY_LATE_MS;

	if (w->core == NULL)
		return;
	w->busy_until = (w->now > w->busy_until ? w->now : w->busy_until) + ms;
	if (ms > unnoticed_ms)
		w->stalled_ms += ms - unnoticed_ms;
}
