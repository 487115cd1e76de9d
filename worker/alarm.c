/* SPDX-License-Identifier: MIT */
#include "worker/alarm.h"

#include <stdio.h>
#include <string.h>

int
alarms_note(struct alarms *a, const struct job_type *type, const char *text)
{
	int i = 0;
	char cut[SW_TEXT_MAX + 1];

	while (i < ALARM_TYPES && a->of[i].type != NULL &&
		a->of[i].type != type)
		i++;
	if (i == ALARM_TYPES)
		return text[0] != '\0'; /* table full: rather logs it twice */
	(void)snprintf(cut, sizeof(cut), "%s", text);
	if (strcmp(a->of[i].text, cut) == 0)
		return 0;
	a->of[i].type = type;
	memcpy(a->of[i].text, cut, sizeof(cut));
	return 1;
}
