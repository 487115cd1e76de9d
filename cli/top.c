/* SPDX-License-Identifier: MIT */
/*
 * top.c - the live screen
 *
 * A screen is drawn into memory and written at once, so it does not flicker.
 * screen_off() restores the terminal: on return, at exit(), and when a signal
 * ends the program.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"
#include "wire/proto.h"

enum { QUEUES_MAX = 1000, WORKERS_MAX = 1000, NAME_WIDTH = 18 };

struct top_queue {
	char name[SW_QUEUE_MAX + 1];
	int64_t ready, leased, delayed, dead, oldest_ms, wanted;
	char in[8], out[8]; /* per second, the broker's text */
	int paused;
};

struct top_worker {
	char name[SW_NAME_MAX + 1], queues[64];
	int64_t slots, leased, done, failed, seen_ms;
};

struct top {
	struct cmd *c;
	struct top_queue *queues;
	struct top_worker *workers;
	size_t n_queues, n_workers;
	int64_t uptime_ms, commits, ops, used, most;
	int64_t ops_before, commits_before, at_ms, before_ms;
	int paused; /* no refresh */
	int rows, cols;
};

/* Shared with signal handlers. */
static volatile sig_atomic_t screen_on, end_asked, suspend_asked;
static struct termios screen_before;

static void
screen_off(void)
{
	static const char back[] = "\033[?25h\033[?1049l";

	if (!screen_on)
		return;
	screen_on = 0;
	(void)!write(STDOUT_FILENO, back, sizeof(back) - 1);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &screen_before);
}

static void
on_signal(int sig)
{
	if (sig == SIGTSTP)
		suspend_asked = 1;
	else
		end_asked = 1;
}

/* Only ends poll(): the next screen is drawn in the new size. */
static void
on_resize(int sig)
{
	(void)sig;
}

static void
on_crash(int sig)
{
	screen_off();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void
signals_set(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE};
	struct sigaction sa = {.sa_handler = on_signal};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &sa, NULL);
	sa.sa_handler = on_crash;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		(void)sigaction(crashes[i], &sa, NULL);
	sa.sa_handler = on_resize;
	(void)sigaction(SIGWINCH, &sa, NULL);
}

static int
screen_set(void)
{
	static const char begin[] = "\033[?1049h\033[?25l";
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &screen_before) != 0)
		return -errno;
	raw = screen_before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	signals_set();
	screen_on = 1;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	(void)!write(STDOUT_FILENO, begin, sizeof(begin) - 1);
	return 0;
}

/* Escapes foreign bytes into `to`, cut to fit. */
static void
text_escape(struct bytes b, char *to, size_t cap)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	to[0] = '\0';
	if (f == NULL)
		return;
	out_text(f, b, OUT_LINE);
	if (fclose(f) == 0)
		(void)snprintf(to, cap, "%s", text);
	free(text);
}

static void
stat_text(const struct sw_item *it, const char *name, char *to, size_t cap)
{
	struct bytes b = {"", 0};

	(void)pair_find(it, SW_F_STAT, name, &b);
	text_escape(b, to, cap);
}

static void
take_queue(void *arg, const struct sw_item *it)
{
	struct top *t = arg;
	struct top_queue *q;

	if (t->n_queues == QUEUES_MAX)
		return;
	q = &t->queues[t->n_queues++];
	text_escape(sw_bytes(it, SW_F_QUEUE), q->name, sizeof(q->name));
	q->ready = pair_int(it, SW_F_STAT, "ready", 0);
	q->leased = pair_int(it, SW_F_STAT, "leased", 0);
	q->delayed = pair_int(it, SW_F_STAT, "delayed", 0);
	q->dead = pair_int(it, SW_F_STAT, "dead", 0);
	q->oldest_ms = pair_int(it, SW_F_STAT, "oldest_ready_ms", 0);
	q->wanted = pair_int(it, SW_F_STAT, "workers_wanted", -1);
	q->paused = pair_int(it, SW_F_SETTING, "paused", 0) != 0;
	stat_text(it, "arrival_per_s", q->in, sizeof(q->in));
	stat_text(it, "service_per_s", q->out, sizeof(q->out));
}

