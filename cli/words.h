/* SPDX-License-Identifier: MIT */
/*
 * words.h - the kinds of words that completion scripts complete
 *
 * A word's kind comes from the synopsis of its verb ("QUEUE KEY=VALUE…") or
 * option ("FILE").
 */
#ifndef CMD_WORDS_H
#define CMD_WORDS_H

#include <stdio.h>

#include "cli/cmd.h"

/*
 * The kind of a word of a synopsis: "file", "queue", "selector", "setting",
 * "verb", "shell", "states"; "": none of them.
 */
const char *words_kind(const char *synopsis);

/* The kinds of a verb's first word and of those after it; "": none. */
const char *words_first(const struct cmd_verb *);
const char *words_rest(const struct cmd_verb *);

/* Whether this is the first verb of the table with its first word. */
int words_leads(const struct cmd_verb *verbs, const struct cmd_verb *);

/*
 * The length of a verb's first word, if the verb has two words and is the
 * first of the table with this one; else 0.
 */
size_t words_group(const struct cmd_verb *verbs, const struct cmd_verb *);

/* Whether the verb has two words, of which `word` is the first. */
int words_in_group(const struct cmd_verb *, const char *word, size_t len);

/*
 * Prints the words of a kind, each between `before` and `after`: the keys of
 * selectors ("queue=") and settings, shells, the first words of verbs, the
 * states of --unique-also.  Queues come from the broker: none are printed.
 */
void words_print(FILE *, const char *kind, const struct cmd_verb *verbs,
	const char *before, const char *after);

/* Prints the options of a verb, each after `before`. */
void words_options(FILE *, const struct cmd_verb *, const char *before);

/* Prints the options with a value of this kind ("": of none), also -o. */
void words_valued(FILE *, const char *kind, const char *between);

/* Prints the second words of all verbs that share the first word of `first`. */
void words_seconds(FILE *, const struct cmd_verb *verbs,
	const struct cmd_verb *first, const char *between);

/* Prints the names of all states, each between `before` and `after`. */
void words_states(FILE *, const char *before, const char *after);

#endif
