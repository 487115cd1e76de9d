/* SPDX-License-Identifier: MIT */
/*
 * broker.h - the daemon: one thread, one loop, one turn after the other
 *
 * A turn takes requests from the socket, lets the core decide (core/core.h),
 * commits the batch and only then sends the answers.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/steady.h"
#include "broker/backup.h"
#include "broker/config.h"
#include "broker/core/core.h"
#include "broker/events.h"
#include "broker/listener.h"
#include "broker/notices.h"
#include "broker/reload.h"
#include "link/guard.h"

struct broker {
	struct core core;
	const char *data; /* the folder; borrowed from the configuration */
	char repair[PATH_MAX + 64]; /* the command that the log recommends for a
				       corrupt store */
	struct store *store;
	struct claim claim;
	void *ctx, *socket; /* ZeroMQ: the context and the ROUTER */
	struct listener listener;
	struct guard guard;
	struct steady steady;
	struct backup_process backup;
	int64_t boot_ms; /* the boot clock at the begin of the turn */
	int signals;	 /* signalfd */
	int stop;
	struct reload reload;
	int committed; /* the outcome of the commit; 1: not known yet */
	enum exit_status status; /* of the program, after an error */
	int64_t checked_ms;	 /* see own_check() */
	struct notices notices;
	struct events events;
	int64_t watchdog_ms,
		fed_ms; /* WATCHDOG=1: how often (0: never), when */
};

/*
 * Opens store, socket and signals; the configuration is borrowed until
 * broker_close(), which must follow also after an error.  SIGHUP reads it anew
 * (reload.h).  An error is logged, and `status` says how the program is to end.
 * -EBUSY: another process has the store open or listens at the endpoint; or an
 * error of core_init(), of the store or of a system call.
 */
int broker_open(struct broker *, struct broker_config *)
	__attribute__((warn_unused_result));
void broker_close(struct broker *);

/*
 * Runs turns until SIGTERM or SIGINT, then returns 0; or returns an error,
 * which is logged: that of a store that failed, -ENOTCONN if the socket was
 * removed or replaced, -ESTALE if a file of the store was.
 */
int broker_run(struct broker *) __attribute__((warn_unused_result));

#endif
