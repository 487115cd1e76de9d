/* SPDX-License-Identifier: MIT */
/* A peer is refused when no descriptor is free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link/accept.h"

/* A listening socket in the abstract namespace, and a peer that waits. */
static int
listener_open(int *peer)
{
	static const struct sockaddr_un any = {.sun_family = AF_UNIX};
	struct sockaddr_un at;
	socklen_t len = sizeof(at);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s >= 0 && *peer >= 0);
	assert_int_equal(bind(s, (const struct sockaddr *)(const void *)&any,
				 sizeof(any.sun_family)),
		0);
	assert_int_equal(listen(s, 4), 0);
	assert_int_equal(
		getsockname(s, (struct sockaddr *)(void *)&at, &len), 0);
	assert_int_equal(
		connect(*peer, (struct sockaddr *)(void *)&at, len), 0);
	return s;
}

static void
files_use_up(void)
{
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		;
	assert_int_equal(errno, EMFILE);
}

static void
a_peer_for_whom_no_file_is_left_is_hung_up_on(void **state)
{
	struct rlimit was, few = {64, 64};
	char c;
	int s, peer, first = dup(0);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	s = listener_open(&peer);
	accept_open();
	files_use_up();
	assert_int_equal(accept_refused(), 0);
	assert_int_equal(accept4(s, NULL, NULL, SOCK_CLOEXEC), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_int_equal(accept_refused(), 1);
	assert_true(read(peer, &c, 1) <= 0);
	assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
	accept_close();
	for (int fd = first; fd < 64; fd++)
		close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_for_whom_no_file_is_left_is_hung_up_on),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