static void
take_worker(void *arg, const struct sw_item *it)
{
	struct top *t = arg;
	struct top_worker *w;

	if (t->n_workers == WORKERS_MAX)
		return;
	w = &t->workers[t->n_workers++];
	text_escape(sw_bytes(it, SW_F_WORKER), w->name, sizeof(w->name));
	stat_text(it, "queues", w->queues, sizeof(w->queues));
	w->slots = sw_int(it, SW_F_SLOTS, 0);
	w->leased = pair_int(it, SW_F_STAT, "leased", 0);
	w->done = pair_int(it, SW_F_STAT, "done_total", 0);
	w->failed = pair_int(it, SW_F_STAT, "failed_total", 0);
	w->seen_ms = pair_int(it, SW_F_STAT, "seen_ms_ago", 0);
}

static int
take_stats(struct top *t)
{
	struct sw_buf b = cmd_begin(t->c, SW_OP_STATS, 0);
	struct sw_msg reply;
	struct sw_item it;
	int rc = cmd_call(t->c, &b, &reply);

	if (rc != CMD_OK)
		return rc;
	if (!sw_msg_next(&reply, &it))
		return cmd_fail(t->c, SW_EUNKNOWN);
	t->ops_before = t->ops;
	t->commits_before = t->commits;
	t->before_ms = t->at_ms;
	t->at_ms = client_now_ms();
	t->uptime_ms = pair_int(&it, SW_F_STAT, "uptime_ms", 0);
	t->commits = pair_int(&it, SW_F_STAT, "commits", 0);
	t->ops = pair_int(&it, SW_F_STAT, "ops", 0);
	t->used = pair_int(&it, SW_F_STAT, "store_used_pages", 0);
	t->most = pair_int(&it, SW_F_STAT, "store_max_pages", 0);
	return CMD_OK;
}

/* Asks for all that a screen shows; the exit code. */
static int
top_look(struct top *t)
{
	int rc = take_stats(t);

	t->n_queues = t->n_workers = 0;
	if (rc == CMD_OK)
		rc = cmd_pages(t->c, SW_OP_QUEUES, NULL, take_queue, t);
	if (rc == CMD_OK)
		rc = cmd_pages(t->c, SW_OP_WORKERS, NULL, take_worker, t);
	return rc;
}

/* Queues with jobs first; by name among equals, so that lines stay in place. */
static int
queue_order(const void *a, const void *b)
{
	const struct top_queue *x = a, *y = b;
	int64_t nx = x->ready + x->leased, ny = y->ready + y->leased;
	int bx = nx > 0, by = ny > 0;

	return bx != by ? by - bx : strcmp(x->name, y->name);
}

static int64_t
per_s(const struct top *t, int64_t now, int64_t before)
{
	int64_t ms = t->at_ms - t->before_ms;

	return t->before_ms == 0 || ms <= 0 || now < before
		       ? 0
		       : (now - before) * 1000 / ms;
}

/* Ends a line and clears the rest of it on the screen. */
static void
line_end(const struct top *t, FILE *f)
{
	(void)fputs(t->rows > 0 ? "\033[K\r\n" : "\n", f);
}

