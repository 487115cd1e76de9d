/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_journal, where there is no clang. */
#include "tests/fuzz/fuzz_journal.c" /* the fuzzer itself, with another main */
#include "tests/fuzz/corpus.h"

int
main(void)
{
	return corpus_run("journal", LLVMFuzzerTestOneInput);
}
