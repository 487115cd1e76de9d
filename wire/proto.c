/* SPDX-License-Identifier: MIT */
#include "wire/proto.h"

#include <string.h>

#include "base/error.h"

#define NAME(sym, num, name)                                                   \
	case num:                                                              \
		return name;

#define NAME_FUNCTION(function, MAP)                                           \
	const char *function(int num)                                          \
	{                                                                      \
		switch (num) {                                                 \
			MAP(NAME)                                              \
		default:                                                       \
			return "?";                                            \
		}                                                              \
	}

NAME_FUNCTION(sw_op_name, SW_OP_MAP)
NAME_FUNCTION(sw_state_name, SW_STATE_MAP)
NAME_FUNCTION(sw_outcome_name, SW_OUTCOME_MAP)
NAME_FUNCTION(sw_cause_name, SW_CAUSE_MAP)
NAME_FUNCTION(sw_event_name, SW_EVENT_MAP)

enum sw_state
sw_state_parse(const char *name)
{
	for (int s = SW_DELAYED; s < SW_STATES; s++)
		if (strcmp(name, sw_state_name(s)) == 0)
			return (enum sw_state)s;
	return SW_NONE;
}

enum sw_cause
sw_cause_parse(const char *name)
{
	for (int c = SW_C_NONE + 1; c < SW_CAUSES; c++)
		if (strcmp(name, sw_cause_name(c)) == 0)
			return (enum sw_cause)c;
	return SW_C_NONE;
}

static int
is_queue_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

int
sw_queue_check(const char *name, unsigned long len)
{
	if (len < 1 || len > SW_QUEUE_MAX)
		return SW_EQUEUE;
	for (unsigned long i = 0; i < len; i++)
		if (!is_queue_char(name[i]))
			return SW_EQUEUE;
	return 0;
}
