/* SPDX-License-Identifier: MIT */
#include "jobs/config.h"

size_t
job_type_groups(
	const struct job_type *t, struct config_group to[JOB_TYPE_GROUPS + 1])
{
	size_t n = 0;

	if (t->keys != NULL)
		to[n++] = (struct config_group){
			.name = t->name, .text = t->text, .keys = t->keys};
	if (t->profile_keys != NULL)
		to[n++] = (struct config_group){.name = t->name,
			.label = "NAME",
			.text = "a profile, which jobs choose by name",
			.keys = t->profile_keys};
	to[n] = (struct config_group){.name = NULL};
	return n;
}
