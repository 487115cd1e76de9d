/* SPDX-License-Identifier: MIT */
/* File systems that may lose jobs, by what statfs() returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

#include "broker/store/store.h"
#include "tests/lib/store.h"

static long kind; /* f_type of every file system in this test */

/* Replaces the function of libc. */
int
statfs(const char *path, struct statfs *fs)
{
	(void)path;
	*fs = (struct statfs){.f_type = kind};
	return 0;
}

static void
a_network_or_overlay_file_system_is_refused_unless_forced(void **state)
{
	static const long kinds[] = {
		NFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, AFS_SUPER_MAGIC};
	const struct store_options forced = {.map_size = 16 << 20, .force = 1};
	struct fixture f = {.scheme = "lmdb"}, *fx = &f;
	void *fixture = fx;

	(void)state;
	kind = EXT4_SUPER_MAGIC;
	assert_int_equal(fx_setup(&fixture), 0);
	fx_closed(fx);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		kind = kinds[i];
		assert_int_equal(fx_open_at(fx), -ENOTSUP);
		assert_non_null(strstr(f.s->why, "--force"));
		fx_closed(fx);
		assert_int_equal(store_open(&f.s, f.uri, &forced), 0);
		fx_closed(fx);
	}
	assert_int_equal(fx_teardown(&fixture), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_network_or_overlay_file_system_is_refused_unless_forced),
	};

	return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
