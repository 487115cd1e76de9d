/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/options.h"
#include "broker/broker.h"

static enum exit_status
store_serve(struct broker_config *cfg)
{
	static struct broker br;
	enum exit_status status;
	int err = broker_open(&br, cfg);

	if (err == 0)
		err = broker_run(&br);
	status = err == 0 ? EXIT_OK : br.status;
	broker_close(&br);
	return status;
}

int
main(int argc, char **argv)
{
	static struct broker_config cfg;
	enum exit_status status;

	options_reload_hold(1);
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
