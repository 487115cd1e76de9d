/* SPDX-License-Identifier: MIT */
#include "front/isolate/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "front/isolate/death.h"

enum {
	START_MS = 5000, /* for a module to load */
	SWEEP_MS = 10,
	AGAIN_MS = 200,
	SLACK_NS = 50000,
};

enum isolate_state { EMPTY, ASKED, STARTING, IDLE, BUSY, DYING };

struct isolate {
	struct watched watched;	   /* first: isolate_look() casts */
	TAILQ_ENTRY(isolate) link; /* in `asked` or `idle` */
	struct pool *pool;
	enum isolate_state state;
	pid_t pid;
	int pidfd, in, out;
	struct mailbox mail;
	struct budget budget;
	struct event *answered, *died, *timer;
	struct pool_task *task;
	enum request_outcome killed; /* why we killed it; ANSWER: not so */
	int64_t started_ms;
	int64_t used_ns;	 /* when its request began */
	uint32_t served, number; /* requests; the number of the last one */
};

TAILQ_HEAD(isolate_list, isolate);
TAILQ_HEAD(task_list, pool_task);

struct pool {
	const struct pool_plan *plan;
	struct event_base *base;
	struct cpu_usage *usage;
	struct watch *watch;
	pool_ready_fn *ready;
	void *arg;
	void (*gone)(void *);
	void *gone_arg;
	pid_t zygote;
	int sock; /* -1: no zygote */
	struct event *zygote_event, *sweep, *again;
	struct isolate_list asked, idle;
	struct task_list waiting;
	size_t waiting_n, busy;
	int loaded; /* the module: 1; 0: not yet; -1: it cannot be */
	int retired;
	struct isolate isolates[];
};

static void
timer_set(struct event *e, int64_t us)
{
	struct timeval tv = {us / 1000000, us % 1000000};

	event_add(e, &tv);
}

static void pool_free(struct pool *);
static void zygote_open(struct pool *);

/* --- isolates come ------------------------------------------------------ */

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
event_end(struct event **e)
{
	if (*e != NULL)
		event_free(*e);
	*e = NULL;
}

/* Frees all of a dead isolate's resources; its task has ended before. */
static void
isolate_clear(struct isolate *i)
{
	watch_end(&i->watched);
	if (i->state == ASKED)
		TAILQ_REMOVE(&i->pool->asked, i, link);
	if (i->state == IDLE)
		TAILQ_REMOVE(&i->pool->idle, i, link);
	event_end(&i->answered);
	event_end(&i->died);
	event_end(&i->timer);
	budget_close(&i->budget);
	mailbox_unmap(&i->mail);
	fd_close(&i->pidfd);
	fd_close(&i->in);
	fd_close(&i->out);
	i->state = EMPTY;
}

static int isolate_look(struct watched *);
static void isolate_woke(evutil_socket_t, short, void *);
static void isolate_died(evutil_socket_t, short, void *);
static void isolate_timer_fired(evutil_socket_t, short, void *);

static void
isolate_ask(struct isolate *i)
{
	struct pool *p = i->pool;
	const struct mail_sizes *sizes = &p->plan->zygote.sizes;
	int memory = mailbox_file(sizes), err = -1;

	i->in = eventfd(0, EFD_CLOEXEC);
	i->out = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (memory >= 0 && i->in >= 0 && i->out >= 0)
		err = mailbox_map(&i->mail, memory, sizes);
	if (err == 0)
		err = zygote_ask(p->sock, memory, i->in, i->out);
	fd_close(&memory);
	if (err < 0) {
		isolate_clear(i);
		return;
	}
	i->state = ASKED;
	i->served = 0;
	i->number = MAIL_READY;
	i->watched = (struct watched){.mail = &i->mail, .look = isolate_look};
	i->killed = OUTCOME_ANSWER;
	TAILQ_INSERT_TAIL(&p->asked, i, link);
}

/* Starts the missing isolates; tries again later where that fails. */
static void
isolates_start(struct pool *p)
{
	int missing = 0;

	for (int n = 0; n < p->plan->isolates; n++) {
		struct isolate *i = &p->isolates[n];

		if (i->state == EMPTY && p->sock >= 0 && !p->retired)
			isolate_ask(i);
		missing += i->state == EMPTY;
	}
	if (missing > 0 && !p->retired)
		timer_set(p->again, AGAIN_MS * 1000);
}

