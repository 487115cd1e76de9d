/* SPDX-License-Identifier: MIT */
/* A copy of the store beside the process that has it open, the request for it
 * in the core, and a data.mdb that gives its free pages back. */
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
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/core/admin.h"
#include "broker/repair/copy.h"
#include "broker/repair/lmdb.h"
#include "broker/store/lmdb.h"
#include "tests/lib/folder.h"
#include "tests/lib/rig.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

enum { BIG = 100000 }; /* bytes of a row, in pages of its own */

/* What the process that copies does when the files are there. */
enum copy_act { COPY_ENDS, COPY_IS_TERMINATED, COPY_IS_KILLED };

static const char *
copy_dir(const struct fixture *f)
{
	static char dir[128];

	(void)snprintf(dir, sizeof(dir), "%s.copy", f->dir);
	return dir;
}

static const char *
copy_file(const struct fixture *f, const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", copy_dir(f), name);
	return path;
}

/* Makes the copy the fixture's store. */
static void
copy_is(struct fixture *f)
{
	assert_true(strlen(copy_dir(f)) < sizeof(f->uri));
	memcpy(f->uri, copy_dir(f), strlen(copy_dir(f)) + 1);
}

/* LMDB takes a file once in a process, so another one copies; its status. */
static int
copied(const struct fixture *f, enum copy_act act)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct copy_result r;
		int err = copy_begin(f->dir, copy_dir(f), f->map_size, &r);

		if (err == 0 && act != COPY_ENDS)
			(void)raise(act == COPY_IS_KILLED ? SIGKILL : SIGTERM);
		if (err == 0)
			err = copy_end(&r);
		if (err < 0)
			copy_drop();
		_exit(err == 0 ? 0 : err == -EEXIST ? 2 : 3);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Rows 0 to n - 1 of 100,000 bytes. */
static void
big_rows(struct fixture *f, enum store_op_kind kind, uint8_t n)
{
	static const uint8_t val[BIG];

	for (uint8_t i = 0; i < n; i++) {
		const struct store_op op = {kind, bytes_of(&i, 1),
			bytes_of(val, kind == STORE_PUT ? sizeof(val) : 0)};

		assert_int_equal(fx_commit(f, &op, 1), 0);
	}
}

static struct store_usage
usage(struct fixture *f)
{
	struct store_usage u;

	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	return u;
}

/* --- the copy ---------------------------------------------------------- */

static void
a_copy_has_all_that_was_confirmed_before_the_store_was_shared(void **state)
{
	struct fixture *f = *state, other = *f;

	big_rows(f, STORE_PUT, 200);
	assert_int_equal(fx_put(f, "before", "1"), 0);
	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(fx_put(f, "after", "2"), 0);
	assert_int_equal(copied(f, COPY_ENDS), 0);
	assert_int_equal(f->s->driver->share(f->s, 0), 0);
	assert_int_equal(fx_put(f, "later", "3"), 0);

	copy_is(&other);
	fx_opened(&other);
	assert_int_equal(other.c.epoch, f->c.epoch + 1);
	fx_assert_val(&other, "before", "1");
	fx_assert_none(&other, "after");
	assert_int_equal(fx_put(&other, "its own", "4"), 0);
	fx_reopened(&other);
	fx_assert_val(&other, "its own", "4");
	fx_closed(&other);
	fx_reopened(f);
	fx_assert_val(f, "after", "2");
	fx_assert_val(f, "later", "3");
}

static void
an_empty_folder_is_taken_and_one_with_a_file_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(mkdir(copy_dir(f), 0700), 0);
	fd = open(copy_file(f, "data.mdb"), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(WEXITSTATUS(copied(f, COPY_ENDS)), 2);
	assert_int_equal(access(copy_file(f, "data.mdb"), F_OK), 0);
	assert_int_equal(unlink(copy_file(f, "data.mdb")), 0);
	assert_int_equal(copied(f, COPY_ENDS), 0);
	assert_int_equal(access(copy_file(f, "data.mdb"), F_OK), 0);
	assert_int_equal(access(copy_file(f, LMDB_UNFINISHED), F_OK), -1);
}

