/* SPDX-License-Identifier: MIT */
/*
 * corpus.h - a fuzzer's corpus without clang
 *
 * Every file of tests/corpus/NAME goes in as it is, cut short at every
 * length, and with each byte changed.
 */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include <stddef.h>
#include <stdint.h>

typedef int corpus_fn(const uint8_t *data, size_t size);

/* 0, or 1 where there is no such corpus; what `fn` finds ends the process. */
int corpus_run(const char *name, corpus_fn *fn);

#endif
