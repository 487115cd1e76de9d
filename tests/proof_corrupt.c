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
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "error.h"
#include "must.h"
#include "util_rig.h"

enum {
	JOBS = 260,
	MAP = 4 << 20, /* smaller than the rig's: quicker */
	CHILD_S = 30,
};

/* How a child ends. */
enum end {
	GOOD,
	REFUSED,   /* at the start, with an error */
	GAVE_UP,   /* later, with an error */
	WRONG,	   /* a body that was never put */
	SILENT,	   /* an error that says nothing */
	OURS_DIED, /* a signal in our code */
	LMDB_DIED, /* ... in LMDB's */
	HUNG,
	BUSY, /* it turns on and on with nothing to do */
	ENDS,
};

static const char *const end_names[ENDS] = {"found nothing amiss or said so",
	"refused to start", "ended with an error", "WRONG BODY", "NO REASON",
	"DIED", "LMDB died", "HUNG", "BUSY"};

struct findings { /* of one child */
	int delivered, corrupt, missing, dead_by_us;
	char what[300];
};

static uint64_t state;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
chance(uint64_t below)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

/* --- what is put -------------------------------------------------------- */

static const char *const queues[] = {"small", "medium", "large"};

static size_t
body_len(int n)
{
	return n % 20 == 7  ? 20000 + (size_t)n * 300
	       : n % 5 == 2 ? 1500 + (size_t)n * 20
			    : 10 + (size_t)n;
}

static uint8_t
body_byte(int n, size_t at)
{
	return (uint8_t)((uint64_t)n * 2654435761u + at * 40503u + (at >> 8));
}

static int
body_is(int n, struct bytes b)
{
	const uint8_t *p = b.p;

	if (b.len != body_len(n))
		return 0;
	for (size_t i = 0; i < b.len; i++)
		if (p[i] != body_byte(n, i))
			return 0;
	return 1;
}

static void
job_put(struct rig *r, int n, int lie)
{
	static uint8_t body[SW_BODY_MAX];
	struct sw_id id = rig_id(n);
	struct sw_item it;
	size_t len = body_len(n), mark;

	for (size_t i = 0; i < len; i++)
		body[i] = body_byte(n, i);
	body[len / 2] ^= (uint8_t)lie;
	rig_begin(r, SW_OP_PUT);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, queues[n % 3]);
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

static void
job_cancel(struct rig *r, int n)
{
	struct sw_id id = rig_id(n);
	size_t mark;

	rig_begin(r, SW_OP_CANCEL);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_item_end(&r->b, mark);
	rig_send(r, 100);
}

/* Jobs of every state: of those taken some are done, some dead, some held. */
static void
fill(const char *dir, int crash)
{
	struct rig *r = rig_open(dir);
	int lie = getenv("LIE") != NULL;
	uint64_t token;

	for (int n = 1; n <= JOBS; n++)
		job_put(r, n, lie && n == JOBS);
	for (int q = 0; q < 3; q++) {
		must(rig_hello(r, q, queues[q], 0) == 0);
		for (int i = 0; i < 24; i++) {
			int n = rig_take(r, q, &token);

			must(n > 0);
			if (i % 3 < 2)
				must(rig_done(r, q, n, token,
					     i % 3 == 0 ? SW_ACK : SW_FAIL,
					     SW_C_PERMANENT) == 0);
		}
	}
	for (int n = 5; n <= JOBS; n += 25)
		job_cancel(r, n);
	if (!crash)
		rig_close(r);
}

/* --- reading it, in a child --------------------------------------------- */

struct reader {
	struct core core;
	struct store *store;
	struct claim claim;
	int64_t now_ms, mono_ms;
	uint8_t request[4096];
	struct sw_buf b;
	uint8_t seen[JOBS + 1];
	int moved; /* of the last turn: jobs and items that came */
	struct bytes cursor;
	uint8_t cursor_room[SW_CURSOR_MAX];
	struct findings f;
	int out;
};

static void
finish(struct reader *, enum end, const char *what) __attribute__((noreturn));