static void
draw_head(const struct top *t, const struct cmd_out *o)
{
	char up[HUMAN_TEXT], ops[HUMAN_TEXT], commits[HUMAN_TEXT];
	char clock[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	out_colour(o, OUT_BOLD);
	(void)fprintf(o->f, "spillway");
	out_colour(o, OUT_PLAIN);
	(void)fprintf(o->f, "  up %s  %s ops/s  %s commits/s  %s  %s%s",
		human_ms(up, t->uptime_ms),
		human_short(ops, per_s(t, t->ops, t->ops_before)),
		human_short(commits, per_s(t, t->commits, t->commits_before)),
		clock, t->paused ? "PAUSED  " : "",
		t->most > 0 ? "store " : "");
	if (t->most > 0)
		(void)fprintf(o->f, "%" PRId64 " %%", 100 * t->used / t->most);
	line_end(t, o->f);
	line_end(t, o->f);
}

static void
draw_queue(
	const struct top *t, const struct top_queue *q, const struct cmd_out *o)
{
	char a[HUMAN_TEXT], b[HUMAN_TEXT], c[HUMAN_TEXT], d[HUMAN_TEXT];
	char e[HUMAN_TEXT], name[SW_QUEUE_MAX + 8];

	(void)snprintf(
		name, sizeof(name), "%s%s", q->paused ? "‖" : "", q->name);
	if (q->paused)
		out_colour(o, OUT_YELLOW);
	/* "‖" takes three bytes and one column */
	(void)fprintf(o->f, "%-*.*s", NAME_WIDTH + 2 * q->paused,
		NAME_WIDTH + 2 * q->paused, name);
	out_colour(o, OUT_PLAIN);
	(void)fprintf(o->f, " %7s %7s %7s ", human_short(a, q->ready),
		human_short(b, q->leased), human_short(c, q->delayed));
	if (q->dead > 0)
		out_colour(o, OUT_RED);
	(void)fprintf(o->f, "%6s", human_short(d, q->dead));
	out_colour(o, OUT_PLAIN);
	(void)fprintf(o->f, " %7s %7s %7s %6s", q->in, q->out,
		q->oldest_ms > 0 ? human_ms(e, q->oldest_ms) : "-",
		q->wanted < 0 ? "-" : human_short(a, q->wanted));
	line_end(t, o->f);
}

static void
draw_worker(const struct top *t, const struct top_worker *w,
	const struct cmd_out *o)
{
	char a[HUMAN_TEXT], b[HUMAN_TEXT], c[HUMAN_TEXT];

	(void)fprintf(o->f,
		"%-24.24s %4" PRId64 "/%-4" PRId64 " %7s %7s %6s  %.17s",
		w->name, w->leased, w->slots, human_short(a, w->done),
		human_short(b, w->failed), human_ms(c, w->seen_ms), w->queues);
	line_end(t, o->f);
}

static void
draw_title(const struct top *t, const struct cmd_out *o, const char *title)
{
	out_colour(o, OUT_BOLD);
	(void)fputs(title, o->f);
	out_colour(o, OUT_PLAIN);
	line_end(t, o->f);
}

static void
draw_rest(const struct top *t, const struct cmd_out *o, size_t n, const char *s)
{
	if (n == 0)
		return;
	(void)fprintf(o->f, "… %zu more %s", n, s);
	line_end(t, o->f);
}

/* 8 lines beside the rows: 2 of the head, 2 titles, 1 empty, 2 rests, 1 note.
 */
static void
top_draw(struct top *t, const struct cmd_out *o)
{
	size_t room = t->rows > 10 ? (size_t)t->rows - 8 : 2;
	size_t nq = t->n_queues, nw = t->n_workers;

	if (t->rows > 0 && nq + nw > room) {
		size_t half = room / 2;

		nw = nw < half ? nw : half;
		nq = nq < room - nw ? nq : room - nw;
		nw = t->n_workers < room - nq ? t->n_workers : room - nq;
	}
	qsort(t->queues, t->n_queues, sizeof(*t->queues), queue_order);
	draw_head(t, o);
	draw_title(t, o,
		"QUEUE                READY RUNNING DELAYED   DEAD    IN/S   "
		"OUT/S  OLDEST WANTED");
	for (size_t i = 0; i < nq; i++)
		draw_queue(t, &t->queues[i], o);
	draw_rest(t, o, t->n_queues - nq, "queues");
	line_end(t, o->f);
	draw_title(t, o,
		"WORKER                    RUNNING     DONE  FAILED   SEEN  "
		"QUEUES");
	for (size_t i = 0; i < nw; i++)
		draw_worker(t, &t->workers[i], o);
	draw_rest(t, o, t->n_workers - nw, "workers");
}

static void
screen_draw(struct top *t, const char *note)
{
	char *text = NULL;
	size_t len = 0, at = 0;
	struct cmd_out o = t->c->out;
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0)
		t->rows = ws.ws_row;
	else
		t->rows = 24;
	o.f = open_memstream(&text, &len);
	if (o.f == NULL)
		return;
	(void)fputs("\033[H", o.f);
	top_draw(t, &o);
	out_colour(&o, OUT_DIM);
	(void)fprintf(o.f, "%s\033[K", note);
	out_colour(&o, OUT_PLAIN);
	(void)fputs("\033[J", o.f);
	(void)fclose(o.f);
	while (at < len) {
		ssize_t n = write(STDOUT_FILENO, text + at, len - at);

		if (n < 0 && errno != EINTR)
			break;
		at += n < 0 ? 0 : (size_t)n;
	}
	free(text);
}

