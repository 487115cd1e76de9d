/* SPDX-License-Identifier: MIT */
/*
 * smtp.c - a mail server that takes everything and keeps nothing
 *
 *	smtp PORTFILE		listens on loopback, writes the port there
 *
 * To be faster than what is measured against it: a thread for each
 * connection, one read and one write for each thing that is said.  On
 * SIGTERM it prints how many connections and mails there were.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_int connections, mails;

static void
say(int fd, const char *line)
{
	if (write(fd, line, strlen(line)) < 0)
		close(fd);
}

static const char *
reply(const char *line)
{
	static const char *const replies[][2] = {
		{"EHLO", "250-sink\r\n250-SIZE 99999999\r\n250 8BITMIME\r\n"},
		{"DATA", "354 go on\r\n"},
		{"QUIT", "221 bye\r\n"},
	};

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		if (strncasecmp(line, replies[i][0], 4) == 0)
			return replies[i][1];
	return "250 ok\r\n";
}

/* What is said by one end: lines, or a message up to its dot. */
static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg, in_data = 0;
	char buf[64 * 1024 + 1];
	size_t have = 0;
	ssize_t n;

	atomic_fetch_add(&connections, 1);
	say(fd, "220 sink\r\n");
	while ((n = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		have += (size_t)n;
		buf[have] = '\0';
		if (in_data && (have < 5 || memcmp(buf + have - 5, "\r\n.\r\n",
						    5) != 0)) {
			if (have > 5) { /* only its end matters */
				memmove(buf, buf + have - 5, 5);
				have = 5;
			}
			continue;
		}
		if (!in_data && buf[have - 1] != '\n')
			continue;
		atomic_fetch_add(&mails, in_data);
		say(fd, in_data ? "250 taken\r\n" : reply(buf));
		in_data = !in_data && strncasecmp(buf, "DATA", 4) == 0;
		have = 0;
	}
	close(fd);
	return NULL;
}

static void
end(int sig)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d connections, %d mails\n",
		atomic_load(&connections), atomic_load(&mails));

	(void)sig;
	_exit(write(1, text, (size_t)n) == n ? 0 : 1);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), fd;
	FILE *f = argc == 2 ? fopen(argv[1], "w") : NULL;
	pthread_t t;

	if (f == NULL || bind(s, (struct sockaddr *)&a, len) != 0 ||
		listen(s, 128) != 0 ||
		getsockname(s, (struct sockaddr *)&a, &len) != 0)
		return EXIT_FAILURE;
	fprintf(f, "%d\n", ntohs(a.sin_port));
	fclose(f);
	signal(SIGTERM, end);
	signal(SIGPIPE, SIG_IGN);
	while ((fd = accept(s, NULL, NULL)) >= 0)
		if (pthread_create(&t, NULL, serve, (void *)(intptr_t)fd) == 0)
			pthread_detach(t);
	return EXIT_FAILURE;
}
