/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/log.h"
#include "broker/broker.h"

static int
store_serve(const struct broker_config *cfg)
{
	static struct broker br;
	int err = broker_open(&br, cfg);

	if (err == 0)
		err = broker_run(&br);
	broker_close(&br);
	return err == 0 ? EXIT_OK : err == -EBUSY ? EXIT_AGAIN : EXIT_SOFTWARE;
}

int
main(int argc, char **argv)
{
	static struct broker_config cfg;
	int status;

	if (broker_config_read(&cfg, argc, argv) != 0 || cfg.check_only) {
		status = cfg.status;
	} else {
		if (cfg.verbose)
			sw_log_set(SW_LOG_DEBUG);
		status = store_serve(&cfg);
	}
	broker_config_fini(&cfg);
	return status;
}