/* It would be lost with the store. */
static void
a_folder_inside_the_store_is_refused(void **state)
{
	struct fixture *f = *state;
	struct copy_result r;
	char dir[128];

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	(void)snprintf(dir, sizeof(dir), "%s/copy", f->dir);
	assert_int_equal(copy_begin(f->dir, dir, f->map_size, &r), -EINVAL);
	assert_non_null(strstr(r.why, "inside the store"));
	copy_drop();
	assert_int_equal(access(dir, F_OK), -1);
}

static void
a_copy_that_is_ended_leaves_no_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_true(WIFEXITED(copied(f, COPY_IS_TERMINATED)));
	assert_int_equal(access(copy_dir(f), F_OK), -1);
	assert_int_equal(mkdir(copy_dir(f), 0700), 0);
	assert_int_not_equal(copied(f, COPY_IS_TERMINATED), 0);
	assert_int_equal(rmdir(copy_dir(f)), 0); /* it is there, and empty */
}

static void
what_a_killed_copy_leaves_is_no_store(void **state)
{
	struct fixture *f = *state, other = *f;

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(WTERMSIG(copied(f, COPY_IS_KILLED)), SIGKILL);
	assert_int_equal(access(copy_file(f, "data.mdb"), F_OK), 0);
	copy_is(&other);
	assert_int_equal(fx_open_at(&other), SW_EFORMAT);
	assert_non_null(strstr(other.s->why, "backup that was not completed"));
	fx_closed(&other);
	assert_int_equal(WEXITSTATUS(copied(f, COPY_ENDS)), 2);
}

/* --- what a reader keeps ----------------------------------------------- */

