/* SPDX-License-Identifier: MIT */
#include "jobs/webhook/after.h"

#include <curl/curl.h>
#include <string.h>

int64_t
after_s(const char *text, int64_t now_s)
{
	size_t digits = strspn(text, "0123456789");
	int64_t s = 0;

	if (digits == 0 || text[digits] != '\0') /* -1: no date either */
		s = (int64_t)curl_getdate(text, NULL) - now_s;
	else
		for (; *text != '\0' && s <= AFTER_MAX_S; text++)
			s = s * 10 + (*text - '0');
	if (s < 0)
		return 0;
	return s < AFTER_MAX_S ? s : AFTER_MAX_S;
}
