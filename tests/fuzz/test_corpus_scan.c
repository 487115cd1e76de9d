/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_scan, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_scan.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("scan", LLVMFuzzerTestOneInput);
}
