/* SPDX-License-Identifier: MIT */
/*
 * config.h - the broker's configuration, from the command line and a file
 *
 * [broker] has the keys that are options too; [queue NAME] a queue's settings
 * (wire/setting.h), which then hold from every start on.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <linux/limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/options.h"

struct broker_config {
	char data[PATH_MAX];
	char listen[PATH_MAX];
	int64_t map_size;    /* bytes */
	int64_t link_memory; /* bytes that links may hold */
	int64_t force;	     /* open on a file system that cannot be trusted */
	int64_t verbose;
	mode_t socket_mode;
	gid_t socket_group; /* (gid_t)-1: none is given */
	int check_only;
	enum exit_status status; /* where broker_config_read() returns 1 */
	struct options options;
	int argc; /* the command line; borrowed */
	char **argv;
	char why[INI_WHY]; /* what is wrong, in one line */
};

/*
 * Fills *cfg from defaults, environment, file and arguments, the latter
 * winning.  0; or 1: exit with cfg->status, for what there is to say has been
 * printed.  broker_config_fini() in both cases.
 */
int broker_config_read(struct broker_config *, int argc, char **argv)
	__attribute__((warn_unused_result));
void broker_config_fini(struct broker_config *);

/*
 * The same from the command line and the environment of `first`, and its file
 * as the file is now.  0; or 1, and to->why is set; nothing is printed.
 * broker_config_fini() in both cases.
 */
int broker_config_again(struct broker_config *to,
	const struct broker_config *first) __attribute__((warn_unused_result));

/*
 * Calls `fn` with each "name=value" of the queues in the file, in its order,
 * until one call returns an error, which is returned.  The value is a text or
 * a plain number of the setting's unit.
 */
int broker_config_settings(const struct broker_config *,
	int (*fn)(void *arg, const char *queue, const char *setting), void *arg)
	__attribute__((warn_unused_result));

#endif
