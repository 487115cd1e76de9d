/* SPDX-License-Identifier: MIT */
/*
 * keepers_child.c - a kept process: its start, its files, its events
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "worker/kept/keepers.h"

enum {
	ENV = 8192,
	READS_ALL = 64, /* more than a pipe or a socket holds */
	COUNTED_NONE = KEEPER_ENDING,
};

static char chunk[KEEPERS_READ];

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- how many there are -------------------------------------------------- */

static void
count(struct keepers *ks, int counted, int by)
{
	if (counted == KEEPER_STARTING)
		ks->starting += by;
	if (counted == KEEPER_SERVING)
		ks->serving += by;
}

/* Brings the numbers and the list of those with room up to date. */
static void
child_settle(struct kept_child *c)
{
	struct keepers *ks = c->of;
	int now = c->k.exited ? COUNTED_NONE : (int)c->k.state;
	int room = keeper_room(&c->k) > 0;

	count(ks, c->counted, -1);
	count(ks, now, 1);
	c->counted = now;
	if (room && !c->has_room)
		DL_PREPEND2(ks->roomy, c, room_prev, room_next);
	if (!room && c->has_room)
		DL_DELETE2(ks->roomy, c, room_prev, room_next);
	c->has_room = room;
}

/* --- its output ---------------------------------------------------------- */

/* With several jobs at hand nobody knows whose line is read. */
static struct output_log
log_of(const struct kept_child *c)
{
	return (struct output_log){c->k.jobs_n == 1 ? c->k.jobs[0].id : "",
		c->of->route->queue, clock_now_ms(CLOCK_MONOTONIC)};
}

/* 1: perhaps there is more. */
static int
out_read(struct kept_child *c)
{
	ssize_t n = c->out < 0 ? -1 : read(c->out, chunk, sizeof(chunk));
	struct output_log log = log_of(c);

	if (n > 0)
		output_add(&c->output, bytes_of(chunk, (size_t)n),
			c->of->host->limits->log_output ? &log : NULL);
	if (n == 0)
		fd_close(&c->out);
	return n > 0;
}

/* With keep_output the tail of a done job is in its history. */
static void
output_report(struct kept_child *c, struct worker_lease *j)
{
	char tail[SW_ERROR_MAX];

	if (!j->settings.keep_output || c->k.at_once > 1)
		return;
	attempt_report_output(
		&j->report, bytes_of(tail, output_tail(&c->output, tail)));
}

/* --- events -------------------------------------------------------------- */

static const char *
job_name(const struct keepers *ks)
{
	return ks->route->name != NULL ? ks->route->name : ks->route->argv[0];
}

static void
alarm_log(struct keepers *ks)
{
	ks->alarm_logged =
		log_limit_take(ks->host->alarms, *ks->host->now_ms);
	if (ks->alarm_logged)
		sw_log(SW_LOG_ERR, "alarm", "job", job_name(ks), "text",
			ks->alarm, "queue", ks->route->queue, NULL);
}

void
kept_alarm_again(struct keepers *ks)
{
	if (ks->alarm[0] != '\0' && !ks->alarm_logged &&
		log_limit_has_room(ks->host->alarms, *ks->host->now_ms))
		alarm_log(ks);
}

static void
alarm_set(struct keepers *ks, struct bytes text)
{
	char line[sizeof(ks->alarm)];

	text_line(text, line, sizeof(line));
	if (strcmp(line, ks->alarm) == 0)
		return;
	memcpy(ks->alarm, line, sizeof(line));
	if (line[0] == '\0' && ks->alarm_logged)
		sw_log(SW_LOG_INFO, "alarm-over", "job", job_name(ks), "queue",
			ks->route->queue, NULL);
	ks->alarm_logged = 0;
	if (line[0] != '\0')
		alarm_log(ks);
}

static void
on_ready(struct kept_child *c, struct keeper_event *ev)
{
	struct keepers *ks = c->of;

	(void)ev;
	ks->at_once = c->k.at_once;
	ks->ready = 1;
	if (ks->draining)
		keeper_close(&c->k, *ks->host->now_ms);
	else if (ks->fault.trying)
		keepers_reopen(ks);
}

/*
 * The fault of a queue is over when a job has begun, not before; and not while
 * the queue is closed: such a job came before the fault.
 */
