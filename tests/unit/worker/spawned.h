/* SPDX-License-Identifier: MIT */
/*
 * spawned.h - the real spawner and shells that it starts, for its tests
 *
 * A shell reads its script from stdin; what it writes is in its struct kid.
 */
#ifndef TESTS_SPAWNED_H
#define TESTS_SPAWNED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/proc.h"
#include "worker/process/spawn.h"

/* Command lines, by number. */
enum { SHELL, MISSING, GOES, SCRIPT, PLAIN, LINES };

/* One child and what was heard of it. */
struct kid {
	struct spawn_event started, failed, ended;
	int starts, fails, ends;
	int out;
	char text[4096];
	size_t len;
};

static struct spawn spawn;
static char folder[FOLDER_PATH], goes[FOLDER_FILE], script[FOLDER_FILE];

static inline void
heard(void *owner, const struct spawn_event *e)
{
	struct kid *k = owner;

	if (e->kind == SPAWN_STARTED) {
		k->started = *e;
		k->starts++;
	} else if (e->kind == SPAWN_FAILED) {
		k->failed = *e;
		k->fails++;
	} else {
		k->ended = *e;
		k->ends++;
	}
}

/* --- helpers -------------------------------------------------------------- */

/* Waits for events, for 100 ms at most: what is asked for is looked at again.
 */
static inline void
turn(void)
{
	struct pollfd p = {.fd = spawn.socket, .events = POLLIN};

	(void)poll(&p, 1, 100);
	assert_true(spawn_events(&spawn, 1000) >= 0);
}

#define UNTIL(what)                                                            \
	for (int64_t end = clock_now_ms(CLOCK_MONOTONIC) + deadline_ms();      \
		!(what);) {                                                    \
		if (clock_now_ms(CLOCK_MONOTONIC) > end)                       \
			fail_msg("never true: %s", #what);                     \
		turn();                                                        \
	}

static inline void
out_read(struct kid *k)
{
	ssize_t n;

	while ((n = read(k->out, k->text + k->len,
			sizeof(k->text) - 1 - k->len)) > 0)
		k->len += (size_t)n;
	k->text[k->len] = '\0';
}

static inline int
body_file(const char *text)
{
	int fd = memfd_create("body", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(
		pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	return fd;
}

/* `script` is the body: what the shell reads. */
static inline struct spawn_request
request_of(const char *text, struct kid *k)
{
	struct spawn_request r = {.command = SHELL, .flags = SPAWN_WITH_FOLDER};
	int out[2];

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	(void)fcntl(out[1], F_SETFL, 0);
	*k = (struct kid){.out = out[0]};
	r.files[0] = body_file(text);
	r.files[1] = out[1];
	r.files[2] = fcntl(out[1], F_DUPFD_CLOEXEC, 0);
	return r;
}

static inline void
request_start(const struct spawn_request *r, struct kid *k)
{
	int err = -EAGAIN;

	UNTIL((err = spawn_start(&spawn, r, heard, k)) != -EAGAIN);
	assert_true(err >= 0);
	for (int i = 0; i < SPAWN_FILES; i++)
		close(r->files[i]);
}

static inline void
shell_start(const char *text, struct kid *k)
{
	struct spawn_request r = request_of(text, k);

	request_start(&r, k);
}

static inline void
kid_wait(struct kid *k)
{
	UNTIL(k->ends + k->fails > 0);
	out_read(k);
	close(k->out);
}

static inline void
shell_run(const char *text, struct kid *k)
{
	shell_start(text, k);
	kid_wait(k);
}

/* Runs a command line, with nothing on its stdin. */
static inline void
command_run(uint32_t command, struct kid *k)
{
	struct spawn_request r = request_of("", k);

	r.command = command;
	request_start(&r, k);
	kid_wait(k);
}

/* Whether a process runs: a zombie does not. */
static inline int
is_alive(pid_t pid)
{
	char path[64], text[512];
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return n > 0 && strstr(text, ") Z ") == NULL;
}

static inline int
files_of(pid_t pid)
{
	char path[64];
	int n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* How many entries the folder of all jobs has, "gone" aside. */
static inline int
folders_left(void)
{
	const struct dirent *e;
	int n = 0;
	DIR *d = opendir(spawn.folder);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' && strcmp(e->d_name, "gone") != 0;
	closedir(d);
	return n;
}

static inline void
spawner_begin(struct spawn *s)
{
	static const char *const shell[] = {"sh", NULL};
	static const char *const other[] = {"it", "a b", NULL};
	const struct spawn_command_line lines[LINES] = {
		[SHELL] = {"/bin/sh", shell},
		[MISSING] = {"/nonexistent/command", other},
		[GOES] = {goes, other},
		[SCRIPT] = {script, other},
		[PLAIN] = {"/bin/true", other},
	};
	int folder_error = 1;

	assert_int_equal(spawn_open(s, program_path("spillway-spawner"), lines,
				 LINES, &folder_error),
		0);
	assert_int_equal(folder_error, 0);
}

/* --- life ----------------------------------------------------------------- */

static inline int
begin(void **state)
{
	(void)state;
	alarm(0);
	folder_make(folder);
	folder_file(folder, "goes", "#!/bin/sh\n", goes);
	folder_file(folder, "script", "echo ran with \"$1\"\n", script);
	(void)chmod(goes, 0700);
	(void)chmod(script, 0700);
	/* To root, modes and other users matter as well: a spawner without. */
	(void)prctl(PR_CAPBSET_DROP, CAP_KILL);
	(void)prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
	(void)prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH);
	setenv("TMPDIR", folder, 1);
	setenv("NOTIFY_SOCKET", "/nonexistent", 1);
	setenv("WATCHDOG_USEC", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("SPILLWAY_HEADER_OLD", "1", 1);
	setenv("KEPT_FOR_JOBS", "1", 1);
	return 0;
}

static inline int
finish(void **state)
{
	(void)state;
	folder_remove(folder);
	return 0;
}

static inline int
up(void **state)
{
	(void)state;
	spawner_begin(&spawn);
	return 0;
}

static inline int
down(void **state)
{
	char root[SPAWN_FOLDER];

	(void)state;
	memcpy(root, spawn.folder, sizeof(root));
	spawn_close(&spawn);
	return 0;
}

#endif
