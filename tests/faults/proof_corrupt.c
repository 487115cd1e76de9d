/* SPDX-License-Identifier: MIT */
/*
 * proof_corrupt FOLDER: single flipped bits, each in a fresh copy of a store.
 *
 * A store is filled through the core, in all states, and left closed as well
 * as with its journal still to be applied.  Then a bit is flipped, and a
 * child opens the copy as the broker does, hands out, lists and reads all
 * that it finds.  It may refuse; it may say that a job is corrupt; a body
 * that is not what was put must not leave it, and it must not die of it.
 *
 * CORRUPT_N=1500, SEED=, ONE=17 (that flip alone), LIE=1 (a control: one job
 * is put with a body that the reader does not expect).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/must.h"
#include "tests/faults/reader.h"
#include "tests/lib/chance.h"
#include "tests/lib/rig.h"

static const char *const end_names[ENDS] = {"found nothing amiss or said so",
	"refused to start", "ended with an error", "WRONG BODY", "NO REASON",
	"DIED", "LMDB died", "LMDB hung", "HUNG", "BUSY"};

static uint64_t state;

static uint64_t
chance(uint64_t below)
{
	return chance_draw(&state) % below;
}

/* --- what is put -------------------------------------------------------- */

static void
job_put(struct rig *r, int n, int lie)
{
	static uint8_t body[SW_BODY_MAX];
	struct sw_id id = rig_id(n);
	struct sw_item it;
	size_t len = reader_body_len(n), mark;

	for (size_t i = 0; i < len; i++)
		body[i] = reader_body_byte(n, i);
	body[len / 2] ^= (uint8_t)lie;
	rig_begin(r, SW_OP_PUT);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, reader_queues[n % 3]);
	sw_put_bytes(&r->b, SW_F_BODY, bytes_of(body, len));
	if (n % 7 == 0)
		sw_put_int(&r->b, SW_F_DELAY_MS, 60000 + n);
	if (n % 4 == 0)
		sw_put_fmt(&r->b, SW_F_FAIR, "tenant-%d", n % 3);
	if (n % 6 == 0)
		sw_put_fmt(&r->b, SW_F_UNIQUE, "key-%d", n);
	sw_item_end(&r->b, mark);
	rig_send(r, 100);
	must(rig_item(r, 100, SW_OP_PUT | SW_REPLY, 0, &it) &&
		sw_int(&it, SW_F_STATUS, 1) == 0);
}

/* Jobs of every state: of those taken some are done, some dead, some held. */
static void
jobs_make(const char *dir, int crash)
{
	struct rig *r = rig_open(dir);
	int lie = getenv("LIE") != NULL;
	uint64_t token;

	for (int n = 1; n <= READER_JOBS; n++)
		job_put(r, n, lie && n == READER_JOBS);
	for (int q = 0; q < READER_QUEUES; q++) {
		must(rig_hello(r, q, reader_queues[q], 0) == 0);
		for (int i = 0; i < 24; i++) {
			int n = rig_take(r, q, &token);

			must(n > 0);
			if (i % 3 < 2)
				must(rig_done(r, q, n, token,
					     i % 3 == 0 ? SW_ACK : SW_FAIL,
					     SW_C_PERMANENT) == 0);
		}
	}
	for (int n = 5; n <= READER_JOBS; n += 25)
		(void)rig_cancel(r, n);
	if (!crash)
		rig_close(r);
}

/* --- flipping ----------------------------------------------------------- */

struct file {
	const char *from, *name; /* the store; the file in it */
	off_t used;
};

static void
path_of(char path[256], const char *root, const char *dir, const char *name)
{
	must(snprintf(path, 256, "%s/%s/%s", root, dir, name) < 256);
}

static void
file_copy(const char *root, const char *dir, const char *name)
{
	char from[256], to[256];
	int in, out;
	off_t len;

	path_of(from, root, dir, name);
	path_of(to, root, "copy", name);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(in >= 0 && out >= 0);
	len = lseek(in, 0, SEEK_END);
	/* What lies behind the last page is zeros: a hole will do. */
	for (off_t at = 0; at < len && at < 4 << 20;)
		must(sendfile(out, in, &at, 1 << 20) > 0);
	must(ftruncate(out, len) == 0);
	close(in);
	close(out);
}

