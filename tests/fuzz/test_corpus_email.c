/* SPDX-License-Identifier: MIT */
/* The corpus of fuzz_email, where there is no clang. */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_email.c" /* the fuzzer itself, with another main */

int
main(void)
{
	return corpus_run("email", LLVMFuzzerTestOneInput);
}
