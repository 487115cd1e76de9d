/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_record, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_record.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("record", LLVMFuzzerTestOneInput);
}
