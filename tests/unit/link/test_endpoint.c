/* SPDX-License-Identifier: MIT */
/* Endpoints are checked before they are used, as libzmq would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <zmq.h>

#include "link/endpoint.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_names_what_an_endpoint_must_be),
		cmocka_unit_test(what_the_check_takes_libzmq_takes),
		cmocka_unit_test(a_path_may_be_as_long_as_a_socket_s_address),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
