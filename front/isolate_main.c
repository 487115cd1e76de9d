/* SPDX-License-Identifier: MIT */
#include "zygote.h"

int
main(int argc, char **argv)
{
	return zygote_main(argc, argv);
}
