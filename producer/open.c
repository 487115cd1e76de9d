/* SPDX-License-Identifier: MIT */
/* Opening and closing a client; ids, and the texts of errors and states. */
#include "producer/inside.h"

#include <errno.h>
#include <stdlib.h>

enum { WINDOW = 256 };

int
sw_open(struct sw_client **out, const char *endpoint)
{
	struct sw_client *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->window = WINDOW;
	c->submit_timeout_ms = -1;
	err = client_open(&c->link, endpoint);
	if (err < 0) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

/* In a fork the answers come to the parent: no callback is called here. */
static void
batch_end(struct sw_client *c, struct put_batch *p)
{
	if (!client_foreign(c->link))
		inside_batch_fail(p, SW_EUNKNOWN);
	put_batch_free(p);
}

/* Ends the batches in flight in the order in which they were sent. */
static void
in_flight_end(struct sw_client *c)
{
	struct put_batch *p = c->in_flight;

	while (p != NULL && p->next != NULL)
		p = p->next;
	while (p != NULL) {
		struct put_batch *newer = p->prev;

		client_drop(c->link, &p->req);
		batch_end(c, p);
		p = newer;
	}
}

void
sw_close(struct sw_client *c)
{
	struct put_batch *p;

	if (c == NULL || c->in_done)
		return;
	c->closing = 1;
	(void)inside_fail(c, 0, "the client was closed");
	in_flight_end(c);
	if (c->pending != NULL)
		batch_end(c, c->pending);
	while ((p = c->spare) != NULL) {
		c->spare = p->next;
		put_batch_free(p);
	}
	client_close(c->link);
	free(c);
}

const char *
sw_why(const struct sw_client *c)
{
	return c->why;
}

const char *
sw_error_text(int err)
{
	return sw_strerror(err);
}

const char *
sw_error_name(int err)
{
	return sw_errname(err);
}

const char *
sw_state_text(int state)
{
	return sw_state_name(state);
}

void
sw_id_new(struct sw_id *id)
{
	inside_id_new(id);
}

int
sw_id_read(const char *text, struct sw_id *id)
{
	return sw_id_parse(text, id);
}

void
sw_id_write(const struct sw_id *id, char text[SW_ID_TEXT])
{
	sw_id_format(id, text);
}