static void
finish(struct reader *rd, enum end e, const char *what)
{
	for (int n = 1; n <= JOBS; n++)
		rd->f.missing += !rd->seen[n];
	(void)snprintf(rd->f.what, sizeof(rd->f.what), "%s", what);
	if (write(rd->out, &rd->f, sizeof(rd->f)) != sizeof(rd->f))
		_exit(ENDS);
	_exit((int)e);
}

static int
job_number(const struct sw_item *it)
{
	struct sw_id id, as;
	int n = 0;

	if (sw_get_id(it, &id)) {
		n = (int)be_get(id.b + 8, 8);
		as = rig_id(n);
		n = memcmp(&as, &id, sizeof(id)) == 0 ? n : 0;
	}
	return n < 1 || n > JOBS ? 0 : n;
}

/* A job as a worker or a person is shown it. */
static void
job_check(struct reader *rd, const struct sw_item *it, int delivered)
{
	int n = job_number(it);

	rd->moved++;
	if (n == 0) {
		if (delivered || sw_has(it, SW_F_BODY))
			finish(rd, WRONG, "a job that was never put");
		return;
	}
	rd->seen[n] = 1;
	rd->f.delivered += delivered;
	rd->f.corrupt += sw_int(it, SW_F_CAUSE, 0) == SW_C_CORRUPT;
	if ((delivered || sw_has(it, SW_F_BODY)) &&
		!body_is(n, sw_bytes(it, SW_F_BODY)) &&
		sw_int(it, SW_F_CAUSE, 0) != SW_C_CORRUPT)
		finish(rd, WRONG,
			delivered ? "delivered" : "shown by a get or a list");
}

static void
page_check(struct reader *rd, const struct sw_item *it)
{
	struct bytes c = sw_bytes(it, SW_F_CURSOR);

	if (sw_has(it, SW_F_ID))
		job_check(rd, it, 0);
	if (!sw_has(it, SW_F_CURSOR))
		return;
	memcpy(rd->cursor_room, c.p, c.len);
	rd->cursor = bytes_of(rd->cursor_room, c.len);
}

static void
out_check(struct reader *rd, struct bytes frame)
{
	struct sw_item it;
	struct sw_msg m;

	if (sw_msg_open(frame, &m) < 0)
		finish(rd, WRONG, "a message that does not open");
	while (sw_msg_next(&m, &it)) {
		if (m.op == SW_OP_JOBS)
			job_check(rd, &it, 1);
		else if (m.op == (SW_OP_GET | SW_REPLY) &&
			 sw_int(&it, SW_F_STATUS, 0) == 0)
			job_check(rd, &it, 0);
		else if (m.op == (SW_OP_LIST | SW_REPLY))
			page_check(rd, &it);
	}
}

static void
committed(void *arg, int err)
{
	*(int *)arg = err;
}

static void
give_up(struct reader *rd, int err)
{
	char text[300];

	(void)snprintf(
		text, sizeof(text), "%s %s", sw_errname(err), rd->store->why);
	finish(rd, GAVE_UP, text);
}

/* As the broker's turn. */
static void
turn(struct reader *rd, int ask)
{
	static const struct peer peer = {.b = {1}, .len = 5};
	struct core *c = &rd->core;
	int err = 0, told = 0;

	rd->moved = 0;
	core_begin(c, rd->now_ms, rd->mono_ms);
	if (ask)
		core_take(c, &peer, sw_buf_bytes(&rd->b));
	core_tick(c);
	core_hand_out(c);
	if (c->err < 0)
		give_up(rd, c->err);
	core_close(c);
	if (c->batch.n > 0)
		err = rd->store->driver->commit(rd->store, &rd->claim,
			c->batch.ops, c->batch.n, committed, &told);
	if (err < 0 || told < 0)
		give_up(rd, err < 0 ? err : told);
	core_committed(c);
	for (size_t i = 0; i < c->outs_n; i++)
		out_check(rd, c->outs[i].frame);
	core_end(c);
}

