/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/broker.h"
#include "base/error.h"
#include "base/log.h"
#include "broker/repair/verify.h"

static void
line_print(void *arg, const char *line)
{
	(void)arg;
	puts(line);
}

/* One pass over the store, which is opened for it as for a start. */
static int
pass_run(const struct config *cfg, struct verify *v)
{
	static struct broker br;
	int err = broker_load(&br, cfg);

	v->core = &br.core;
	if (err == 0) {
		err = verify_run(v);
		if (err < 0)
			fprintf(stderr, "spillway-broker: %s: %s\n", cfg->data,
				sw_strerror(err));
	}
	broker_close(&br);
	return err;
}

static int
in_order(const struct verify *v)
{
	for (int i = 0; i < VERIFY_KINDS; i++)
		if (v->found[i] > 0)
			return 0;
	return 1;
}

static void
summary_print(const struct verify *v, const char *what)
{
	printf("%s%llu jobs, %llu rows", what, (unsigned long long)v->jobs,
		(unsigned long long)v->rows);
	for (int i = 0; i < VERIFY_KINDS; i++)
		if (v->found[i] > 0)
			printf(", %llu %s", (unsigned long long)v->found[i],
				verify_text((enum verify_kind)i));
	puts(in_order(v) ? ": all in order" : "");
}

/* To open what is not there would make it. */
static int
store_missing(const struct config *cfg)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/data.mdb", cfg->data);
	if (access(path, F_OK) == 0)
		return 0;
	fprintf(stderr, "spillway-broker: %s: %s\n", path, strerror(errno));
	return 1;
}

/* Before its rows are mended the file must be one that can be written to. */
static int
file_mend(const struct config *cfg)
{
	struct store_options o = {
		.map_size = (uint64_t)cfg->map_size, .force = (int)cfg->force};
	struct store *s = NULL;
	uint64_t damaged = 0;
	int err = store_open(&s, cfg->data, &o);

	if (err == 0 && s->driver->mend != NULL)
		err = s->driver->mend(s, 0, &damaged);
	if (err < 0)
		fprintf(stderr, "spillway-broker: %s: %s %s\n", cfg->data,
			sw_strerror(err), s != NULL ? s->why : "");
	else if (damaged > 0)
		printf("data.mdb is made anew: %llu rows had a damaged length "
		       "or place\n",
			(unsigned long long)damaged);
	if (s != NULL)
		s->driver->close(s);
	return err;
}

/* After mending it is looked at again, for not all can be mended. */
static int
store_verify(const struct config *cfg)
{
	struct verify v = {.say = line_print, .mend = cfg->task == CONFIG_MEND};
	int err;

	if (store_missing(cfg))
		return EX_NOINPUT;
	err = v.mend ? file_mend(cfg) : 0;
	if (err == 0)
		err = pass_run(cfg, &v);
	if (err == 0)
		summary_print(&v, "");
	if (err == 0 && v.mend && !in_order(&v)) {
		v.mend = 0;
		err = pass_run(cfg, &v);
		if (err == 0)
			summary_print(&v, "mended: ");
	}
	if (err < 0)
		return err == SW_EBUSY ? EX_TEMPFAIL : EX_SOFTWARE;
	return in_order(&v) ? EX_OK : EX_DATAERR;
}

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
	else if (err == 0 && cfg.task != CONFIG_CHECK)
		status = store_verify(&cfg);
	config_fini(&cfg);
	return status;
}
