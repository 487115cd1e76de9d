/* SPDX-License-Identifier: MIT */
/*
 * manual.h - what a program's table says to people
 */
#ifndef BASE_MANUAL_H
#define BASE_MANUAL_H

#include <stdio.h>

#include "base/program.h"

void manual_help(FILE *, const struct program *);

/* A file with all keys, each as a comment with its default. */
void manual_example(FILE *, const struct program *);

/* The page of section 5, mdoc. */
void manual_page(FILE *, const struct program *);

#endif
