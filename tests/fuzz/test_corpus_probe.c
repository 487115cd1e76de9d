/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_probe, where there is no clang. */
#include "tests/fuzz/fuzz_probe.c" /* the fuzzer itself, with another main */
#include "tests/fuzz/corpus.h"

int
main(void)
{
	return corpus_run("probe", LLVMFuzzerTestOneInput);
}
