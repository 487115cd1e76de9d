/* SPDX-License-Identifier: MIT */
#include "tests/lib/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *
program_path(const char *name)
{
	static char path[FILENAME_MAX];
	const char *bin = getenv("SPILLWAY_BIN");

	if (bin == NULL || bin[0] != '/') {
		fputs("FAILED: SPILLWAY_BIN must be the absolute path of the "
		      "build folder, as tests/run.sh sets it\n",
			stderr);
		exit(1);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", bin, name);
	if (access(path, X_OK) != 0) {
		fprintf(stderr, "FAILED: there is no program %s\n", path);
		exit(1);
	}
	return path;
}
