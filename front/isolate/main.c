/* SPDX-License-Identifier: MIT */
/*
 * spillway-isolate: the zygote of one module, which spillway-front starts
 */
#include <stdio.h>

#include "base/options.h"
#include "front/isolate/zygote.h"

static void
starter_help(void)
{
	puts("\nOnly spillway-front starts this program, to run the handlers "
	     "of "
	     "one module.");
}

static const struct program program = {
	.name = ZYGOTE_PROGRAM,
	.usage = "--help | --version",
	.help_more = starter_help,
};

int
main(int argc, char **argv)
{
	struct options o;
	int status = EXIT_USE;

	if (argc == ZYGOTE_ARGC)
		return zygote_main(argv);
	if (options_start(&o, &program, argc, argv) != 0)
		status = (int)o.status;
	else
		(void)program_fail(&program, EXIT_USE,
			"only spillway-front starts this program");
	options_fini(&o);
	return status;
}
