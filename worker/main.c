/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "worker/config.h"

int
main(int argc, char **argv)
{
	static struct worker_config cfg;
	static struct worker w;
	int err, status;

	if (worker_config_read(&cfg, argc, argv) != 0 || cfg.check_only) {
		status = cfg.status;
	} else {
		err = worker_open(&w, &cfg.worker);
		if (err == 0)
			err = worker_run(&w);
		worker_close(&w);
		status = err == 0	  ? EXIT_OK
			 : err == -EINVAL ? EXIT_USE
					  : EXIT_SOFTWARE;
	}
	worker_config_fini(&cfg);
	return status;
}
