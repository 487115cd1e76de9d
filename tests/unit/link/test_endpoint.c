/* SPDX-License-Identifier: MIT */
/* Endpoints are checked before they are used, as libzmq would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/log.h"
#include "broker/broker.h"
#include "link/dial.h"
#include "link/endpoint.h"
#include "tests/lib/folder.h"

enum { CONNECT = 1, LISTEN = 2 };

static const struct {
	const char *endpoint;
	int good; /* for what */
} rows[] = {
	{"ipc:///run/spillway/broker.sock", CONNECT | LISTEN},
	{"ipc://relative", CONNECT | LISTEN},
	{"tcp://127.0.0.1:5555", CONNECT | LISTEN},
	{"tcp://127.0.0.1:65535", CONNECT | LISTEN},
	{"tcp://localhost:5555", CONNECT | LISTEN},
	{"tcp://[::1]:5555", CONNECT | LISTEN},
	{"tcp://127.0.0.1:0", LISTEN},
	{"tcp://127.0.0.1:*", LISTEN},
	{"tcp://broker-1.example.org:5555", CONNECT},
	{"tcp://10.0.0.1:5555", CONNECT},
	{"tcp://0.0.0.0:5555", CONNECT},
	{"tcp://*:5555", CONNECT},
	{"", 0},
	{"nonsense", 0},
	{"ipc://", 0},
	{"IPC:///run/s", 0},
	{"tcp://", 0},
	{"tcp://:5555", 0},
	{"tcp://127.0.0.1", 0},
	{"tcp://127.0.0.1:", 0},
	{"tcp://127.0.0.1:x", 0},
	{"tcp://127.0.0.1:-1", 0},
	{"tcp://127.0.0.1:65536", 0},
	{"tcp://127.0.0.1:99999999999999999999", 0},
	{"tcp://127.0 0.1:5555", 0},
	{"tcp://-h:5555", 0},
	{"udp://127.0.0.1:5555", 0},
	{"inproc://x", 0},
	{"pgm://127.0.0.1:5555", 0},
};

static void
a_check_names_what_an_endpoint_must_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = rows[i].endpoint;
		char why[256] = "";
		int err = sw_endpoint_check(at, why, sizeof(why));

		if (err != (rows[i].good & CONNECT ? 0 : -EINVAL))
			fail_msg("'%s' to connect: %d", at, err);
		assert_int_equal(err == 0, why[0] == '\0');
		why[0] = '\0';
		err = sw_listen_check(at, why, sizeof(why));
		if (err != (rows[i].good & LISTEN ? 0 : -EINVAL))
			fail_msg("'%s' to listen: %d", at, err);
		assert_true(err == 0 || strncmp(why, "must be ", 8) == 0);
	}
}

/* So no start fails for an endpoint that was taken; no other host is asked. */
static void
what_the_check_takes_libzmq_takes(void **state)
{
	void *ctx = zmq_ctx_new();

	(void)state;
	assert_non_null(ctx);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *s = zmq_socket(ctx, ZMQ_DEALER);

		assert_non_null(s);
		if (rows[i].good == (CONNECT | LISTEN) &&
			zmq_connect(s, rows[i].endpoint) != 0)
			fail_msg("'%s': %s", rows[i].endpoint,
				zmq_strerror(zmq_errno()));
		assert_int_equal(zmq_close(s), 0);
	}
	assert_int_equal(zmq_ctx_term(ctx), 0);
}

static void
a_path_may_be_as_long_as_a_socket_s_address(void **state)
{
	char at[6 + 108 + 1] = "ipc://", why[256];

	(void)state;
	memset(at + 6, 'x', 108);
	assert_int_equal(sw_listen_check(at, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "at most 107 bytes"));
	at[6 + 107] = '\0';
	assert_int_equal(sw_listen_check(at, why, sizeof(why)), 0);
	assert_int_equal(sw_endpoint_check(at, why, sizeof(why)), 0);
}

/* Longer than any limit, for each of the variables that make the default. */
static void
a_default_that_is_too_long_is_refused_by_name(void **state)
{
	char at[512], dir[256];
	const char *was = getenv("RUNTIME_DIRECTORY");

	(void)state;
	memset(dir, 'x', sizeof(dir) - 1);
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(setenv("RUNTIME_DIRECTORY", dir, 1), 0);
	assert_int_equal(sw_endpoint_default(at, sizeof(at)), -ENAMETOOLONG);
	assert_non_null(
		strstr(sw_endpoint_default_why(-ENAMETOOLONG), "too long"));
	assert_int_equal(setenv("RUNTIME_DIRECTORY", "/run/spillway", 1), 0);
	assert_int_equal(sw_endpoint_default(at, sizeof(at)), 0);
	assert_int_equal(was != NULL ? setenv("RUNTIME_DIRECTORY", was, 1)
				     : unsetenv("RUNTIME_DIRECTORY"),
		0);
}

