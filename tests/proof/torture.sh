#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# torture.sh BUILD: broker, workers and producers under kill -9 and SIGSTOP
# for TORTURE_S seconds (60, and 20 where a person
# runs `make check`; SEED to repeat one), then every promise held
# against what is there.  docs/testing.md tells more.
exec python3 -B "$(dirname "$0")/torture.py" "$1"
