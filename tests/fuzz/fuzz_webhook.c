/* SPDX-License-Identifier: MIT */
/*
 * fuzz_webhook: what receivers say in Retry-After, and what people write for
 * networks and secrets.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "jobs/webhook/address.h"
#include "jobs/webhook/post.h"
#include "jobs/webhook/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

/* As many signatures as there are secrets, each 47 characters long. */
static void
secrets_use(const char *text)
{
	char sign[SIGN_MAX] = "";
	int n = sign_check(text);

	expect(n <= SIGN_SECRETS);
	if (n < 0) {
		expect(sign_write(text, "id", 0, bytes_str("x"), sign) == n);
		expect(sign[0] == '\0');
		return;
	}
	expect(sign_write(text, "id", 0, bytes_str("x"), sign) == 0);
	expect(strlen(sign) == (size_t)(n > 0 ? n * 48 - 1 : 0));
}

/* The bytes are an address too: a whole network has it, a broken one none. */
static void
networks_use(const char *text, const uint8_t *data, size_t size)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_storage sa = {0};
	int good = address_listed(NULL, text), got;

	memcpy(&six.sin6_addr, data, size < 16 ? size : 16);
	memcpy(&four.sin_addr, data, size < 4 ? size : 4);
	memcpy(&sa, &six, sizeof(six));
	got = address_listed((struct sockaddr *)&sa, text);
	expect(good < 0 ? got == good : got == 0 || got == 1);
	expect(address_listed((struct sockaddr *)&sa, "0.0.0.0/0 ::/0") == 1);
	(void)address_kind((struct sockaddr *)&sa);
	memcpy(&sa, &four, sizeof(four));
	got = address_listed((struct sockaddr *)&sa, text);
	expect(good < 0 ? got == good : got == 0 || got == 1);
	(void)address_kind((struct sockaddr *)&sa);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t s;

	expect(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	s = post_retry_after_s(text, 1700000000);
	expect(s >= 0 && s <= POST_AFTER_MAX_S);
	secrets_use(text);
	networks_use(text, data, size);
	free(text);
	return 0;
}
