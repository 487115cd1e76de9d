/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sysexits.h>

#include "broker.h"
#include "error.h"
#include "log.h"

int
main(int argc, char **argv)
{
	struct config cfg;
	static struct broker br;
	int err = config_read(&cfg, argc, argv);

	if (err != 0 || cfg.check_only) {
		config_fini(&cfg);
		return err < 0 ? EX_USAGE : 0;
	}
	if (cfg.verbose)
		sw_log_set(SW_LOG_DEBUG);
	err = broker_open(&br, &cfg);
	config_fini(&cfg);
	if (err == 0)
		err = broker_run(&br);
	broker_close(&br);
	return err == 0 ? 0 : err == SW_EBUSY ? EX_TEMPFAIL : EX_SOFTWARE;
}
