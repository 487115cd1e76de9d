/* SPDX-License-Identifier: MIT */
/* The contract of blob.h, tested with both drivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tests/lib/blob.h"

enum { MIB = 1024 * 1024, HOUR_S = 3600, HOUR_MS = HOUR_S * 1000 };

/* --- names and references ------------------------------------------------ */

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
a_name_is_the_hash_and_nothing_else(void **state)
{
	static const char *const bad[] = {"", "sha256:", ABC, "sha256:" ABC "0",
		"sha256:../../../../../../../../etc/passwd",
		"sha256:"
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61"
		"F20015AD",
		"sha512:" ABC, " sha256:" ABC, "sha256:" ABC "\n"};
	struct blob_hash h;
	char text[BLOB_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			blob_name_parse(bytes_str(bad[i]), &h), SW_EINVAL);
	assert_int_equal(blob_name_parse(bytes_str("sha256:" ABC), &h), 0);
	blob_name_write(&h, text);
	assert_string_equal(text, "sha256:" ABC);
}

static void
a_reference_has_a_name_and_a_size(void **state)
{
	static const char *const bad[] = {"sha256:" ABC,
		"sha256:" ABC ";size=", "sha256:" ABC ";size=-1",
		"sha256:" ABC ";size=1 ",
		"sha256:" ABC ";size=1234567890123456789",
		"sha256:" ABC ",size=1", "sha256:;size=1"};
	struct blob_ref r;
	char text[BLOB_REF];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			blob_ref_parse(bytes_str(bad[i]), &r), SW_EINVAL);
		assert_true(blob_ref_meant(bytes_str(bad[i])));
	}
	assert_false(blob_ref_meant(bytes_str("a header of another's")));
	assert_int_equal(
		blob_ref_parse(bytes_str("sha256:" ABC ";size=3"), &r), 0);
	assert_int_equal(r.size, 3);
	blob_ref_write(&r, text);
	assert_string_equal(text, "sha256:" ABC ";size=3");
}

static void
a_wrong_uri_is_refused_with_a_line_that_says_why(void **state)
{
	static const char *const bad[] = {"", "blobs", "ftp://host/x",
		"dir:", "dir:/tmp/x?quota=none", "dir:/tmp/x?limit=1", "s3://",
		"s3://b?endpoint=host", "s3://b?tries=0", "s3://b?backoff=x",
		"s3://b?key", "s3://b/../c", "s3://b/a b"};
	struct blobs *s;
	char why[BLOB_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(blobs_open(&s, bad[i], why), SW_EINVAL);
		assert_true(why[0] != '\0');
	}
	unsetenv("AWS_SECRET_ACCESS_KEY");
	assert_int_equal(blobs_open(&s, "s3://b", why), SW_EINVAL);
	assert_non_null(strstr(why, "AWS_SECRET_ACCESS_KEY"));
	setenv("AWS_SECRET_ACCESS_KEY", "tester/secret+key", 1);
}

/* --- both drivers -------------------------------------------------------- */

static void
what_was_put_is_read_back_under_its_hash(void **state)
{
	static const size_t sizes[] = {
		0, 1, 4096, MIB + 1, 4 * MIB - 1, 4 * MIB, 9 * MIB + 3};
	struct blob_room *r = *state;
	struct blob_info info;
	struct blob_put *p;
	struct blob_ref ref;
	char name[BLOB_NAME];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(put_noise(r->s, i, sizes[i], &ref), 0);
		assert_int_equal(ref.size, sizes[i]);
		assert_int_equal(get_noise(r->s, i, &ref), 0);
		assert_int_equal(blobs_stat(r->s, &ref.hash, &info), 0);
		assert_int_equal(info.size, sizes[i]);
		assert_true(info.age_ms < HOUR_MS);
	}
	assert_int_equal(blob_put_begin(r->s, &p), 0);
	assert_int_equal(blob_put_write(p, "abc", 3), 0);
	assert_int_equal(blob_put_finish(p, &ref), 0);
	blob_name_write(&ref.hash, name);
	assert_string_equal(name, "sha256:" ABC);
}

