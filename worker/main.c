/* SPDX-License-Identifier: MIT */
#include "worker/config.h"

int
main(int argc, char **argv)
{
	static struct worker_config cfg;
	static struct worker w;
	enum exit_status status;

	if (worker_config_read(&cfg, argc, argv) != 0 || cfg.check_only) {
		status = cfg.status;
	} else {
		if (worker_open(&w, &cfg.worker, &status) == 0) {
			worker_run(&w);
			status = EXIT_OK;
		}
		worker_close(&w);
	}
	worker_config_fini(&cfg);
	return (int)status;
}
