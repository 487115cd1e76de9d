/* SPDX-License-Identifier: MIT */
#include "broker/store/store.h"

#include <string.h>

#include "base/error.h"

static const struct store_driver *const drivers[] = {&store_lmdb, &store_mem};

/* The part of `uri` behind "scheme:", or NULL if it has another scheme. */
static const char *
after_scheme(const char *uri, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(uri, scheme, n) == 0 && uri[n] == ':' ? uri + n + 1
							     : NULL;
}

const struct store_driver *
store_driver_find(const char *uri)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (after_scheme(uri, drivers[i]->scheme) != NULL)
			return drivers[i];
	return NULL;
}

int
store_open(struct store **out, const char *uri, const struct store_options *o)
{
	const struct store_driver *d = store_driver_find(uri);

	if (d == NULL)
		return store_lmdb.open(out, uri, o);
	return d->open(out, after_scheme(uri, d->scheme), o);
}

int
store_is_full(const struct store_usage *u, unsigned percent)
{
	return u->full_why != NULL || (u->used_pages - u->free_pages) * 100 >=
					      u->max_pages * percent;
}
