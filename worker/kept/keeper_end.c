/* SPDX-License-Identifier: MIT */
/*
 * keeper_end.c - what the end of a kept process makes of its jobs
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "worker/kept/keeper.h"
#include "worker/process/disposition.h"

enum { LINE_QUOTED = 256 }; /* bytes of a line of output, with its NUL */

void
keeper_exited(struct keeper *k, const struct keeper_exit *e)
{
	k->exited = 1;
	k->exit = *e;
	k->exit_n = k->jobs_n;
	for (int i = 0; i < k->jobs_n; i++)
		k->begun_n += k->jobs[i].begun;
}

static struct disposition
release(int cause)
{
	return (struct disposition){SW_RELEASE, cause};
}

/* What a crash makes of a job that had begun: keeper.h has the rule. */
static struct disposition
crash_disposition(const struct keeper *k)
{
	const struct keeper_exit *e = &k->exit;
	struct disposition d = {SW_RETRY, SW_C_CRASH};

	/* No exit status is an end of a job. */
	if (k->end != KEEPER_FAULT && WIFSIGNALED(e->status))
		d = disposition_of_exit(
			e->status, 0, k->killed, e->rss_kb, e->memory);
	return k->begun_n > 1 ? release(d.cause) : d;
}

/*
 * What the end makes of a job that had not begun.  A process may end with 0
 * after so many jobs; one that broke the protocol did so for one of its jobs.
 */
static struct disposition
unbegun_disposition(const struct keeper *k)
{
	static const struct disposition crash = {SW_RETRY, SW_C_CRASH};

	if (k->end == KEEPER_FAULT)
		return k->exit_n == 1 ? crash : release(SW_C_CRASH);
	return release(k->exit.status == 0 && k->served > 0 ? SW_C_DRAIN
							    : SW_C_CRASH);
}

/* What the end of the process makes of a job at hand. */
static struct disposition
job_disposition(const struct keeper *k, const struct keeper_job *j)
{
	static const struct disposition crash = {SW_RETRY, SW_C_CRASH};

	if (j->timed_out)
		return (struct disposition){SW_RETRY, SW_C_TIMEOUT};
	if (j->stop_ms != 0)
		return crash;
	if (k->end == KEEPER_LOST)
		return release(SW_C_LOST);
	if (k->end == KEEPER_ASKED || k->end == KEEPER_STARVED)
		return release(SW_C_DRAIN);
	return j->begun ? crash_disposition(k) : unbegun_disposition(k);
}

/* "exited with status 3", "was killed by signal 9". */
static int
exit_print(char *to, size_t cap, int status)
{
	return WIFSIGNALED(status)
		       ? snprintf(to, cap,
				 "the process was killed by "
				 "signal %d",
				 WTERMSIG(status))
		       : snprintf(to, cap, "the process exited with status %d",
				 WEXITSTATUS(status));
}

/* The tail of the output without what is blank at its end. */
static struct bytes
tail_trim(struct bytes tail)
{
	const char *p = tail.p;

	while (tail.len > 0 &&
		(p[tail.len - 1] == '\n' || p[tail.len - 1] == ' '))
		tail.len--;
	return tail;
}

/* Why the process has ended, and the end of its output, cut to fit. */
static size_t
error_print(const struct keeper *k, char text[SW_ERROR_MAX])
{
	struct bytes tail = tail_trim(k->exit.tail);
	size_t n = 0, most;

	if (k->reason[0] != '\0')
		n = (size_t)snprintf(text, SW_ERROR_MAX, "%s", k->reason);
	else if (tail.len == 0)
		n = (size_t)exit_print(text, SW_ERROR_MAX, k->exit.status);
	if (n > 0 && tail.len > 0)
		text[n++] = '\n';
	most = SW_ERROR_MAX - n;
	if (tail.len > most)
		tail = bytes_of((const char *)tail.p + tail.len - most, most);
	if (tail.len > 0)
		memcpy(text + n, tail.p, tail.len);
	return n + tail.len;
}

static void
job_end(struct keeper *k, struct keeper_job *j, struct keeper_event *ev)
{
	struct disposition d = job_disposition(k, j);
	int status = k->exit.status;
	char text[SW_ERROR_MAX];

	*ev = (struct keeper_event){.kind = KEEPER_ENDED, .job = j->job};
	ev->report = (struct attempt_report){.outcome = d.outcome,
		.cause = d.cause,
		.rss_kb = k->exit.rss_kb,
		.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
	k->unbegun |= !j->begun;
	j->report.delay_ms = -1;
	job_report_close(
		&j->report, bytes_of(text, error_print(k, text)), &ev->report);
	keeper_job_drop(k, j, 0);
}

/* Whether starting the next process has to wait. */
static int
is_failed(const struct keeper *k)
{
	switch (k->end) {
	case KEEPER_ASKED:
	case KEEPER_LOST:
		return 0;
	case KEEPER_STUCK:
	case KEEPER_STARVED:
		return 1;
	case KEEPER_FAULT:
		return k->served == 0;
	case KEEPER_ITSELF:
		break;
	}
	return k->served == 0 || (k->unbegun && k->exit.status != 0);
}

/* Cuts the first line off `text`. */
static struct bytes
line_cut(struct bytes *text)
{
	const char *p = text->p, *end = memchr(p, '\n', text->len);
	struct bytes line = bytes_of(
		p, end != NULL ? (size_t)(end - p) : text->len);

	*text = end != NULL ? bytes_of(end + 1, text->len - line.len - 1)
			    : bytes_of("", 0);
	return line;
}

/*
 * Whether a line is such as "KeyError: 'x'" or "TypeError [CODE]: no".  One
 * that is indented is of the source or the stack.
 */
static int
names_error(struct bytes line)
{
	static const char *const words[] = {
		"error:", "error [", "exception:", "exception ["};
	char text[LINE_QUOTED];

	text_line(line, text, sizeof(text));
	if (text[0] == ' ' || text[0] == '?') /* '?' was a tab */
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(text, words[i]) != NULL)
			return 1;
	return 0;
}

/*
 * The line of an output that tells most: the first that names an error, for
 * some interpreters end theirs with a stack and a version; else the last.
 */
static struct bytes
line_telling(struct bytes text)
{
	struct bytes line = bytes_of("", 0);

	while (text.len > 0) {
		line = line_cut(&text);
		if (names_error(line))
			break;
	}
	return line;
}

/* The reason, and a line of the output. */
static void
why_print(struct keeper *k)
{
	struct bytes tail = tail_trim(k->exit.tail);
	char line[LINE_QUOTED];
	int n;

	if (k->reason[0] != '\0')
		n = snprintf(k->why, sizeof(k->why), "%s", k->reason);
	else
		n = exit_print(k->why, sizeof(k->why), k->exit.status);
	if (tail.len == 0)
		return;
	text_line(line_telling(tail), line, sizeof(line));
	(void)snprintf(k->why + n, sizeof(k->why) - (size_t)n, ": %s", line);
}

int
keeper_exit_take(struct keeper *k, struct keeper_event *ev)
{
	if (k->exited != 1)
		return 0;
	if (k->jobs_n > 0) {
		job_end(k, &k->jobs[k->jobs_n - 1], ev);
		return 1;
	}
	k->exited = 2;
	why_print(k);
	*ev = (struct keeper_event){.kind = KEEPER_GONE,
		.number = is_failed(k),
		.text = bytes_str(k->why)};
	return 1;
}