/* Bytes of data.mdb that its pages take, or of the journal that count. */
static off_t
file_used(const char *root, const char *dir, const char *name)
{
	char path[256];
	uint8_t page[512];
	off_t used = 0;
	int fd;

	path_of(path, root, dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	for (off_t at = 0; at < 4 << 20; at += (off_t)sizeof(page)) {
		if (pread(fd, page, sizeof(page), at) != sizeof(page))
			break;
		for (size_t i = 0; i < sizeof(page); i++)
			if (page[i] != 0)
				used = at + (off_t)sizeof(page);
	}
	close(fd);
	return used;
}

static void
bit_flip(const char *root, const char *name, off_t at, int bit)
{
	char path[256];
	uint8_t byte;
	int fd;

	path_of(path, root, "copy", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	must(fd >= 0 && pread(fd, &byte, 1, at) == 1);
	byte ^= (uint8_t)(1 << bit);
	must(pwrite(fd, &byte, 1, at) == 1);
	close(fd);
}

static void
flipped_copy(const char *root, const struct file *file, off_t at, int bit)
{
	file_copy(root, file->from, "data.mdb");
	file_copy(root, file->from, "journal");
	bit_flip(root, file->name, at, bit);
}

static enum end
child_run(
	const char *root, void (*reader)(const char *, int), struct findings *f)
{
	char dir[256];
	int fds[2], status, said;
	pid_t pid;

	path_of(dir, root, "copy", "");
	must(pipe(fds) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0)
		reader(dir, fds[1]);
	close(fds[1]);
	*f = (struct findings){0};
	said = read(fds[0], f, sizeof(*f)) == sizeof(*f);
	if (!said)
		(void)snprintf(f->what, sizeof(f->what), "no word");
	close(fds[0]);
	must(waitpid(pid, &status, 0) == pid);
	return said && WIFEXITED(status) && WEXITSTATUS(status) < ENDS
		       ? (enum end)WEXITSTATUS(status)
		       : OURS_DIED;
}

struct tally {
	int n[ENDS];
	int trials, corrupt, missing, unseen, back, delivered, ended, repaired,
		lost;
};

/*
 * A job is gone from sight: a check has to find that, and a repair may bring
 * the job back.  Only the journal's last record goes without a trace, for a
 * power loss may have torn it before it was confirmed.
 */
static void
gone_judge(const char *root, const struct file *file, off_t at, int bit,
	struct tally *t)
{
	struct findings f;
	enum end e;

	flipped_copy(root, file, at, bit);
	e = child_run(root, reader_repair, &f);
	t->missing++;
	t->unseen += e == GOOD && f.verified == 0 &&
		     strcmp(file->name, "journal") != 0;
	t->back += e == GOOD && f.missing == 0;
}

/*
 * It did not start, or ended: a repair may lead back to one that runs.  A
 * corrupt journal is left alone, for it holds what was confirmed last.
 */
static void
ended_judge(const char *root, const struct file *file, off_t at, int bit,
	struct tally *t)
{
	struct findings f;

	if (strcmp(file->name, "journal") == 0)
		return;
	t->ended++;
	flipped_copy(root, file, at, bit);
	if (child_run(root, reader_repair, &f) != GOOD)
		return;
	t->repaired++;
	t->lost += f.missing;
}

static void
flip_one(const char *root, const struct file *file, int i, struct tally *t)
{
	off_t at = (off_t)chance((uint64_t)file->used);
	int bit = (int)chance(8);
	struct findings f;
	enum end e;

	flipped_copy(root, file, at, bit);
	e = child_run(root, reader_run, &f);
	t->n[e]++;
	t->trials++;
	t->corrupt += f.corrupt > 0;
	if (e == GOOD && f.missing > 0)
		gone_judge(root, file, at, bit, t);
	if (e == REFUSED || e == GAVE_UP)
		ended_judge(root, file, at, bit, t);
	t->delivered += f.delivered;
	if (e >= WRONG || getenv("ONE") != NULL || getenv("VERBOSE") != NULL)
		printf("%s: %s: flip %d, byte %lld bit %d of %s/%s: %s "
		       "(%d delivered, %d corrupt, %d missing)\n",
			e == LMDB_DIED || e == LMDB_HUNG ? "note"
			: e >= WRONG			 ? "FAILED"
							 : "",
			end_names[e], i, (long long)at, bit, file->from,
			file->name, f.what, f.delivered, f.corrupt, f.missing);
}

static void
store_make(const char *root, const char *name, int crash)
{
	char dir[256];
	pid_t pid = fork();
	int status;

	path_of(dir, root, name, "");
	if (pid == 0) {
		jobs_make(dir, crash);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid && status == 0);
}

static int
verdict(const struct tally *t, uint64_t seed)
{
	int bad = t->n[WRONG] + t->n[SILENT] + t->n[OURS_DIED] + t->n[HUNG] +
		  t->n[BUSY] + t->unseen;

	printf("%d flips, %d jobs delivered:", t->trials, t->delivered);
	for (int e = 0; e < ENDS; e++)
		if (t->n[e] > 0)
			printf(" %d %s,", t->n[e], end_names[e]);
	printf(" %d with a job dead as corrupt, %d with a job gone, %d of "
	       "these unseen by a check, %d back after a repair; %d of the "
	       "%d that data.mdb ended run after it, with %d jobs gone; "
	       "SEED=%" PRIu64 "\n",
		t->corrupt, t->missing, t->unseen, t->back, t->repaired,
		t->ended, t->lost, seed);
	return bad > 0;
}

int
main(int argc, char **argv)
{
	struct file files[] = {{"closed", "data.mdb", 0},
		{"closed", "data.mdb", 0}, {"crashed", "data.mdb", 0},
		{"crashed", "journal", 0}};
	uint64_t seed = chance_seed();
	uint64_t n = number_of_env("CORRUPT_N", 1500),
		 one = number_of_env("ONE", n);
	char copy[256];
	struct tally t = {0};

	must(argc == 2);
	path_of(copy, argv[1], "copy", "");
	must(mkdir(copy, 0700) == 0);
	store_make(argv[1], "closed", 0);
	store_make(argv[1], "crashed", 1);
	for (size_t i = 0; i < 4; i++)
		files[i].used = file_used(
			argv[1], files[i].from, files[i].name);
	for (uint64_t i = 0; i < n; i++) {
		state = seed * 1000003 + i; /* each by itself, for ONE= */
		if (one == n || one == i)
			flip_one(argv[1], &files[i % 4], (int)i, &t);
	}
	return verdict(&t, seed);
}
