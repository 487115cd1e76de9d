/* SPDX-License-Identifier: MIT */
#include "jobs/email/email.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "jobs/config.h"
#include "jobs/email/dkim.h"
#include "jobs/email/smtp.h"
#include "jobs/secret.h"

enum {
	SPARE_MS = 1000, /* left before the deadline when a mail times out */
	SECRET_MAX = 1024,
};

/* clang-format off */
const struct config_key email_keys[] = {
	{"server", CONFIG_TEXT, 0, 0, NULL, "the mail server: HOST or HOST:PORT"},
	{"tls", CONFIG_TEXT, 0, 0, "starttls", "encryption: starttls (port 587), tls (465) or none (25)"},
	{"ca_file", CONFIG_FILE, 0, 0, NULL, "certificates to trust instead of the system's, PEM"},
	{"user", CONFIG_TEXT, 0, 0, NULL, "the user for AUTH"},
	{"password_file", CONFIG_FILE, 0, 0, NULL, "a private file whose first line is the password"},
	{"hello", CONFIG_TEXT, 0, 0, NULL, "the name this machine gives itself"},
	{"from", CONFIG_TEXT, 0, 0, NULL, "the From of jobs that name none"},
	{"sender", CONFIG_TEXT, 0, 0, NULL, "where bounces go; else the address in From"},
	{"templates", CONFIG_FOLDER, 0, 0, NULL, "the folder of the templates"},
	{"max_size", CONFIG_BYTES, 1024, 1 << 30, "25m", "largest mail, encoded"},
	{"connect_timeout", CONFIG_MS, 100, 600000, "15s", "longest wait for the connection"},
	{"timeout", CONFIG_MS, 1000, 3600000, "5m", "longest time for one mail"},
	{"dkim_domain", CONFIG_TEXT, 0, 0, NULL, "the domain that signs"},
	{"dkim_selector", CONFIG_TEXT, 0, 0, NULL, "where the public key is: SELECTOR._domainkey.DOMAIN"},
	{"dkim_key", CONFIG_FILE, 0, 0, NULL, "a private file with the key that signs, RSA or Ed25519, PEM"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
/* clang-format on */

/* Open from job to job in the child process, for the SMTP connection. */
static struct {
	struct email_smtp smtp;
	struct email_dkim dkim;
	struct blobs *blobs;
} kept;

/* Of the current job; too large for the stack. */
static struct email mail;
static struct email_mail message;
static struct email_source source;

static const char *
config_of(const struct config *c, const char *key)
{
	const char *text = config_text(c, "email", key);

	return text == NULL || text[0] == '\0' ? NULL : text;
}

/* --- the configuration ---------------------------------------------------- */

/* Opens the secret file that `key` names. */
static int
key_open(const struct config *c, const char *key, struct email_why *why)
{
	char text[sizeof(why->text)];
	int fd = secret_open(config_of(c, key), text, sizeof(text));

	return fd < 0 ? email_alarm(why, "%s in [email]: %s", key, text) : fd;
}

/* Reads the first line of password_file. */
static int
password_read(
	const struct config *c, char secret[SECRET_MAX], struct email_why *why)
{
	int fd = key_open(c, "password_file", why);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, secret, SECRET_MAX - 1);
	if (n < 0)
		(void)email_alarm(
			why, "password_file in [email]: %s", strerror(errno));
	close(fd);
	if (n < 0)
		return -EAGAIN;
	secret[n] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
	return 0;
}

static int
tls_of(const char *text, enum email_tls *tls)
{
	static const char *const names[] = {
		[EMAIL_TLS_STARTTLS] = "starttls",
		[EMAIL_TLS_TLS] = "tls",
		[EMAIL_TLS_NONE] = "none",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(char *); i++)
		if (text != NULL && strcmp(text, names[i]) == 0) {
			*tls = (enum email_tls)i;
			return 0;
		}
	return SW_EINVAL;
}

/* Characters of a host and port that a URL takes literally. */
static int
name_ok(const char *text)
{
	return text[strspn(text,
		       "abcdefghijklmnopqrstuvwxyz"
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")] == '\0';
}

/* "host", "host:25", "[::1]" or "[::1]:25". */
static int
server_ok(const char *name)
{
	const char *port = strrchr(name, ':');
	char *end;
	long n;

	if (!name_ok(name) || name[0] == ':')
		return 0;
	if (port == NULL || name[strlen(name) - 1] == ']')
		return 1;
	if (name[0] != '[' && strchr(name, ':') != port)
		return 0;
	n = strtol(port + 1, &end, 10);
	return *end == '\0' && n >= 1 && n <= 65535;
}

/* Reads the server's settings but the password. */
static int
server_of(const struct config *c, struct email_server *s, struct email_why *why)
{
	*s = (struct email_server){
		.name = config_of(c, "server"),
		.user = config_of(c, "user"),
		.ca_file = config_of(c, "ca_file"),
		.hello = config_of(c, "hello"),
		.connect_ms = config_number(c, "email", "connect_timeout"),
	};
	if (s->name == NULL)
		return email_alarm(why, "no server in [email]");
	if (!server_ok(s->name))
		return email_alarm(why,
			"server in [email]: %s is not HOST or HOST:PORT",
			s->name);
	if (s->hello != NULL && !name_ok(s->hello))
		return email_alarm(
			why, "hello in [email]: %s is not a host", s->hello);
	if (tls_of(config_of(c, "tls"), &s->tls) < 0)
		return email_alarm(
			why, "tls in [email] is not starttls, tls or none");
	if (s->user != NULL && s->tls == EMAIL_TLS_NONE)
		return email_alarm(why,
			"user in [email]: no password goes out without TLS");
	if (s->user != NULL && config_of(c, "password_file") == NULL)
		return email_alarm(
			why, "user without password_file in [email]");
	return 0;
}

static int
password_of(const struct config *c, struct email_server *s, char *secret,
	struct email_why *why)
{
	s->password = secret;
	secret[0] = '\0';
	return s->user == NULL ? 0 : password_read(c, secret, why);
}

/* Leaves `a` as it is where `key` is not set. */
static int
mailbox_of(const struct config *c, const char *key, struct email_address *a,
	struct email_why *why)
{
	const char *text = config_of(c, key), *wrong = NULL;

	if (text != NULL)
		wrong = email_address_parse(text, NULL, a);
	return wrong == NULL
		       ? 0
		       : email_alarm(why, "%s in [email]: %s", key, wrong);
}

static int
dkim_check(const struct config *c, struct email_why *why)
{
	static const char *const keys[] = {
		"dkim_domain", "dkim_selector", "dkim_key"};
	const char *there = NULL, *missing = NULL;

	for (size_t i = 0; i < sizeof(keys) / sizeof(char *); i++)
		if (config_of(c, keys[i]) != NULL)
			there = keys[i];
		else
			missing = keys[i];
	return there == NULL || missing == NULL
		       ? 0
		       : email_alarm(why, "%s without %s in [email]", there,
				 missing);
}

/* Checks that the files with secrets are there and private. */
static int
keys_check(const struct config *c, struct email_why *why)
{
	static const char *const keys[] = {"password_file", "dkim_key"};
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(keys) / sizeof(char *); i++) {
		int fd = -1;

		if (config_of(c, keys[i]) != NULL)
			err = fd = key_open(c, keys[i], why);
		if (fd >= 0) {
			close(fd);
			err = 0;
		}
	}
	return err;
}

static int
paths_check(const struct config *c, struct email_why *why)
{
	int err = job_file_check(
		c, "email", "ca_file", R_OK, why->text, sizeof(why->text));

	return err < 0 ? err
		       : job_folder_check(c, "email", "templates", R_OK | X_OK,
				 why->text, sizeof(why->text));
}

/* Does not read the files' content, which may change while the worker runs. */
int
email_conf_check(const struct config *c, char *text, size_t cap)
{
	struct email_why why;
	struct email_server server;
	struct email_address a;
	int err = server_of(c, &server, &why);

	if (err == 0)
		err = mailbox_of(c, "from", &a, &why);
	if (err == 0)
		err = mailbox_of(c, "sender", &a, &why);
	if (err == 0)
		err = dkim_check(c, &why);
	if (err == 0)
		err = keys_check(c, &why);
	if (err == 0)
		err = paths_check(c, &why);
	if (err < 0)
		(void)snprintf(text, cap, "%s (see --jobs)", why.text);
	return err;
}

/* --- the mail ------------------------------------------------------------- */

/* Reads the job's blob, which stands for a large body, into `*to` (malloc). */
static int
json_fetch(const char *path, int64_t size, char **to, struct email_why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (size > EMAIL_JSON_MAX) {
		(void)email_refuse(why, "the body is larger than %d bytes",
			EMAIL_JSON_MAX);
	} else {
		*to = malloc((size_t)size + 1);
		if (fd >= 0 && *to != NULL)
			n = read(fd, *to, (size_t)size);
		if (n != size)
			(void)email_later(why, "%s cannot be read", path);
	}
	if (fd >= 0)
		close(fd);
	return n == size ? 0 : -EAGAIN;
}

static int
mail_read(const struct job *job, struct email_why *why)
{
	struct bytes json = job->body;
	char *fetched = NULL;
	int err = 0;

	if (json.len == 0 && job->blob.path != NULL) {
		err = json_fetch(job->blob.path, job->blob.size, &fetched, why);
		json = bytes_of(fetched, (size_t)job->blob.size);
	}
	if (err == 0)
		err = email_read(&mail, json, config_of(job->conf, "from"),
			config_of(job->conf, "templates"), why);
	free(fetched); /* email_read() has copied */
	return err;
}

static int
store_open(
	const struct job *job, struct email_store *store, struct email_why *why)
{
	char text[BLOB_WHY];

	if (kept.blobs == NULL && job->blobs != NULL &&
		blobs_open(&kept.blobs, job->blobs, text) < 0)
		return email_alarm(why, "blobs: %s", text);
	*store = (struct email_store){.blobs = kept.blobs,
		.own = job->body.len > 0 ? job->blob.path : NULL};
	return 0;
}

static int
mail_sign(const struct job *job, int64_t at_s, struct email_why *why)
{
	const char *domain = config_of(job->conf, "dkim_domain");
	int err = 0;

	if (domain == NULL)
		return 0;
	if (kept.dkim.key == NULL)
		err = email_dkim_open(&kept.dkim, domain,
			config_of(job->conf, "dkim_selector"),
			config_of(job->conf, "dkim_key"), why);
	return err == 0 ? email_dkim_sign(
				  &kept.dkim, &message, at_s, &source, why)
			: err;
}

static int
mail_send(const struct job *job, const struct email_server *server,
	struct email_why *why)
{
	int64_t left = job->deadline_ms - clock_now_ms(CLOCK_REALTIME) -
		       SPARE_MS;
	struct email_address sender = mail.from; /* gets the bounces */
	struct email_envelope env = {
		.from = &sender,
		.to = &mail.recipient,
		.own_sender = mail.has_from &&
			      config_of(job->conf, "sender") == NULL,
		.size = email_mail_size(&message),
		.timeout_ms = config_number(job->conf, "email", "timeout"),
	};
	int err = mailbox_of(job->conf, "sender", &sender, why);

	if (err < 0)
		return err;
	if (left <= 0)
		return email_later(
			why, "no time is left before the job's timeout");
	env.utf8 = mail.utf8 || sender.utf8;
	if (left < env.timeout_ms)
		env.timeout_ms = left;
	return email_smtp_send(
		&kept.smtp, server, &env, &message, &source, why);
}

static int
mail_run(const struct job *job, struct email_why *why)
{
	char secret[SECRET_MAX];
	struct email_server server;
	struct email_options options = {.id = job->id,
		.at_s = clock_now_ms(CLOCK_REALTIME) / 1000,
		.max = config_number(job->conf, "email", "max_size")};
	int err = mail_read(job, why);

	if (err == 0)
		err = server_of(job->conf, &server, why);
	if (err == 0)
		err = password_of(job->conf, &server, secret, why);
	if (err == 0)
		err = store_open(job, &options.store, why);
	options.host = mail.from.text + mail.from.host;
	if (err == 0)
		err = email_mail_init(&message, &mail, &options, why);
	if (err == 0)
		err = mail_sign(job, options.at_s, why);
	if (err == 0)
		err = mail_send(job, &server, why);
	explicit_bzero(secret, sizeof(secret));
	return err;
}

/* --- the disposition ------------------------------------------------------ */

static void
result_write(struct job *job)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return;
	(void)fputs("{\"message_id\":", f);
	text_json(f, bytes_str(message.id));
	(void)fputs(",\"reply\":", f);
	text_json(f, bytes_str(kept.smtp.reply));
	(void)fputs("}", f);
	if (fclose(f) == 0)
		job->result(job, bytes_of(text, len));
	free(text);
}

enum job_disposition
email_run(struct job *job)
{
	struct email_why why = {.disposition = JOB_RETRY};
	int err = mail_run(job, &why);

	if (err == 0)
		result_write(job);
	else
		job->error(job, "%s", why.text);
	if (err < 0 && why.alarm)
		job->alarm(job, why.text);
	if (err < 0 && why.after_ms > 0)
		job->retry_after(job, why.after_ms);
	email_mail_fini(&message);
	email_free(&mail);
	return err == 0 ? JOB_ACK : why.disposition;
}

const struct job_type email_type = {
	.name = "email",
	.text = "sends one mail to one recipient, through a mail server",
	.run = email_run,
	.keys = email_keys,
	.check = email_conf_check,
};
