#!/bin/sh
# SPDX-License-Identifier: MIT
# demo_front.sh BUILD: the part of the demo that checks itself.
set -eu
examples/demo_front.sh "$1"
