/* SPDX-License-Identifier: MIT */
#include "tests/lib/config.h"

#include <stdio.h>

int
job_config_read(struct config **to, const char *file,
	const struct job_type *types, char *why, size_t cap)
{
	static struct config_group groups[JOB_GROUPS_MAX + 1];
	char line[INI_WHY] = "";
	struct config *c = NULL;
	int err;

	(void)job_groups(types, groups);
	err = config_new(&c, groups);
	if (err == 0 && file != NULL)
		err = config_file_read(c, file, line);
	(void)snprintf(why, cap, "%s", line);
	if (err < 0)
		config_free(c);
	else
		*to = c;
	return err;
}
