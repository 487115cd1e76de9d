#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Broker, workers and producers under kill -9 and SIGSTOP for TORTURE_S seconds
# (PROOF_S, 60; SEED to repeat one), then every promise held against what is
# there.  docs/testing.md tells more.
set -eu
export TORTURE_S="${TORTURE_S:-${PROOF_S:-60}}"
exec python3 -B "$(dirname "$0")/torture.py" "${SPILLWAY_BIN:?"must be the build folder"}"
