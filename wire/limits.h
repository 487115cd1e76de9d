/* SPDX-License-Identifier: MIT */
/*
 * limits.h - every limit that two processes must agree on
 *
 * A message beyond one of these is refused with the error named beside it.
 */
#ifndef SW_LIMITS_H
#define SW_LIMITS_H

enum {
	SW_ID_LEN = 16,	 /* bytes of a job id (UUID) */
	SW_ID_TEXT = 37, /* its text with the final NUL */

	SW_BODY_MAX = 128 * 1024,  /* SW_ETOOBIG */
	SW_RESULT_MAX = 64 * 1024, /* SW_ETOOBIG */
	SW_HEADERS_MAX = 4096,	   /* all of one job, SW_ETOOBIG */
	SW_ERROR_MAX = 4096,	   /* longer text is cut, keeping its tail */
	SW_WARNING_MAX = 200,	   /* bytes of a warning of an attempt */
	SW_WARNINGS_MAX = 9,	   /* of one attempt; others are dropped */
	SW_QUEUE_MAX = 63,	   /* of [a-z0-9_-], SW_EQUEUE */
	SW_UNIQUE_MAX = 255,
	SW_FAIR_MAX = 63,
	SW_NAME_MAX = 127, /* a worker's name */
	SW_TEXT_MAX = 512,
	SW_CURSOR_MAX = 128,
	SW_NAMES_MAX = 400, /* bytes of redact_headers or redact_members */

	SW_ITEMS_MAX = 100,	      /* items in one message, SW_ETOOBIG */
	SW_FOLLOWS_MAX = 1000,	      /* follow-ups of one job, SW_ETOOBIG */
	SW_BATCH_MAX = 1024 * 1024,   /* bytes of a message that is sent */
	SW_MSG_MAX = 2 * 1024 * 1024, /* bytes of a message that is received */

	SW_PRIORITY_MIN = 0,
	SW_PRIORITY_MAX = 9, /* 9 is the most urgent (as in AMQP, JMS) */
	SW_PRIORITY_DEFAULT = 4,
	SW_ATTEMPTS_MAX = 1000, /* deliveries of one job, SW_EINVAL */

	/* Least address space in which a command such as true(1) starts. */
	SW_JOB_MEMORY_MIN = 4 * 1024 * 1024, /* SW_ESETTING */

	SW_QUEUES_MAX = 100000,	   /* SW_EQUEUES */
	SW_QUEUES_PER_WORKER = 32, /* SW_ETOOBIG */
	SW_WAITS_MAX = 4096,	   /* at a time, SW_EWAITS */
	SW_WAITS_PER_PEER = 256,   /* ... of one connection, SW_EWAITS */
	SW_WAIT_MS = 60 * 1000,	   /* longest time of one, then SW_ETIMEOUT */
	SW_HEARTBEAT_MS = 1000, /* longest time between a worker's heartbeats */
};

/* Delays and durations: one year at most, SW_EINVAL. */
#define SW_DELAY_MAX_MS (366LL * 24 * 3600 * 1000)

/*
 * Points in time: up to the last millisecond of the year 9999, SW_EINVAL.
 * All of them can be printed as RFC 3339, and a time given in micro- or
 * nanoseconds by mistake is beyond the limit.
 */
#define SW_TIME_MAX_MS 253402300799999LL

/* Bytes of the path of an ipc:// endpoint, as in sockaddr_un; -ENAMETOOLONG. */
#define SW_IPC_PATH_MAX 107

/* --map-size of the broker and of spillway-repair: below, no job would ever be
 * taken; above, the address space may lack room for twice as much. */
#define SW_MAP_MIN (1LL << 20)
#define SW_MAP_MAX (32LL << 40)

/* The longest that the broker makes one backup, SW_EBACKUP. */
#define SW_BACKUP_MS (3600LL * 1000)

/* The broker's default socket, a file of the runtime folder. */
#define SW_SOCKET_NAME "broker.sock"

#endif
