/* SPDX-License-Identifier: MIT */
/*
 * put.c - a first producer of your own
 *
 *	cc -o put put.c $(pkg-config --cflags --libs spillway)
 *	./put email 'to=ada@example.org'
 */
#include <stdio.h>
#include <string.h>

#include <spillway.h>

int
main(int argc, char **argv)
{
	struct sw_client *c = NULL;
	struct sw_job job = {0};
	char id[SW_ID_TEXT];
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: put QUEUE BODY\n");
		return 64;
	}
	job.queue = argv[1];
	job.body = argv[2];
	job.body_len = strlen(argv[2]);

	err = sw_open(&c, NULL);
	if (err == 0)
		err = sw_put(c, &job, 5000, NULL);
	if (err == 0) {
		sw_id_write(&job.id, id);
		printf("%s is on disk\n", id);
	} else {
		fprintf(stderr, "put: %s\n",
			c != NULL ? sw_why(c) : sw_error_text(err));
	}
	sw_close(c);
	return err == 0 ? 0 : 1;
}
