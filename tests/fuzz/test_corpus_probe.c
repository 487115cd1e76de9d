/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_probe, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_probe.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("probe", LLVMFuzzerTestOneInput);
}