static void
isolate_started(struct pool *p, pid_t pid, int pidfd)
{
	struct isolate *i = TAILQ_FIRST(&p->asked);

	if (i == NULL) {
		close(pidfd);
		return;
	}
	TAILQ_REMOVE(&p->asked, i, link);
	i->state = STARTING;
	i->pid = pid;
	i->pidfd = pidfd;
	i->started_ms = clock_now_ms(CLOCK_MONOTONIC);
	timer_set(p->sweep, SWEEP_MS * 1000);
	p->usage->starts++;
	i->answered = event_new(
		p->base, i->out, EV_READ | EV_PERSIST, isolate_woke, i);
	i->died = event_new(p->base, pidfd, EV_READ, isolate_died, i);
	if (i->answered == NULL || i->died == NULL ||
		event_add(i->answered, NULL) != 0 ||
		event_add(i->died, NULL) != 0)
		sw_log(SW_LOG_ERR, "isolate", "route", p->plan->name, "error",
			"ENOMEM", NULL);
}

/* --- one request -------------------------------------------------------- */

static void
isolate_kill(struct isolate *i, enum request_outcome why)
{
	i->killed = why;
	if (i->state == IDLE)
		TAILQ_REMOVE(&i->pool->idle, i, link);
	if (i->state == IDLE || i->state == STARTING)
		i->state = DYING;
	(void)syscall(SYS_pidfd_send_signal, i->pidfd, SIGKILL, NULL, 0);
}

static void
isolate_begin(struct isolate *i, struct pool_task *t)
{
	struct pool *p = i->pool;
	const uint64_t one = 1;

	TAILQ_REMOVE(&p->idle, i, link);
	i->state = BUSY;
	i->task = t;
	t->since_ms = clock_now_ms(CLOCK_MONOTONIC);
	t->write(t, &i->mail);
	i->served++;
	i->mail.request->number = ++i->number;
	budget_renew(&i->budget, p->plan->budget_ns, i->used_ns);
	if (p->busy++ == 0)
		timer_set(p->sweep, SWEEP_MS * 1000);
	watch_begin(p->watch, &i->watched);
	if (mailbox_ask(&i->mail, i->number) &&
		write(i->in, &one, sizeof(one)) != sizeof(one))
		isolate_kill(i, OUTCOME_BROKEN);
}

/* Gives the oldest request to the most recently idle isolate: it is warm. */
static void
tasks_hand_out(struct pool *p)
{
	while (!TAILQ_EMPTY(&p->waiting) && !TAILQ_EMPTY(&p->idle)) {
		struct pool_task *t = TAILQ_FIRST(&p->waiting);

		TAILQ_REMOVE(&p->waiting, t, link);
		p->waiting_n--;
		isolate_begin(TAILQ_FIRST(&p->idle), t);
	}
}

static void
task_end(struct isolate *i, enum request_outcome outcome,
	const struct mail_answer *a, int64_t cpu_ns)
{
	struct pool_task *t = i->task;

	i->task = NULL;
	i->pool->busy--;
	usage_add(i->pool->usage, outcome, cpu_ns);
	t->done(t, outcome, a, &i->mail, cpu_ns);
}

static void
isolate_idle(struct isolate *i)
{
	const struct pool_plan *plan = i->pool->plan;

	i->state = IDLE;
	TAILQ_INSERT_HEAD(&i->pool->idle, i, link);
	if ((plan->requests_max > 0 &&
		    i->served >= (uint32_t)plan->requests_max) ||
		budget_life_over(i->used_ns))
		isolate_kill(i, OUTCOME_ANSWER);
}

static void
isolate_ready(struct isolate *i)
{
	struct pool *p = i->pool;
	int err = budget_open(
		&i->budget, i->pid, p->plan->budget_ns, p->plan->perf);

	if (err == 0 && i->budget.timer >= 0) {
		i->timer = event_new(p->base, i->budget.timer,
			EV_READ | EV_PERSIST, isolate_timer_fired, i);
		err = i->timer == NULL ? -ENOMEM : event_add(i->timer, NULL);
	}
	i->used_ns = budget_used(&i->budget);
	if (err < 0 || i->used_ns < 0) {
		isolate_kill(i, OUTCOME_BROKEN);
		return;
	}
	isolate_idle(i);
	if (!p->loaded) {
		p->loaded = 1;
		p->ready(p->arg, 0, "");
	}
}

static void
isolate_finish(struct isolate *i)
{
	int64_t used_ns = budget_used(&i->budget), before_ns = i->used_ns;
	struct mail_answer a;

	if (mailbox_answer(&i->mail, i->number, &a) < 0) {
		isolate_kill(i, OUTCOME_BROKEN);
		return;
	}
	i->used_ns = used_ns > 0 ? used_ns : before_ns;
	task_end(i, OUTCOME_ANSWER, &a, i->used_ns - before_ns);
	isolate_idle(i);
}

