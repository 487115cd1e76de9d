/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "cli/cmd.h"

int
main(int argc, char **argv)
{
	options_files_open();
	return cmd_main(cmd_verbs, argc, argv, stdin, stdout, stderr);
}
