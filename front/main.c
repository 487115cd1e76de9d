/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "front/door.h"
#include "front/listen.h"

enum { SIGNALS = 3, STATS_HEADERS_MAX = 8192, STATS_IDLE_S = 10 };

struct front {
	struct site_source *source;
	struct event_base *base;
	struct watch watch;
	struct route_table *table, *coming; /* serving; being loaded, or NULL */
	struct handoff *handoff;
	struct access_log access;
	struct door *door;
	struct evhttp *stats;
	struct event *signals[SIGNALS], *accounting;
	int status, ended;
};

static int
front_fail(struct front *f, int status, const char *what, const char *text)
{
	fprintf(stderr, "spillway-front: %s: %s\n", what, text);
	f->status = status;
	return -1;
}

/* --- starting ----------------------------------------------------------- */

static void
stats_asked(struct evhttp_request *req, void *arg)
{
	struct front *f = arg;
	char *text = table_usage_json(f->table);

	if (text == NULL) {
		evhttp_send_error(req, 500, NULL);
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(req),
		"Content-Type", "application/json");
	evbuffer_add_printf(
		evhttp_request_get_output_buffer(req), "%s\n", text);
	evhttp_send_reply(req, 200, NULL, NULL);
	free(text);
}

static int
stats_open(struct front *f, const char *at)
{
	int fd;

	if (at == NULL)
		return 0;
	fd = listen_socket_open(at);
	if (fd < 0)
		return front_fail(f, EXIT_UNAVAILABLE, at, strerror(-fd));
	f->stats = evhttp_new(f->base);
	if (f->stats == NULL || evhttp_accept_socket(f->stats, fd) != 0)
		return front_fail(f, EXIT_OS, at, "no memory");
	evhttp_set_max_headers_size(f->stats, STATS_HEADERS_MAX);
	evhttp_set_max_body_size(f->stats, 0);
	evhttp_set_timeout(f->stats, STATS_IDLE_S);
	evhttp_set_cb(f->stats, "/stats", stats_asked, f);
	return 0;
}

static int
socket_adopt(struct front *f, int fd)
{
	int err;

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return front_fail(f, EXIT_CONFIG, "LISTEN_FDS",
			"must be listening stream sockets");
	err = door_adopt(f->door, fd);
	return err < 0 ? front_fail(f, EXIT_OS, "LISTEN_FDS", strerror(-err))
		       : 0;
}

/* Listens at the service manager's sockets, else at the configured ones. */
static int
listen_all(struct front *f)
{
	const struct site *c = &f->table->config;
	int given = sd_listen_fds(1), err = 0;

	for (int i = 0; err == 0 && i < given; i++)
		err = socket_adopt(f, SD_LISTEN_FDS_START + i);
	if (err < 0)
		return err;
	if (given <= 0 && c->listen_n == 0)
		return front_fail(
			f, EXIT_CONFIG, c->file, "[front] has no listen");
	for (size_t i = 0; given <= 0 && i < c->listen_n; i++) {
		err = door_listen(f->door, c->listen[i]);
		if (err < 0)
			return front_fail(f, EXIT_UNAVAILABLE, c->listen[i],
				strerror(-err));
		sw_log(SW_LOG_INFO, "listen", "at", c->listen[i], NULL);
	}
	return 0;
}

static int
parts_open(struct front *f)
{
	const struct site *c = &f->table->config;
	int err = handoff_open(
		&f->handoff, f->base, c->broker, c->n[FRONT_put_ms]);

	if (err < 0)
		return front_fail(f, EXIT_CONFIG,
			c->broker != NULL ? c->broker : "broker",
			sw_strerror(err));
	err = access_open(&f->access, c->access_log);
	if (err < 0)
		return front_fail(
			f, EXIT_CREATE, c->access_log, strerror(-err));
	f->door = door_new(f->base, f->table, f->handoff, &f->access);
	if (f->door == NULL)
		return front_fail(f, EXIT_OS, "start", "no memory");
	return stats_open(f, c->stats);
}

static void
accounting_log(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)fd;
	(void)what;
	table_usage_log(f->table);
}

static void
accounting_set(struct front *f)
{
	struct timeval each = {f->table->config.n[FRONT_stats_s], 0};

	event_del(f->accounting);
	if (each.tv_sec > 0)
		event_add(f->accounting, &each);
}

static void
first_ready(struct front *f, int err)
{
	if (err < 0)
		f->status = EXIT_CONFIG;
	if (err < 0 || parts_open(f) < 0 || listen_all(f) < 0) {
		f->ended = 1;
		return;
	}
	accounting_set(f);
	sd_notify(0, "READY=1");
	sw_log(SW_LOG_INFO, "ready", "routes", sw_num((long long)f->table->n),
		"kill",
		f->table->routes[0].plan.perf ? "kernel"
					      : "timer, up to a tick late",
		"backstop", "rlimit", NULL);
}

/* The new table takes over; the old one finishes its requests. */
static void
reload_ready(struct front *f, int err)
{
	struct route_table *old = f->table;

	if (err < 0) {
		sw_log(SW_LOG_ERR, "reload", "text",
			"refused, the old configuration serves on", NULL);
		table_retire(f->coming);
	} else {
		table_usage_take(f->coming, old);
		f->table = f->coming;
		door_table_set(f->door, f->table);
		access_reopen(&f->access);
		accounting_set(f);
		table_retire(old);
		sw_log(SW_LOG_INFO, "reload", "routes",
			sw_num((long long)f->table->n), NULL);
	}
	f->coming = NULL;
}

static void
table_ready(void *arg, struct route_table *t, int err)
{
	struct front *f = arg;

	(void)t;
	if (f->door == NULL)
		first_ready(f, err);
	else
		reload_ready(f, err);
}