/* Handles the isolate's answer, if a new one is posted: 1; else 0. */
static int
isolate_look(struct watched *w)
{
	struct isolate *i = (struct isolate *)w;
	struct pool *p = i->pool;
	uint32_t posted = mailbox_posted(&i->mail);

	if (i->killed != OUTCOME_ANSWER ||
		posted == i->number - (i->state != IDLE))
		return 0;
	watch_end(&i->watched);
	if (posted != i->number)
		isolate_kill(i, OUTCOME_BROKEN);
	else if (i->state == STARTING)
		isolate_ready(i);
	else if (i->state == BUSY)
		isolate_finish(i);
	tasks_hand_out(p);
	if (p->retired && pool_tasks(p) == 0)
		pool_free(p);
	return 1;
}

/* The wake-up may come after isolate_look() has already seen the answer. */
static void
isolate_woke(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	if (read((int)fd, &n, sizeof(n)) == sizeof(n))
		(void)isolate_look(arg);
}

/* --- isolates go -------------------------------------------------------- */

static void
isolate_timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct isolate *i = arg;
	int64_t left_ns = i->pool->plan->budget_ns -
			  (budget_used(&i->budget) - i->used_ns);

	(void)fd;
	(void)what;
	budget_timer_clear(&i->budget);
	if (left_ns <= 0)
		isolate_kill(i, OUTCOME_CPU);
	else if (i->state == BUSY)
		budget_timer_set(&i->budget, left_ns + SLACK_NS);
	else
		budget_timer_idle(&i->budget);
}

/* The module cannot be loaded, at first or any more; `why` "": unknown. */
static void
pool_fail(struct pool *p, const char *why)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s%s",
		why[0] != '\0' ? why : p->plan->zygote.module,
		why[0] != '\0' ? "" : ": its process ended while loading");
	if (p->loaded == 0) {
		p->loaded = -1;
		p->ready(p->arg, -ENOEXEC, text);
	} else if (p->loaded > 0) {
		sw_log(SW_LOG_ERR, "module", "route", p->plan->name, "text",
			text, NULL);
		timer_set(p->again, AGAIN_MS * 1000);
	}
}

static void
isolate_died(evutil_socket_t fd, short what, void *arg)
{
	struct isolate *i = arg;
	struct pool *p = i->pool;
	struct death d = death_reap(fd);
	int64_t cpu_ns;
	char why[480] = "";
	int early = i->state == STARTING;

	(void)what;
	if (i->state == BUSY) {
		cpu_ns = death_cpu_ns(&d) - i->used_ns;
		cpu_ns = cpu_ns > 0 ? cpu_ns : 0;
		task_end(i,
			death_outcome(&d, i->killed, cpu_ns, p->plan->budget_ns,
				p->plan->zygote.memory),
			NULL, cpu_ns);
	}
	if (early)
		(void)snprintf(why, sizeof(why), "%.*s", (int)sizeof(why) - 1,
			(const char *)i->mail.log);
	isolate_clear(i);
	if (p->retired && pool_tasks(p) == 0)
		pool_free(p);
	else if (early)
		pool_fail(p, why);
	else
		isolates_start(p);
}

static void
timeouts_check(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	int64_t now_ms = clock_now_ms(CLOCK_MONOTONIC);
	int64_t limit = now_ms - p->plan->wall_ms, start = now_ms - START_MS;
	int starting = 0;
	struct pool_task *t;

	(void)fd;
	(void)what;
	for (int n = 0; n < p->plan->isolates; n++) {
		struct isolate *i = &p->isolates[n];

		if (i->state == BUSY && i->killed == OUTCOME_ANSWER &&
			i->task->since_ms < limit)
			isolate_kill(i, OUTCOME_WALL);
		else if (i->state == STARTING && i->started_ms < start)
			(void)syscall(SYS_pidfd_send_signal, i->pidfd, SIGKILL,
				NULL, 0);
		starting += i->state == STARTING;
	}
	while ((t = TAILQ_FIRST(&p->waiting)) != NULL && t->since_ms < limit) {
		TAILQ_REMOVE(&p->waiting, t, link);
		p->waiting_n--;
		usage_add(p->usage, OUTCOME_BUSY, -1);
		t->done(t, OUTCOME_BUSY, NULL, NULL, -1);
	}
	if (pool_tasks(p) + (size_t)starting > 0)
		timer_set(p->sweep, SWEEP_MS * 1000);
	else if (p->retired)
		pool_free(p);
}