static void
a_range_begins_anywhere(void **state)
{
	static const int64_t at[] = {0, 5, 4 * MIB - 2, 4 * MIB, 6 * MIB - 1};
	struct blob_room *r = *state;
	uint8_t *want = noise(3, 6 * MIB), got[100];
	struct blob_get *g;
	struct blob_ref ref;

	assert_int_equal(put_noise(r->s, 3, 6 * MIB, &ref), 0);
	assert_int_equal(blob_get_open(r->s, &ref.hash, &g), 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		ssize_t n;

		blob_get_seek(g, at[i]);
		n = blob_get_read(g, got, sizeof(got));
		assert_true(n > 0);
		assert_memory_equal(got, want + at[i], (size_t)n);
	}
	blob_get_seek(g, 6 * MIB);
	assert_int_equal(blob_get_read(g, got, sizeof(got)), 0);
	blob_get_close(g);
	free(want);
}

static void
what_is_not_there_is_said_for_good(void **state)
{
	struct blob_room *r = *state;
	struct blob_hash h = {{1}};
	struct blob_info info;
	struct blob_get *g;
	struct blob_ref ref;

	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(blob_get_open(r->s, &h, &g), -ENOENT);
	assert_non_null(strstr(blobs_why(r->s), "sha256:01000000"));
	assert_int_equal(blobs_stat(r->s, &h, &info), -ENOENT);
	assert_int_equal(blobs_delete(r->s, &h, 0), -ENOENT);
	assert_true(blob_is_final(-ENOENT));
}

/* An unmounted disk must not fail jobs for good. */
static void
a_store_that_is_not_there_is_not_said_for_good(void **state)
{
	struct blob_room *r = *state;
	struct blobs *s = blobs_at(strcmp(r->driver, "dir") == 0
					   ? r->dir
					   : bucket_uri("nobody", ""));
	struct blob_hash h = {{1}};
	struct blob_info info;

	assert_int_equal(blobs_stat(s, &h, &info), -ENODEV);
	assert_int_equal(blobs_each(s, NULL, NULL), -ENODEV);
	assert_false(blob_is_final(-ENODEV));
	blobs_close(s);
}

