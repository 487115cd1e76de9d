/* SPDX-License-Identifier: MIT */
/*
 * config.h - the broker's options: one table for command line, file and help
 *
 * The file is INI: [broker] takes the long options' names, [queue NAME] a
 * queue's settings (setting.h), which then hold from every start on.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <linux/limits.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_SETTINGS_MAX = 4096 };

struct config_setting { /* a line of a [queue NAME] section */
	char *queue, *setting;
	int line;
};

struct config {
	char file[PATH_MAX]; /* "": there is none */
	char data[PATH_MAX];
	char listen[PATH_MAX];
	int64_t map_size;    /* bytes */
	int64_t link_memory; /* bytes that links may hold */
	int64_t force;	     /* open on a file system that cannot be trusted */
	int64_t verbose;
	enum config_task { CONFIG_RUN, CONFIG_CHECK } task;
	struct config_setting *settings;
	size_t settings_n;
};

/*
 * Fills *cfg from defaults, file and arguments, the latter winning.  Returns
 * 0; 1: help or version was printed; -1: one line on stderr said what is
 * wrong and where.
 */
int config_read(struct config *, int argc, char **argv);
void config_fini(struct config *);

#endif
