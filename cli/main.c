/* SPDX-License-Identifier: MIT */
#include "cli/cmd.h"

int
main(int argc, char **argv)
{
	return cmd_main(cmd_verbs, argc, argv, stdin, stdout, stderr);
}
