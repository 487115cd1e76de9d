/* SPDX-License-Identifier: MIT */
/*
 * life.h - the states of a job and the events that change them, as a table
 */
#ifndef BROKER_MODEL_LIFE_H
#define BROKER_MODEL_LIFE_H

#include "wire/proto.h"

enum life_event {
	LIFE_PUT,
	LIFE_PUT_LATER,
	LIFE_DUE,
	LIFE_LEASE,
	LIFE_ACK,
	LIFE_RETRY,
	LIFE_RELEASE,
	LIFE_RELEASE_LATER,
	LIFE_BURY,
	LIFE_CANCEL,
	LIFE_STOPPED,
	LIFE_REDRIVE,
	LIFE_REDRIVE_LATER,
	LIFE_MOVE, /* to another queue */
	LIFE_MOVE_LATER,
	LIFE_MOVE_DEAD,
	LIFE_EVENTS,
};

/* The state after `event`, or SW_NONE: the event is not allowed there. */
enum sw_state life_next(enum sw_state, enum life_event);

#endif