/* --- the zygote --------------------------------------------------------- */

static void
zygote_close(struct pool *p)
{
	event_end(&p->zygote_event);
	fd_close(&p->sock);
	if (p->zygote > 0) {
		kill(p->zygote, SIGKILL);
		waitpid(p->zygote, NULL, 0);
	}
	p->zygote = 0;
	while (!TAILQ_EMPTY(&p->asked))
		isolate_clear(TAILQ_FIRST(&p->asked));
}

static void
zygote_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	char why[512];
	pid_t pid;
	int pidfd, got;

	(void)what;
	while ((got = zygote_answer((int)fd, &pid, &pidfd, why, sizeof(why))) >
		0) {
		if (got == 1)
			isolate_started(p, pid, pidfd);
		else
			isolates_start(p);
	}
	if (got == 0)
		return;
	zygote_close(p);
	pool_fail(p, got == -ENOEXEC ? why : "");
}

static void
zygote_open(struct pool *p)
{
	int err = zygote_start(&p->plan->zygote, &p->zygote, &p->sock);

	if (err == 0) {
		p->zygote_event = event_new(p->base, p->sock,
			EV_READ | EV_PERSIST, zygote_readable, p);
		if (p->zygote_event != NULL &&
			event_add(p->zygote_event, NULL) == 0)
			return;
		zygote_close(p);
	}
	p->sock = -1;
	sw_log(SW_LOG_ERR, "module", "route", p->plan->name, "text",
		sw_strerror(err), NULL);
	timer_set(p->again, AGAIN_MS * 1000);
}

static void
start_again(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;

	(void)fd;
	(void)what;
	if (p->sock < 0)
		zygote_open(p);
	else
		isolates_start(p);
}

/* --- the pool ----------------------------------------------------------- */

struct pool *
pool_new(struct event_base *base, const struct pool_plan *plan,
	struct cpu_usage *usage, struct watch *watch, pool_ready_fn *ready,
	void *arg)
{
	struct pool *p = calloc(1,
		sizeof(*p) + (size_t)plan->isolates * sizeof(p->isolates[0]));

	if (p == NULL)
		return NULL;
	p->plan = plan;
	p->base = base;
	p->usage = usage;
	p->watch = watch;
	p->ready = ready;
	p->arg = arg;
	p->sock = -1;
	TAILQ_INIT(&p->asked);
	TAILQ_INIT(&p->idle);
	TAILQ_INIT(&p->waiting);
	for (int n = 0; n < plan->isolates; n++)
		p->isolates[n] = (struct isolate){
			.pool = p, .pidfd = -1, .in = -1, .out = -1};
	p->sweep = event_new(base, -1, 0, timeouts_check, p);
	p->again = event_new(base, -1, 0, start_again, p);
	if (p->sweep == NULL || p->again == NULL) {
		pool_free(p);
		return NULL;
	}
	zygote_open(p);
	return p;
}

static void
pool_free(struct pool *p)
{
	zygote_close(p);
	for (int n = 0; n < p->plan->isolates; n++) {
		struct isolate *i = &p->isolates[n];

		if (i->state > ASKED) {
			isolate_kill(i, OUTCOME_ANSWER);
			(void)death_reap(i->pidfd);
		}
		i->state = i->state == ASKED ? ASKED : EMPTY;
		isolate_clear(i);
	}
	event_end(&p->sweep);
	event_end(&p->again);
	if (p->gone != NULL)
		p->gone(p->gone_arg);
	free(p);
}

void
pool_run(struct pool *p, struct pool_task *t)
{
	t->since_ms = clock_now_ms(CLOCK_MONOTONIC);
	if (!TAILQ_EMPTY(&p->idle)) {
		isolate_begin(TAILQ_FIRST(&p->idle), t);
		return;
	}
	if (p->waiting_n >= (size_t)p->plan->queue_max) {
		usage_add(p->usage, OUTCOME_BUSY, -1);
		t->done(t, OUTCOME_BUSY, NULL, NULL, -1);
		return;
	}
	TAILQ_INSERT_TAIL(&p->waiting, t, link);
	if (p->waiting_n++ == 0)
		timer_set(p->sweep, SWEEP_MS * 1000);
}

void
pool_retire(struct pool *p, void (*gone)(void *arg), void *arg)
{
	p->retired = 1;
	p->gone = gone;
	p->gone_arg = arg;
	if (pool_tasks(p) == 0)
		pool_free(p);
}

size_t
pool_tasks(const struct pool *p)
{
	return p->waiting_n + p->busy;
}
