/* SPDX-License-Identifier: MIT */
#include "tests/lib/config.h"

#include <stdio.h>

static int
groups_read(struct config **to, const char *file,
	const struct config_group *groups, config_others_fn *others, char *why,
	size_t cap)
{
	char line[INI_WHY] = "";
	struct config *c = NULL;
	int err;

	err = config_new(&c, groups);
	if (err == 0 && file != NULL)
		err = config_shared_read(c, file, others, line);
	(void)snprintf(why, cap, "%s", line);
	if (err < 0)
		config_free(c);
	else
		*to = c;
	return err;
}

int
job_config_read(struct config **to, const char *file,
	const struct job_type *types, char *why, size_t cap)
{
	static struct config_group groups[JOB_GROUPS_MAX + 1];

	(void)job_groups(types, groups);
	return groups_read(to, file, groups, NULL, why, cap);
}

int
job_type_config_read(struct config **to, const char *file,
	const struct job_type *type, char *why, size_t cap)
{
	static struct config_group groups[JOB_TYPE_GROUPS + 1];

	(void)job_type_groups(type, groups);
	return groups_read(to, file, groups, config_others_skip, why, cap);
}
