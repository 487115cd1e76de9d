/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_record, where there is no clang. */
#include "fuzz_record.c" /* the fuzzer itself, with another main */
#include "util_corpus.h"

int
main(void)
{
	return corpus_run("record", LLVMFuzzerTestOneInput);
}
