/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line of logfmt on stderr, with the <prio> prefix journald reads
 *
 * The first pair is ev=NAME.  Values are quoted where they need it and
 * control characters are escaped; bodies are never logged.
 */
#ifndef SW_LOG_H
#define SW_LOG_H

enum sw_log_level { SW_LOG_ERR = 3, SW_LOG_WARN = 4, SW_LOG_INFO = 6, SW_LOG_DEBUG = 7 };

/* Lines less urgent than this are left out; SW_LOG_INFO at first. */
void sw_log_set(enum sw_log_level);

/*
 * Pairs of (const char *key, const char *value), ended by NULL:
 *	sw_log(SW_LOG_INFO, "listen", "endpoint", ep, NULL);
 */
void sw_log(enum sw_log_level, const char *event, ...) __attribute__((sentinel));

/* A number as a value, in one of 16 static buffers used in turn. */
const char *sw_num(long long);

#endif