/* Waits for a key or the next refresh; 0: the end. */
static int
keys_wait(struct top *t, int64_t wait_ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char k;

	if (poll(&p, 1, (int)wait_ms) <= 0)
		return !end_asked;
	if (read(STDIN_FILENO, &k, 1) != 1)
		return 0; /* the terminal has gone */
	if (k == 'p' || k == ' ')
		t->paused = !t->paused;
	return k != 'q' && k != 'Q' && !end_asked;
}

/* ^Z: restores the shell's screen, stops, and sets this one again. */
static int
top_suspend(void)
{
	screen_off();
	suspend_asked = 0;
	(void)raise(SIGSTOP);
	return screen_set() < 0 ? CMD_REFUSED : CMD_OK;
}

/*
 * A lost broker does not end the screen, which shows the loss and asks again.
 * Error lines on stderr would spoil the screen: they go to /dev/null.
 */
static int
top_live(struct top *t, int64_t interval_ms)
{
	static const char help[] = "q quit  p pause";
	FILE *err = t->c->err, *null = fopen("/dev/null", "we");
	int rc = CMD_OK;

	if (null == NULL || atexit(screen_off) != 0 || screen_set() < 0)
		rc = CMD_REFUSED;
	t->c->err = null;
	t->c->broker_timeout_ms = 2000;
	while (rc == CMD_OK && !end_asked) {
		int lost = !t->paused && top_look(t) != CMD_OK;

		screen_draw(t,
			lost ? "the broker does not answer, retrying" : help);
		if (!keys_wait(t, interval_ms))
			break;
		if (suspend_asked)
			rc = top_suspend();
	}
	screen_off();
	if (null != NULL)
		(void)fclose(null);
	t->c->err = err;
	return rc == CMD_OK ? rc : cmd_refuse(t->c, "not a terminal");
}

static int
top_run(struct top *t, int64_t interval_ms)
{
	struct cmd *c = t->c;
	const char *term = getenv("TERM");
	int rc = top_look(t);

	if (rc != CMD_OK)
		return rc;
	if (c->value[CMD_O_ONCE] == NULL && c->out.tty &&
		isatty(STDIN_FILENO) && term != NULL &&
		strcmp(term, "dumb") != 0)
		return top_live(t, interval_ms);
	top_draw(t, &c->out);
	return CMD_OK;
}

int
cmd_top(struct cmd *c)
{
	struct top t = {.c = c};
	int64_t interval_ms = 1000;
	int rc = cmd_opt_duration(c, CMD_O_INTERVAL, &interval_ms);

	if (rc != CMD_OK)
		return rc;
	if (interval_ms < 100 || interval_ms > 3600 * 1000LL)
		return cmd_usage(c, "--interval must be 100ms to 1h");
	t.queues = calloc(QUEUES_MAX, sizeof(*t.queues));
	t.workers = calloc(WORKERS_MAX, sizeof(*t.workers));
	if (t.queues == NULL || t.workers == NULL)
		rc = cmd_refuse(c, "out of memory");
	else
		rc = top_run(&t, interval_ms);
	free(t.queues);
	free(t.workers);
	return rc;
}
