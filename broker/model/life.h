/* SPDX-License-Identifier: MIT */
/*
 * life.h - the states of a job and the events that change them, as a table
 */
#ifndef BROKER_MODEL_LIFE_H
#define BROKER_MODEL_LIFE_H

#include "wire/proto.h"

#define LIFE_EVENT_MAP(X)                                                      \
	X(LIFE_PUT, "put")                                                     \
	X(LIFE_PUT_LATER, "put later")                                         \
	X(LIFE_DUE, "due")                                                     \
	X(LIFE_LEASE, "lease")                                                 \
	X(LIFE_ACK, "ack")                                                     \
	X(LIFE_RETRY, "retry")                                                 \
	X(LIFE_RELEASE, "release")                                             \
	X(LIFE_RELEASE_LATER, "release later")                                 \
	X(LIFE_BURY, "bury")                                                   \
	X(LIFE_CANCEL, "cancel")                                               \
	X(LIFE_STOPPED, "stopped")                                             \
	X(LIFE_REDRIVE, "redrive")                                             \
	X(LIFE_REDRIVE_LATER, "redrive later")                                 \
	X(LIFE_MOVE, "move") /* to another queue */                            \
	X(LIFE_MOVE_LATER, "move later")                                       \
	X(LIFE_MOVE_DEAD, "move dead")

enum life_event {
#define X(sym, name) sym,
	LIFE_EVENT_MAP(X)
#undef X
		LIFE_EVENTS,
};

/* The state after `event`, or SW_NONE: the event is not allowed there. */
enum sw_state life_next(enum sw_state, enum life_event);

const char *life_event_name(enum life_event);

#endif
