/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_kept, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_kept.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("kept", LLVMFuzzerTestOneInput);
}
