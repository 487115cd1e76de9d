/* SPDX-License-Identifier: MIT */
/*
 * link.h - the producer library once more, over a link in memory
 *
 * Its sources are compiled as they ship, under other names, with another
 * dial.c below them and the simulated clock.  A user includes this before
 * any header of the library.
 */
#ifndef TESTS_SIM_LINK_H
#define TESTS_SIM_LINK_H

#define client_call	      sim_client_call
#define client_close	      sim_client_close
#define client_drop	      sim_client_drop
#define client_endpoint	      sim_client_endpoint
#define client_endpoint_check sim_client_endpoint_check
#define client_fd	      sim_client_fd
#define client_foreign	      sim_client_foreign
#define client_has_sent	      sim_client_has_sent
#define client_last_error     sim_client_last_error
#define client_now_ms	      sim_client_now_ms
#define client_open	      sim_client_open
#define client_poke	      sim_client_poke
#define client_start	      sim_client_start
#define client_turn	      sim_client_turn
#define client_up	      sim_client_up
#define client_why	      sim_client_why
#define dial_arm	      sim_dial_arm
#define dial_close	      sim_dial_close
#define dial_fd		      sim_dial_fd
#define dial_foreign	      sim_dial_foreign
#define dial_keep	      sim_dial_keep
#define dial_open	      sim_dial_open
#define dial_recv	      sim_dial_recv
#define dial_send	      sim_dial_send
#define dial_settle	      sim_dial_settle
#define dial_wait	      sim_dial_wait
#define dial_watch	      sim_dial_watch
#define inside_begin	      sim_inside_begin
#define inside_end	      sim_inside_end
#define inside_fail	      sim_inside_fail
#define inside_id_new	      sim_inside_id_new
#define inside_left	      sim_inside_left
#define inside_id_ensure      sim_inside_id_ensure
#define inside_batch	      sim_inside_batch
#define inside_batch_drop     sim_inside_batch_drop
#define inside_batch_fail     sim_inside_batch_fail
#define inside_put_answer     sim_inside_put_answer
#define inside_send	      sim_inside_send
#define inside_until	      sim_inside_until
#define sw_close	      sim_sw_close
#define sw_error_name	      sim_sw_error_name
#define sw_error_text	      sim_sw_error_text
#define sw_fd		      sim_sw_fd
#define sw_flush	      sim_sw_flush
#define sw_id_new	      sim_sw_id_new
#define sw_id_read	      sim_sw_id_read
#define sw_id_write	      sim_sw_id_write
#define sw_open		      sim_sw_open
#define sw_patience_set	      sim_sw_patience_set
#define sw_process	      sim_sw_process
#define sw_put		      sim_sw_put
#define sw_put_many	      sim_sw_put_many
#define sw_state_text	      sim_sw_state_text
#define sw_submit	      sim_sw_submit
#define sw_timeout_set	      sim_sw_timeout_set
#define sw_why		      sim_sw_why
#define sw_window_set	      sim_sw_window_set

#include "producer/inside.h"
#include "tests/sim/sim.h"

/* An endpoint is the number of an end.  Who has it is woken when it is time. */

#endif
