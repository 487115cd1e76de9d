/* SPDX-License-Identifier: MIT */
/*
 * reload.h - SIGHUP: the broker reads its configuration anew
 *
 * A key of [broker] that cannot change while the broker runs counts at the next
 * start, and the log says so.  Settings of queues are set as at a start, in a
 * turn; one that the file no longer has stays what it is.
 */
#ifndef BROKER_RELOAD_H
#define BROKER_RELOAD_H

#include "broker/config.h"
#include "broker/core/core.h"
#include "link/guard.h"

struct reload {
	struct broker_config *cfg; /* borrowed */
	int settings_due;	   /* are to be set until a commit has them */
	int settings_logged;	   /* by a turn whose commit was refused */
};

/*
 * Reads the configuration again, and what is new of it into r->cfg and the
 * guard; one that is wrong leaves the earlier one.  Logs the outcome.
 */
void reload_configuration(struct reload *, struct guard *);

/* Sets the queues' settings at the start: 0, or an error that was logged. */
int reload_settings(const struct reload *, struct core *)
	__attribute__((warn_unused_result));

/*
 * The same in a turn, where they are due, and logs what differs: what cannot be
 * set is logged and left out.  A turn that has the place of a refused one logs
 * nothing again.
 */
void reload_settings_again(struct reload *, struct core *);

#endif
