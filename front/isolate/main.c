/* SPDX-License-Identifier: MIT */
#include "front/isolate/zygote.h"

int
main(int argc, char **argv)
{
	return zygote_main(argc, argv);
}
