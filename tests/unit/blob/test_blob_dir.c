/* SPDX-License-Identifier: MIT */
/* Blobs in a folder: locks, syncs, quota, killed writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/lib/blob.h"

enum { HOUR_S = 3600, HOUR_MS = HOUR_S * 1000 };

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
what_a_dead_writer_left_is_cleaned_by_its_age(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	pid_t pid = fork();

	if (pid == 0) {
		struct blob_put *p;

		if (blob_put_begin(r->s, &p) != 0 ||
			blob_put_write(p, "half of it", 10) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(blob_count(r->s), 1);
	assert_int_equal(blobs_clean(r->s, HOUR_MS, 0), 0);
	room_age(r, 2 * HOUR_S);
	assert_int_equal(blobs_clean(r->s, HOUR_MS, 1), 1);
	assert_int_equal(blobs_clean(r->s, HOUR_MS, 0), 1);
	assert_int_equal(blobs_clean(r->s, HOUR_MS, 0), 0);
	assert_int_equal(get_noise(r->s, 1, &ref), 0);
}

static void
what_others_put_into_the_folder_is_no_blob(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	char path[256];

	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	(void)snprintf(path, sizeof(path), "%s/store/ba", r->dir);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	(void)snprintf(path, sizeof(path), "%s/store/ba/notes", r->dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	(void)snprintf(path, sizeof(path), "%s/store/ba/" ABC, r->dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(blob_count(r->s), 1);
	assert_int_equal(
		blob_name_parse(bytes_str("sha256:" ABC), &ref.hash), 0);
	assert_true(get_noise(r->s, 1, &ref) == -ELOOP);
}

static void
a_quota_refuses_what_is_beyond_and_no_more(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	struct blobs *s;
	char uri[128];

	(void)snprintf(uri, sizeof(uri), "dir:%s/small?quota=10k", r->dir);
	s = blobs_at(uri);
	assert_int_equal(put_noise(s, 1, 6000, &ref), 0);
	assert_int_equal(put_noise(s, 2, 4240, &ref), 0);
	assert_int_equal(put_noise(s, 3, 1, &ref), SW_EFULL);
	assert_non_null(strstr(blobs_why(s), "quota"));
	assert_int_equal(put_noise(s, 2, 4240, &ref), 0);
	assert_int_equal(blobs_clean(s, 0, 1), 0);
	assert_int_equal(blobs_delete(s, &ref.hash, 0), 0);
	assert_int_equal(put_noise(s, 3, 1, &ref), 0);
	assert_int_equal(blob_count(s), 2);
	blobs_close(s);
}

/* Whether the process waits for a lock, by the kernel's list of locks. */
static int
waits_for_lock(pid_t pid)
{
	FILE *f = fopen("/proc/locks", "r");
	char line[256], who[32];
	int found = 0;

	assert_non_null(f);
	(void)snprintf(who, sizeof(who), " %d ", (int)pid);
	while (fgets(line, sizeof(line), f) != NULL)
		found |= strstr(line, "->") != NULL &&
			 strstr(line, who) != NULL;
	(void)fclose(f);
	return found;
}

/*
 * A put renames under the shared lock.  This test prolongs that moment: a
 * deletion of the old blob must wait for its end and then find a young blob.
 */
static void
what_is_put_again_meanwhile_is_not_deleted(void **state)
{
	struct timespec old[2] = {{1, 0}, {1, 0}};
	struct blob_room *r = *state;
	struct blob_ref ref;
	char path[256], lock[128];
	int fd, status = -1;
	pid_t pid;

	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	room_path(r, &ref, path);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	(void)snprintf(lock, sizeof(lock), "%s/store/lock", r->dir);
	fd = open(lock, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	pid = fork();
	if (pid == 0) {
		char uri[128];

		close(fd);
		(void)snprintf(uri, sizeof(uri), "dir:%s/store", r->dir);
		_exit(blobs_delete(blobs_at(uri), &ref.hash, HOUR_MS) == -EBUSY
				? 0
				: 1);
	}
	while (!waits_for_lock(pid))
		if (waitpid(pid, &status, WNOHANG) != 0)
			fail_msg("the deletion did not wait");
	assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
}

/* A put waits for a deletion in progress. */
static void
a_put_waits_for_a_deletion_under_way(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	char lock[128];
	int fd, status = -1;
	pid_t pid;

	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	(void)snprintf(lock, sizeof(lock), "%s/store/lock", r->dir);
	fd = open(lock, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	pid = fork();
	if (pid == 0) {
		close(fd);
		_exit(put_noise(r->s, 1, 10, &ref) == 0 ? 0 : 1);
	}
	while (!waits_for_lock(pid))
		if (waitpid(pid, &status, WNOHANG) != 0)
			fail_msg("the put did not wait");
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static struct {
	ino_t of; /* the path whose syncs are counted */
	int n;
} syncs;

/* Replaces libc's. */
int
fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	syncs.n += st.st_ino == syncs.of;
	return (int)syscall(SYS_fsync, fd);
}

static int
syncs_of(const char *path, unsigned seed)
{
	struct blob_ref ref;
	struct stat st;
	struct blobs *s = blobs_at(path);

	assert_int_equal(stat(path, &st), 0);
	syncs.of = st.st_ino;
	syncs.n = 0;
	assert_int_equal(put_noise(s, seed, 10, &ref), 0);
	assert_int_equal(put_noise(s, seed, 10, &ref), 0);
	blobs_close(s);
	return syncs.n;
}

/* The process that made the folder may have died before its sync. */
static void
a_folder_that_is_there_already_is_made_durable_once(void **state)
{
	struct blob_room *r = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/store", r->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	/* The parent of tmp and of the fan-out: once by each process. */
	assert_int_equal(syncs_of(path, 1), 2);
	assert_int_equal(syncs_of(path, 1), 2);
}

/* The parent folder, too. */
static void
a_stores_own_name_is_made_durable(void **state)
{
	struct blob_room *r = *state;
	struct blob_ref ref;
	struct stat st;

	assert_int_equal(stat(r->dir, &st), 0);
	syncs.of = st.st_ino;
	syncs.n = 0;
	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(put_noise(r->s, 1, 10, &ref), 0);
	assert_int_equal(syncs.n, 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, room_dir, room_down)
	const struct CMUnitTest tests[] = {
		T(what_a_dead_writer_left_is_cleaned_by_its_age),
		T(what_others_put_into_the_folder_is_no_blob),
		T(a_quota_refuses_what_is_beyond_and_no_more),
		T(what_is_put_again_meanwhile_is_not_deleted),
		T(a_put_waits_for_a_deletion_under_way),
		T(a_folder_that_is_there_already_is_made_durable_once),
		T(a_stores_own_name_is_made_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
