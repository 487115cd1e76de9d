/* SPDX-License-Identifier: MIT */
#include "jobs/email/read.h"

#include <string.h>
#include <strings.h>

#include "jobs/body.h"
#include "jobs/email/head.h"
#include "jobs/email/template.h"

_Static_assert(sizeof(((struct email_why *)0)->text) == BODY_WHY,
	"what body.h says goes there");

struct email_reader {
	struct email *e;
	struct email_file *file; /* the current attachment */
	struct email_why *why;
};

static int
text_take(struct email_reader *r, const char *key, const json_t *item,
	const char **to)
{
	return body_text(key, item, to, r->why->text);
}

/* Reads a string that becomes part of a header. */
static int
line_take(struct email_reader *r, const char *key, const json_t *item,
	const char **to)
{
	int err = text_take(r, key, item, to);

	if (err == 0 && !email_line_ok(*to))
		return email_refuse(
			r->why, "'%.40s' has a control character in it", key);
	return err;
}

/* --- addresses ----------------------------------------------------------- */

static int
address_object(struct email_reader *r, const char *key, json_t *item,
	const char **name, const char **address)
{
	const char *part;
	json_t *value;

	*name = *address = NULL;
	json_object_foreach(item, part, value)
	{
		const char **to = strcmp(part, "name") == 0	 ? name
				  : strcmp(part, "address") == 0 ? address
								 : NULL;

		if (to == NULL || !json_is_string(value))
			break;
		*to = json_string_value(value);
	}
	if (part != NULL || *address == NULL)
		return email_refuse(r->why,
			"'%s' is not {\"name\": …, \"address\": …}", key);
	return 0;
}

static int
address_take(struct email_reader *r, const char *key, json_t *item,
	struct email_address *a)
{
	const char *name = NULL, *text = NULL, *wrong;

	if (json_is_object(item)) {
		int err = address_object(r, key, item, &name, &text);

		if (err < 0)
			return err;
		if (text != NULL && strchr(text, '<') != NULL)
			return email_refuse(r->why,
				"'%s' has a name within its address", key);
	} else {
		text = json_string_value(item);
	}
	if (text == NULL)
		return email_refuse(r->why, "'%s' is not an address", key);
	wrong = email_address_parse(text, name, a);
	if (wrong != NULL)
		return email_refuse(
			r->why, "'%s' is not an address: %s", key, wrong);
	r->e->utf8 |= a->utf8;
	return 0;
}

static int
addresses_take(struct email_reader *r, const char *key, json_t *item,
	struct email_address *all, size_t *n)
{
	json_t *one;
	size_t i;
	int err = 0;

	if (!json_is_array(item)) {
		*n = 1;
		return address_take(r, key, item, all);
	}
	json_array_foreach(item, i, one)
	{
		if (*n == EMAIL_TO_MAX)
			return email_refuse(r->why,
				"'%s' has more than %d addresses", key,
				EMAIL_TO_MAX);
		err = address_take(r, key, one, &all[*n]);
		if (err < 0)
			return err;
		++*n;
	}
	return 0;
}

static int
to_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return addresses_take(r, key, item, r->e->to, &r->e->to_n);
}

static int
cc_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return addresses_take(r, key, item, r->e->cc, &r->e->cc_n);
}

static int
from_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	r->e->has_from = 1;
	return address_take(r, key, item, &r->e->from);
}

static int
reply_to_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	r->e->has_reply_to = 1;
	return address_take(r, key, item, &r->e->reply_to);
}

static int
recipient_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	r->e->has_recipient = 1;
	return address_take(r, key, item, &r->e->recipient);
}

/* --- attachments --------------------------------------------------------- */

static int
file_name_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	int err = line_take(r, key, item, &r->file->name);

	if (err == 0 && (r->file->name[0] == '\0' ||
				strlen(r->file->name) > EMAIL_NAME_MAX ||
				strpbrk(r->file->name, "/\\") != NULL))
		return email_refuse(
			r->why, "an attachment's 'name' is not a file's name");
	return err;
}

static int
file_type_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	int err = line_take(r, key, item, &r->file->type);

	if (err == 0 && !email_type_ok(r->file->type))
		return email_refuse(
			r->why, "an attachment's 'type' is not type/subtype");
	return err;
}