static void
a_probe_says_why_nobody_is_reached(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char dir[64], endpoint[80];
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid = -1;

	(void)state;
	folder_make(dir);
	(void)snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", dir);
	strcpy(at.sun_path, endpoint + 6);
	assert_int_equal(sw_endpoint_probe(endpoint, &pid), -ENOENT);
	assert_int_equal(pid, 0);
	assert_string_equal(sw_endpoint_away(endpoint), "there is no socket");
	assert_int_equal(
		bind(s, (const struct sockaddr *)(const void *)&at, sizeof(at)),
		0);
	assert_int_equal(sw_endpoint_probe(endpoint, NULL), -ECONNREFUSED);
	assert_string_equal(sw_endpoint_away(endpoint), "nobody listens");
	assert_int_equal(listen(s, 4), 0);
	assert_int_equal(sw_endpoint_probe(endpoint, &pid), 0);
	assert_int_equal(pid, getpid());
	assert_string_equal(sw_endpoint_away(endpoint), "no answer");
	close(s);
	assert_int_equal(sw_endpoint_probe(endpoint, NULL), -ECONNREFUSED);
	assert_int_equal(sw_endpoint_probe("tcp://127.0.0.1:1", NULL), 0);
	assert_string_equal(sw_endpoint_away("tcp://127.0.0.1:1"), "no answer");
	*strrchr(endpoint, '/') = '\0';
	assert_string_equal(
		sw_endpoint_away(endpoint), "the file is no socket");
	folder_remove(dir);
	assert_string_equal(
		sw_endpoint_away("ipc:///dev/null/s"), "Not a directory");
}

static int
option_of(void *socket, int option)
{
	int value = -1;
	size_t len = sizeof(value);

	assert_int_equal(zmq_getsockopt(socket, option, &value, &len), 0);
	return value;
}

/*
 * A link whose other end is silent is closed within four seconds.  Over an
 * outage, however long, the pause between two attempts to connect grows, and
 * stays below a second.
 */
static void
options_are_good(void *s)
{
	int every = option_of(s, ZMQ_HEARTBEAT_IVL);

	assert_in_range(every, 100, 1000);
	assert_in_range(
		option_of(s, ZMQ_HEARTBEAT_TIMEOUT), 2 * every, 4000 - every);
	assert_in_range(option_of(s, ZMQ_RECONNECT_IVL), 10, 100);
	assert_in_range(option_of(s, ZMQ_RECONNECT_IVL_MAX),
		option_of(s, ZMQ_RECONNECT_IVL) * 2, 1000);
	assert_in_range(option_of(s, ZMQ_HANDSHAKE_IVL), 1000, 10000);
	assert_int_equal(option_of(s, ZMQ_LINGER), 0);
}

static void
a_socket_notices_a_dead_link_and_comes_back_after_a_long_outage(void **state)
{
	void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_DEALER);

	(void)state;
	assert_non_null(s);
	assert_int_equal(sw_socket_set(s), 0);
	options_are_good(s);
	assert_int_equal(zmq_close(s), 0);
	assert_int_equal(zmq_ctx_term(ctx), 0);
}

static void
so_does_that_of_a_client(void **state)
{
	struct dial d;

	(void)state;
	assert_int_equal(dial_open(&d, "tcp://127.0.0.1:1"), 0);
	options_are_good(d.sock);
	dial_close(&d);
}

/* ... which waits for nobody who is gone. */
static void
so_does_that_of_a_broker(void **state)
{
	static struct broker br;
	static struct broker_config cfg;
	char folder[FOLDER_PATH], data[FOLDER_FILE], listen[FOLDER_FILE];
	char program[] = "spillway-broker", force[] = "--force";
	char map[] = "--map-size=16m"; /* memcheck has no room for 64 GiB */
	char *argv[] = {program, force, map, data, listen, NULL};

	(void)state;
	folder_make(folder);
	(void)snprintf(data, sizeof(data), "--data=%s/data", folder);
	(void)snprintf(listen, sizeof(listen), "--listen=ipc://%s/b", folder);
	sw_log_set((enum sw_log_level)0);
	assert_int_equal(broker_config_read(&cfg, 5, argv), 0);
	assert_int_equal(broker_open(&br, &cfg), 0);
	options_are_good(br.socket);
	broker_close(&br);
	broker_config_fini(&cfg);
	folder_remove(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_names_what_an_endpoint_must_be),
		cmocka_unit_test(what_the_check_takes_libzmq_takes),
		cmocka_unit_test(
			a_socket_notices_a_dead_link_and_comes_back_after_a_long_outage),
		cmocka_unit_test(so_does_that_of_a_client),
		cmocka_unit_test(so_does_that_of_a_broker),
		cmocka_unit_test(a_path_may_be_as_long_as_a_socket_s_address),
		cmocka_unit_test(a_default_that_is_too_long_is_refused_by_name),
		cmocka_unit_test(a_probe_says_why_nobody_is_reached),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
