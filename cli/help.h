/* SPDX-License-Identifier: MIT */
/*
 * help.h - the help that a table of verbs makes
 */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include <stdio.h>

#include "cli/cmd.h"

/* Every verb in a line, then the exit codes. */
void help_all(FILE *, const struct cmd_verb *verbs);

/* What one verb takes. */
void help_verb(FILE *, const struct cmd_verb *);

/*
 * The verbs whose first word of two is `word`, on `f` unless it is NULL.
 * How many there are.
 */
int help_group(FILE *f, const struct cmd_verb *verbs, const char *word);

#endif
