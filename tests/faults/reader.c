/* SPDX-License-Identifier: MIT */
#include "tests/faults/reader.h"
#include "broker/repair/lmdb.h"
#include "broker/repair/verify.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/lib/deadline.h"
#include "tests/lib/rig.h"

enum {
	MAP = 8 << 20, /* smaller than the rig's: quicker */
	CHILD_S = 30,  /* of processor */
	LOOKS = 50,    /* at what goes on after that, so far apart: */
	LOOK_US = 20000,
};

const char *const reader_queues[READER_QUEUES] = {"small", "medium", "large"};

size_t
reader_body_len(int n)
{
	return n % 20 == 7  ? 20000 + (size_t)n * 300
	       : n % 5 == 2 ? 1500 + (size_t)n * 20
			    : 10 + (size_t)n;
}

uint8_t
reader_body_byte(int n, size_t at)
{
	return (uint8_t)((uint64_t)n * 2654435761u + at * 40503u + (at >> 8));
}

static int
body_is(int n, struct bytes b)
{
	const uint8_t *p = b.p;

	if (b.len != reader_body_len(n))
		return 0;
	for (size_t i = 0; i < b.len; i++)
		if (p[i] != reader_body_byte(n, i))
			return 0;
	return 1;
}

/* --- reading it, in a child --------------------------------------------- */

struct reader {
	struct core core;
	struct rig rig;
	uint8_t seen[READER_JOBS + 1];
	int asked; /* by the get under way */
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
	for (int n = 1; n <= READER_JOBS; n++)
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
	return n < 1 || n > READER_JOBS ? 0 : n;
}

