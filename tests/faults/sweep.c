/* SPDX-License-Identifier: MIT */
#include "tests/faults/sweep.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/chance.h"
#include "tests/lib/deadline.h"

enum { WRONG_MAX = 500, PROCESSES = 3, MORE = 50, CONTROL_TRIES = 20 };

static const char *const group_names[FAULT_GROUPS] = {
#define X(name, text) [FAULT_##name] = text,
	FAULT_GROUP_MAP(X)
#undef X
};

/* --- for scenes ---------------------------------------------------------- */

int
sweep_wrong(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)dprintf(STDERR_FILENO, "wrong: %s\n", text);
	return 1;
}

void *
sweep_share(unsigned long bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* The preload's pointer to what is wanted; NULL: there is no preload. */
static struct fault_block **
block_symbol(void)
{
	union {
		void *p;
		struct fault_block **block;
	} u = {dlsym(RTLD_DEFAULT, "fault_block")};

	return u.block;
}

static void
block_set(struct fault_block *b)
{
	struct fault_block **symbol = block_symbol();

	if (symbol != NULL)
		*symbol = b;
}

static struct fault_block *paused;

void
sweep_pause(void)
{
	struct fault_block **symbol = block_symbol();

	if (symbol == NULL || *symbol == NULL)
		return;
	paused = *symbol;
	*symbol = NULL;
}

void
sweep_go_on(void)
{
	if (paused == NULL)
		return;
	paused->thread = (uint32_t)gettid();
	block_set(paused);
}

void *
sweep_own(struct sweep_own *own, unsigned long bytes)
{
	if (own->pid != getpid()) {
		own->p = sweep_share(bytes);
		own->pid = getpid();
	}
	return own->p;
}

int
sweep_fork(int (*fn)(void *), void *arg, struct fault_block *plan)
{
	static struct sweep_own own;
	struct fault_block *shared = sweep_own(&own, sizeof(*shared));
	int status;
	pid_t pid;

	if (plan != NULL)
		*shared = *plan;
	pid = fork();
	if (pid == 0) {
		alarm(deadline_s());
		block_set(plan != NULL ? shared : NULL);
		_exit(fn(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return sweep_wrong("fork: %s", strerror(errno));
	if (plan != NULL)
		*plan = *shared;
	if (WIFSIGNALED(status))
		return sweep_wrong("died by signal %d%s", WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? " (it hung)" : "");
	if (WEXITSTATUS(status) == EX_OSERR && plan != NULL &&
		plan->how == ENOMEM)
		return 0; /* must_have: an end that is meant */
	return WEXITSTATUS(status) == 0
		       ? 0
		       : sweep_wrong("exit %d", WEXITSTATUS(status));
}

/* --- points -------------------------------------------------------------- */

struct point {
	const struct sweep *sweep;
	const struct sweep_case *c;
	unsigned at, last; /* of so many calls */
};

struct tally { /* shared by the processes that run points */
	unsigned ran, reached, wrong;
};

struct run {
	struct point *points;
	size_t n, cap;
	struct tally *tally;
	uint64_t random;
	double until;
	const char *only;
};

static void
count(unsigned *n)
{
	(void)__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *
how_name(int how)
{
	return how == FAULT_SHORT   ? "short"
	       : how == FAULT_LIE   ? "lie"
	       : how == FAULT_CRASH ? "crash"
				    : strerrorname_np(how);
}

static void
point_name(const struct point *p, char *text, size_t cap)
{
	(void)snprintf(text, cap, "%s/%s%s/%s/%u%s", p->sweep->name,
		p->c->from == FAULT_ZMQ ? "zmq-" : "", group_names[p->c->group],
		how_name(p->c->how), p->at, p->c->on ? "+" : "");
}

static void
point_add(struct run *r, const struct point *p)
{
	if (r->n == r->cap) {
		r->cap = r->cap * 2 + 1024;
		r->points = realloc(r->points, r->cap * sizeof(*p));
		if (r->points == NULL)
			abort();
	}
	r->points[r->n++] = *p;
}

static struct fault_block
plan_of(const struct point *p)
{
	return (struct fault_block){.group = p->c->group,
		.from = p->c->from,
		.how = p->c->how,
		.at = p->at,
		.n = p->c->on ? UINT32_MAX : 1};
}

/* Whether the fault was reached. */
static int
point_run(struct run *r, struct point p)
{
	struct fault_block plan = plan_of(&p);
	char name[128];
	int bad = p.sweep->play(p.sweep, &plan);

	count(&r->tally->ran);
	if (plan.hits > 0)
		count(&r->tally->reached);
	point_name(&p, name, sizeof(name));
	if (bad) {
		count(&r->tally->wrong);
		(void)fprintf(stderr, "FAILED: FAULTS_POINT=%s (at %s)\n", name,
			plan.where);
	} else if (r->only != NULL) {
		printf("%s: well, %u hits, the first at %s\n", name, plan.hits,
			plan.where);
	}
	return plan.hits > 0;
}

/* The untouched scene tells how many calls there are of each group. */
static void
points_find(struct run *r, const struct sweep *s)
{
	struct fault_block seen[2] = {{.from = FAULT_OWN}, {.from = FAULT_ZMQ}};

	for (int from = 0; from < 2; from++) {
		struct fault_block *b = &seen[from];

		if (s->play(s, b) != 0) {
			count(&r->tally->wrong);
			(void)fprintf(
				stderr, "FAILED: %s, untouched\n", s->name);
		}
	}
	for (int i = 0; i < s->cases_n; i++) {
		const struct sweep_case *c = &s->cases[i];
		unsigned last = seen[c->from].calls[c->group];

		if (r->only != NULL)
			last += MORE;
		for (unsigned at = 1; at <= last; at++)
			point_add(r, &(struct point){s, c, at, last});
	}
}

static void
points_swap(struct run *r, size_t a, size_t b)
{
	struct point p = r->points[a];

	r->points[a] = r->points[b];
	r->points[b] = p;
}

/* What fails inside libzmq teaches little: but few of these come first. */
static void
points_shuffle(struct run *r)
{
	size_t first = 0;

	for (size_t i = r->n; i > 1; i--)
		points_swap(r, i - 1, chance_draw(&r->random) % i);
	for (size_t i = 0; i < r->n; i++)
		if (r->points[i].c->from == FAULT_OWN ||
			chance_draw(&r->random) % 16 == 0)
			points_swap(r, first++, i);
}

/* Every `step`-th point from the `first` on. */
static void
points_run(struct run *r, size_t first, size_t step)
{
	for (size_t i = first; i < r->n; i += step) {
		struct point p = r->points[i];
		char name[128];

		if (r->only == NULL &&
			(now() > r->until || r->tally->wrong >= WRONG_MAX))
			return;
		point_name(&p, name, sizeof(name));
		if (r->only != NULL && strcmp(r->only, name) != 0)
			continue;
		while (point_run(r, p) && r->only == NULL && p.at >= p.last)
			p.at++;
	}
}

/* Points wait more than they work, so a few run at a time. */
static void
points_share(struct run *r)
{
	for (size_t i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid > 0)
			continue;
		points_run(r, i, PROCESSES);
		_exit(0);
	}
	for (int i = 0, status; i < PROCESSES; i++)
		if (wait(&status) < 0 || status != 0)
			count(&r->tally->wrong);
}

/* What is found wrong on purpose is not to be read. */
static int
play_quietly(const struct sweep *s, struct fault_block *plan)
{
	int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), bad;

	(void)dup2(null, STDERR_FILENO);
	bad = s->play(s, plan);
	(void)dup2(err, STDERR_FILENO);
	close(err);
	close(null);
	return bad;
}

static int
control_found(const struct sweep *s, const struct sweep_case *c)
{
	for (unsigned at = 1; at <= CONTROL_TRIES; at++) {
		struct point p = {s, c, at, at};
		struct fault_block plan = plan_of(&p);
		char name[128];

		if (!play_quietly(s, &plan))
			continue;
		point_name(&p, name, sizeof(name));
		printf("control: %s is found wrong, as it must be\n", name);
		return 1;
	}
	return 0;
}

int
sweep_control(const struct sweep *sweeps, int n)
{
	int missed = 0;

	if (getenv("FAULTS_POINT") != NULL)
		return 0;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < sweeps[i].cases_n; k++) {
			const struct sweep_case *c = &sweeps[i].cases[k];

			if (!control_found(&sweeps[i], c))
				missed |= sweep_wrong("%s: a %s was not found",
					sweeps[i].name, how_name(c->how));
		}
	return missed;
}

int
sweep_run(const char *what, const struct sweep *sweeps, int n, int seconds)
{
	uint64_t seed = chance_seed();
	struct run r = {.random = seed,
		.tally = sweep_share(sizeof(*r.tally)),
		.only = getenv("FAULTS_POINT")};
	const struct tally *t = r.tally;

	seconds = (int)number_of_env("FAULTS_S", (uint64_t)seconds);
	if (getenv("FAULTS_ALL") != NULL)
		seconds = 0;
	r.until = seconds > 0 ? now() + seconds : 1e300;
	for (int i = 0; i < n; i++)
		if (r.only == NULL || strncmp(r.only, sweeps[i].name,
					      strcspn(r.only, "/")) == 0)
			points_find(&r, &sweeps[i]);
	if (r.n == 0 && r.only == NULL)
		count(&r.tally->wrong); /* there is no preload */
	points_shuffle(&r);
	(void)fflush(stdout);
	if (r.only != NULL)
		points_run(&r, 0, 1);
	else
		points_share(&r);
	printf("%s: %u of %zu points, %u reached, %u wrong, SEED=%llu\n", what,
		t->ran, r.n, t->reached, t->wrong, (unsigned long long)seed);
	free(r.points);
	return t->wrong > 0;
}
