/* SPDX-License-Identifier: MIT */
/*
 * words.h - what a completion script knows of a verb's words
 *
 * The synopsis of a verb ("QUEUE KEY=VALUE…") and of an option ("FILE") names
 * the kinds of words that can be completed.
 */
#ifndef CMD_WORDS_H
#define CMD_WORDS_H

#include <stdio.h>

#include "cli/cmd.h"

/*
 * The name of the kind that this word of a synopsis has: "file", "queue",
 * "selector", "setting", "verb", "shell", "states"; "": none of them.
 */
const char *words_kind(const char *synopsis);

/* The kinds of a verb's first word and of those after it; "": none. */
const char *words_first(const struct cmd_verb *);
const char *words_rest(const struct cmd_verb *);

/* Whether this is the first verb of the table with its first word. */
int words_leads(const struct cmd_verb *verbs, const struct cmd_verb *);

/*
 * The length of the first of a verb's two words, if the verb is the first of
 * the table with it; 0: another one, or a verb of one word.
 */
size_t words_group(const struct cmd_verb *verbs, const struct cmd_verb *);

/* Whether the verb has two words, of which `word` is the first. */
int words_in_group(const struct cmd_verb *, const char *word, size_t len);

/*
 * The words of a kind that do not come from the broker, each after `before`
 * and followed by `after`: the keys of selectors ("queue=") and settings,
 * shells, the first words of verbs, the states that --unique-also takes.
 */
void words_print(FILE *, const char *kind, const struct cmd_verb *verbs,
	const char *before, const char *after);

/* The options of a verb, each after `before`. */
void words_options(FILE *, const struct cmd_verb *, const char *before);

/* The options whose value is of this kind, -o among them. */
void words_valued(FILE *, const char *kind, const char *between);

/* The second words of the verbs with the first word of `first`, a group's. */
void words_seconds(FILE *, const struct cmd_verb *verbs,
	const struct cmd_verb *first, const char *between);

/* The names of all states, in the same way. */
void words_states(FILE *, const char *before, const char *after);

#endif
