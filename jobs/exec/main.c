/* SPDX-License-Identifier: MIT */
/*
 * spillway-job-exec COMMAND [ARGUMENT]...: fetches the blob of an exec job,
 * and becomes the command.
 *
 * The worker starts an exec job through this program if the job has a header
 * blob=, so that the worker itself never waits for a store, and needs none of
 * its libraries.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "jobs/attach.h"

#define NAME "spillway-job-exec"

enum {
	EX_NO_COMMAND = 127, /* as of a shell */
	REPORT_FD = 3,	     /* worker/process/line.h */
};

static int
fail(int status, const char *what, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", what, why);
	return status;
}

/* "": there is none. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

/* 0, or an exit status: never again, or again. */
static int
blob_set(void)
{
	static struct attached a;
	const char *uri = variable(BLOBS_ENV);
	char folder[ATTACH_PATH], size[24];
	int err;

	if (unsetenv("SPILLWAY_BLOB") != 0 ||
		unsetenv("SPILLWAY_BLOB_SIZE") != 0 ||
		getcwd(folder, sizeof(folder)) == NULL)
		return fail(EX_TEMPFAIL, NAME, strerror(errno));
	err = attach_file(bytes_str(variable("SPILLWAY_HEADER_BLOB")),
		uri[0] != '\0' ? uri : NULL, folder, &a);
	if (err == 0)
		return 0;
	if (err < 0)
		return fail(blob_is_final(err) ? EX_NOINPUT : EX_TEMPFAIL,
			"blob", a.why);
	(void)snprintf(size, sizeof(size), "%lld", (long long)a.size);
	if (setenv("SPILLWAY_BLOB", a.path, 1) != 0 ||
		setenv("SPILLWAY_BLOB_SIZE", size, 1) != 0)
		return fail(EX_TEMPFAIL, NAME, strerror(errno));
	return 0;
}

/* The exit status after output: nobody has read what did not fit. */
static int
printed(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR;
}

/* --help, --version and --check-config, where there is no command. */
static int
option_do(const char *option)
{
	char why[BLOB_WHY];
	struct blobs *store;
	const char *uri = variable(BLOBS_ENV);

	if (strcmp(option, "--help") == 0) {
		puts("usage: " NAME " COMMAND [ARGUMENT]...\n\n"
		     "Fetches the blob that $SPILLWAY_HEADER_BLOB refers to "
		     "from $" BLOBS_ENV ", sets\n"
		     "$SPILLWAY_BLOB and $SPILLWAY_BLOB_SIZE, and becomes the "
		     "command.\n\n"
		     "  --check-config  open the store and exit\n"
		     "  --help          print this help and exit\n"
		     "  --version       print the version and exit");
		return printed();
	}
	if (strcmp(option, "--version") == 0) {
		puts(NAME " " SPILLWAY_VERSION);
		return printed();
	}
	if (strcmp(option, "--check-config") != 0)
		return fail(EX_USAGE, NAME ": unknown option", option);
	if (uri[0] == '\0')
		return EX_OK;
	if (blobs_open(&store, uri, why) < 0)
		return fail(EX_CONFIG, NAME, why);
	blobs_close(store);
	return EX_OK;
}

int
main(int argc, char **argv)
{
	int status, err;

	if (argc < 2)
		return fail(EX_USAGE, NAME, "missing command");
	if (argv[1][0] == '-')
		return option_do(argv[1]);
	status = blob_set();
	if (status != 0)
		return status;
	(void)execvp(argv[1], argv + 1);
	err = errno;
	(void)dprintf(REPORT_FD, "not-run %d\n", err); /* no attempt */
	return fail(EX_NO_COMMAND, argv[1], strerror(err));
}
