/* SPDX-License-Identifier: MIT */
#include "tests/power/power.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/faults/sweep.h"
#include "tests/lib/chance.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/power/disk.h"
#include "tests/power/image.h"

enum {
	WRONG_MAX = 20,
	RANDOM = 2 /* the first variant of chance */
};
enum mark { MARK_OUTCOME, MARK_EPOCH };

struct record {
	char work[64], root[80], file[80], image[80];
	struct disk *disk;
	struct power_story first, *last; /* the second is shared */
	const uint8_t *map;
	size_t len;
};

struct verdict { /* shared with the process that looks */
	char what[400];
};

static struct verdict *verdict;

int64_t
power_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- lives --------------------------------------------------------------- */

/* The preload's function `name`; without the preload there is nothing to do. */
static void *
tracer(const char *name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (p == NULL) {
		(void)fputs("preload_trace.so is not there\n", stderr);
		exit(2);
	}
	return p;
}

static void
mark(enum mark kind, uint64_t arg)
{
	union {
		void *p;
		trace_mark_fn *fn;
	} u = {tracer("trace_mark")};

	u.fn(kind, arg);
}

static void
outcome_set(struct power_story *st, int op, enum power_outcome outcome)
{
	st->outcome[op] = (uint8_t)outcome;
	if (op >= st->next)
		st->next = op + 1;
}

void
power_say(struct power_story *st, int op, enum power_outcome outcome)
{
	must(op >= 0 && op < POWER_OPS);
	mark(MARK_OUTCOME, (uint64_t)op << 8 | outcome);
	outcome_set(st, op, outcome);
}

void
power_epoch(struct power_story *st, uint64_t epoch)
{
	mark(MARK_EPOCH, epoch);
	st->epoch = epoch;
}

static void
marked(struct power_story *st, const struct trace_rec *r)
{
	if (r->at == MARK_EPOCH)
		st->epoch = r->arg;
	else
		outcome_set(st, (int)(r->arg >> 8),
			(enum power_outcome)(r->arg & 0xff));
}

/* 1: it was to be killed, and ended before. */
static int
life_record(const struct power_scene *sc, struct record *rec, int life)
{
	int last = life == 0 && sc->killed ? sc->n : 0, status;
	union {
		void *p;
		trace_begin_fn *fn;
	} u = {tracer("trace_begin")};
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		alarm(deadline_s());
		u.fn(rec->root, rec->file, (uint32_t)last);
		sc->kind->live(sc, rec->root, rec->last, sc->lives[life].more,
			sc->lives[life].orderly);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TRACE_KILLED &&
		last > 0)
		return 0;
	if (status == 0)
		return last > 0;
	(void)fprintf(stderr, "FAILED: %s: life %d ended with status %d: %s\n",
		sc->name, life, status, verdict->what);
	exit(1);
}

static void
trace_map(struct record *rec)
{
	int fd = open(rec->file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	must(fd >= 0 && fstat(fd, &st) == 0);
	rec->len = (size_t)st.st_size;
	p = mmap(NULL, rec->len, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED);
	close(fd);
	rec->map = p;
}

static const struct trace_rec *
record_at(const struct record *rec, size_t at)
{
	union {
		const uint8_t *p;
		const struct trace_rec *r;
	} u = {rec->map + at};

	return at < rec->len ? u.r : NULL;
}

static size_t
record_next(const struct trace_rec *r, size_t at)
{
	return at + sizeof(*r) + TRACE_PADDED(r->len);
}

static void
record_open(struct record *rec)
{
	*rec = (struct record){.last = sweep_share(sizeof(*rec->last))};
	folder_make_fast(rec->work);
	(void)snprintf(rec->root, sizeof(rec->root), "%s/root", rec->work);
	(void)snprintf(rec->file, sizeof(rec->file), "%s/trace", rec->work);
	(void)snprintf(rec->image, sizeof(rec->image), "%s/image", rec->work);
	rec->disk = disk_new(rec->root);
}

static void
record_close(struct record *rec)
{
	disk_free(rec->disk);
	if (rec->map != NULL)
		munmap((void *)(uintptr_t)rec->map, rec->len);
	munmap(rec->last, sizeof(*rec->last));
	folder_remove(rec->work);
}

static int record_make(const struct power_scene *, int pass, struct record *);

/* Any state of the scene before, of those in which something was put. */
static void
base_make(const struct power_scene *sc, int pass, struct record *rec)
{
	struct power_scene base = *sc->base;
	uint64_t seed = sc->seed + (uint64_t)sc->n;
	struct disk_luck luck = {0, 60, 40};
	const struct trace_rec *r;
	struct record b;
	size_t stop;

	base.seed = sc->seed;
	must(record_make(&base, pass, &b) == 0);
	stop = chance_draw(&seed) % b.len;
	luck.seed = chance_draw(&seed);
	for (size_t at = 0; at < stop && (r = record_at(&b, at)) != NULL;) {
		disk_step(b.disk, r, 0);
		if (r->kind == TRACE_MARK)
			marked(&rec->first, r);
		at = record_next(r, at);
	}
	disk_fail(b.disk, &luck, rec->root);
	record_close(&b);
}

/* 1: a life that was to be killed ended before. */
static int
record_make(const struct power_scene *sc, int pass, struct record *rec)
{
	int ended = 0;

	record_open(rec);
	if (sc->base != NULL)
		base_make(sc, pass, rec);
	else
		must(mkdir(rec->root, 0700) == 0);
	disk_load(rec->disk, rec->root);
	*rec->last = rec->first;
	for (int i = 0; i < POWER_LIVES && sc->lives[i].more > 0; i++)
		ended |= life_record(sc, rec, i);
	trace_map(rec);
	return ended;
}

/* --- states -------------------------------------------------------------- */

void
power_wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(verdict->what, sizeof(verdict->what), fmt, ap);
	va_end(ap);
	_exit(1);
}