static size_t
ask_begin(struct reader *rd, int op)
{
	rd->b = (struct sw_buf){.p = rd->request, .cap = sizeof(rd->request)};
	sw_msg_begin(&rd->b, op, 0, 1);
	return sw_item_begin(&rd->b);
}

static void
ask(struct reader *rd, size_t mark)
{
	sw_item_end(&rd->b, mark);
	turn(rd, 1);
}

static void
hand_out_all(struct reader *rd)
{
	size_t mark = ask_begin(rd, SW_OP_HELLO);

	sw_put_text(&rd->b, SW_F_WORKER, "reader");
	sw_put_int(&rd->b, SW_F_SLOTS, 8);
	sw_item_end(&rd->b, mark);
	for (int q = 0; q < 3; q++) {
		mark = sw_item_begin(&rd->b);
		sw_put_text(&rd->b, SW_F_QUEUE, queues[q]);
		if (q < 2)
			sw_item_end(&rd->b, mark);
	}
	ask(rd, mark);
	mark = ask_begin(rd, SW_OP_WANT);
	sw_put_int(&rd->b, SW_F_CREDIT, 100000);
	ask(rd, mark);
	for (int i = 0; i < 50; i++)
		turn(rd, 0);
}

static void
list_all(struct reader *rd)
{
	for (int s = SW_DELAYED; s < SW_STATES; s++) {
		rd->cursor = bytes_of(NULL, 0);
		for (int page = 0; page < 20; page++) {
			size_t mark = ask_begin(rd, SW_OP_LIST);

			sw_put_int(&rd->b, SW_F_STATE, s);
			if (rd->cursor.len > 0)
				sw_put_bytes(&rd->b, SW_F_CURSOR, rd->cursor);
			rd->cursor = bytes_of(NULL, 0);
			ask(rd, mark);
			if (rd->cursor.len == 0)
				break;
		}
	}
}

static void
get_all(struct reader *rd)
{
	for (int n = 1; n <= JOBS; n++) {
		struct sw_id id = rig_id(n);
		size_t mark = ask_begin(rd, SW_OP_GET);

		sw_put_id(&rd->b, &id);
		ask(rd, mark);
	}
}

/* Twice: what is leased or delayed comes back to the line meanwhile. */
static void
read_all(struct reader *rd)
{
	for (int round = 0; round < 2; round++) {
		list_all(rd);
		get_all(rd);
		hand_out_all(rd);
		rd->now_ms += 200000;
		rd->mono_ms += 200000;
	}
	list_all(rd);
}

/* Nothing is left to do but a worker waits: the broker is to sleep. */
static void
idle_check(struct reader *rd)
{
	hand_out_all(rd);
	for (int i = 0; i < 200; i++) {
		if (core_wait_ms(&rd->core) > 0)
			return;
		rd->now_ms++;
		rd->mono_ms++;
		turn(rd, 0);
	}
	finish(rd, BUSY, "");
}

static struct reader *dying;

/* Whose code a signal found: the C library's frames are their caller's. */
static enum end
blame(char *text, size_t cap, int sig)
{
	void *frames[32];
	int n = backtrace(frames, 32);

	for (int i = 3; i < n; i++) { /* behind us, died() and the signal's */
		Dl_info at;

		if (dladdr(frames[i], &at) == 0 ||
			strstr(at.dli_fname, "libc.so") != NULL)
			continue;
		(void)snprintf(text, cap, "%s in %s+%#lx", strsignal(sig),
			at.dli_fname,
			(unsigned long)((const char *)frames[i] -
					(const char *)at.dli_fbase));
		return strstr(at.dli_fname, "lmdb") != NULL ? LMDB_DIED
							    : OURS_DIED;
	}
	return OURS_DIED;
}

static void
died(int sig)
{
	char text[300] = "?";
	enum end e = blame(text, sizeof(text), sig);

	finish(dying, sig == SIGALRM ? HUNG : e, text);
}

