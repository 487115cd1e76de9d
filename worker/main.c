/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "worker/renewal.h"

int
main(int argc, char **argv)
{
	static struct renewal r;
	enum exit_status status;

	options_reload_hold(1);
	if (renewal_init(&r, argc, argv, &status) == 0)
		status = renewal_run(&r);
	renewal_fini(&r);
	return (int)status;
}
