/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <string.h>

const char *
sw_strerror(int err)
{
	switch (err) {
	case 0:
		return "OK";
#define X(name, num, text)                                                     \
	case num:                                                              \
		return text;
		SW_ERR_MAP(X)
#undef X
	default:
		if (err < -4095)
			return "unknown error"; /* perhaps a newer broker's */
		return strerror(err < 0 ? -err : err);
	}
}

const char *
sw_errname(int err)
{
	switch (err) {
	case 0:
		return "OK";
#define X(name, num, text)                                                     \
	case num:                                                              \
		return #name;
		SW_ERR_MAP(X)
#undef X
	default:
		return "errno";
	}
}