static void
on_begun(struct kept_child *c, struct keeper_event *ev)
{
	struct keepers *ks = c->of;

	leases_begun(ks->host->leases, ev->job);
	if (ks->closed)
		return;
	ks->why[0] = '\0';
	if (fault_over(&ks->fault))
		sw_log(SW_LOG_INFO, "start-failed-over", "queue",
			ks->route->queue, NULL);
}

static void
on_progress(struct kept_child *c, struct keeper_event *ev)
{
	struct worker_lease *j = ev->job;

	(void)c;
	j->progress = ev->number;
	text_line(ev->text, j->text, sizeof(j->text));
	j->progress_new = 1;
}

/* At the end of a job it is known whose the unfinished line is. */
static void
output_log_end(struct kept_child *c, const struct worker_lease *j)
{
	char id[SW_ID_TEXT] = "";
	struct output_log log = log_of(c);

	if (!c->of->host->limits->log_output || c->k.jobs_n > 0)
		return;
	if (c->k.at_once == 1)
		sw_id_format(&j->id, id);
	log.job = id;
	output_end(&c->output, &log);
}

static void
on_ended(struct kept_child *c, struct keeper_event *ev)
{
	struct worker_lease *j = ev->job;

	output_log_end(c, j);
	j->report = ev->report;
	if (j->report.outcome == SW_ACK) {
		alarm_set(c->of, bytes_of("", 0));
		output_report(c, j);
	}
	c->of->host->ended(c->of->host->arg, j);
}

static void
on_alarm(struct kept_child *c, struct keeper_event *ev)
{
	alarm_set(c->of, ev->text);
}

static void
on_signal(struct kept_child *c, struct keeper_event *ev)
{
	c->signal = ev->number;
	if (spawn_signal(c->of->host->spawn, c->number, c->signal) != -EAGAIN)
		c->signal = 0;
}

static void
on_close(struct kept_child *c, struct keeper_event *ev)
{
	(void)ev;
	fd_close(&c->socket);
}

static void
on_gone(struct kept_child *c, struct keeper_event *ev)
{
	struct keepers *ks = c->of;
	char why[SW_TEXT_MAX + 1];

	(void)snprintf(why, sizeof(why), "%.*s", (int)ev->text.len,
		(const char *)ev->text.p);
	child_settle(c);
	DL_DELETE(ks->all, c);
	DL_APPEND(ks->dead, c); /* the loop may still have an event for it */
	fd_close(&c->socket);
	fd_close(&c->out);
	if (ev->number)
		keepers_failed(ks, "run", why);
	else if (c->k.end != KEEPER_ASKED && c->k.end != KEEPER_LOST)
		sw_log(SW_LOG_WARN, "process-ended", "queue", ks->route->queue,
			"text", why, NULL);
}

void
kept_child_events(struct kept_child *c)
{
	static void (*const on[])(
		struct kept_child *, struct keeper_event *) = {
		[KEEPER_READY] = on_ready,
		[KEEPER_BEGUN] = on_begun,
		[KEEPER_PROGRESS] = on_progress,
		[KEEPER_ENDED] = on_ended,
		[KEEPER_ALARM] = on_alarm,
		[KEEPER_SIGNAL] = on_signal,
		[KEEPER_CLOSE] = on_close,
		[KEEPER_GONE] = on_gone,
	};
	struct keeper_event ev;

	while (keeper_next(&c->k, *c->of->host->now_ms, &ev))
		on[ev.kind](c, &ev);
	if (c->k.exited != 2)
		child_settle(c);
}

/* --- its files ----------------------------------------------------------- */

static void
out_ready(void *arg)
{
	(void)out_read(arg);
}

static void
socket_end(struct kept_child *c)
{
	fd_close(&c->socket);
	keeper_closed(&c->k, *c->of->host->now_ms);
}

/* 1: perhaps there is more. */
static int
socket_read(struct kept_child *c)
{
	ssize_t n = c->socket < 0 ? -1
				  : recv(c->socket, chunk, sizeof(chunk), 0);

	if (n > 0) {
		keeper_input(&c->k, bytes_of(chunk, (size_t)n));
		(void)out_read(c); /* of the job that may end now */
	} else if (c->socket >= 0 &&
		   (n == 0 || (errno != EAGAIN && errno != EINTR))) {
		socket_end(c);
	}
	kept_child_events(c);
	return n > 0;
}

