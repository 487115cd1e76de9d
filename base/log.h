/* SPDX-License-Identifier: MIT */
/*
 * log.h - the log: one line of logfmt on stderr for each event
 *
 * A line begins with the priority as systemd-journald(8) reads it, such as
 * "<6>", or on a terminal with the time (RFC 3339, UTC) and the level, and the
 * pair ev=NAME.  Values with blanks, quotes or '=' are quoted,
 * control characters escaped as \xNN; lines are cut at 2 KB.  Bodies of jobs
 * must not be logged.
 *
 * Logging never waits for the reader of stderr: a line for which a pipe, a
 * socket or a terminal has no room is dropped and counted.  The next line that
 * finds room comes behind "<4>ev=log-dropped lines=N".
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum sw_log_level {
	SW_LOG_ERR = 3,	 /* the program cannot do its work */
	SW_LOG_WARN = 4, /* a person should look: work is lost or refused */
	SW_LOG_INFO = 6, /* what has happened */
	SW_LOG_DEBUG = 7 /* ... in detail, with --verbose */
};

/* Sets the least urgent level that is written; SW_LOG_INFO if never called. */
void sw_log_set(enum sw_log_level);

/*
 * Writes a line.  Pairs of (const char *key, const char *value) follow, and
 * NULL ends them:
 *	sw_log(SW_LOG_INFO, "listen", "endpoint", ep, NULL);
 */
void
sw_log(enum sw_log_level, const char *event, ...) __attribute__((sentinel));

/* A number as a value, in one of 16 static buffers that are used in turn. */
const char *sw_num(long long);

#endif