static int
file_cid_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	int err = line_take(r, key, item, &r->file->cid);

	if (err == 0 &&
		(strlen(r->file->cid) > EMAIL_NAME_MAX ||
			!email_token_ok(r->file->cid, strlen(r->file->cid))))
		return email_refuse(r->why,
			"an attachment's 'cid' is not letters and digits");
	return err;
}

static int
file_content_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return text_take(r, key, item, &r->file->content);
}

static int
file_blob_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	const char *text = "";
	int err = text_take(r, key, item, &text);

	if (err == 0 && blob_ref_parse(bytes_str(text), &r->file->ref) < 0)
		return email_refuse(r->why,
			"an attachment's 'blob' is not sha256:…;size=N");
	r->file->has_ref = 1;
	return err;
}

static const struct body_key file_keys[] = {
	{"blob", file_blob_take},
	{"cid", file_cid_take},
	{"content", file_content_take},
	{"name", file_name_take},
	{"type", file_type_take},
	{NULL, NULL},
};

static int
file_take(struct email_reader *r, json_t *item)
{
	int err;

	if (r->e->files_n == EMAIL_FILES_MAX)
		return email_refuse(
			r->why, "more than %d attachments", EMAIL_FILES_MAX);
	r->file = &r->e->files[r->e->files_n++];
	r->file->type = "application/octet-stream";
	err = body_take(item, "an attachment", file_keys, r, r->why->text);
	if (err == 0 && r->file->name == NULL && r->file->cid == NULL)
		return email_refuse(r->why, "an attachment has no 'name'");
	if (err == 0 && r->file->has_ref && r->file->content != NULL)
		return email_refuse(
			r->why, "an attachment has both 'blob' and 'content'");
	return err;
}

static int
files_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	json_t *one;
	size_t i;
	int err;

	(void)key;
	if (!json_is_array(item))
		return email_refuse(r->why, "'attachments' is not an array");
	json_array_foreach(item, i, one)
	{
		err = file_take(r, one);
		if (err < 0)
			return err;
	}
	return 0;
}

/* --- further headers ----------------------------------------------------- */

/* A field comes once: a signature covers only one of a name. */
static int
field_is_there(const struct email *e, const char *name)
{
	for (size_t i = 0; i < e->fields_n; i++)
		if (strcasecmp(e->fields[i].name, name) == 0)
			return 1;
	return 0;
}

static int
fields_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	struct email_field *f;
	const char *name;
	json_t *one;
	int err;

	(void)key;
	if (!json_is_object(item))
		return email_refuse(r->why, "'headers' is not an object");
	json_object_foreach(item, name, one)
	{
		if (!email_field_ok(name))
			return email_refuse(r->why,
				"header '%.40s' is not one that a job may set",
				name);
		if (r->e->fields_n == EMAIL_FIELDS_MAX)
			return email_refuse(r->why, "more than %d headers",
				EMAIL_FIELDS_MAX);
		if (field_is_there(r->e, name))
			return email_refuse(
				r->why, "header '%.40s' comes twice", name);
		f = &r->e->fields[r->e->fields_n++];
		f->name = name;
		err = line_take(r, name, one, &f->value);
		if (err < 0)
			return err;
	}
	return 0;
}

static int
link_take(struct email_reader *r, const json_t *item)
{
	const char *s = json_string_value(item);

	if (s == NULL ||
		(strncmp(s, "https://", 8) != 0 &&
			strncmp(s, "mailto:", 7) != 0) ||
		strlen(s) > EMAIL_WORD_MAX)
		s = "<";
	for (const char *p = s; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || strchr("<>,", *p) != NULL)
			return email_refuse(r->why,
				"'list_unsubscribe' is not an https: or "
				"mailto: address");
	if (r->e->links_n == EMAIL_LINKS_MAX)
		return email_refuse(r->why,
			"more than %d in 'list_unsubscribe'", EMAIL_LINKS_MAX);
	r->e->links[r->e->links_n++] = s;
	return 0;
}

static int
links_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;
	json_t *one;
	size_t i;
	int err;

	(void)key;
	if (!json_is_array(item))
		return link_take(r, item);
	json_array_foreach(item, i, one)
	{
		err = link_take(r, one);
		if (err < 0)
			return err;
	}
	return 0;
}

/* --- texts --------------------------------------------------------------- */

static int
subject_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return line_take(r, key, item, &r->e->subject);
}

static int
plain_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return text_take(r, key, item, &r->e->text);
}