/* What is there.  Somebody else may hold the other end, and never stop. */
static void
socket_read_all(struct kept_child *c)
{
	for (int n = 0; n < READS_ALL && socket_read(c); n++)
		;
}

/* Half a message is no fault: the rest is sent when there is room for it. */
static void
socket_write(struct kept_child *c)
{
	struct bytes b = keeper_output(&c->k);
	ssize_t n = 0;

	if (c->socket < 0)
		return;
	if (b.len > 0)
		n = send(c->socket, b.p, b.len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		socket_read_all(c); /* what it said before it closed its end */
		socket_end(c);
		return;
	}
	keeper_written(&c->k, n > 0 ? (size_t)n : 0);
	if (c->writing != (keeper_output(&c->k).len > 0)) {
		c->writing = !c->writing;
		watch_writing(c->of->host->epoll, c->socket, &c->socket_watch,
			c->writing);
	}
}

void
kept_child_tick(struct kept_child *c)
{
	struct keeper_event again = {.number = c->signal};

	if (c->signal != 0)
		on_signal(c, &again);
	socket_write(c); /* a "cancel" */
	kept_child_events(c);
}

static void
socket_ready(void *arg)
{
	struct kept_child *c = arg;

	if (c->writing)
		socket_write(c);
	(void)socket_read(c);
}

/* --- its start and its end ----------------------------------------------- */

/* What is left in its files; nobody writes any more. */
static void
process_ended(struct kept_child *c, const struct spawn_event *e)
{
	char tail[SW_ERROR_MAX];
	struct keeper_exit exit = {.status = e->status,
		.rss_kb = e->rss_kb,
		.memory = c->limits.memory};
	struct output_log log = log_of(c);

	for (int n = 0; n < READS_ALL && out_read(c); n++)
		;
	if (c->of->host->limits->log_output)
		output_end(&c->output, &log);
	socket_read_all(c);
	exit.tail = bytes_of(tail, output_tail(&c->output, tail));
	keeper_exited(&c->k, &exit);
	kept_child_events(c);
}

void
kept_child_lose(struct kept_child *c)
{
	static const struct spawn_event killed = {
		.kind = SPAWN_ENDED, .status = SIGKILL};

	keeper_lose(&c->k);
	process_ended(c, &killed);
}

/* It never ran: as if it had ended before it was ready. */
static void
process_failed(struct kept_child *c, const struct spawn_event *e)
{
	struct keepers *ks = c->of;
	static const struct keeper_exit none = {.status = 0, .tail = {"", 0}};

	keeper_kill(&c->k); /* so that its end is no fault of its own */
	keeper_exited(&c->k, &none);
	kept_child_events(c);
	if (fault_is_of_route(e->step, e->error, c->limits.memory > 0))
		keepers_failed(
			ks, fault_step_name(e->step), strerror(-e->error));
	else
		keepers_starved(ks, fault_step_name(e->step), e->error);
}

static void
child_event(void *owner, const struct spawn_event *e)
{
	if (e->kind == SPAWN_ENDED)
		process_ended(owner, e);
	if (e->kind == SPAWN_FAILED)
		process_failed(owner, e);
}

/*
 * The limits of a process that is started for `job`, NULL: to check its set-up.
 * Time of the processor is no limit of a process that runs many jobs.
 */
static struct spawn_limits
limits_of(const struct keepers *ks, const struct worker_lease *job)
{
	static const struct job_settings none = {.files_limit = CHILD_FILES};
	const struct job_settings *s = job != NULL ? &job->settings : &none;

	return (struct spawn_limits){
		.memory = s->memory_limit > 0 ? s->memory_limit
					      : ks->host->limits->memory,
		.files = s->files_limit,
		.processes = s->processes_limit,
		.core = s->core_limit};
}

