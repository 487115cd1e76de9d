/* SPDX-License-Identifier: MIT */
/*
 * early.h - a request as soon as its head is there, before its body
 */
#ifndef FRONT_EARLY_H
#define FRONT_EARLY_H

#include <event2/http.h>

/* 0, or -1: the connection is closed. */
typedef int early_fn(struct evhttp_request *, void *arg);

/* For all requests to `http`, one in the program; `fn` NULL: no more. */
void early_set(struct evhttp *http, early_fn *fn, void *arg);

#endif