/* --- ending ------------------------------------------------------------- */

static void
front_drained(void *arg)
{
	struct front *f = arg;

	f->ended = 1;
}

static void
signal_received(evutil_socket_t sig, short what, void *arg)
{
	struct front *f = arg;

	(void)what;
	if (sig != SIGHUP) {
		sw_log(SW_LOG_INFO, "stop", "signal",
			sig == SIGINT ? "SIGINT" : "SIGTERM", NULL);
		sd_notify(0, "STOPPING=1");
		if (f->door != NULL)
			door_close(f->door, front_drained, f);
		else
			f->ended = 1;
	} else if (f->coming == NULL && f->door != NULL &&
		   table_open(&f->coming, f->base, &f->watch, f->source,
			   table_ready, f) < 0) {
		sw_log(SW_LOG_ERR, "reload", "text",
			"refused, the old configuration serves on", NULL);
	}
}

static void
front_close(struct front *f)
{
	if (f->table != NULL && f->door != NULL)
		table_usage_log(f->table);
	handoff_close(f->handoff);
	table_retire(f->coming);
	table_retire(f->table);
	door_free(f->door);
	if (f->stats != NULL)
		evhttp_free(f->stats);
	access_close(&f->access);
	for (int i = 0; i < SIGNALS; i++)
		if (f->signals[i] != NULL)
			event_free(f->signals[i]);
	if (f->accounting != NULL)
		event_free(f->accounting);
	if (f->base != NULL)
		event_base_free(f->base);
}

/* --- running ------------------------------------------------------------ */

/*
 * With a change list, libevent calls epoll_ctl() once a turn for a socket.  The
 * flag forbids closing a descriptor of which a duplicate stays open: those of
 * the front that isolates share are closed when the isolates are dead.
 */
static struct event_base *
base_new(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c != NULL && event_config_set_flag(
				 c, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(c);
	if (c != NULL)
		event_config_free(c);
	return base;
}

static void
libevent_says(int severity, const char *text)
{
	sw_log(severity == EVENT_LOG_ERR     ? SW_LOG_ERR
		: severity == EVENT_LOG_WARN ? SW_LOG_WARN
					     : SW_LOG_INFO,
		"libevent", "text", text, NULL);
}

/* Raises RLIMIT_NOFILE to its hard limit: a connection takes a descriptor. */
static void
descriptors_raise(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void
front_loop(struct front *f)
{
	while (!f->ended) {
		int more = watch_turn(&f->watch) ? EVLOOP_NONBLOCK : 0;

		if (event_base_loop(f->base, EVLOOP_ONCE | more) < 0)
			f->ended = 1;
	}
}

static int
front_run(struct site_source *source)
{
	static const int signals[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	struct front f = {.source = source, .base = base_new()};
	int err = zygote_find();

	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(libevent_says);
	descriptors_raise();
	if (f.base == NULL)
		return EXIT_OS;
	if (err < 0) {
		(void)front_fail(
			&f, EXIT_OSFILE, ZYGOTE_PROGRAM, strerror(-err));
		event_base_free(f.base);
		return f.status;
	}
	f.accounting = event_new(f.base, -1, EV_PERSIST, accounting_log, &f);
	for (int i = 0; i < SIGNALS; i++) {
		f.signals[i] = evsignal_new(
			f.base, signals[i], signal_received, &f);
		if (f.signals[i] != NULL)
			event_add(f.signals[i], NULL);
	}
	options_reload_hold(0);
	if (f.accounting == NULL || table_open(&f.table, f.base, &f.watch,
					    source, table_ready, &f) < 0)
		f.status = EXIT_CONFIG;
	else
		front_loop(&f);
	front_close(&f);
	return f.status;
}

static int
modules_check(const struct site *c)
{
	for (size_t i = 0; i < c->routes_n; i++)
		if (access(c->routes[i].module, R_OK) != 0) {
			(void)fprintf(stderr, "spillway-front: %s: %s\n",
				c->routes[i].module, strerror(errno));
			return EXIT_CONFIG;
		}
	return EXIT_OK;
}

/* Of a value of [front]: 0, or -errno. */
static int
place_check(const struct config_value *v)
{
	if (strcmp(v->name, "listen") == 0 || strcmp(v->name, "stats") == 0)
		return listen_place_check(v->text);
	if (strcmp(v->name, "access_log") == 0 && strcmp(v->text, "-") != 0)
		return options_file_check(v->text);
	return 0;
}

static int
places_check(const struct options *o)
{
	const struct config_value *v;

	for (size_t i = 0; (v = config_value(o->config, "front", i)) != NULL;
		i++) {
		int err = place_check(v);

		if (err < 0)
			return (int)options_value_fail(
				o, &front_program, v, strerror(-err));
	}
	return EXIT_OK;
}

/* --check-config: also checks that modules exist, but loads none. */
static int
config_check(struct site_source *source)
{
	struct site c;
	int status = EXIT_CONFIG;

	if (site_read(&c, source) == 0)
		status = modules_check(&c);
	if (status == EXIT_OK)
		status = places_check(&c.options);
	site_fini(&c);
	return status;
}

int
main(int argc, char **argv)
{
	struct site_source source = {.argc = argc, .argv = argv};
	struct options *o = &source.first;
	int status;

	options_reload_hold(1);
	if (options_start(o, &front_program, argc, argv) != 0)
		status = o->status;
	else if (o->file == NULL)
		status = program_fail(&front_program, EXIT_USE,
			"--config FILE: missing option");
	else {
		if (config_number(o->config, "front", "verbose"))
			sw_log_set(SW_LOG_DEBUG);
		status = o->action != NULL ? config_check(&source)
					   : front_run(&source);
	}
	options_fini(o);
	return status;
}
