/* SPDX-License-Identifier: MIT */
#include <sysexits.h>

#include "base/error.h"
#include "base/log.h"
#include "broker/broker.h"

static int
store_serve(const struct config *cfg)
{
	static struct broker br;
	int err = broker_open(&br, cfg);

	if (err == 0)
		err = broker_run(&br);
	broker_close(&br);
	return err == 0 ? 0 : err == SW_EBUSY ? EX_TEMPFAIL : EX_SOFTWARE;
}

int
main(int argc, char **argv)
{
	static struct config cfg;
	int err = config_read(&cfg, argc, argv), status = 0;

	if (err < 0)
		status = EX_USAGE;
	if (cfg.verbose)
		sw_log_set(SW_LOG_DEBUG);
	if (err == 0 && cfg.task == CONFIG_RUN)
		status = store_serve(&cfg);
	config_fini(&cfg);
	return status;
}