static void
signals_catch(struct reader *rd)
{
	static const int all[] = {
		SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
	static uint8_t room[64 * 1024];
	stack_t ss = {.ss_sp = room, .ss_size = sizeof(room)};
	struct sigaction sa = {.sa_handler = died, .sa_flags = SA_ONSTACK};

	dying = rd;
	sigaltstack(&ss, NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sigaction(all[i], &sa, NULL);
	alarm(CHILD_S);
}

static void
reader_run(const char *dir, int out)
{
	static const struct store_options options = {.map_size = MAP};
	static struct reader rd;
	int err;

	rd.out = out;
	rd.now_ms = 1700000100000;
	rd.mono_ms = 5000;
	signals_catch(&rd);
	err = store_open(&rd.store, dir, &options);
	if (err == 0)
		err = rd.store->driver->claim(rd.store, 0, 0, &rd.claim);
	if (err == 0)
		err = core_init(
			&rd.core, rd.store, &rd.claim, rd.now_ms, rd.mono_ms);
	if (err < 0)
		finish(&rd, sw_strerror(err)[0] != '\0' ? REFUSED : SILENT,
			rd.store->why);
	read_all(&rd);
	idle_check(&rd);
	core_fini(&rd.core);
	rd.store->driver->close(rd.store);
	finish(&rd, GOOD, "");
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

static enum end
child_run(const char *root, struct findings *f)
{
	char dir[256];
	int fds[2], status;
	pid_t pid;

	path_of(dir, root, "copy", "");
	must(pipe(fds) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0)
		reader_run(dir, fds[1]);
	close(fds[1]);
	*f = (struct findings){0};
	if (read(fds[0], f, sizeof(*f)) != sizeof(*f))
		(void)snprintf(f->what, sizeof(f->what), "no word");
	close(fds[0]);
	must(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) && WEXITSTATUS(status) < ENDS
		       ? (enum end)WEXITSTATUS(status)
		       : OURS_DIED;
}

struct tally {
	int n[ENDS];
	int trials, corrupt, missing, delivered;
};

static void
flip_one(const char *root, const struct file *file, int i, struct tally *t)
{
	off_t at = (off_t)chance((uint64_t)file->used);
	int bit = (int)chance(8);
	struct findings f;
	enum end e;

	file_copy(root, file->from, "data.mdb");
	file_copy(root, file->from, "journal");
	bit_flip(root, file->name, at, bit);
	e = child_run(root, &f);
	t->n[e]++;
	t->trials++;
	t->corrupt += f.corrupt > 0;
	t->missing += e == GOOD && f.missing > 0;
	t->delivered += f.delivered;
	if (e >= WRONG || getenv("ONE") != NULL || getenv("VERBOSE") != NULL)
		printf("%s: %s: flip %d, byte %lld bit %d of %s/%s: %s "
		       "(%d delivered, %d corrupt, %d missing)\n",
			e == LMDB_DIED ? "note"
			: e >= WRONG   ? "FAILED"
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
		fill(dir, crash);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid && status == 0);
}

static int
verdict(const struct tally *t, uint64_t seed)
{
	int bad = t->n[WRONG] + t->n[SILENT] + t->n[OURS_DIED] + t->n[HUNG] +
		  t->n[BUSY];

	printf("%d flips, %d jobs delivered:", t->trials, t->delivered);
	for (int e = 0; e < ENDS; e++)
		if (t->n[e] > 0)
			printf(" %d %s,", t->n[e], end_names[e]);
	printf(" %d with a job dead as corrupt, %d with a job gone; "
	       "SEED=%" PRIu64 "\n",
		t->corrupt, t->missing, seed);
	return bad > 0;
}

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s != NULL && *s != '\0' ? strtoull(s, NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	struct file files[] = {{"closed", "data.mdb", 0},
		{"closed", "data.mdb", 0}, {"crashed", "data.mdb", 0},
		{"crashed", "journal", 0}};
	uint64_t seed = number("SEED", (uint64_t)time(NULL));
	uint64_t n = number("CORRUPT_N", 1500), one = number("ONE", n);
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
