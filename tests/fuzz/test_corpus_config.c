/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_config, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_config.c" /* the fuzzer itself, with another main */

int
main(void)
{
	if (LLVMFuzzerInitialize(NULL, NULL) != 0)
		return 1;
	return corpus_run("config", LLVMFuzzerTestOneInput);
}
