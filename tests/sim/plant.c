/* SPDX-License-Identifier: MIT */
#include "tests/sim/plant.h"

#include <stdio.h>
#include <string.h>

#include "base/plant.h"

int plant_chosen = PLANT_NONE;

static const char *const names[PLANTS] = {
#define X(name) [PLANT_##name] = #name,
	PLANT_MAP(X)
#undef X
};

int
plant_choose(const char *name)
{
	for (int i = PLANT_NONE + 1; i < PLANTS; i++)
		if (strcmp(names[i], name) == 0) {
			plant_chosen = i;
			return PLANT == i ? 0 : -1;
		}
	return -1;
}

void
plants_print(void)
{
	for (int i = PLANT_NONE + 1; i < PLANTS; i++)
		(void)puts(names[i]);
}
