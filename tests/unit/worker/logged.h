/* SPDX-License-Identifier: MIT */
/*
 * logged.h - what the code under test has logged, where stderr is a pipe
 */
#ifndef TESTS_WORKER_LOGGED_H
#define TESTS_WORKER_LOGGED_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static struct {
	int stderr_was, out[2];
} logged_to;

/* From now on lines of that level and above are logged, for logged_text(). */
static inline void
logged_begin(enum sw_log_level level)
{
	assert_int_equal(pipe2(logged_to.out, O_CLOEXEC), 0);
	logged_to.stderr_was = dup(STDERR_FILENO);
	assert_true(dup2(logged_to.out[1], STDERR_FILENO) >= 0);
	sw_log_set(level);
}

/* The lines since the last call; a mark keeps the read from blocking. */
static inline const char *
logged_text(void)
{
	static char text[32 * 1024];
	ssize_t n;

	assert_int_equal(write(logged_to.out[1], "#", 1), 1);
	n = read(logged_to.out[0], text, sizeof(text));
	assert_true(n > 0);
	text[n - 1] = '\0';
	return text;
}

static inline void
logged_end(void)
{
	sw_log_set((enum sw_log_level)0);
	(void)dup2(logged_to.stderr_was, STDERR_FILENO);
	(void)close(logged_to.stderr_was);
	(void)close(logged_to.out[0]);
	(void)close(logged_to.out[1]);
}

/* How often `text` has `word` in it. */
static inline int
logged_count(const char *text, const char *word)
{
	int n = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		n++;
	}
	return n;
}

#endif