/* What a sanitizer or an assertion says is kept for the report. */
static void
look(const struct power_scene *sc, const char *image,
	const struct power_story *st, const void *known, int quiet)
{
	int null = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
	union {
		void *p;
		trace_spare_fn *fn;
	} u = {tracer("trace_spare")};

	u.fn();
	/* A second open finds the journal's memory of the first. */
	(void)mallopt(M_MMAP_THRESHOLD, 3 << 19);
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
	alarm(deadline_s());
	sc->kind->look(sc, image, st, known);
	_exit(0);
}

/* Whether all is well; else verdict->what says what is not. */
static int
image_well(const struct power_scene *sc, const char *image,
	const struct power_story *st, const void *known, int quiet)
{
	int status;
	pid_t pid;

	verdict->what[0] = '\0';
	(void)fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (pid == 0)
		look(sc, image, st, known, quiet);
	must(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		(void)snprintf(verdict->what, sizeof(verdict->what), "died: %s",
			strsignal(WTERMSIG(status)));
	else if (status != 0 && verdict->what[0] == '\0')
		(void)snprintf(verdict->what, sizeof(verdict->what),
			"ended with %d", WEXITSTATUS(status));
	return status == 0;
}

struct play {
	const struct power_scene *sc;
	struct record *rec;
	const struct power_view *view;
	struct power_tally *tally;
	struct power_story story;
	void *known;
	int pass, point;
	uint64_t seed;
};

static void
state_name(const struct play *p, int variant, char name[80])
{
	char n[16] = "";

	if (p->sc->killed || p->sc->base != NULL)
		(void)snprintf(n, sizeof(n), ".%d", p->sc->n);
	(void)snprintf(name, 80, "%s%s/%d/%d/%d", p->sc->name, n, p->pass,
		p->point, variant);
}

static struct disk_luck
luck_of(const struct play *p, int variant)
{
	static const unsigned keeps[] = {10, 50, 50, 90, 98};
	uint64_t seed = p->sc->seed + (uint64_t)p->point * 1000 +
			(uint64_t)variant * 7 + (uint64_t)p->sc->n;
	struct disk_luck luck = {chance_draw(&seed), 0, 0};

	if (variant == 1)
		luck.keep = 100;
	if (variant < RANDOM)
		return luck;
	luck.keep = keeps[chance_draw(&seed) % 5];
	luck.tear = chance_draw(&seed) % 2 == 0 ? 50 : 10;
	return luck;
}

static void
state_look(struct play *p, int variant)
{
	struct disk_luck luck = luck_of(p, variant);
	char name[80];

	state_name(p, variant, name);
	if (p->view->only != NULL && strcmp(p->view->only, name) != 0)
		return;
	disk_fail(p->rec->disk, &luck, p->rec->image);
	p->tally->states++;
	if (!image_well(p->sc, p->rec->image, &p->story, p->known,
		    p->tally->quiet)) {
		p->tally->wrong++;
		(void)snprintf(p->tally->what, sizeof(p->tally->what), "%s",
			verdict->what);
		if (!p->tally->quiet)
			(void)fprintf(stderr,
				"FAILED: SEED=%" PRIu64
				" POWER_ONE=%s make power: %s\n",
				p->seed, name, verdict->what);
	} else if (p->view->only != NULL) {
		printf("%s: well\n", name);
	}
	folder_remove(p->rec->image);
	if (p->view->only != NULL && getenv("POWER_KEEP") != NULL)
		disk_fail(p->rec->disk, &luck, getenv("POWER_KEEP"));
}

static int
is_sparse(const struct play *p)
{
	uint64_t seed = p->sc->seed + (uint64_t)p->point;

	return p->sc->every > 0 &&
	       chance_draw(&seed) % (uint64_t)p->sc->every != 0;
}

/*
 * Where something was written or named, all of it is left, or some; where
 * something was confirmed, or was synced and is not confirmed yet, nothing
 * but what was synced.  Other points add no other states.
 */
static void
point_look(struct play *p, const struct trace_rec *r, size_t next)
{
	const struct trace_rec *then = record_at(p->rec, next);
	int is_mark = r->kind == TRACE_MARK;
	int is_sync = r->kind == TRACE_SYNC || r->kind == TRACE_SYNC_RANGE;
	int stored = is_mark && r->at == MARK_OUTCOME &&
		     (r->arg & 0xff) == POWER_STORED;

	if (r->kind == TRACE_LIFE || r->kind == TRACE_OPEN ||
		(is_sparse(p) && !stored))
		return;
	if (stored || (is_sync && then != NULL && then->kind != TRACE_MARK)) {
		if (p->pass == 0)
			state_look(p, 0);
	} else if (!is_mark && !is_sync) {
		if (p->pass == 0)
			state_look(p, 1);
		state_look(p, RANDOM);
	}
}

static int
is_lie(const struct play *p, const struct trace_rec *r)
{
	const struct power_lie *l = p->view->lie;
	const char *name;

	if (l == NULL || r->kind != l->kind || p->story.next < l->from)
		return 0;
	name = disk_name(p->rec->disk, r->fd);
	return l->begins ? strncmp(name, l->name, strlen(l->name)) == 0
			 : strcmp(name, l->name) == 0;
}

static int
is_over(const struct play *p)
{
	return p->tally->wrong >= (p->tally->quiet ? 1 : POWER_WRONG_MAX) ||
	       (p->view->only == NULL && power_now_ms() > p->view->until_ms);
}

static void
states_play(struct play *p)
{
	const struct trace_rec *r;

	p->story = p->rec->first;
	for (size_t at = 0; (r = record_at(p->rec, at)) != NULL && !is_over(p);
		p->point++) {
		disk_step(p->rec->disk, r, is_lie(p, r));
		if (r->kind == TRACE_MARK)
			marked(&p->story, r);
		at = record_next(r, at);
		point_look(p, r, at);
	}
}

/* If no call was missed, a disk that loses nothing is the folder. */
static void
trace_check(const struct play *p)
{
	const struct disk_luck all = {0, 100, 0};
	char command[256];

	if (is_over(p))
		return;
	disk_fail(p->rec->disk, &all, p->rec->image);
	must(snprintf(command, sizeof(command),
		     "diff -rq -x lock.mdb %s %s >&2", p->rec->root,
		     p->rec->image) < (int)sizeof(command));
	if (system(command) != 0) {
		(void)fprintf(stderr, "FAILED: %s: the trace missed a call\n",
			p->sc->name);
		p->tally->wrong++;
	}
	folder_remove(p->rec->image);
}

int
power_run(const struct power_scene *scene, int n, int pass, uint64_t seed,
	const struct power_view *view, struct power_tally *tally)
{
	struct power_scene sc = *scene;
	struct record rec;
	struct play p = {.sc = &sc,
		.rec = &rec,
		.view = view,
		.tally = tally,
		.pass = pass,
		.seed = seed};
	int ended;

	if (verdict == NULL)
		verdict = sweep_share(sizeof(*verdict));
	sc.n = n;
	sc.seed = seed * 1000003 + (uint64_t)pass;
	ended = record_make(&sc, pass, &rec);
	if (!ended) {
		p.known = sc.kind->prepare(&sc, rec.last);
		states_play(&p);
		trace_check(&p);
		free(p.known);
	}
	record_close(&rec);
	return ended;
}
