/* SPDX-License-Identifier: MIT */
/*
 * main.c - spillway-spawner: starts the processes of a worker, and ends them
 *
 * A worker starts one beside itself and talks to it over a socket (message.h).
 * It links nothing but libc, so that a start costs what the system calls cost.
 */
#include <stdio.h>

#include "base/options.h"
#include "spawner/serve.h"

static void
starter_help(void)
{
	puts("\nOnly spillway-worker starts this program, to start and end the "
	     "processes\nof its jobs.");
}

static const struct program program = {
	.name = "spillway-spawner",
	.usage = "--help | --version",
	.help_more = starter_help,
};

int
main(int argc, char **argv)
{
	struct options o;
	int status = EXIT_USE;

	if (argc == 1 && serve_is_asked())
		return (int)serve_worker(&serve_cgroups);
	if (options_start(&o, &program, argc, argv) != 0)
		status = (int)o.status;
	else
		(void)program_fail(&program, EXIT_USE,
			"only spillway-worker starts this program");
	options_fini(&o);
	return status;
}
