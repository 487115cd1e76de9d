/* SPDX-License-Identifier: MIT */
#include "jobs/config.h"

#include "base/must.h"

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

size_t
job_groups(const struct job_type *types,
	struct config_group to[JOB_GROUPS_MAX + 1])
{
	size_t n = 0;

	for (const struct job_type *t = types; t->name != NULL; t++) {
		must(n + JOB_TYPE_GROUPS <= JOB_GROUPS_MAX);
		n += job_type_groups(t, to + n);
	}
	to[n] = (struct config_group){.name = NULL};
	return n;
}