/* A job as a worker or a person is shown it. */
static void
job_check(struct reader *rd, const struct sw_item *it, int delivered)
{
	int n = job_number(it);

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
get_check(struct reader *rd, const struct sw_item *it)
{
	int64_t status = sw_int(it, SW_F_STATUS, 0);

	if (status == 0)
		job_check(rd, it, 0);
	else if (status == SW_ECORRUPT)
		rd->seen[rd->asked] = 1; /* it is told of */
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

static int
out_check(void *arg, const struct out *o)
{
	struct reader *rd = arg;
	struct sw_item it;
	struct sw_msg m;

	if (sw_msg_open(o->frame, &m) < 0)
		finish(rd, WRONG, "a message that does not open");
	while (sw_msg_next(&m, &it)) {
		if (m.op == SW_OP_JOBS)
			job_check(rd, &it, 1);
		else if (m.op == (SW_OP_GET | SW_REPLY))
			get_check(rd, &it);
		else if (m.op == (SW_OP_LIST | SW_REPLY))
			page_check(rd, &it);
	}
	return 1;
}

static void
turn(struct reader *rd, int ask)
{
	struct peer peer = rig_peer(1);
	int err = rig_turn(
		&rd->rig, ask ? &peer : NULL, sw_buf_bytes(&rd->rig.b));
	char text[300];

	if (err == 0)
		return;
	(void)snprintf(text, sizeof(text), "%s %s", sw_errname(err),
		rd->rig.store->why);
	finish(rd, GAVE_UP, text);
}

static void
ask(struct reader *rd, size_t mark)
{
	sw_item_end(&rd->rig.b, mark);
	turn(rd, 1);
}

static void
time_pass(struct reader *rd, int64_t ms)
{
	rd->rig.now_ms += ms;
	rd->rig.mono_ms += ms;
}

static void
hand_out_all(struct reader *rd)
{
	size_t mark = rig_say(&rd->rig, SW_OP_HELLO, 0);

	sw_put_text(&rd->rig.b, SW_F_WORKER, "reader");
	sw_put_int(&rd->rig.b, SW_F_SLOTS, 8);
	sw_item_end(&rd->rig.b, mark);
	for (int q = 0; q < READER_QUEUES; q++) {
		mark = sw_item_begin(&rd->rig.b);
		sw_put_text(&rd->rig.b, SW_F_QUEUE, reader_queues[q]);
		if (q < READER_QUEUES - 1)
			sw_item_end(&rd->rig.b, mark);
	}
	ask(rd, mark);
	mark = rig_say(&rd->rig, SW_OP_WANT, 0);
	sw_put_int(&rd->rig.b, SW_F_CREDIT, 100000);
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
			size_t mark = rig_say(&rd->rig, SW_OP_LIST, 0);

			sw_put_int(&rd->rig.b, SW_F_STATE, s);
			if (rd->cursor.len > 0)
				sw_put_bytes(
					&rd->rig.b, SW_F_CURSOR, rd->cursor);
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
	for (int n = 1; n <= READER_JOBS; n++) {
		rd->asked = n;
		ask(rd, rig_say(&rd->rig, SW_OP_GET, n));
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
		time_pass(rd, 200000);
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
		time_pass(rd, 1);
		turn(rd, 0);
	}
	finish(rd, BUSY, "");
}

static struct reader *dying;

/* The C library's frames, and a sanitizer's, are their caller's. */
static int
is_callers(const char *file)
{
	static const char *const names[] = {
		"libc.so", "libasan.so", "libubsan.so"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(file, names[i]) != NULL)
			return 1;
	return 0;
}

/* Whose code a signal found: LMDB's or not. */
static int
is_lmdb(char *text, size_t cap, int sig)
{
	void *frames[32];
	int n = backtrace(frames, 32);

	for (int i = 3; i < n; i++) { /* behind us, the handler, the signal's */
		Dl_info at;

		if (dladdr(frames[i], &at) == 0 || is_callers(at.dli_fname))
			continue;
		(void)snprintf(text, cap, "%s in %s+%#lx", strsignal(sig),
			at.dli_fname,
			(unsigned long)((const char *)frames[i] -
					(const char *)at.dli_fbase));
		return strstr(at.dli_fname, "lmdb") != NULL;
	}
	return 0;
}

static void
died(int sig)
{
	char text[300] = "?";
	int theirs = is_lmdb(text, sizeof(text), sig);

	finish(dying, theirs ? LMDB_DIED : OURS_DIED, text);
}

/* Were it we who go round and call LMDB again, some look would find us. */
static void
late(int sig)
{
	static int looks;
	char text[300] = "?";

	if (!is_lmdb(text, sizeof(text), sig))
		finish(dying, HUNG, text);
	if (++looks == LOOKS)
		finish(dying, LMDB_HUNG, text);
}

static void
signals_catch(struct reader *rd)
{
	static const int all[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	static uint8_t room[64 * 1024];
	stack_t ss = {.ss_sp = room, .ss_size = sizeof(room)};
	struct sigaction sa = {.sa_handler = died, .sa_flags = SA_ONSTACK};
	struct itimerval busy = {{0, LOOK_US}, {CHILD_S, 0}};
	struct itimerval waits = {{0, LOOK_US}, {deadline_s(), 0}};

	dying = rd;
	sigaltstack(&ss, NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sigaction(all[i], &sa, NULL);
	sa.sa_handler = late;
	sigaction(SIGPROF, &sa, NULL);
	setitimer(ITIMER_PROF, &busy, NULL);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &waits, NULL);
}

static const struct store_options options = {.map_size = MAP};

static void
reader_open(struct reader *rd, const char *dir, rig_init_fn *init)
{
	int err = rig_start(&rd->rig, dir, &options, init);

	if (err < 0)
		finish(rd, sw_strerror(err)[0] != '\0' ? REFUSED : SILENT,
			rd->rig.store->why);
}

static void
reader_begin(struct reader *rd, int out)
{
	rd->out = out;
	rd->rig.core = &rd->core;
	rd->rig.on_out = out_check;
	rd->rig.arg = rd;
	rd->rig.now_ms = 1700000100000;
	rd->rig.mono_ms = 5000;
	signals_catch(rd);
}

/* As spillway-repair does before it checks the rows. */
static void
file_rebuild(struct reader *rd, const char *dir)
{
	uint64_t n;
	int err = store_open(&rd->rig.store, dir, &options);

	if (err == 0)
		err = lmdb_rebuild(rd->rig.store, &n);
	if (err < 0)
		finish(rd, REFUSED, rd->rig.store->why);
	rd->rig.store->driver->close(rd->rig.store);
}

static _Noreturn void
reader_close(struct reader *rd)
{
	core_fini(&rd->core);
	rd->rig.store->driver->close(rd->rig.store);
	finish(rd, GOOD, "");
}

void
reader_run(const char *dir, int out)
{
	static struct reader rd;

	reader_begin(&rd, out);
	reader_open(&rd, dir, core_init);
	read_all(&rd);
	idle_check(&rd);
	reader_close(&rd);
}

static void
line_count(void *arg, const char *line)
{
	struct findings *f = arg;

	(void)line;
	f->verified++;
}

void
reader_repair(const char *dir, int out)
{
	static struct reader rd;
	struct verify v = {.core = &rd.core,
		.repair = 1,
		.file_check = lmdb_check,
		.report = line_count,
		.arg = &rd.f};
	int err;

	reader_begin(&rd, out);
	file_rebuild(&rd, dir);
	reader_open(&rd, dir, core_init_any);
	err = verify_run(&v);
	if (err == 0)
		err = rig_start_again(&rd.rig);
	if (err < 0)
		finish(&rd, GAVE_UP, sw_strerror(err));
	read_all(&rd);
	reader_close(&rd);
}
