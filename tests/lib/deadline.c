/* SPDX-License-Identifier: MIT */
#include "tests/lib/deadline.h"

#include "tests/lib/chance.h"

enum { OTHERWISE_S = 120, MOST_S = 24 * 3600 };

unsigned
deadline_s(void)
{
	uint64_t s = number_of_env("DEADLINE_S", OTHERWISE_S);

	return (unsigned)(s < MOST_S ? s : MOST_S);
}

int
deadline_ms(void)
{
	return (int)deadline_s() * 1000;
}
