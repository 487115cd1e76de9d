/* SPDX-License-Identifier: MIT */
#include "broker/job/lease.h"

#include "base/error.h"

void
lease_row_write(struct core *c, const struct lease *l)
{
	uint8_t room[SW_NAME_MAX + SW_QUEUE_MAX + 96];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct key k = key_id('l', &l->id);

	sw_put_int(&b, SW_F_TOKEN, (int64_t)l->token);
	sw_put_int(&b, SW_F_AT_MS, l->since_ms);
	sw_put_text(&b, SW_F_WORKER, l->worker);
	if (!sw_id_is_nil(&l->worker_id))
		sw_put_id(&b, &l->worker_id);
	sw_put_text(&b, SW_F_QUEUE, l->q->name);
	if (l->cancel)
		sw_put_int(&b, SW_F_CAUSE, SW_C_CANCELLED);
	batch_put(&c->batch, key_bytes(&k), sw_buf_bytes(&b));
}

int
lease_row_read(struct core *c, struct bytes val, struct lease_row *row)
{
	if (sw_item_open(val, &row->it) < 0)
		row->it = (struct sw_item){.raw = {"", 0}};
	row->q = core_queue_find(c, sw_bytes(&row->it, SW_F_QUEUE));
	return row->q != NULL && sw_has(&row->it, SW_F_TOKEN) ? 0 : SW_ECORRUPT;
}
