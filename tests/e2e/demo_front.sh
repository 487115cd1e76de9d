#!/bin/sh
# SPDX-License-Identifier: MIT
# The part of the demo that checks itself.
set -eu
examples/demo_front.sh "${SPILLWAY_BIN:?"must be the build folder"}"
