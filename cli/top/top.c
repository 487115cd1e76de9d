/* SPDX-License-Identifier: MIT */
/*
 * top.c - the live screen: the terminal and the keys
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

#include "cli/top/top.h"

/* Shared with signal handlers. */
static volatile sig_atomic_t screen_on, end_asked, suspend_asked;
static struct termios screen_before;

static void
screen_off(void)
{
	static const char back[] = "\033[?7h\033[?25h\033[?1049l";

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
	/* no line wraps */
	static const char begin[] = "\033[?1049h\033[?25l\033[?7l";
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

static void
screen_draw(struct top *t, const char *note)
{
	char *text = NULL;
	size_t len = 0, at = 0;
	struct cmd_out o = t->c->out;
	struct winsize ws;

	t->rows = 24;
	t->cols = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 &&
		ws.ws_col > 0) {
		t->rows = ws.ws_row;
		t->cols = ws.ws_col;
	}
	o.f = open_memstream(&text, &len);
	if (o.f == NULL)
		return;
	(void)fputs("\033[H", o.f);
	top_draw(t, &o);
	out_colour(&o, OUT_DIM);
	top_cut(o.f, note, t->cols);
	(void)fputs("\033[K", o.f);
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

/* A key without the bytes that a terminal writes for it. */
enum {
	KEY_UP = -1,
	KEY_DOWN = -2,
	KEY_NONE = -3, /* of no meaning here */
	KEY_GONE = -4, /* the terminal has gone */
	KEY_ESC = '\033',
	ESC_MS = 50, /* the rest of an arrow comes within that time */
};

/* The first key of `n` bytes. */
static int
key_of(const char *b, ssize_t n)
{
	if (b[0] != KEY_ESC || n == 1)
		return b[0];
	if (n < 3 || (b[1] != '[' && b[1] != 'O'))
		return KEY_NONE;
	return b[2] == 'A' ? KEY_UP : b[2] == 'B' ? KEY_DOWN : KEY_NONE;
}

/* The bytes of an arrow may come one by one. */
static int
key_read(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char b[8];
	ssize_t n = read(STDIN_FILENO, b, 1);

	if (n != 1)
		return KEY_GONE;
	while (b[0] == KEY_ESC && n < 3 && poll(&p, 1, ESC_MS) > 0) {
		if (read(STDIN_FILENO, b + n, 1) != 1)
			return KEY_GONE;
		n++;
	}
	return key_of(b, n);
}

/* 0: the end. */
static int
key_take(struct top *t, int key)
{
	if (key == KEY_GONE || key == 'q' || key == 'Q')
		return 0;
	if (key > 0 && key != KEY_ESC && top_act(t, (char)key))
		return 1;
	t->note[0] = '\0';
	t->asked = 0;
	switch (key) {
	case KEY_UP:
	case 'k':
		top_select(t, -1);
		break;
	case KEY_DOWN:
	case 'j':
		top_select(t, 1);
		break;
	case '\r':
	case '\n':
		top_filter(t);
		break;
	case KEY_ESC:
		t->selected.kind = TOP_NOTHING;
		t->filter[0] = '\0';
		break;
	case '\t':
		top_state_next(t);
		break;
	case ' ':
	case 'p':
		t->frozen = !t->frozen;
		break;
	}
	return 1;
}

/* Waits for a key or the next refresh; 0: the end. */
static int
keys_wait(struct top *t, int64_t wait_ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	if (poll(&p, 1, (int)wait_ms) > 0 && !key_take(t, key_read()))
		return 0;
	return !end_asked;
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
	FILE *err = t->c->err, *null = fopen("/dev/null", "we");
	int rc = CMD_OK;

	if (null == NULL || atexit(screen_off) != 0 || screen_set() < 0)
		rc = CMD_REFUSED;
	t->c->err = null;
	t->c->broker_timeout_ms = 2000;
	while (rc == CMD_OK && !end_asked) {
		int lost = !t->frozen && top_look(t) != CMD_OK;

		screen_draw(t, lost ? "the broker does not answer, retrying"
				    : top_help(t));
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
	struct top t = {.c = c, .state = SW_LEASED};
	int64_t interval_ms = 1000;
	int rc = cmd_opt_duration(c, CMD_O_INTERVAL, &interval_ms);

	if (rc != CMD_OK)
		return rc;
	if (interval_ms < 100 || interval_ms > 3600 * 1000LL)
		return cmd_usage(c, "--interval must be 100ms to 1h");
	t.queues = calloc(QUEUES_MAX, sizeof(*t.queues));
	t.workers = calloc(WORKERS_MAX, sizeof(*t.workers));
	t.jobs = calloc(JOBS_MAX, sizeof(*t.jobs));
	if (t.queues == NULL || t.workers == NULL || t.jobs == NULL)
		rc = cmd_refuse(c, "out of memory");
	else
		rc = top_run(&t, interval_ms);
	free(t.queues);
	free(t.workers);
	free(t.jobs);
	return rc;
}