static void
the_same_content_twice_is_one_blob_and_young_again(void **state)
{
	struct blob_room *r = *state;
	struct blob_info info;
	struct blob_ref a, b;

	assert_int_equal(put_noise(r->s, 1, 1000, &a), 0);
	room_age(r, 2 * HOUR_S);
	assert_int_equal(blobs_stat(r->s, &a.hash, &info), 0);
	assert_true(info.age_ms >= HOUR_MS);
	assert_int_equal(put_noise(r->s, 1, 1000, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(blobs_stat(r->s, &a.hash, &info), 0);
	assert_true(info.age_ms < HOUR_MS);
	assert_int_equal(blob_count(r->s), 1);
}

static void
an_abort_leaves_nothing(void **state)
{
	struct blob_room *r = *state;
	struct blob_put *p;
	struct blob_ref ref;

	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(blob_put_begin(r->s, &p), 0);
	assert_int_equal(blob_put_write(p, "abc", 3), 0);
	blob_put_abort(p);
	assert_int_equal(blob_count(r->s), 1);
	assert_int_equal(blobs_clean(r->s, 0, 1), 0);
}

static void
only_what_is_old_enough_is_deleted(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;

	assert_int_equal(put_noise(r->s, 1, 1000, &ref), 0);
	assert_int_equal(blobs_delete(r->s, &ref.hash, HOUR_MS), -EBUSY);
	assert_int_equal(get_noise(r->s, 1, &ref), 0);
	room_age(r, 2 * HOUR_S);
	assert_int_equal(blobs_delete(r->s, &ref.hash, HOUR_MS), 0);
	assert_int_equal(get_noise(r->s, 1, &ref), -ENOENT);
	assert_int_equal(put_noise(r->s, 1, 1000, &ref), 0);
	assert_int_equal(blobs_delete(r->s, &ref.hash, 0), 0);
	assert_int_equal(blob_count(r->s), 0);
}

static int
size_add(void *arg, const struct blob_info *info)
{
	*(int64_t *)arg += info->size;
	return 0;
}

static int
stop_at_once(void *arg, const struct blob_info *info)
{
	(void)info;
	++*(int *)arg;
	return -ECANCELED;
}

static void
a_walk_sees_every_blob_with_its_size(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	int64_t sum = 0;
	int n = 0;

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(put_noise(r->s, i, 100 + i, &ref), 0);
	assert_int_equal(blob_count(r->s), 10);
	assert_int_equal(blobs_each(r->s, size_add, &sum), 0);
	assert_int_equal(sum, 1045);
	assert_int_equal(blobs_each(r->s, stop_at_once, &n), -ECANCELED);
	assert_int_equal(n, 1);
}

static void
damage_is_found_and_another_put_mends_it(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;

	assert_int_equal(put_noise(r->s, 1, 5 * MIB, &ref), 0);
	room_flip(r);
	assert_int_equal(get_noise(r->s, 1, &ref), SW_ECORRUPT);
	assert_false(blob_is_final(SW_ECORRUPT));
	room_age(r, HOUR_S);
	assert_int_equal(put_noise(r->s, 1, 5 * MIB, &ref), 0);
	assert_int_equal(get_noise(r->s, 1, &ref), 0);
}

static void
a_job_gets_a_file_that_was_checked(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref, wrong;
	struct blob_get *g;
	struct stat st;
	char path[4096];

	assert_int_equal(put_noise(r->s, 1, MIB, &ref), 0);
	assert_int_equal(
		blobs_fetch(r->s, &ref, r->dir, path, sizeof(path)), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, MIB);
	assert_int_equal(st.st_mode & 0222, 0);
	wrong = ref;
	wrong.size++;
	assert_int_equal(blobs_fetch(r->s, &wrong, r->dir, path, sizeof(path)),
		SW_EINVAL);
	assert_int_equal(blob_get_open_ref(r->s, &wrong, &g), SW_EINVAL);
	room_flip(r);
	assert_int_equal(blob_get_open_ref(r->s, &wrong, &g), SW_ECORRUPT);
	assert_int_equal(blobs_fetch(r->s, &wrong, r->dir, path, sizeof(path)),
		SW_ECORRUPT);
	assert_int_equal(blobs_fetch(r->s, &ref, r->dir, path, sizeof(path)),
		SW_ECORRUPT);
}

/* --- the bucket ---------------------------------------------------------- */

static void
a_flaky_server_is_asked_again(void **state)
{
	struct blobs *s = blobs_at(bucket_uri("flaky/x", ""));
	struct blob_ref ref;

	(void)state;
	assert_int_equal(put_noise(s, 1, 5 * MIB, &ref), 0);
	assert_int_equal(get_noise(s, 1, &ref), 0);
	assert_int_equal(blob_count(s), 1);
	assert_int_equal(blobs_delete(s, &ref.hash, 0), 0);
	blobs_close(s);
}

static void
a_server_that_stays_down_is_an_error_but_not_for_good(void **state)
{
	struct blobs *s = blobs_at(bucket_uri("down", "&tries=3"));
	struct blob_hash h = {{1}};
	struct blob_info info;
	int before = server_seen();

	(void)state;
	assert_int_equal(blobs_stat(s, &h, &info), -EIO);
	assert_int_equal(server_seen() - before, 3);
	assert_non_null(strstr(blobs_why(s), "503"));
	assert_false(blob_is_final(-EIO));
	blobs_close(s);
	s = blobs_at("s3://b?endpoint=http://127.0.0.1:1&tries=2&backoff=1");
	assert_int_equal(blobs_stat(s, &h, &info), -ECONNREFUSED);
	blobs_close(s);
}

/* Positive control: the test server verifies signatures. */
static void
a_wrong_key_or_region_is_turned_away_at_once(void **state)
{
	struct blobs *s;
	struct blob_ref ref;
	int before = server_seen();

	(void)state;
	setenv("AWS_SECRET_ACCESS_KEY", "tester/secret+keY", 1);
	s = blobs_at(bucket_uri("good", ""));
	assert_int_equal(put_noise(s, 1, 10, &ref), -EACCES);
	assert_non_null(strstr(blobs_why(s), "SignatureDoesNotMatch"));
	assert_int_equal(blobs_each(s, NULL, NULL), -EACCES);
	blobs_close(s);
	setenv("AWS_SECRET_ACCESS_KEY", "tester/secret+key", 1);
	s = blobs_at(bucket_uri("good", "&region=test-2"));
	assert_int_equal(put_noise(s, 1, 10, &ref), -EACCES);
	blobs_close(s);
	assert_int_equal(server_seen() - before, 5);
}

static void
a_session_token_is_signed_too(void **state)
{
	struct blobs *s;
	struct blob_ref ref;

	(void)state;
	setenv("AWS_SESSION_TOKEN", "a/session+token==", 1);
	s = blobs_at(bucket_uri("good/token", ""));
	assert_int_equal(put_noise(s, 1, 10, &ref), 0);
	blobs_close(s);
	setenv("AWS_SESSION_TOKEN", "another", 1);
	s = blobs_at(bucket_uri("good/token", ""));
	assert_int_equal(put_noise(s, 2, 10, &ref), -EACCES);
	blobs_close(s);
	unsetenv("AWS_SESSION_TOKEN");
}

static void
a_server_without_ranges_is_an_error_not_wrong_bytes(void **state)
{
	struct blobs *s = blobs_at(bucket_uri("liar", "&tries=1"));
	struct blob_ref ref;

	(void)state;
	assert_int_equal(put_noise(s, 1, 1000, &ref), 0);
	assert_int_equal(get_noise(s, 1, &ref), 0);
	assert_int_equal(put_noise(s, 2, 5 * MIB, &ref), 0);
	assert_int_equal(get_noise(s, 2, &ref), -EIO);
	blobs_close(s);
}

static void
what_was_put_a_moment_ago_is_not_sent_again(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	int before;

	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	before = server_seen();
	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(server_seen() - before, 1);
	room_age(r, 700);
	before = server_seen();
	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(server_seen() - before, 2);
}

#define DIR_TEST(t) cmocka_unit_test_setup_teardown(t, room_dir, room_down)
#define S3_TEST(t)  cmocka_unit_test_setup_teardown(t, room_s3, room_down)
#define BOTH(t)	    DIR_TEST(t), S3_TEST(t)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_the_hash_and_nothing_else),
		cmocka_unit_test(a_reference_has_a_name_and_a_size),
		cmocka_unit_test(
			a_wrong_uri_is_refused_with_a_line_that_says_why),
		BOTH(what_was_put_is_read_back_under_its_hash),
		BOTH(a_range_begins_anywhere),
		BOTH(what_is_not_there_is_said_for_good),
		BOTH(a_store_that_is_not_there_is_not_said_for_good),
		BOTH(the_same_content_twice_is_one_blob_and_young_again),
		BOTH(an_abort_leaves_nothing),
		BOTH(only_what_is_old_enough_is_deleted),
		BOTH(a_walk_sees_every_blob_with_its_size),
		BOTH(damage_is_found_and_another_put_mends_it),
		BOTH(a_job_gets_a_file_that_was_checked),
		cmocka_unit_test(a_flaky_server_is_asked_again),
		cmocka_unit_test(
			a_server_that_stays_down_is_an_error_but_not_for_good),
		cmocka_unit_test(a_wrong_key_or_region_is_turned_away_at_once),
		cmocka_unit_test(a_session_token_is_signed_too),
		cmocka_unit_test(
			a_server_without_ranges_is_an_error_not_wrong_bytes),
		S3_TEST(what_was_put_a_moment_ago_is_not_sent_again),
	};

	return cmocka_run_group_tests(tests, server_up, server_down);
}
