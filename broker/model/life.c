/* SPDX-License-Identifier: MIT */
#include "broker/model/life.h"

/* Cells left out are SW_NONE: the event is not allowed in that state. */
static const unsigned char next[SW_STATES][LIFE_EVENTS] = {
	[SW_NONE] =
		{
			[LIFE_PUT] = SW_READY,
			[LIFE_PUT_LATER] = SW_DELAYED,
		},
	[SW_DELAYED] =
		{
			[LIFE_DUE] = SW_READY,
			[LIFE_BURY] = SW_DEAD, /* expired, corrupt */
			[LIFE_CANCEL] = SW_CANCELLED,
			[LIFE_MOVE] = SW_READY,
			[LIFE_MOVE_LATER] = SW_DELAYED,
		},
	[SW_READY] =
		{
			[LIFE_LEASE] = SW_LEASED,
			[LIFE_BURY] = SW_DEAD, /* expired, corrupt */
			[LIFE_CANCEL] = SW_CANCELLED,
			[LIFE_MOVE] = SW_READY,
			[LIFE_MOVE_LATER] = SW_DELAYED,
		},
	[SW_LEASED] =
		{
			[LIFE_ACK] = SW_DONE,
			[LIFE_RETRY] = SW_DELAYED,
			[LIFE_RELEASE] = SW_READY,
			[LIFE_RELEASE_LATER] = SW_DELAYED,
			[LIFE_BURY] = SW_DEAD,
			[LIFE_STOPPED] = SW_CANCELLED,
		},
	[SW_DEAD] =
		{
			[LIFE_REDRIVE] = SW_READY,
			[LIFE_REDRIVE_LATER] = SW_DELAYED,
			[LIFE_MOVE] = SW_READY,
			[LIFE_MOVE_LATER] = SW_DELAYED,
			[LIFE_MOVE_DEAD] = SW_DEAD,
		},
};

enum sw_state
life_next(enum sw_state state, enum life_event event)
{
	return (enum sw_state)next[state][event];
}
