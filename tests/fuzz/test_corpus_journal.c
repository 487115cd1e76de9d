/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_journal, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_journal.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("journal", LLVMFuzzerTestOneInput);
}
