#!/bin/sh
# SPDX-License-Identifier: MIT
# A job that kills its own process, every time.
echo "about to follow a null pointer" >&2
kill -SEGV $$
