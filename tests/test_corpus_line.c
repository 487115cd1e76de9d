/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_line, where there is no clang. */
#include "fuzz_line.c" /* the fuzzer itself, with another main */
#include "util_corpus.h"

int
main(void)
{
	return corpus_run("line", LLVMFuzzerTestOneInput);
}