/* Opens the files of a start, and the worker's ends of them. */
static int
files_open(struct kept_child *c, int files[SPAWN_FILES])
{
	int out[2], sock[2], err, epoll = c->of->host->epoll;

	files[0] = c->of->host->null;
	if (pipe2(out, O_CLOEXEC) != 0)
		return -errno;
	c->out = out[0];
	files[1] = out[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) != 0)
		return -errno;
	c->socket = sock[0];
	files[2] = sock[1];
	(void)fcntl(c->out, F_SETFL, O_NONBLOCK);
	(void)fcntl(c->socket, F_SETFL, O_NONBLOCK);
	err = watch_add(epoll, c->out, &c->out_watch);
	if (err == 0)
		err = watch_add(epoll, c->socket, &c->socket_watch);
	return err;
}

/* The variables beside those of the worker. */
static struct bytes
env_of(const struct keepers *ks, char env[ENV])
{
	int n = snprintf(env, ENV, "SPILLWAY_QUEUE=%s", ks->route->queue) + 1;

	if (ks->host->file != NULL)
		n += snprintf(env + n, (size_t)(ENV - n), "SPILLWAY_JOBS=%s",
			     ks->host->file) +
		     1;
	return bytes_of(env, (size_t)(n < ENV ? n : ENV));
}

static int
request_send(struct kept_child *c, const int files[SPAWN_FILES])
{
	const struct keepers *ks = c->of;
	char env[ENV];
	struct spawn_request r = {.command = ks->route->command,
		.flags = SPAWN_WITH_TMP,
		.limits = c->limits,
		.env = env_of(ks, env)};

	memcpy(r.files, files, sizeof(r.files));
	return spawn_start(ks->host->spawn, &r, child_event, c);
}

int
kept_child_start(struct keepers *ks, const char **step)
{
	struct kept_child *c = calloc(1, sizeof(*c));
	int files[SPAWN_FILES] = {-1, -1, -1}, err;

	*step = "memory";
	if (c == NULL)
		return -ENOMEM;
	c->of = ks;
	c->out = c->socket = -1;
	c->counted = COUNTED_NONE;
	c->out_watch = (struct watch){out_ready, c};
	c->socket_watch = (struct watch){socket_ready, c};
	c->limits = limits_of(
		ks, ks->waiting_n > 0 ? ks->waiting[ks->first] : NULL);
	keeper_init(&c->k, ks->host->slots, *ks->host->now_ms);
	*step = "pipe";
	err = files_open(c, files);
	if (err == 0) {
		*step = "spawner";
		err = request_send(c, files);
	}
	fd_close(&files[1]);
	fd_close(&files[2]);
	if (err < 0) {
		kept_child_free(c);
		return err;
	}
	c->number = err;
	DL_APPEND(ks->all, c);
	child_settle(c);
	return 0;
}

void
kept_child_free(struct kept_child *c)
{
	fd_close(&c->socket);
	fd_close(&c->out);
	output_fini(&c->output);
	keeper_fini(&c->k);
	free(c);
}

/* --- a job --------------------------------------------------------------- */

/* Without memory it goes back; a job that is too large never fits. */
static void
give_failed(struct keepers *ks, struct worker_lease *j, int err)
{
	int large = err == -EMSGSIZE;

	j->report = (struct attempt_report){
		.outcome = large ? SW_FAIL : SW_RELEASE,
		.cause = large ? SW_C_PERMANENT : SW_C_DRAIN,
		.delay_ms = -1};
	ks->host->ended(ks->host->arg, j);
	if (!large)
		keepers_starved(ks, "memory", err);
}

int
kept_child_give(struct keepers *ks, struct worker_lease *j)
{
	struct spawn_limits limits = limits_of(ks, j);
	struct kept_child *c, *next;
	int err = -EEXIST;

	for (c = ks->roomy; c != NULL; c = next) {
		next = c->room_next;
		if (memcmp(&c->limits, &limits, sizeof(limits)) != 0) {
			keeper_close(&c->k, *ks->host->now_ms);
			kept_child_events(c);
			continue;
		}
		if (c->k.jobs_n > 0 && keeper_is_alone(&j->item))
			continue;
		err = keeper_give(&c->k, &j->item, j, *ks->host->now_ms);
		if (err != -EEXIST)
			break;
	}
	if (err == -EEXIST)
		return 0;
	if (err < 0) {
		give_failed(ks, j, err);
		return 1;
	}
	if (c->k.jobs_n == 1)
		output_next(&c->output); /* others have written the rest */
	j->child = c;
	socket_write(c);
	kept_child_events(c);
	return 1;
}
