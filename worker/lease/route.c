/* SPDX-License-Identifier: MIT */
#include "worker/lease/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/proto.h"

/* Splits in place: the number of words; -1: too many, or an open quote. */
static int
words_cut(char *s, char **argv)
{
	char *to = s;
	int n = 0;

	for (;;) {
		char quote = '\0';

		while (*s == ' ' || *s == '\t')
			s++;
		if (*s == '\0')
			break;
		if (n == ROUTE_WORDS)
			return -1;
		argv[n++] = to;
		for (; *s != '\0' && (quote || (*s != ' ' && *s != '\t'));
			s++) {
			if (*s == quote)
				quote = '\0';
			else if (!quote && (*s == '\'' || *s == '"'))
				quote = *s;
			else if (*s == '\\' && quote != '\'' && s[1] != '\0')
				*to++ = *++s;
			else
				*to++ = *s;
		}
		if (quote)
			return -1;
		if (*s != '\0')
			s++;
		*to++ = '\0';
	}
	argv[n] = NULL;
	return n;
}

static int
command_parse(
	struct worker_route *r, const char *command, char *why, size_t cap)
{
	if (strlen(command) >= sizeof(r->text)) {
		(void)snprintf(why, cap, "the command is too long");
		return -EINVAL;
	}
	strcpy(r->text, command);
	if (words_cut(r->text, r->argv) > 0)
		return 0;
	(void)snprintf(why, cap,
		"must have a command behind %s:, its quotes closed",
		r->kind == ROUTE_KEEP ? "keep" : "exec");
	return -EINVAL;
}

/* A name is that of a program: no path, and not the one of exec: jobs. */
static int
name_is_right(const char *name)
{
	return sw_queue_check(name, strlen(name)) == 0 &&
	       strcmp(name, "exec") != 0;
}

static int
job_parse(struct worker_route *r, const char *job, char *why, size_t cap)
{
	r->kind = ROUTE_KEEP;
	if (strncmp(job, "keep:", 5) == 0)
		return command_parse(r, job + 5, why, cap);
	if (strncmp(job, "exec:", 5) == 0) {
		r->kind = ROUTE_EXEC;
		return command_parse(r, job + 5, why, cap);
	}
	if (!name_is_right(job)) {
		(void)snprintf(why, cap,
			"must be exec:COMMAND, keep:COMMAND or the name of a "
			"job, not '%.64s'",
			job);
		return -EINVAL;
	}
	(void)snprintf(r->text, sizeof(r->text), ROUTE_PROGRAM "%s", job);
	r->argv[0] = r->text;
	r->name = r->text + strlen(ROUTE_PROGRAM);
	return 0;
}

int
route_parse(struct worker_route *r, const char *arg, char *why, size_t cap)
{
	const char *eq = strchr(arg, '=');
	size_t len = eq != NULL ? (size_t)(eq - arg) : 0;
	const char *star = eq != NULL ? memchr(arg, '*', len) : NULL;

	memset(r, 0, sizeof(*r));
	if (eq == NULL) {
		(void)snprintf(why, cap, "must be NAME=JOB");
		return -EINVAL;
	}
	if (star != NULL) {
		char *end;

		r->weight = strtol(star + 1, &end, 10);
		if (end != eq || r->weight < 1 || r->weight > 1000) {
			(void)snprintf(
				why, cap, "the weight must be 1 to 1000");
			return -EINVAL;
		}
		len = (size_t)(star - arg);
	}
	if (sw_queue_check(arg, len) < 0) {
		(void)snprintf(why, cap,
			"the queue's name must be 1 to 63 of [a-z0-9_-]");
		return -EINVAL;
	}
	memcpy(r->queue, arg, len);
	return job_parse(r, eq + 1, why, cap);
}

int
route_program_find(const char *name, char path[COMMAND_PATH])
{
	char program[sizeof(ROUTE_PROGRAM) + SW_QUEUE_MAX];

	if (!name_is_right(name))
		return -EINVAL;
	(void)snprintf(program, sizeof(program), ROUTE_PROGRAM "%s", name);
	return command_beside(program, path) == 0 ? 0
						  : command_find(program, path);
}

int
route_resolve(struct worker_route *r, char *why, size_t cap)
{
	int err = r->name != NULL ? route_program_find(r->name, r->path)
				  : command_find(r->argv[0], r->path);

	if (err == -ENOENT && r->name != NULL)
		(void)snprintf(why, cap,
			"no such job as '%.64s': there is no "
			"program " ROUTE_PROGRAM "%.64s",
			r->name, r->name);
	else if (err < 0)
		(void)snprintf(why, cap, "the command '%.100s': %s", r->argv[0],
			strerror(-err));
	return err;
}
