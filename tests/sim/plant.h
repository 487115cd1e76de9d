/* SPDX-License-Identifier: MIT */
/*
 * plant.h - one planted bug of those in base/plant.h, by its name
 */
#ifndef TESTS_PLANT_H
#define TESTS_PLANT_H

/*
 * From now on the product has this bug.  -1: there is none of that name, or
 * this is no build with `make PLANT=CHOSEN`.
 */
int plant_choose(const char *name);

/* A name a line. */
void plants_print(void);

#endif
