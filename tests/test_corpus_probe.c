/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_probe, where there is no clang. */
#include "fuzz_probe.c" /* the fuzzer itself, with another main */
#include "util_corpus.h"

int
main(void)
{
	return corpus_run("probe", LLVMFuzzerTestOneInput);
}
