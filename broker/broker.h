/* SPDX-License-Identifier: MIT */
/*
 * broker.h - one thread, one loop, one order
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/config.h"
#include "broker/core/core.h"
#include "link/guard.h"

struct broker {
	struct core core;
	const char *data; /* the configuration's */
	struct store *store;
	struct claim claim;
	void *ctx, *socket;    /* ZeroMQ; the ROUTER */
	char listen[PATH_MAX]; /* as the socket calls it */
	struct guard guard;
	int signals; /* signalfd */
	int stop;
	int committed; /* what the store said of the batch; 1: not yet */
	uint64_t damage_logged;
	int64_t watchdog_ms, fed_ms; /* systemd's; 0: none */
};

/*
 * Opens the store and begins to serve.  SW_EBUSY: another process has the
 * store open; SW_ECORRUPT: the row of a queue is.  On an error one line was
 * logged; broker_close() all the same.
 */
int broker_open(struct broker *, const struct broker_config *)
	__attribute__((warn_unused_result));
void broker_close(struct broker *);

/* Serves until SIGTERM or SIGINT: 0; or until the store fails: its error. */
int broker_run(struct broker *) __attribute__((warn_unused_result));

#endif