/* A process that reads the store until it is killed, which it is. */
static void
reader_killed(const struct fixture *f)
{
	int fds[2], status;
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		MDB_env *env;
		MDB_txn *txn;

		if (mdb_env_create(&env) == 0 &&
			mdb_env_open(env, f->dir, MDB_RDONLY, 0) == 0 &&
			mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0)
			(void)!write(fds[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	close(fds[1]);
}

static void
a_checkpoint_forgets_readers_that_were_killed(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	int gone = -1;

	reader_killed(f);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(mdb_reader_check(l->env, &gone), 0);
	assert_int_equal(gone, 0);
}

static void
pages_that_a_copy_may_read_do_not_count_as_free(void **state)
{
	enum { LEAST = BIG / 4096 * 40 };
	struct fixture *f = *state;
	uint64_t before;

	big_rows(f, STORE_PUT, 50);
	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	before = usage(f).free_pages;
	big_rows(f, STORE_DELETE, 50);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(lmdb_checkpoint((struct lmdb *)f->s), 0);
	assert_true(usage(f).free_pages <= before);
	assert_int_equal(f->s->driver->share(f->s, 0), 0);
	assert_int_equal(fx_put(f, "a", "2"), 0);
	assert_int_equal(lmdb_checkpoint((struct lmdb *)f->s), 0);
	assert_true(usage(f).free_pages > before + LEAST);
}

/* --- a smaller file ---------------------------------------------------- */

static void
a_compacted_file_has_every_row_and_no_free_page(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;
	uint64_t pages[2];

	big_rows(f, STORE_PUT, 255);
	big_rows(f, STORE_DELETE, 250);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(lmdb_compact(f->s, pages), 0);
	fx_reopened(f);
	u = usage(f);
	assert_true(pages[0] > BIG / 4096 * 100);
	assert_true(pages[1] < BIG / 4096 * 8);
	assert_true(u.used_pages < pages[1] + 16);
	assert_true(u.free_pages < 16);
	fx_assert_val(f, "a", "1");
	for (uint8_t i = 250; i < 255; i++) {
		struct bytes val;

		assert_int_equal(
			f->s->driver->get(f->s, 0, bytes_of(&i, 1), &val), 0);
		assert_int_equal(val.len, BIG);
	}
}

static void
a_large_file_is_compacted_in_several_commits(void **state)
{
	struct fixture *f = *state;
	uint64_t pages[2], corrupt = 7;
	struct bytes val;

	big_rows(f, STORE_PUT, 255);
	assert_int_equal(lmdb_compact(f->s, pages), 0);
	fx_reopened(f);
	assert_int_equal(lmdb_check(f->s, &corrupt), 0);
	assert_int_equal(corrupt, 0);
	for (uint8_t i = 0; i < 255; i++)
		assert_int_equal(
			f->s->driver->get(f->s, 0, bytes_of(&i, 1), &val), 0);
}

/* --- the request, as the core keeps it for the broker ------------------- */

/* Sends the request of `who`; the STATUS, 1: there is no answer yet. */
static int
ask(struct rig *r, int who, const char *dir, struct sw_item *it)
{
	size_t mark = rig_say(r, SW_OP_BACKUP, 0);

	sw_put_text(&r->b, SW_F_TEXT, dir);
	return rig_ask(r, who, SW_OP_BACKUP, mark, it);
}

/* A turn in which the backup ends. */
static void
end(struct rig *r, const struct backup_result *result)
{
	core_begin(r->core, r->now_ms, r->mono_ms);
	backup_end(r->core, result);
}

/* The answer among core.outs to `who`; NULL: none. */
static const struct out *
answer_to(const struct rig *r, int who)
{
	struct peer p = rig_peer(who);

	for (size_t i = 0; i < r->core->outs_n; i++)
		if (memcmp(&r->core->outs[i].peer, &p, sizeof(p)) == 0)
			return &r->core->outs[i];
	return NULL;
}

static void
a_path_that_is_not_absolute_is_refused(void **state)
{
	static const char *const bad[] = {"", "backup", "./b"};
	struct sw_item it;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ask(*state, 1, bad[i], &it), SW_EINVAL);
		assert_int_equal(((struct rig *)*state)->core->backup.state,
			BACKUP_NONE);
	}
}

static void
a_request_is_kept_until_the_copy_has_ended_and_then_answered(void **state)
{
	static const struct backup_result made = {
		.jobs = 3, .bytes = 4096, .took_ms = 5};
	struct rig *r = *state;
	struct sw_item it;
	struct sw_msg m;

	assert_int_equal(ask(r, 1, "/b", &it), 1);
	assert_int_equal(r->core->backup.state, BACKUP_WANTED);
	assert_string_equal(r->core->backup.dir, "/b");
	backup_begun(r->core);
	assert_int_equal(r->core->backup.state, BACKUP_RUNS);
	end(r, &made);
	assert_int_equal(sw_msg_open(answer_to(r, 1)->frame, &m), 0);
	assert_int_equal(m.op, SW_OP_BACKUP | SW_REPLY);
	assert_int_equal(m.seq, r->seq);
	assert_true(sw_msg_next(&m, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 1), 0);
	assert_int_equal(r->core->backup.state, BACKUP_NONE);
	core_end(r->core);
	assert_int_equal(ask(r, 1, "/b", &it), 1);
}

static void
a_second_backup_is_refused_while_one_is_made(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	char detail[SW_TEXT_MAX + 1];

	assert_int_equal(ask(r, 1, "/b", &it), 1);
	assert_int_equal(ask(r, 2, "/other", &it), SW_EBUSY);
	sw_get_text(&it, SW_F_DETAIL, detail, sizeof(detail));
	assert_string_equal(detail, "a backup to /b is being made");
	assert_string_equal(r->core->backup.dir, "/b");
}