static int
html_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return text_take(r, key, item, &r->e->html);
}

static int
template_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	return line_take(r, key, item, &r->e->template);
}

static int
values_take(void *arg, const char *key, json_t *item)
{
	struct email_reader *r = arg;

	(void)key;
	if (!json_is_object(item))
		return email_refuse(r->why, "'values' is not an object");
	r->e->values = item;
	return 0;
}

static int
template_apply(struct email *e, const char *folder, struct email_why *why)
{
	const struct {
		const char **to;
		enum email_context context;
	} parts[] = {
		{&e->subject, EMAIL_SUBJECT},
		{&e->text, EMAIL_TEXT},
		{&e->html, EMAIL_HTML},
	};
	int n = 0, err;

	for (size_t i = 0; i < 3; i++) {
		err = email_template(folder, e->template, parts[i].context,
			e->values, &e->made[i], why);
		if (err < 0)
			return err;
		if (e->made[i] == NULL)
			continue;
		if (*parts[i].to != NULL)
			return email_refuse(why,
				"template '%s' and the job both have a %s",
				e->template,
				email_context_name(parts[i].context));
		*parts[i].to = e->made[i];
		n++;
	}
	if (n == 0)
		return email_refuse(
			why, "there is no template '%s'", e->template);
	if (e->subject != NULL && !email_line_ok(e->subject))
		return email_refuse(why,
			"the subject of template '%s' would have a control "
			"character in it",
			e->template);
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

static const struct body_key mail_keys[] = {
	{"attachments", files_take},
	{"cc", cc_take},
	{"from", from_take},
	{"headers", fields_take},
	{"html", html_take},
	{"list_unsubscribe", links_take},
	{"recipient", recipient_take},
	{"reply_to", reply_to_take},
	{"subject", subject_take},
	{"template", template_take},
	{"text", plain_take},
	{"to", to_take},
	{"values", values_take},
	{NULL, NULL},
};

static int
recipient_settle(struct email *e, struct email_why *why)
{
	size_t n = e->to_n + e->cc_n;

	if (e->to_n == 0)
		return email_refuse(why, "there is no 'to'");
	if (e->has_recipient)
		return 0;
	if (n > 1)
		return email_refuse(why,
			"'to' and 'cc' are %zu addresses: 'recipient' must say "
			"to which of them this job sends",
			n);
	e->recipient = e->to[0];
	return 0;
}

static int
from_settle(struct email *e, const char *from, struct email_why *why)
{
	const char *wrong;

	if (e->has_from)
		return 0;
	if (from == NULL)
		return email_alarm(
			why, "no 'from', neither in the job nor in [email]");
	wrong = email_address_parse(from, NULL, &e->from);
	if (wrong != NULL)
		return email_alarm(why, "from in [email]: %s", wrong);
	e->utf8 |= e->from.utf8;
	return 0;
}

static int
texts_settle(struct email *e, const char *templates, struct email_why *why)
{
	int err = 0;

	if (e->template != NULL && templates == NULL)
		return email_alarm(why, "no folder of templates in [email]");
	if (e->template != NULL)
		err = template_apply(e, templates, why);
	else if (e->values != NULL)
		err = email_refuse(why, "'values' without a 'template'");
	if (err == 0 && e->subject == NULL)
		err = email_refuse(why, "there is no 'subject'");
	if (err == 0 && e->text == NULL && e->html == NULL)
		err = email_refuse(why, "there is neither 'text' nor 'html'");
	return err;
}

int
email_read(struct email *e, struct bytes json, const char *from,
	const char *templates, struct email_why *why)
{
	struct email_reader r = {.e = e, .why = why};
	int err;

	memset(e, 0, sizeof(*e));
	*why = (struct email_why){.disposition = JOB_FAIL}; /* for body.h */
	err = body_parse(json, &e->json, why->text);
	if (err == 0)
		err = body_take(e->json, "the body", mail_keys, &r, why->text);
	if (err == 0)
		err = recipient_settle(e, why);
	if (err == 0)
		err = from_settle(e, from, why);
	if (err == 0)
		err = texts_settle(e, templates, why);
	return err;
}

void
email_free(struct email *e)
{
	for (size_t i = 0; i < 3; i++) {
		free(e->made[i]);
		e->made[i] = NULL;
	}
	json_decref(e->json);
	e->json = NULL;
}
