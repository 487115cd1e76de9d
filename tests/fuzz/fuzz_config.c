/* SPDX-License-Identifier: MIT */
/* fuzz_config: any file as the broker's configuration. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/config.h"
#include "wire/proto.h"
#include "wire/setting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

/* What is wrong goes to stderr, a line for each run. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	stderr = fopen("/dev/null", "we");
	expect(stderr != NULL);
	return setenv("HOME", "/tmp", 1);
}

static int
setting_expect(void *arg, const char *queue, const char *setting)
{
	struct sw_settings s = {.given = 0};
	char why[256];

	(void)arg;
	expect(sw_queue_check(queue, strlen(queue)) == 0);
	expect(sw_settings_parse(
		       &s, setting, strlen(setting), why, sizeof(why)) == 0);
	expect(sw_settings_check(&s, bytes_str(queue), why, sizeof(why)) == 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], name[] = "broker", option[] = "--config";
	char *argv[] = {name, option, path, NULL};
	static int fd = -1;
	struct broker_config cfg;

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	expect(ftruncate(fd, 0) == 0 &&
		pwrite(fd, data, size, 0) == (ssize_t)size);
	if (broker_config_read(&cfg, 3, argv) == 0) {
		expect(cfg.data[0] != '\0' && cfg.listen[0] != '\0');
		expect(cfg.link_memory > 0 && cfg.map_size > 0);
		expect(broker_config_settings(&cfg, setting_expect, NULL) == 0);
	} else {
		expect(cfg.status == EXIT_CONFIG || cfg.status == EXIT_USE);
	}
	broker_config_fini(&cfg);
	return 0;
}