/* A client whose link broke asks again, on another link. */
static void
who_asks_again_for_the_same_folder_gets_the_one_answer(void **state)
{
	static const struct backup_result failed = {
		.status = SW_EBACKUP, .detail = "no room"};
	struct rig *r = *state;
	struct sw_item it;
	struct sw_msg m;

	assert_int_equal(ask(r, 1, "/b", &it), 1);
	backup_begun(r->core);
	assert_int_equal(ask(r, 2, "/b", &it), 1);
	assert_int_equal(r->core->backup.state, BACKUP_RUNS);
	end(r, &failed);
	assert_null(answer_to(r, 1));
	assert_int_equal(sw_msg_open(answer_to(r, 2)->frame, &m), 0);
	assert_int_equal(m.op, SW_OP_ERROR | SW_REPLY);
	assert_true(sw_msg_next(&m, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 0), SW_EBACKUP);
}

static void
a_full_disk_does_not_forget_the_request(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(ask(r, 1, "/b", &it), 1);
	backup_begun(r->core);
	assert_int_equal(core_reload(r->core, 1000), 0);
	assert_int_equal(r->core->backup.state, BACKUP_RUNS);
	assert_string_equal(r->core->backup.dir, "/b");
}

static void
a_copy_ends_after_an_hour(void **state)
{
	struct core *c = ((struct rig *)*state)->core;

	rig_pass(*state, 0); /* reads how full the store is */
	backup_begun(c);
	c->mono_ms += SW_BACKUP_MS;
	assert_null(backup_limit(c));
	c->mono_ms++;
	assert_string_equal(
		backup_limit(c), "the copy took longer than an hour");
}

/* The store must not become full for the sake of the copy. */
static void
a_copy_ends_when_the_store_becomes_full(void **state)
{
	struct core *c = ((struct rig *)*state)->core;

	c->usage = (struct store_usage){.used_pages = 899, .max_pages = 1000};
	backup_begun(c);
	assert_null(backup_limit(c));
	c->usage.used_pages = 900;
	assert_non_null(backup_limit(c));
	c->usage.free_pages = 1;
	assert_null(backup_limit(c));
	c->usage.full_why = "the disk has no room";
	assert_non_null(backup_limit(c));
}

static void
a_store_that_was_full_before_is_copied_up_to_95_percent(void **state)
{
	struct core *c = ((struct rig *)*state)->core;

	c->usage = (struct store_usage){.used_pages = 949, .max_pages = 1000};
	c->full = 1;
	backup_begun(c);
	assert_null(backup_limit(c));
	c->usage.used_pages = 950;
	assert_non_null(backup_limit(c));
}

static int
teardown(void **state)
{
	folder_remove(copy_dir(*state));
	return fx_teardown(state);
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, teardown, &lmdb}
#define CORE(f) {#f, f, rig_setup, rig_teardown, NULL}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_copy_has_all_that_was_confirmed_before_the_store_was_shared),
		T(an_empty_folder_is_taken_and_one_with_a_file_is_left_as_it_is),
		T(a_folder_inside_the_store_is_refused),
		T(a_copy_that_is_ended_leaves_no_file),
		T(what_a_killed_copy_leaves_is_no_store),
		T(a_checkpoint_forgets_readers_that_were_killed),
		T(pages_that_a_copy_may_read_do_not_count_as_free),
		T(a_compacted_file_has_every_row_and_no_free_page),
		T(a_large_file_is_compacted_in_several_commits),
		CORE(a_path_that_is_not_absolute_is_refused),
		CORE(a_request_is_kept_until_the_copy_has_ended_and_then_answered),
		CORE(a_second_backup_is_refused_while_one_is_made),
		CORE(who_asks_again_for_the_same_folder_gets_the_one_answer),
		CORE(a_full_disk_does_not_forget_the_request),
		CORE(a_copy_ends_after_an_hour),
		CORE(a_copy_ends_when_the_store_becomes_full),
		CORE(a_store_that_was_full_before_is_copied_up_to_95_percent),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
