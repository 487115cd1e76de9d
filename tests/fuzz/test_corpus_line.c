/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_line, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_line.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("line", LLVMFuzzerTestOneInput);
}
